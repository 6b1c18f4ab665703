"""The counter electrode's lithium foil: where it lies, and how much of it is left.

From the electrolyte outwards: electrolyte, lithium foil, current collector with its die. Positions
are local, one per pixel: sums of grey values along z, as for thicknesses, so that blur and noise
do not bias them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.lvf import Interface, collector_faces, foil_grey
from imaging.options import CcSide, ImageOptions
from imaging.thickness import SMOOTH_VOXEL, smoothed
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

MARGIN_VOXEL = 5
"""Slices beyond the foil on both sides that are summed too: the reach of the blur, waviness."""
BULK_VOXEL = (3, 11)
"""Distances from the foil among which the electrolyte stands for itself."""
FRONT_SMOOTH_VOXEL = 6.0
"""Smoothing of the electrolyte's face, whose contrast to lithium is a few per cent."""
BARE_VOXEL = 1.5
GROW_VOXEL = 2
"""How far the blur moves the outline of a bare spot inwards."""
MIN_PIXELS = 20


@dataclass(frozen=True)
class Foil:
    """Where the foil lies in the scan before, on average."""

    front_um: float
    """Position along z of the SE|Li interface."""
    back_um: float
    """Position along z of the foil's current collector."""
    grey_se: float
    """Grey value of the electrolyte beside it."""
    grey_li: float

    @property
    def collector_is_low(self) -> bool:
        """The foil's current collector lies at smaller z."""
        return self.back_um < self.front_um

    @property
    def thickness_um(self) -> float:
        """Mean thickness."""
        return abs(self.back_um - self.front_um)

    @property
    def front(self) -> Interface:
        """SE|Li interface; what it calls collector is the foil."""
        return Interface(self.front_um, self.collector_is_low)

    @property
    def back(self) -> Interface:
        """The collector's face."""
        return Interface(self.back_um, self.collector_is_low)

    def window(self, volume: Volume) -> slice:
        """Slices to sum: the foil and a margin on both sides.

        Raises
        ------
        ValueError
            If the volume ends before.
        """
        dz = volume.spacing_um[0]
        depth = self.back.depth_um(volume) / dz
        first = -(self.thickness_um / dz + MARGIN_VOXEL)
        inside = np.flatnonzero((depth >= first) & (depth < MARGIN_VOXEL))
        if depth.max() < MARGIN_VOXEL + 1 or depth.min() > first:
            raise ValueError(
                f"the volume ends within {MARGIN_VOXEL} voxels of the lithium foil, "
                f"{min(self.front_um, self.back_um):.1f} to "
                f"{max(self.front_um, self.back_um):.1f} um along z"
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)


def find_foil(before: Volume, roi: BoolArray, options: ImageOptions) -> Foil:
    """Find the foil in the mean grey value along z.

    Dark between mid-grey electrolyte and a bright collector. `interface.cc_side` is the working
    electrode's side, the foil's collector lies at the other; `interface.z_um` is the SE|Li
    interface; `grey.li` the foil's grey value.

    Raises
    ------
    ValueError
        If no foil can be told, or what is given does not fit.
    """
    given = options.interface
    faces = seen = collector_faces(before, roi)
    if given.cc_side is not None:
        faces = [face for face in faces if face.cc_is_low == (given.cc_side is CcSide.high)]
    greys = [(face, _grey_before(before, face, seen, roi)) for face in faces]
    if len(greys) > 1:
        greys = [(face, grey) for face, grey in greys if grey is not None]
    told = options.grey.li
    if len(greys) != 1 or (greys[0][1] is None and told is None):
        raise ValueError(
            "no lithium foil told apart, dark between electrolyte and a bright collector; give "
            "interface.cc_side (the working electrode's side) and grey.li"
        )
    face, found = greys[0]
    grey_li = told if told is not None else found
    assert grey_li is not None
    depth = face.depth_um(before)
    outwards = np.argsort(-depth)  # from the collector to the electrolyte
    outwards = outwards[depth[outwards] < 0]
    for other in seen:
        if other.cc_is_low != face.cc_is_low:  # the working electrode's
            outwards = outwards[other.depth_um(before)[outwards] < 0]
    profile = before.values[:, roi].mean(axis=1, dtype=np.float64)[outwards]
    if given.z_um is not None:
        front = given.z_um
        away = -Interface(front, face.cc_is_low).depth_um(before)[outwards] / before.spacing_um[0]
        if (face.z_um >= front) if face.cc_is_low else (face.z_um <= front):
            raise ValueError(
                f"interface.z_um = {front:g} must lie on the electrolyte's side of the foil's "
                f"current collector, found at {face.z_um:.1f} um"
            )
        grey_se = _level(profile, away)
    else:
        distance, grey_se = _front(profile, grey_li)
        nearest = float(before.coordinates_um(0)[outwards[0]])
        sign = 1.0 if face.cc_is_low else -1.0
        front = nearest + sign * distance * before.spacing_um[0]
    return Foil(front, face.z_um, grey_se, grey_li)


