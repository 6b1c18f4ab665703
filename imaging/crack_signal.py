"""Where cracks are looked for: the electrolyte above the interface, and what plating adds there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from imaging import kernels
from imaging.lvf import Interface, electrolyte_slab_um
from imaging.reductions import slice_means
from imaging.slabs import SLAB_VOXELS, mapped
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

type Float32 = NDArray[np.float32]

SMOOTH_VOXEL = (0.8, 2.5, 2.5)
"""Cracks are flat: smoothed far in the plane, little along z."""
FOIL_VOXEL = 4.0
"""Distance that is kept from the lithium foil or collector at the electrolyte's other end."""
SHARE_VOXEL = 1.5
"""Smoothing of the electrolyte's contrast, finer than its grains."""
ENOUGH_PIXELS = 50_000
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
    _, ny, nx = before.shape
    reach = kernels.gaussian_reach(SHARE_VOXEL)
    around = np.pad(zone, reach, mode="symmetric")  # mirrored at the zone's ends
    divisor = np.broadcast_to(contrast.astype(np.float32), (ny, nx))
    share = np.empty((zone.size, ny, nx), np.float32)

    def part(rows: slice) -> None:
        have = slice(max(rows.start - reach, 0), min(rows.stop + reach, ny))
        inner = slice(rows.start - have.start, rows.stop - have.start)
        layers = (slice(reach, reach + zone.size), slice(None))
        values = kernels.gaussian(before.values[around, have], SHARE_VOXEL, axes=(0,), box=layers)
        values = kernels.gaussian(
            values, SHARE_VOXEL / binned, axes=(1, 2), box=(slice(None), inner)
        )
        share[:, rows] = (values - np.float32(grey_li)) / divisor[rows]

    for _ in mapped(part, ny, max(SLAB_VOXELS // (around.size * nx), 2 * reach)):
        pass
    # Next to the collector its blur brightens the electrolyte: no more than farther off.
    inside = np.flatnonzero(roi)
    thin = share.reshape(zone.size, -1)[zone.size // 3 :, inside[:: max(inside.size // 20000, 1)]]
    low, middle, high = np.quantile(thin, [0.01, 0.5, 0.99])
    if middle <= 0:
        raise NoElectrolyteContrastError(
            "the electrolyte must be brighter than lithium to show cracks"
        )
    return np.clip(share, np.float32(max(low, 0.3 * middle)), np.float32(high), out=share)


@dataclass(frozen=True, eq=False)
class Leak:
    """What misalignment, grey drift and the blur of lithium at the collector add to each slice.

    A constant plus a multiple of the LVF just inside the collector, fitted to pixels free of
    cracks: robust, and the multiple is no larger than the width of the interface allows. Where all
    lithium lies below cracks, it is what a Gaussian of that width leaks.
    """

    source: Float32
    """Smoothed LVF just inside the collector, (y, x)."""
    expected: FloatArray
    """Multiple that the interface's width makes likely, for every slice of the zone."""

    @classmethod
    def of(
        cls, lvf: Volume, interface: Interface, width_um: float, zone: IntArray, mean: PlaneMean
    ) -> Leak:
        """What leaks into the slices of the zone, through an interface of this blur."""
        depth = interface.depth_um(lvf)
        surface = int(np.argmin(np.abs(depth - lvf.spacing_um[0])))
        return cls(mean(lvf.values[surface]), np.asarray(special.ndtr(depth[zone] / width_um)))

    def fitted(self, k: int, part: Float32, points: NDArray[np.intp]) -> tuple[float, float]:
        """Constant and multiple in slice `k` of the zone, whose values at the points are `part`."""
        at = self.source.ravel()[points]
        middle = float(np.median(at))
        at = at - middle
        prior = PRIOR_SPREAD**2 * at.size
        level, slope = float(np.median(part)), 0.0
        limit = 2 * float(self.expected[k]) + 2e-4
        for _ in range(4):
            rest = part - level - slope * at
            scale = 1.4826 * float(np.median(np.abs(rest))) + 1e-9
            weight = (np.abs(rest) < 2.5 * scale).astype(np.float64)
            level = float(np.average(part - slope * at, weights=weight))
            drawn = float((weight * at * (part - level)).sum()) + prior * self.expected[k]
            slope = drawn / (float((weight * at**2).sum()) + prior)
            slope = min(max(slope, -limit), limit)
        return level - slope * middle, slope


def thinned(mask: BoolArray) -> NDArray[np.intp]:
    """Flat indices of enough of a mask's pixels, evenly spread, for medians and fits over them."""
    inside = np.flatnonzero(mask)
    return inside[:: max(inside.size // ENOUGH_PIXELS, 1)]


def interface_width(before: Volume, interface: Interface, roi: BoolArray) -> float:
    """Standard deviation in um of the blur that the interface shows along z."""
    dz = before.spacing_um[0]
    depth = interface.depth_um(before)
    near = np.abs(depth) < 5 * dz
    first, last = np.flatnonzero(near)[[0, -1]]
    profile = slice_means(before.values[first : last + 1], roi)
    level, step = float(profile.min()), float(np.ptp(profile))

    def misfit(p: FloatArray) -> FloatArray:
        edge = special.ndtr((depth[near] - p[0]) / np.exp(p[1]))
        return np.asarray((level + step * (p[2] + p[3] * edge) - profile) / max(step, 1e-9))

    fit = optimize.least_squares(misfit, [0.0, math.log(dz), 0.0, 1.0])
    return float(np.clip(math.exp(fit.x[1]), 0.5 * dz, 2 * dz))


class PlaneMean:
    """Gaussian mean of maps (y, x) over the pixels of the ROI, 0 elsewhere; `sigma` in pixels."""

    def __init__(self, roi: BoolArray, sigma: float) -> None:
        self._roi, self._sigma = roi.astype(np.float32), sigma
        weight = self._sum(self._roi)
        self._share = self._roi / np.maximum(weight, np.float32(1e-6))

    def __call__(self, values: NDArray[Any]) -> Float32:
        """Return the mean of a map; what lies beyond the ROI does not count."""
        return np.asarray(self._share * self._sum(values), dtype=np.float32)

    def _sum(self, values: NDArray[Any]) -> Float32:
        """Gaussian sum over the ROI, nothing beyond the map."""
        reach = kernels.gaussian_reach(self._sigma)
        ny, nx = values.shape
        rows, columns = slice(reach, reach + ny), slice(reach, reach + nx)
        padded = np.zeros((1, ny + 2 * reach, nx + 2 * reach), np.float32)
        np.multiply(values, self._roi, out=padded[0, rows, columns], casting="same_kind")
        box = (slice(None), rows)
        return kernels.gaussian(padded, self._sigma, axes=(1, 2), box=box)[0, :, columns]
