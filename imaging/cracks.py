"""Spallation cracks: basin-shaped gaps in the electrolyte slightly above the SE|CC interface.

Found by a threshold and by their place (Xu et al., Small 2026, section 5.4). A crack displaces
electrolyte, whose contrast to lithium is a few per cent of the collector's, so LVF there is
divided by the electrolyte's own contrast in the scan before; whether a crack holds lithium or
nothing cannot be told from absorption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from imaging.crack_search import CrackScene, Regions, binned_scene, find_regions
from imaging.crack_signal import SMOOTH_VOXEL, electrolyte_zone, interface_width
from imaging.filters import ball
from imaging.lvf import Interface
from imaging.options import CrackOptions
from imaging.thickness import slice_noise
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

type Float32 = NDArray[np.float32]

APERTURE_VOXEL = (2, 4)
"""Voxels along z and in the plane by which a crack's region is widened before its volume is summed:
the reach of the blur, and the thin rim that no threshold sees."""
COARSE = 2
"""Pixels binned along y and x for a first look: below the smoothing, at a quarter of the cost."""
COARSE_LEVEL, COARSE_SIZE = 0.95, 0.9
"""Shares of threshold and significance, and of a crack's size and distance from the interface, that
make the first look go on to a second."""
FOOTPRINT_LEVEL = 0.25
"""Share of the widest opening down to which a column belongs to the crack. A penny-shaped crack
opens as sqrt(1 - rho^2): its opening passes this level at 97 % of its radius."""


@dataclass(frozen=True)
class Crack:
    """One spallation crack; positions in the frame of the before scan."""

    label: int
    """1 for the largest volume."""
    x_um: float
    y_um: float
    z_um: float
    """Centre of gravity of the crack's volume."""
    volume_um3: float
    volume_std_um3: float
    """Standard deviation of the volume from the voxels' noise."""
    offset_um: float
    """Mean distance of the crack's volume from the SE|CC interface."""
    offset_max_um: float
    """Mean distance of its farthest tenth: the bottom of the basin."""
    equivalent_diameter_um: float
    """Diameter of the circle of the crack's area in the plane."""
    max_extent_um: float
    """Largest distance in the plane of two points of the crack."""
    opening_um: float
    """Thickness along z, averaged over a few voxels in the plane, that a tenth of the area exceeds:
    the largest would be the noise's."""
    touches_edge: bool
    """Cut by the edge of the ROI."""

    @property
    def area_um2(self) -> float:
        """Area of the crack seen along z."""
        return 0.25 * math.pi * self.equivalent_diameter_um**2


@dataclass(frozen=True, eq=False)
class CrackMap:
    """All cracks, and where they are."""

    cracks: list[Crack]
    labels: IntArray
    """Shape (y, x); 0 where there is none."""
    opening_um: FloatArray
    """Thickness of all cracks along z, shape (y, x); 0 where there is none."""
    noise: float
    """Standard deviation of the smoothed fraction of displaced electrolyte."""
    zone: IntArray
    """Slices that were looked at, the nearest to the interface first."""

    def thicker(self, factor: float) -> CrackMap:
        """Return the same cracks, so many times as thick."""
        cracks = [
            replace(
                crack,
                volume_um3=factor * crack.volume_um3,
                volume_std_um3=factor * crack.volume_std_um3,
                opening_um=factor * crack.opening_um,
            )
            for crack in self.cracks
        ]
        opening, noise = factor * self.opening_um, factor * self.noise
        return replace(self, cracks=cracks, opening_um=opening, noise=noise)

    def scalars(self) -> dict[str, float]:
        """Return the numbers worth a column in a table."""
        volume = sum((c.volume_um3 for c in self.cracks), 0.0)
        scalars = {
            "crack_count": float(len(self.cracks)),
            "crack_volume_um3": volume,
            "crack_volume_std_um3": math.hypot(*(c.volume_std_um3 for c in self.cracks)),
            "crack_area_um2": sum((c.area_um2 for c in self.cracks), 0.0),
        }
        if self.cracks:
            offset = sum(c.offset_um * c.volume_um3 for c in self.cracks)
            scalars["crack_mean_offset_um"] = offset / volume
        return scalars


