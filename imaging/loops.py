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