def _grey_before(
    before: Volume, face: Interface, seen: list[Interface], roi: BoolArray
) -> float | None:
    """Grey value of a foil in front of a collector's face, seen from the electrolyte's far end."""
    z = before.coordinates_um(0)
    far = float(z[-1]) if face.cc_is_low else float(z[0])
    others = [f for f in seen if f.cc_is_low != face.cc_is_low]
    # Four voxels next to an interface are left out: none are where the volume just ends.
    step = math.copysign(5 * before.spacing_um[0], far - face.z_um)
    position = others[0].z_um if others else far + step
    return foil_grey(before, Interface(position, not face.cc_is_low), roi)


def _front(profile: FloatArray, grey_li: float) -> tuple[float, float]:
    """Distance in slices of the SE|Li interface from the profile's start, and the SE's grey value.

    Half-way between the levels of both sides.
    """
    darkest = int(np.argmin(np.convolve(profile, np.ones(3) / 3, mode="same")[1:-1])) + 1
    beyond = profile[darkest:]
    level = float(np.median(beyond))
    where = 0.0
    for _ in range(3):
        half = 0.5 * (grey_li + level)
        above = beyond > half
        if not above.any() or above[0]:
            raise ValueError(
                "no SE|Li interface seen in the mean profile along z; give interface.z_um"
            )
        i = int(np.argmax(above))
        where = i - (beyond[i] - half) / (beyond[i] - beyond[i - 1])
        level = _level(beyond, np.arange(beyond.size) - where)
    return darkest + float(where), level


def _level(profile: FloatArray, away_voxel: FloatArray) -> float:
    """Grey value of the electrolyte a few slices off the foil."""
    bulk = (away_voxel >= BULK_VOXEL[0]) & (away_voxel <= BULK_VOXEL[1])
    if bulk.sum() < 3:
        raise ValueError("fewer than 3 slices of electrolyte beside the lithium foil")
    return float(profile[bulk].mean())


# --------------------------------------------------------------------------------------- extent


def foil_pixels(before: Volume, foil: Foil, roi: BoolArray) -> BoolArray:
    """Pixels of the ROI with lithium between electrolyte and collector; a foil may be smaller."""
    depth = foil.back.depth_um(before)
    middle = np.abs(depth + 0.5 * foil.thickness_um) <= max(
        foil.thickness_um / 6, before.spacing_um[0]
    )
    mean = smoothed(before.values[middle].mean(axis=0, dtype=np.float64), roi, 4.0)
    dark = np.nan_to_num(mean, nan=np.inf) < 0.5 * (foil.grey_li + foil.grey_se)
    patches = ndimage.binary_opening(dark, iterations=3)
    return np.asarray(roi & ndimage.binary_dilation(patches, iterations=3))


