"""Which voxels of the electrolyte belong to cracks: a threshold on the electrolyte displaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.crack_signal import SMOOTH_VOXEL, electrolyte_share, leak, smoothed, thinned
from imaging.lvf import Interface
from imaging.options import CrackOptions
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

type Float32 = NDArray[np.float32]

BESIDE_VOXEL = 8
"""Distance from a crack's region from which on the electrolyte counts as whole."""
REGION_LEVEL = 0.6
"""Share of the threshold down to which a region extends. Lower, noise grows spurs that swell the
volume; higher, thin rims are lost."""
COARSE = 2
"""Pixels binned along y and x for the first look: below the smoothing, at a quarter of the cost."""
COARSE_LEVEL = 0.95
"""Share of the threshold and of the significance that makes the first look go on to a second."""


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


def worth_a_look(scene: CrackScene, options: CrackOptions) -> bool:
    """Whether a first look, at half the resolution and a lower threshold, shows anything."""
    level = replace(
        options,
        threshold=COARSE_LEVEL * options.threshold,
        significance=COARSE_LEVEL * options.significance,
    )
    coarse = _binned_scene(scene, COARSE)
    if not coarse.roi.any():
        return True
    found = find_regions(coarse, level)
    # What peaks in the nearest slice alone is blur of lithium at the collector.
    return bool(np.isin(found.labels[1:], found.numbers).any())


def find_regions(scene: CrackScene, options: CrackOptions) -> Regions:
    """Find what displaces electrolyte, twice: the levels are then taken beside the cracks."""
    roi, zone, blur = scene.roi, scene.zone, SMOOTH_VOXEL[1] / scene.bin
    share = electrolyte_share(
        scene.before, scene.interface, roi, zone, scene.contrast, scene.grey_li, scene.bin
    )
    free = roi
    for _ in range(2):
        values = np.where(roi, scene.lvf.values[zone], 0).astype(np.float32)
        values -= leak(values, scene.lvf, scene.interface, scene.width_um, roi, free, zone, blur)
        displaced = np.where(roi, values / share, 0).astype(np.float32)
        # The noise of the scan before is in both, so that their quotient is low on average.
        displaced -= np.where(roi, displaced[:, free].mean(axis=1)[:, None, None], 0)
        smooth = smoothed(displaced, roi, blur)
        noise = 1.4826 * float(np.median(np.abs(smooth[:, thinned(free)])))
        labels, numbers = _regions(smooth, noise, options)
        cracked = np.isin(labels, numbers).any(axis=0)
        beside = max(BESIDE_VOXEL // scene.bin, 1)
        free = roi & ~ndimage.binary_dilation(cracked, iterations=beside)
        if not cracked.any() or free.sum() < 0.1 * roi.sum():
            break
    return Regions(displaced, labels, numbers, noise)


def _regions(smooth: Float32, noise: float, options: CrackOptions) -> tuple[IntArray, list[int]]:
    """Connected voxels above a low threshold, and those of them that reach a high one."""
    high = max(options.threshold, options.significance * noise)
    mask = smooth > REGION_LEVEL * high
    labels, count = ndimage.label(mask, np.ones((3, 3, 3), dtype=bool))
    peaks = np.zeros(count + 1, dtype=np.float32)
    np.maximum.at(peaks, labels[mask], smooth[mask])
    numbers = [int(i) for i in np.flatnonzero(peaks > high)]
    return np.asarray(labels, dtype=np.int32), numbers


def _binned_scene(scene: CrackScene, factor: int) -> CrackScene:
    """The same scene, cut to the slices that matter, with fewer pixels."""
    depth = scene.interface.depth_um(scene.lvf) / scene.lvf.spacing_um[0]
    used = np.union1d(scene.zone, np.flatnonzero(np.abs(depth) < 2))  # leak's source is one deep
    first, last = int(used[0]), int(used[-1]) + 1
    contrast = scene.contrast
    return CrackScene(
        lvf=_binned(scene.lvf, first, last, factor),
        before=_binned(scene.before, first, last, factor),
        interface=scene.interface,
        roi=_blocks(scene.roi, factor).all(axis=(-3, -1)),
        zone=np.asarray(scene.zone - first, dtype=np.int32),
        contrast=_blocks(contrast, factor).mean(axis=(-3, -1)) if contrast.ndim else contrast,
        grey_li=scene.grey_li,
        width_um=scene.width_um,
        bin=factor * scene.bin,
    )


def _binned(volume: Volume, first: int, last: int, factor: int) -> Volume:
    """Means of square blocks of pixels, float32, of some slices."""
    parts = [
        _blocks(part, factor).mean(axis=(-3, -1), dtype=np.float32)
        for part in volume.values[first:last]
    ]
    (dz, dy, dx), (z0, y0, x0) = volume.spacing_um, volume.origin_um
    shift = 0.5 * (factor - 1)
    origin = (z0 + first * dz, y0 + shift * dy, x0 + shift * dx)
    return Volume(np.stack(parts), (dz, factor * dy, factor * dx), origin)


def _blocks(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """View of the last two axes as (..., y, factor, x, factor), what does not fill a block cut."""
    ny, nx = (n // factor for n in values.shape[-2:])
    cut = values[..., : ny * factor, : nx * factor]
    return cut.reshape(*values.shape[:-2], ny, factor, nx, factor)