def find_cracks(
    lvf: Volume,
    interface: Interface,
    roi: BoolArray,
    before: Volume,
    grey_cc: float | FloatArray,
    grey_li: float,
    options: CrackOptions | None = None,
) -> CrackMap:
    """Find spallation cracks and measure each (Xu et al., Small 2026, section 5.4).

    Parameters
    ----------
    lvf
        Unfiltered, unclipped LVF, shape (z, y, x).
    interface
        SE|CC interface.
    roi
        Pixels (y, x) to look at.
    before
        Scan before plating on the same grid: the electrolyte that a crack displaces.
    grey_cc, grey_li
        Grey values that the LVF was normalised with; the former may be a map (y, x).
    options
        What counts as a crack.

    Returns
    -------
    CrackMap
        Cracks ordered by volume, the largest first; none if the volume shows too little
        electrolyte.

    Raises
    ------
    ValueError
        If the shapes do not fit, the ROI is empty or the collector is not brighter than lithium.
    """
    options = options or CrackOptions()
    if before.shape != lvf.shape or roi.shape != lvf.shape[1:]:
        raise ValueError(
            f"before {before.shape} and roi {roi.shape} must fit the LVF of shape {lvf.shape}"
        )
    if not roi.any():
        raise ValueError("no pixel of the ROI to look for cracks in")
    contrast = np.asarray(grey_cc, dtype=np.float64) - grey_li
    if not (contrast > 0).all():
        raise ValueError("the current collector must be brighter than lithium")
    zone = electrolyte_zone(before, interface, roi, options.clear_voxel, options.reach_um)
    nothing = CrackMap([], np.zeros(roi.shape, np.int32), np.zeros(roi.shape), math.nan, zone)
    if zone.size < 3:
        return nothing
    scene = CrackScene(
        lvf,
        before,
        interface,
        roi,
        zone,
        contrast,
        grey_li,
        interface_width(before, interface, roi),
    )
    coarse = binned_scene(scene, COARSE)
    if coarse.roi.any() and not _cracks(coarse, options, COARSE_LEVEL, COARSE_SIZE)[0]:
        return nothing
    kept, noise = _cracks(scene, options)
    kept.sort(key=lambda m: -m.crack.volume_um3)
    opening = nothing.opening_um
    for label, m in enumerate(kept, start=1):
        nothing.labels[m.box][m.footprint] = label
        opening[m.box] += m.opening_um
    cracks = [replace(m.crack, label=label) for label, m in enumerate(kept, start=1)]
    return CrackMap(cracks, nothing.labels, opening, noise, zone)


# ---------------------------------------------------------------------------------- measurement


@dataclass(frozen=True, eq=False)
class _Measured:
    crack: Crack
    box: tuple[slice, slice]
    footprint: BoolArray
    """Shape of the box."""
    opening_um: FloatArray
    peak: int
    """Slice of the zone that holds the most of it."""


def _cracks(
    scene: CrackScene, options: CrackOptions, level: float = 1.0, size: float = 1.0
) -> tuple[list[_Measured], float]:
    """Regions that are cracks, and the noise; thresholds and sizes are multiplied as told."""
    low = replace(
        options, threshold=level * options.threshold, significance=level * options.significance
    )
    regions = find_regions(scene, low)
    if not regions.numbers:
        return [], regions.noise
    noise = float(np.sqrt(np.mean(slice_noise(regions.displaced, scene.roi) ** 2)))
    boxes = ndimage.find_objects(regions.labels)
    found = [
        _measured(scene, regions, noise, number, boxes[number - 1]) for number in regions.numbers
    ]
    small = replace(
        options,
        significance=size * options.significance,
        min_offset_voxel=size * options.min_offset_voxel,
    )
    dz = scene.lvf.spacing_um[0]
    return [m for m in found if m is not None and _is_crack(m, small, dz)], regions.noise


def _is_crack(m: _Measured, options: CrackOptions, dz: float) -> bool:
    """Whether a region lies off the interface: lithium at the collector fades away from it."""
    return (
        m.peak > 0
        and m.crack.offset_um >= options.min_offset_voxel * dz
        and m.crack.volume_um3 > options.significance * m.crack.volume_std_um3
    )


