"""Where cracks are looked for: the electrolyte above the interface, and what plating adds there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, special

from imaging.lvf import Interface, electrolyte_slab_um
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

type Float32 = NDArray[np.float32]

SMOOTH_VOXEL = (0.8, 2.5, 2.5)
"""Cracks are flat: smoothed far in the plane, little along z."""
FOIL_VOXEL = 4.0
"""Distance that is kept from the lithium foil or collector at the electrolyte's other end."""
SHARE_VOXEL = 1.5
"""Smoothing of the electrolyte's contrast, finer than its grains."""
ENOUGH_PIXELS = 200_000
PRIOR_SPREAD = 0.03
"""Spread of LVF at the collector from which on the leak is measured rather than expected."""


class NoElectrolyteContrastError(ValueError):
    """The electrolyte is no brighter than lithium: cracks in it cannot be seen."""


def electrolyte_zone(
    before: Volume, interface: Interface, roi: BoolArray, clear_voxel: float, reach_um: float
) -> IntArray:
    """Slices of the electrolyte to look at, the nearest to the interface first, shape (zone,).

    From `clear_voxel` off the interface to `reach_um`, or to the electrolyte's other end.
    """
    dz = before.spacing_um[0]
    height = -interface.depth_um(before)
    low, high = electrolyte_slab_um(before, interface, roi, FOIL_VOXEL)
    far = abs((high if interface.cc_is_low else low) - interface.z_um)
    inside = (height >= clear_voxel * dz) & (height <= min(reach_um, far))
    found = np.flatnonzero(inside)
    return np.asarray(found[np.argsort(height[found])], dtype=np.int32)


def electrolyte_share(
    before: Volume,
    interface: Interface,
    roi: BoolArray,
    zone: IntArray,
    contrast: FloatArray,
    grey_li: float,
    binned: int = 1,
) -> Float32:
    """The electrolyte's contrast to lithium over the collector's, shape (zone, y, x).

    `binned` is the number of pixels that are one along y and x.

    Raises
    ------
    NoElectrolyteContrastError
        If the electrolyte is not brighter than lithium.
    """
    sigma = (SHARE_VOXEL, SHARE_VOXEL / binned, SHARE_VOXEL / binned)
    share = ndimage.gaussian_filter(before.values[np.sort(zone)].astype(np.float32), sigma)
    share = share if interface.cc_is_low else share[::-1]
    share = (share - grey_li) / contrast.astype(np.float32)
    # Next to the collector its blur brightens the electrolyte: no more than farther off.
    beyond = share[share.shape[0] // 3 :][:, roi]
    thin = beyond[:, :: max(beyond.shape[1] // 20000, 1)]
    low, middle, high = np.quantile(thin, [0.01, 0.5, 0.99])
    if middle <= 0:
        raise NoElectrolyteContrastError(
            "the electrolyte must be brighter than lithium to show cracks"
        )
    return np.asarray(np.clip(share, max(low, 0.3 * middle), high), dtype=np.float32)


def leak(
    values: Float32,
    lvf: Volume,
    interface: Interface,
    width: float,
    roi: BoolArray,
    free: BoolArray,
    zone: IntArray,
    blur: float,
) -> Float32:
    """What misalignment, grey drift and the blur of lithium at the collector add to each slice.

    A constant plus a multiple of the LVF just inside the collector, fitted to the pixels `free`
    of cracks: robust, and the multiple is no larger than the width of the interface allows. Where
    all lithium lies below cracks, it is what a Gaussian of that width leaks. Maps are smoothed by
    `blur` pixels.
    """
    dz = lvf.spacing_um[0]
    depth = interface.depth_um(lvf)
    surface = int(np.argmin(np.abs(depth - dz)))
    source = plane_mean(lvf.values[surface].astype(np.float32), roi, blur)
    found = np.empty_like(values)
    free = thinned(free)
    middle = float(np.median(source[free]))
    at = source[free] - middle
    prior = PRIOR_SPREAD**2 * at.size
    for i, k in enumerate(zone):
        part = plane_mean(values[i], roi, blur)[free]
        level, slope = float(np.median(part)), 0.0
        expected = float(special.ndtr(depth[k] / width))
        limit = 2 * expected + 2e-4
        for _ in range(4):
            rest = part - level - slope * at
            scale = 1.4826 * float(np.median(np.abs(rest))) + 1e-9
            weight = (np.abs(rest) < 2.5 * scale).astype(np.float64)
            level = float(np.average(part - slope * at, weights=weight))
            drawn = float((weight * at * (part - level)).sum()) + prior * expected
            slope = drawn / (float((weight * at**2).sum()) + prior)
            slope = min(max(slope, -limit), limit)
        found[i] = level + slope * (source - middle)
    return found


def thinned(mask: BoolArray) -> BoolArray:
    """Enough of a mask's pixels, evenly spread, for medians and fits over them."""
    inside = np.flatnonzero(mask)
    kept = np.zeros(mask.size, dtype=bool)
    kept[inside[:: max(inside.size // ENOUGH_PIXELS, 1)]] = True
    return kept.reshape(mask.shape)


def interface_width(before: Volume, interface: Interface, roi: BoolArray) -> float:
    """Standard deviation in um of the blur that the interface shows along z."""
    dz = before.spacing_um[0]
    depth = interface.depth_um(before)
    near = np.abs(depth) < 5 * dz
    profile = before.values[near][:, roi].mean(axis=1, dtype=np.float64)
    level, step = float(profile.min()), float(np.ptp(profile))

    def misfit(p: FloatArray) -> FloatArray:
        edge = special.ndtr((depth[near] - p[0]) / np.exp(p[1]))
        return np.asarray((level + step * (p[2] + p[3] * edge) - profile) / max(step, 1e-9))

    fit = optimize.least_squares(misfit, [0.0, math.log(dz), 0.0, 1.0])
    return float(np.clip(math.exp(fit.x[1]), 0.5 * dz, 2 * dz))


def plane_mean(values: Float32, roi: BoolArray, sigma: float) -> Float32:
    """Gaussian mean of a map (y, x) over the pixels of the ROI, 0 elsewhere."""
    weight = ndimage.gaussian_filter(roi.astype(np.float32), sigma, mode="constant")
    total = ndimage.gaussian_filter(
        np.where(roi, values, 0).astype(np.float32), sigma, mode="constant"
    )
    return np.where(roi, total / np.maximum(weight, 1e-6), 0).astype(np.float32)


def smoothed(displaced: Float32, roi: BoolArray, blur: float) -> Float32:
    """Mean over a few voxels, `blur` pixels in the plane, as flat as cracks are; (zone, y, x)."""
    flat = np.stack([plane_mean(part, roi, blur) for part in displaced])
    return np.asarray(ndimage.gaussian_filter1d(flat, SMOOTH_VOXEL[0], axis=0, mode="nearest"))
