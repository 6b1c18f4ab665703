"""Compiled loops of cubic B-splines: from values to coefficients, and from those to values.

As in `imaging.loops`, arrays are C-contiguous, and loops run on one core, without Python's lock.
The coefficients are the values through the inverse of (1, 4, 1) / 6 along each axis, whose response
falls by the pole sqrt(3) - 2 per voxel on both sides (Unser, IEEE Signal Processing Magazine 16(6)
(1999), doi:10.1109/79.799930).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.loops import Float32, Float64, Index, Int32, compiled

STRETCH = 256
"""Voxels of a row that are interpolated at a time: their weights stay in the nearest cache."""
POLE = math.sqrt(3) - 2
DOUBLINGS = 4
TAPS = 2**DOUBLINGS - 1
"""Voxels on either side that count along a row: the response has fallen to 1e-9."""
START = 1 / (1 - POLE)
"""Sum of all powers of the pole: what a continued edge adds up to."""
AHEAD = POLE * START
GAIN, TURN = (1 - POLE) ** 2, (1 - POLE) / (1 + POLE)


# Copies, too, are loops of their own: slices assigned to slices take the compiler seconds.


@compiled
def _times(values: Float32, factor: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = factor * values[x]


@compiled
def _fill(value: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = value


@compiled
def _forward(values: Float32, before: Float32, pole: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = values[x] + pole * before[x]


@compiled
def _turn(values: Float32, ahead: np.float32, gain: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = gain * (out[x] + ahead * values[x])


@compiled
def _backward(after: Float32, pole: np.float32, gain: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = pole * after[x] + gain * out[x]


@compiled
def _plus(near: Float32, far: Float32, weight: np.float32, out: Float32) -> None:
    for x in range(out.size):
        out[x] = near[x] + weight * far[x]


@compiled
def _filtered_column(values: Float32, y: int, out: Float32) -> None:
    """The filter along z for one row y of a volume, edges continued; `out` is (z, x)."""
    pole, gain = np.float32(POLE), np.float32(GAIN)
    last = out.shape[0] - 1
    _times(values[0, y], np.float32(START), out[0])
    for z in range(1, last + 1):
        _forward(values[z, y], out[z - 1], pole, out[z])
    _turn(values[last, y], np.float32(AHEAD), np.float32(TURN), out[last])
    for z in range(last - 1, -1, -1):
        _backward(out[z + 1], pole, gain, out[z])


@compiled
def _filtered_row(line: Float32, other: Float32, row: Float32) -> None:
    """The filter along a row, in place; both lines hold it with `TAPS` voxels on either side.

    The sum of all powers of the pole is (1 + p)(1 + p^2)(1 + p^4)...: few vector instructions.
    """
    n = row.size
    _fill(row[0], line[:TAPS])
    _times(row, np.float32(1.0), line[TAPS : TAPS + n])
    _fill(row[n - 1], line[TAPS + n :])
    size, step, power = line.size, 1, POLE
    for _ in range(DOUBLINGS):
        size -= step
        _plus(line[:size], line[step : step + size], np.float32(power), other[:size])
        size -= step
        _plus(other[step : step + size], other[:size], np.float32(power), line[:size])
        step, power = 2 * step, power * power
    _times(line, np.float32(GAIN), row)


@compiled
def coefficients(
    values: Float32, first: int, column: Float32, state: Float32, out: Float32, beyond: Float32
) -> None:
    """Coefficients of the rows from `first` on, edges continued.

    Parameters
    ----------
    values
        Volume (z, y, x).
    first
        First row wanted.
    column, state
        Room for a row of every slice, (z, x).
    out
        Takes the rows wanted, (z, y, x).
    beyond
        Room for the rows of `values` after those.
    """
    nz, ny, nx = values.shape
    wanted, left = out.shape[1], beyond.shape[1]
    pole, gain = np.float32(POLE), np.float32(GAIN)
    for y in range(ny):
        _filtered_column(values, y, column)
        for z in range(nz):
            if y == 0:
                _times(column[z], np.float32(START), state[z])
            else:
                _forward(column[z], state[z], pole, state[z])
            if y >= first + wanted:
                _times(state[z], np.float32(1.0), beyond[z, y - first - wanted])
            elif y >= first:
                _times(state[z], np.float32(1.0), out[z, y - first])
    line, other = np.empty(nx + 2 * TAPS, np.float32), np.empty(nx + 2 * TAPS, np.float32)
    for z in range(nz):
        end = beyond[z, left - 1] if left else out[z, wanted - 1]
        _turn(column[z], np.float32(AHEAD), np.float32(TURN), end)
        for y in range(left - 2, -1, -1):
            _backward(beyond[z, y + 1], pole, gain, beyond[z, y])
        if left:
            _backward(beyond[z, 0], pole, gain, out[z, wanted - 1])
        for y in range(wanted - 2, -1, -1):
            _backward(out[z, y + 1], pole, gain, out[z, y])
        for y in range(wanted):
            _filtered_row(line, other, out[z, y])


@compiled
def _spline_weights(
    base: float, slope: float, bounds: Float64, first: Int32, weights: Float32
) -> None:
    """The four cubic B-splines about positions along a row, and the index of the first.

    Positions are `base + slope * x`, drawn to the bounds; the weights of a spline lie `STRETCH`
    after those of the one before. What is left of whole voxels is small: single precision holds it.
    """
    whole, stride = np.floor(base), np.rint(slope)
    rest, creep, step = np.float32(base - whole), np.float32(slope - stride), np.float32(stride)
    low, high = np.float32(bounds[0] - whole), np.float32(bounds[1] - whole)
    origin, pace = np.int32(whole) - np.int32(1), np.int32(stride)
    sixth, two_thirds, half = np.float32(1 / 6), np.float32(2 / 3), np.float32(0.5)
    for x in range(np.uint32(first.size)):
        n = np.int32(x)
        gone = step * np.float32(n)
        position = min(max(rest + creep * np.float32(n), low - gone), high - gone)
        below = np.floor(position)
        t = position - below
        s = np.float32(1.0) - t
        first[x] = np.int32(below) + (origin + pace * n)
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
            _fill(np.float32(0.0), out[z, y])
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