def _measured(
    scene: CrackScene, regions: Regions, noise: float, number: int, found: tuple[slice, ...]
) -> _Measured | None:
    """Measure one region, with the voxels' noise; None if nothing is left of it."""
    lvf, margin = scene.lvf, APERTURE_VOXEL[1] // scene.bin + 2
    height_um = -scene.interface.depth_um(lvf)[scene.zone]
    y0, x0 = (max(s.start - margin, 0) for s in found[1:])
    box = (slice(y0, found[1].stop + margin), slice(x0, found[2].stop + margin))
    labels = regions.labels[(slice(None), *box)]
    own = labels == number
    up, aside = APERTURE_VOXEL[0], APERTURE_VOXEL[1] // scene.bin
    aperture = ndimage.binary_dilation(own, ball(1), iterations=up)
    if aside > up:
        aperture = ndimage.binary_dilation(aperture, ball(1)[1:2], iterations=aside - up)
    aperture &= (own | (labels == 0)) & scene.roi[box]
    part = np.where(aperture, regions.displaced[(slice(None), *box)], 0.0)
    dz, dy, dx = lvf.spacing_um
    voxel = dz * dy * dx
    by_slice = part.sum(axis=(1, 2))
    total = float(by_slice.sum())
    opening = part.sum(axis=0) * dz
    blur = SMOOTH_VOXEL[1] / scene.bin
    smooth = np.asarray(ndimage.gaussian_filter(opening, blur, mode="constant"))
    if total <= 0 or smooth.max() <= 0:
        return None
    footprint = _largest(smooth > FOOTPRINT_LEVEL * smooth.max())
    columns = opening.clip(0, None)
    y, x = np.nonzero(footprint)
    weight = columns[y, x] if columns[y, x].sum() > 0 else np.ones(y.size)
    offset = float((by_slice * height_um).sum() / total)
    rim = footprint & ~ndimage.binary_erosion(scene.roi[box], iterations=2, border_value=0)
    surface = lvf.coordinates_um(0)[scene.zone[0]]
    away = math.copysign(1.0, float(lvf.coordinates_um(0)[scene.zone[-1]] - surface))
    centre = [
        lvf.origin_um[axis] + lvf.spacing_um[axis] * (start + float(np.average(i, weights=weight)))
        for axis, start, i in ((1, y0, y), (2, x0, x))
    ]
    crack = Crack(
        label=0,
        x_um=centre[1],
        y_um=centre[0],
        z_um=float(surface + away * (offset - height_um[0])),
        volume_um3=total * voxel,
        volume_std_um3=noise * math.sqrt(float(aperture.sum())) * voxel,
        offset_um=offset,
        offset_max_um=_farthest(by_slice, height_um),
        equivalent_diameter_um=2 * math.sqrt(float(footprint.sum()) * dy * dx / math.pi),
        max_extent_um=_max_extent(footprint, dy, dx),
        opening_um=float(np.quantile(smooth[footprint], 0.9)),
        touches_edge=bool(rim.any()),
    )
    return _Measured(crack, box, footprint, opening, int(np.argmax(by_slice)))


def _largest(mask: BoolArray) -> BoolArray:
    """Largest connected part, holes filled."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(labels == int(np.argmax(sizes))))


def _farthest(by_slice: FloatArray, height_um: FloatArray) -> float:
    """Mean distance from the interface of the farthest tenth of the volume."""
    left = np.clip(by_slice, 0, None)[::-1]
    share = np.diff(np.minimum(np.cumsum(left), 0.1 * left.sum()), prepend=0.0)
    return float((share * height_um[::-1]).sum() / share.sum())


def _max_extent(mask: BoolArray, dy: float, dx: float) -> float:
    """Largest distance between the outlines of two pixels of a mask."""
    y, x = np.nonzero(mask)
    corners = np.concatenate(
        [np.stack([(y + a) * dy, (x + b) * dx], axis=1) for a in (-0.5, 0.5) for b in (-0.5, 0.5)]
    )
    hull = corners[spatial.ConvexHull(corners).vertices]
    return float(spatial.distance.pdist(hull).max())
