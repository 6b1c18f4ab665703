"""Compiled loops over voxels; importing this module imports numba, which takes a second.

Call them through `imaging.kernels`, which checks its arguments. Every array is C-contiguous. All
loops run on one core and without Python's lock: `imaging.slabs` gives every core a slab.

Innermost loops run along x, without branches and with unsigned indices, for only then does the
compiler turn them into vector instructions: signed ones may count from the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

type Float32 = NDArray[np.float32]
type Float64 = NDArray[np.float64]
type Int16 = NDArray[np.int16]
type Int32 = NDArray[np.int32]
type Index = NDArray[np.int64]

STRETCH = 256
"""Voxels of a row that are interpolated at a time: their weights stay in the nearest cache."""


def compiled[F: Callable[..., Any]](function: F, freedom: tuple[str, ...] = ("contract",)) -> F:
    """Compile on first call; keep the machine code on disk where a folder can be written."""
    # Fused multiply-add only: sums keep their order, so slabs equal the whole to the last bit.
    options = {"nogil": True, "fastmath": set(freedom)}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast(F, numba.njit(**options)(function))


def summed[F: Callable[..., Any]](function: F) -> F:
    """`compiled`, the order of sums left to the compiler, which makes vectors of them."""
    return compiled(function, ("contract", "reassoc"))


@compiled
def _scale(source: Float32, weight: np.float32, target: Float32) -> None:
    for x in range(target.size):
        target[x] = weight * source[x]


@compiled
def _add_pair(low: Float32, high: Float32, weight: np.float32, target: Float32) -> None:
    for x in range(target.size):
        target[x] += weight * (low[x] + high[x])


@compiled
def _add_two_pairs(
    low: Float32,
    high: Float32,
    lower: Float32,
    higher: Float32,
    weights: Float32,
    target: Float32,
) -> None:
    near, far = weights[0], weights[1]
    for x in range(target.size):
        target[x] += near * (low[x] + high[x]) + far * (lower[x] + higher[x])


@compiled
def _across(lines: Float32, middle: int, weights: Float32, target: Float32) -> None:
    """Weighted sum of rows about a middle one, the first and last row continued."""
    last, radius = lines.shape[0] - 1, weights.size - 1
    _scale(lines[middle], weights[0], target)
    k = 1
    while k < radius:
        _add_two_pairs(
            lines[max(middle - k, 0)],
            lines[min(middle + k, last)],
            lines[max(middle - k - 1, 0)],
            lines[min(middle + k + 1, last)],
            weights[k : k + 2],
            target,
        )
        k += 2
    if k == radius:
        low, high = lines[max(middle - k, 0)], lines[min(middle + k, last)]
        _add_pair(low, high, weights[k], target)


@compiled
def _across_slices(values: Float32, z: int, y: int, weights: Float32, target: Float32) -> None:
    """`_across` for a row of a volume: weighted sum along z."""
    last, radius = values.shape[0] - 1, weights.size - 1
    _scale(values[z, y], weights[0], target)
    k = 1
    while k < radius:
        _add_two_pairs(
            values[max(z - k, 0), y],
            values[min(z + k, last), y],
            values[max(z - k - 1, 0), y],
            values[min(z + k + 1, last), y],
            weights[k : k + 2],
            target,
        )
        k += 2
    if k == radius:
        _add_pair(values[max(z - k, 0), y], values[min(z + k, last), y], weights[k], target)


@compiled
def _along(line: Float32, weights: Float32, target: Float32) -> None:
    """Weighted sum along a line that is continued by the filter's radius on both sides."""
    n, radius = target.size, weights.size - 1
    _scale(line[radius : radius + n], weights[0], target)
    k = 1
    while k < radius:
        _add_two_pairs(
            line[radius - k : radius - k + n],
            line[radius + k : radius + k + n],
            line[radius - k - 1 : radius - k - 1 + n],
            line[radius + k + 1 : radius + k + 1 + n],
            weights[k : k + 2],
            target,
        )
        k += 2
    if k == radius:
        low, high = line[:n], line[2 * radius : 2 * radius + n]
        _add_pair(low, high, weights[k], target)


@compiled
def filter_plane(
    values: Float32,
    weights: tuple[Float32, Float32, Float32],
    z: int,
    first: int,
    plane: Float32,
    line: Float32,
    out: Float32,
) -> None:
    """One slice of a separable symmetric filter, from row `first` on, edges continued.

    `plane` holds a slice (y, x) and `line` a row with the x filter's radius on both sides: what
    is in work stays in the processor's cache.
    """
    ny, nx = values.shape[1], values.shape[2]
    reach, radius = weights[1].size - 1, weights[2].size - 1
    stop = first + out.shape[0]
    for y in range(max(first - reach, 0), min(stop + reach, ny)):
        _across_slices(values, z, y, weights[0], plane[y])
    for y in range(first, stop):
        _across(plane, y, weights[1], line[radius : radius + nx])
        line[:radius] = line[radius]
        line[radius + nx :] = line[radius + nx - 1]
        _along(line, weights[2], out[y - first])


@compiled
def separable(
    values: Float32,
    weights: tuple[Float32, Float32, Float32],
    first: tuple[int, int],
    out: Float32,
) -> None:
    """Separable symmetric filter of the voxels from `first` (z, y) on, edges continued."""
    ny, nx = values.shape[1], values.shape[2]
    plane = np.empty((ny, nx), np.float32)
    line = np.empty(nx + 2 * (weights[2].size - 1), np.float32)
    for z in range(out.shape[0]):
        filter_plane(values, weights, first[0] + z, first[1], plane, line, out[z])


@compiled
def _levels(
    values: Float32, factor: Float32, low: np.float32, high: np.float32, out: Int16
) -> None:
    for x in range(out.size):
        level = np.rint(values[x] * factor[x])
        out[x] = np.int16(min(max(level, low), high))