def foil_thickness_um(
    before: Volume, foil: Foil, roi: BoolArray, grey_cc: float | FloatArray
) -> FloatArray:
    """Local thickness of the foil, (y, x), NaN outside the ROI.

    A column from deep in the electrolyte to deep in the collector, less what of it is electrolyte
    and what is collector: both by the sum of (grey - Li) / (own grey - Li), each to the foil's
    middle.
    """
    dz = before.spacing_um[0]
    depth = foil.back.depth_um(before) / dz
    thickness = foil.thickness_um / dz
    electrolyte = (depth < -thickness / 2) & (depth >= -(thickness + BULK_VOXEL[1]))
    bulk = electrolyte & (depth <= -(thickness + BULK_VOXEL[0]))
    collector = (depth >= -thickness / 2) & (depth < MARGIN_VOXEL)
    own = smoothed(before.values[bulk].mean(axis=0, dtype=np.float64), roi, FRONT_SMOOTH_VOXEL)
    sums = [
        (before.values[slices] - foil.grey_li).sum(axis=0, dtype=np.float64)
        for slices in (electrolyte, collector)
    ]
    of_se = smoothed(sums[0], roi, FRONT_SMOOTH_VOXEL) / (own - foil.grey_li)
    of_cc = smoothed(sums[1] / (grey_cc - foil.grey_li), roi, SMOOTH_VOXEL)
    return np.asarray(dz * (electrolyte.sum() + collector.sum() - of_se - of_cc))


# ----------------------------------------------------------------------------------- bare spots


@dataclass(frozen=True)
class BareSpot:
    """A place where the foil is used up, down to its collector."""

    label: int
    """1 for the largest area."""
    x_um: float
    y_um: float
    area_um2: float
    equivalent_diameter_um: float
    left_um: float
    """Mean thickness left inside; zero within its error."""
    touches_edge: bool
    """Cut by the edge of the ROI."""


def find_bare_spots(
    left_um: FloatArray, bare_um: float, volume: Volume
) -> tuple[list[BareSpot], IntArray]:
    """Find where no more than `bare_um` of the foil is left.

    The blur of the scan makes a sharp-edged spot look smaller: its outline is moved outwards, by
    two voxels at most, to where half of the thickness beside it is left. Spots narrower than the
    blur are not seen.

    Parameters
    ----------
    left_um
        Thickness that is left, lightly smoothed, (y, x), NaN outside the ROI.
    bare_um
        What counts as nothing.
    volume
        For positions.

    Returns
    -------
    Spots, the largest first, and their labels (y, x).
    """
    inside = np.isfinite(left_um)
    left = np.where(inside, left_um, np.inf)
    spots = ndimage.binary_opening(left < bare_um, iterations=1)
    parts, _ = ndimage.label(spots, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    grown: list[BoolArray] = []
    for number in np.flatnonzero(sizes >= MIN_PIXELS):
        if number == 0:
            continue
        own = parts == number
        ring = ndimage.binary_dilation(own, iterations=8) & ~ndimage.binary_dilation(
            own, iterations=GROW_VOXEL + 2
        )
        ring &= inside & (parts == 0)
        beside = float(np.median(left[ring])) if ring.any() else 0.0
        near = ndimage.binary_dilation(own, iterations=GROW_VOXEL) & inside
        grown.append(np.asarray(own | (near & (left < 0.5 * beside) & (parts == 0))))
    grown.sort(key=lambda mask: -int(mask.sum()))
    labels = np.zeros(left.shape, dtype=np.int32)
    found = []
    for label, mask in enumerate(grown, start=1):
        labels[mask & (labels == 0)] = label
        found.append(_spot(label, mask, left_um, inside, volume))
    return found, labels


def _spot(
    label: int, mask: BoolArray, left_um: FloatArray, inside: BoolArray, volume: Volume
) -> BareSpot:
    _, dy, dx = volume.spacing_um
    y, x = np.nonzero(mask)
    area = float(mask.sum()) * dy * dx
    rim = mask & ~ndimage.binary_erosion(inside, iterations=2, border_value=0)
    core = ndimage.binary_erosion(mask, iterations=GROW_VOXEL + 2)
    return BareSpot(
        label=label,
        x_um=volume.origin_um[2] + dx * float(x.mean()),
        y_um=volume.origin_um[1] + dy * float(y.mean()),
        area_um2=area,
        equivalent_diameter_um=2 * math.sqrt(area / math.pi),
        left_um=float(left_um[core if core.any() else mask].mean()),
        touches_edge=bool(rim.any()),
    )
