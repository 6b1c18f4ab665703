"""Which voxels of the electrolyte belong to cracks: a threshold on the electrolyte displaced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging import kernels
from imaging.binning import plane_blocks, plane_mask, plane_means
from imaging.crack_signal import SMOOTH_VOXEL, Leak, PlaneMean, electrolyte_share, thinned
from imaging.lvf import Interface
from imaging.options import CrackOptions
from imaging.slabs import SLAB_VOXELS, mapped
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

type Float32 = NDArray[np.float32]

BESIDE_VOXEL = 8
"""Distance from a crack's region from which on the electrolyte counts as whole."""
REGION_LEVEL = 0.6
"""Share of the threshold down to which a region extends. Lower, noise grows spurs that swell the
volume; higher, thin rims are lost."""


@dataclass(frozen=True, eq=False)
class CrackScene:
    """A pair of scans, and where in it cracks are looked for."""

    lvf: Volume
    """Unfiltered, unclipped."""
    before: Volume
    interface: Interface
    roi: BoolArray
    zone: IntArray
    """Slices of the electrolyte to look at, the nearest to the interface first."""
    contrast: FloatArray
    """Grey value of collector less that of lithium; a number, or a map (y, x)."""
    grey_li: float
    width_um: float
    """Blur of the interface along z."""
    bin: int = 1
    """Pixels that were binned along y and x."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Voxels that stand out of the electrolyte."""

    displaced: Float32
    """Fraction of electrolyte displaced, shape (zone, y, x)."""
    labels: IntArray
    """Connected voxels above a low threshold, same shape."""
    numbers: list[int]
    """Those of them that reach a high one."""
    noise: float
    """Standard deviation of the smoothed fraction of displaced electrolyte."""


def find_regions(scene: CrackScene, options: CrackOptions) -> Regions:
    """Find what displaces electrolyte, twice: the levels are then taken beside the cracks."""
    roi, zone = scene.roi, scene.zone
    share = electrolyte_share(
        scene.before, scene.interface, roi, zone, scene.contrast, scene.grey_li, scene.bin
    )
    mean = PlaneMean(roi, SMOOTH_VOXEL[1] / scene.bin)
    leak = Leak.of(scene.lvf, scene.interface, scene.width_um, zone, mean)
    beside = max(BESIDE_VOXEL // scene.bin, 1)
    displaced, smooth = np.empty_like(share), np.empty_like(share)
    free = roi
    for _ in range(2):
        _displace(scene, leak, share, free, mean, displaced, smooth)
        some = smooth.reshape(zone.size, -1)[:, thinned(free)]
        noise = 1.4826 * float(np.median(np.abs(some)))
        labels, numbers = _regions(smooth, noise, options)
        if not numbers:
            break
        cracked = _footprint(labels, numbers)
        free = roi & (ndimage.distance_transform_cdt(~cracked, "taxicab") > beside)
        if free.sum() < 0.1 * roi.sum():
            break
    return Regions(displaced, labels, numbers, noise)


def _displace(
    scene: CrackScene,
    leak: Leak,
    share: Float32,
    free: BoolArray,
    mean: PlaneMean,
    displaced: Float32,
    smooth: Float32,
) -> None:
    """Fill in the electrolyte displaced, and its mean over a few voxels, both (zone, y, x)."""
    from imaging import loops_cracks

    points, roi = thinned(free), scene.roi

    def part(slices: slice) -> None:
        k = slices.start
        values = np.require(scene.lvf.values[scene.zone[k]], np.float32, "C")
        level, slope = leak.fitted(k, mean(values).ravel()[points], points)
        low, steep = np.float32(level), np.float32(slope)
        offset = loops_cracks.displaced(
            values, leak.source, share[k], roi, free, low, steep, displaced[k]
        )
        # The noise of the scan before is in both, so that their quotient is low on average.
        loops_cracks.lower(displaced[k], roi, np.float32(offset))
        smooth[k] = mean(displaced[k])

    for _ in mapped(part, scene.zone.size, 1):
        pass

    def across(rows: slice) -> None:
        smooth[:, rows] = kernels.gaussian(smooth[:, rows], SMOOTH_VOXEL[0], axes=(0,))

    _, ny, nx = smooth.shape
    for _ in mapped(across, ny, max(SLAB_VOXELS // (smooth.shape[0] * nx), 1)):
        pass


def _regions(smooth: Float32, noise: float, options: CrackOptions) -> tuple[IntArray, list[int]]:
    """Connected voxels above a low threshold, and those of them that reach a high one."""
    from imaging import loops_cracks

    high = max(options.threshold, options.significance * noise)
    labels = np.zeros(smooth.shape, dtype=np.int32)
    if not smooth.max() > high:
        return labels, []
    low, size = np.float32(REGION_LEVEL * high), smooth[0].size

    def above(slices: slice) -> NDArray[np.int64]:
        found = np.flatnonzero(smooth[slices.start] > low)
        return np.asarray(found + slices.start * size, dtype=np.int64)

    index = np.concatenate(list(mapped(above, smooth.shape[0], 1)))
    peaks = loops_cracks.connected(index, smooth, labels)
    return labels, [int(i) for i in np.flatnonzero(peaks > high)]


def _footprint(labels: IntArray, numbers: list[int]) -> BoolArray:
    """Pixels (y, x) of some regions."""
    from imaging import loops_cracks

    chosen = np.zeros(int(labels.max()) + 1, dtype=bool)
    chosen[numbers] = True
    out = np.zeros(labels.shape[1:], dtype=bool)
    loops_cracks.footprint(labels, chosen, out)
    return out


def binned_scene(scene: CrackScene, factor: int) -> CrackScene:
    """The same scene, cut to the slices that matter, with fewer pixels."""
    depth = scene.interface.depth_um(scene.lvf) / scene.lvf.spacing_um[0]
    used = np.union1d(scene.zone, np.flatnonzero(np.abs(depth) < 2))  # leak's source is one deep
    first, last = int(used[0]), int(used[-1]) + 1
    contrast = scene.contrast
    return CrackScene(
        lvf=_binned(scene.lvf, first, last, factor),
        before=_binned(scene.before, first, last, factor),
        interface=scene.interface,
        roi=plane_mask(scene.roi, factor),
        zone=np.asarray(scene.zone - first, dtype=np.int32),
        contrast=plane_blocks(contrast, factor).mean(axis=(-3, -1)) if contrast.ndim else contrast,
        grey_li=scene.grey_li,
        width_um=scene.width_um,
        bin=factor * scene.bin,
    )


def _binned(volume: Volume, first: int, last: int, factor: int) -> Volume:
    """Means of square blocks of pixels, float32, of some slices."""
    out = plane_means(volume.values[first:last], factor)
    (dz, dy, dx), (z0, y0, x0) = volume.spacing_um, volume.origin_um
    shift = 0.5 * (factor - 1)
    origin = (z0 + first * dz, y0 + shift * dy, x0 + shift * dx)
    return Volume(out, (dz, factor * dy, factor * dx), origin)
