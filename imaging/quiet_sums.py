"""Column sums with less noise, once the shape of an island is known roughly.

Lithium is uniform within an island and absent outside, so all that a voxel far from its surface
adds to a column sum is noise: there, the mean of its neighbours in the same slice, on the same
side of the surface, stands for it. Within the blur's reach of the surface voxels count as they
are. Nothing is assumed of the blur's form: what it carries out of that zone on one side of a
surface, it lacks on the other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.volume import BoolArray, FloatArray

REACH = 2.5
"""Standard deviations of the blur within which a voxel sees the surface."""
SLACK = 0.5
"""Voxels by which the surface may be elsewhere."""
SIDE = 7
"""Pixels along the side of a mean."""
STEP = 0.25


def quieted(
    lvf: NDArray[np.floating], heights: FloatArray, seen: BoolArray, blur: float
) -> tuple[FloatArray, FloatArray]:
    """What the column sums change by, and their noise after it over that before.

    Parameters
    ----------
    lvf
        Slices that are summed, (z, y, x).
    heights
        Surface of the islands above their common plane, (y, x), in slices; 0 beside them.
    seen
        Pixels that hold data, (y, x).
    blur
        Standard deviation in voxels.

    Returns
    -------
    Sums of the change over z in slices, and relative standard deviations; both (y, x).
    """
    count = lvf.shape[0]
    values = np.where(seen, lvf, np.float32(0))
    depth = depths(values, heights, seen, blur)
    low, high = _zone(heights, REACH * blur + SLACK)
    change, variance = np.zeros(heights.shape), np.zeros(heights.shape)
    below, above = depth < low.max(), depth > high.min()
    for some, side in (
        (below, depth[below, None, None] < low),
        (above, depth[above, None, None] > high),
    ):
        held = (side & seen).astype(np.float32)
        part = values[some]
        size = (1, SIDE, SIDE)
        share = ndimage.uniform_filter(held, size, mode="constant")
        mean = ndimage.uniform_filter(held * part, size, mode="constant")
        mean /= np.maximum(share, np.float32(1e-6))
        change += (held * (mean - part)).sum(axis=0, dtype=np.float64)
        rest = held * (1 - 1 / np.maximum(SIDE**2 * share, np.float32(1)))
        variance += rest.sum(axis=0, dtype=np.float64)
    return change, np.sqrt(np.maximum(1 - variance / count, 1 / count))


def _zone(heights: FloatArray, reach: float) -> tuple[FloatArray, FloatArray]:
    """Levels below and above which a column is farther than `reach` from any of the surface."""
    steps = np.arange(-math.floor(reach), math.floor(reach) + 1)
    left = reach**2 - steps[:, None] ** 2 - steps**2
    ball = left >= 0
    bulge = np.sqrt(np.maximum(left, 0.0))
    low = ndimage.grey_erosion(heights, footprint=ball, structure=bulge, mode="nearest")
    high = ndimage.grey_dilation(heights, footprint=ball, structure=bulge, mode="nearest")
    return low, high


def depths(values: FloatArray, heights: FloatArray, seen: BoolArray, blur: float) -> FloatArray:
    """Height of every slice above the islands' plane, in slices, by where their lithium lies."""
    beside = seen & ~(heights > 0)
    found = values[:, seen].sum(axis=1, dtype=np.float64)
    if np.count_nonzero(beside) > SIDE**2:  # a layer, or what misalignment leaves
        found -= np.count_nonzero(seen) * np.median(values[:, beside], axis=1)
    slices = np.arange(found.size, dtype=float)
    own = heights[seen]
    levels = np.arange(-5 - 4 * blur, own.max() + 5 + 4 * blur, STEP)
    above = np.sort(own[own > 0])
    area = np.where(levels > 0, above.size - np.searchsorted(above, levels), 0).astype(float)
    area = ndimage.gaussian_filter1d(area, math.hypot(blur, 0.3) / STEP)
    places = np.arange(-4.0, found.size + 4.0, STEP)
    best = (np.inf, slices)
    for sign in (1, -1):
        heights_of = sign * (slices - places[:, None])
        expected = np.interp(heights_of, levels, area, left=0.0, right=0.0)
        cost = ((expected - found) ** 2).sum(axis=1)
        k = int(np.argmin(cost))
        best = min(best, (float(cost[k]), heights_of[k]), key=lambda pair: pair[0])
    return best[1]