@compiled
def separable_levels(
    values: Float32,
    weights: tuple[Float32, Float32, Float32],
    first: tuple[int, int],
    factor: Float32,
    low: np.float32,
    high: np.float32,
    out: Int16,
) -> None:
    """`separable`, times a map (y, x) of the rows asked for, rounded and clipped."""
    ny, nx = values.shape[1], values.shape[2]
    plane = np.empty((ny, nx), np.float32)
    line = np.empty(nx + 2 * (weights[2].size - 1), np.float32)
    smooth = np.empty((out.shape[1], nx), np.float32)
    for z in range(out.shape[0]):
        filter_plane(values, weights, first[0] + z, first[1], plane, line, smooth)
        for y in range(out.shape[1]):
            _levels(smooth[y], factor[y], low, high, out[z, y])


@compiled
def _spline_weights(
    base: float, slope: float, bounds: Float64, first: Int32, weights: Float32
) -> None:
    """The four cubic B-splines about positions along a row, and the index of the first.

    Positions are `base + slope * x`, drawn to the bounds; the weights of a spline lie `STRETCH`
    after those of the one before.
    """
    low, high = bounds[0], bounds[1]
    sixth, two_thirds, half = np.float32(1 / 6), np.float32(2 / 3), np.float32(0.5)
    for x in range(first.size):
        position = min(max(base + slope * x, low), high)
        below = np.floor(position)
        t = np.float32(position - below)
        s = np.float32(1.0) - t
        first[x] = np.int32(below) - np.int32(1)
        weights[x] = sixth * s * s * s
        weights[x + STRETCH] = two_thirds - t * t * (np.float32(1.0) - half * t)
        weights[x + 2 * STRETCH] = two_thirds - s * s * (np.float32(1.0) - half * s)
        weights[x + 3 * STRETCH] = sixth * t * t * t


@compiled
def _add_taps(
    below: Float32,
    low: Float32,
    high: Float32,
    above: Float32,
    wz: Float32,
    wy: Float32,
    wx: Float32,
    target: Float32,
) -> None:
    """Add the taps along z and x of four rows, one above the other.

    So few arrays, each at fixed distances, that the compiler can tell that none overlaps the
    target: vector instructions.
    """
    n = np.uintp(STRETCH)
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    for x in range(np.uintp(target.size)):
        a, b, c, d = wx[x], wx[x + n], wx[x + two * n], wx[x + three * n]
        p = (a * below[x] + b * below[x + one]) + (c * below[x + two] + d * below[x + three])
        q = (a * low[x] + b * low[x + one]) + (c * low[x + two] + d * low[x + three])
        r = (a * high[x] + b * high[x + one]) + (c * high[x + two] + d * high[x + three])
        s = (a * above[x] + b * above[x + one]) + (c * above[x + two] + d * above[x + three])
        target[x] += wy[x] * (
            (wz[x] * p + wz[x + n] * q) + (wz[x + two * n] * r + wz[x + three * n] * s)
        )


@compiled
def _stretch(z: Int32, y: Int32, x: Int32, begin: int, width: int) -> int:
    """End of the voxels from `begin` on whose first taps are neighbours along a row."""
    i, j, k = z[begin], y[begin], x[begin] - np.int32(begin)
    others = np.int32(0)
    for n in range(np.uint32(begin), np.uint32(width)):
        others |= (z[n] ^ i) | (y[n] ^ j) | ((x[n] - np.int32(n)) ^ k)
    if others == 0:  # most often all of them: found without a branch
        return width
    end = begin + 1
    while end < width and z[end] == i and y[end] == j and x[end] - end == k:
        end += 1
    return end


@compiled
def resample(
    coefficients: Float32,
    corner: Index,
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    bounds: NDArray[np.float64],
    first: tuple[int, int],
    out: Float32,
) -> None:
    """Cubic spline at matrix @ index + offset, for voxels from `first` (z, y) on.

    Near the identity the taps of neighbouring voxels are neighbours over long stretches of a
    row; each stretch is one loop without any look-up.

    Parameters
    ----------
    coefficients
        B-spline coefficients of a part of the volume.
    corner
        Index of the part's first voxel within the volume.
    matrix, offset
        The map of voxel indices.
    bounds
        Lowest and highest position on each axis, shape (3, 2); others are drawn to them.
    """
    nz, ny, nx = out.shape
    start = np.empty((3, STRETCH), np.int32)
    weights = np.empty(12 * STRETCH, np.float32)
    for z in range(nz):
        for y in range(ny):
            out[z, y] = 0.0
            for left in range(0, nx, STRETCH):
                width = min(STRETCH, nx - left)
                for axis in range(3):
                    base = matrix[axis, 0] * (first[0] + z) + matrix[axis, 1] * (first[1] + y)
                    _spline_weights(
                        base + offset[axis] + matrix[axis, 2] * left,
                        matrix[axis, 2],
                        bounds[axis],
                        start[axis, :width],
                        weights[4 * axis * STRETCH :],
                    )
                begin = 0
                while begin < width:
                    i, j, k = start[0, begin], start[1, begin], start[2, begin]
                    end = _stretch(start[0], start[1], start[2], begin, width)
                    a, m, n = i - corner[0], j - corner[1], k - corner[2]
                    for b in range(4):
                        _add_taps(
                            coefficients[a, m + b, n:],
                            coefficients[a + 1, m + b, n:],
                            coefficients[a + 2, m + b, n:],
                            coefficients[a + 3, m + b, n:],
                            weights[begin:],
                            weights[(4 + b) * STRETCH + begin :],
                            weights[8 * STRETCH + begin :],
                            out[z, y, left + begin : left + end],
                        )
                    begin = end
