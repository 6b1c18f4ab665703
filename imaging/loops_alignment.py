"""Compiled sums over two scans for their alignment; imports numba, which takes a second.

As in `imaging.loops`, arrays are C-contiguous, and loops run on one core, without Python's lock.
Sums over a few hundred voxels are in single precision, longer ones in double.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.loops import Float32, Float64, compiled, summed

CHUNK = 256
"""Voxels of a row that are worked on at a time: all their columns stay in the nearest cache."""


@summed
def _dot(a: Float32, b: Float32) -> np.float32:
    total = np.float32(0.0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@summed
def _dot_sum(a: Float32, b: Float32, c: Float32) -> np.float32:
    total = np.float32(0.0)
    for i in range(a.size):
        total += (a[i] + b[i]) * c[i]
    return total


@compiled
def _columns(
    below: Float32,
    above: Float32,
    south: Float32,
    north: Float32,
    row: Float32,
    per_um: Float32,
    level: np.float32,
    zy_um: tuple[np.float32, np.float32],
    x_um: Float32,
    out: Float32,
) -> None:
    """Change of voxels per unit shift (z, y, x), rotation (z, y, x), gain and offset.

    `row`, `below` and so on start one voxel before the first of `out`.
    """
    z, y = zy_um
    for i in range(out.shape[1]):
        gz = (above[i + 1] - below[i + 1]) * per_um[0]
        gy = (north[i + 1] - south[i + 1]) * per_um[1]
        gx = (row[i + 2] - row[i]) * per_um[2]
        x = x_um[i + 1]
        # omega x r for right-handed turns about z, y, x, written in (z, y, x) components.
        out[0, i], out[1, i], out[2, i] = gz, gy, gx
        out[3, i], out[4, i], out[5, i] = gy * x - gx * y, gx * z - gz * x, gz * y - gy * z
        out[6, i] = row[i + 1] - level
        out[7, i] = np.float32(1.0)


@compiled
def _weights(
    mask: NDArray[np.bool_], base: Float64, slope: Float64, last: Float64, first: int, out: Float32
) -> None:
    """1 for voxels of the mask that the motion takes to a voxel in view, else 0."""
    for i in range(out.size):
        inside = mask[i]
        for axis in range(3):
            where = base[axis] + slope[axis] * (first + i)
            inside &= (where >= 1.0) & (where <= last[axis])
        out[i] = np.float32(inside)


@compiled
def alignment_sums(
    before: Float32,
    moved: Float32,
    mask: NDArray[np.bool_],
    corner: tuple[int, int],
    rows: tuple[int, int],
    matrix: Float64,
    offset: Float64,
    last: Float64,
    spacing_um: Float64,
    level: np.float32,
    arms_um: tuple[Float32, Float32, Float32],
    normal: Float64,
    force: Float64,
    square: Float64,
) -> None:
    """Add what some rows contribute to the normal equations of the alignment.

    Parameters
    ----------
    before, mask
        Smoothed scan and voxels that count, slices `corner[0]` on of the grid, all rows.
    moved
        The later scan at T(x), the same slices, rows `corner[1]` on.
    rows
        First row and the one after the last; not the grid's first or last row.
    matrix, offset, last
        T in voxel indices, and the highest index in view along each axis.
    spacing_um, arms_um
        Voxel size, and positions about the volume's centre along z (of the slices given), y, x.
    level
        Grey value that is taken off before values are squared.
    normal, force, square
        For every slice: sums of products of the two scans' columns (8, 8), of the mean column and
        the difference (8,), of squared values (2,).
    """
    slices, _, nx = before.shape
    a, b = np.empty((8, CHUNK), np.float32), np.empty((8, CHUNK), np.float32)
    weight, difference = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.float32)
    own = np.empty(CHUNK, np.float32)
    per_um = np.empty(3, np.float32)
    base = np.empty(3)
    for k in range(slices):
        low, high = max(k - 1, 0), min(k + 1, slices - 1)
        per_um[0] = 1.0 / (spacing_um[0] * max(high - low, 1))
        per_um[1], per_um[2] = 0.5 / spacing_um[1], 0.5 / spacing_um[2]
        for y in range(rows[0], rows[1]):
            m = y - corner[1]
            for axis in range(3):
                base[axis] = offset[axis] + matrix[axis, 0] * (corner[0] + k) + matrix[axis, 1] * y
            zy = (arms_um[0][k], arms_um[1][y])
            for x in range(1, nx - 1, CHUNK):
                n = min(CHUNK, nx - 1 - x)
                w, d, u = weight[:n], difference[:n], own[:n]
                _weights(mask[k, y, x : x + n], base, matrix[:, 2], last, x, w)
                if not w.any():
                    continue
                s = slice(x - 1, x + n + 1)
                _columns(
                    before[low, y, s], before[high, y, s], before[k, y - 1, s],
                    before[k, y + 1, s], before[k, y, s], per_um, level, zy, arms_um[2][s],
                    a[:, :n],
                )  # fmt: skip
                _columns(
                    moved[low, m, s], moved[high, m, s], moved[k, m - 1, s],
                    moved[k, m + 1, s], moved[k, m, s], per_um, level, zy, arms_um[2][s],
                    b[:, :n],
                )  # fmt: skip
                for i in range(n):
                    d[i] = (b[6, i] - a[6, i]) * w[i]
                    u[i] = a[6, i]
                for p in range(8):
                    force[k, p] += 0.5 * _dot_sum(a[p, :n], b[p, :n], d)
                    for i in range(n):
                        a[p, i] *= w[i]
                for p in range(8):
                    for q in range(8):
                        normal[k, p, q] += _dot(a[p, :n], b[q, :n])
                square[k, 0] += _dot(a[6, :n], u)
                for i in range(n):
                    u[i] = b[6, i] * w[i]
                square[k, 1] += _dot(b[6, :n], u)


@compiled
def halved(values: NDArray[Any], out: Float32) -> None:
    """Means over blocks of 2 x 2 x 2 voxels of two slices."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            total = np.float32(0.0)
            for c in range(2):
                for b in range(2):
                    for a in range(2):
                        total += np.float32(values[c, 2 * y + b, 2 * x + a])
            out[y, x] = np.float32(0.125) * total


@summed
def moments(
    a: Float32, b: Float32, mask: NDArray[np.bool_], shift: tuple[int, int], out: Float64
) -> None:
    """Add count, sums and products of a slice and another one, rolled by `shift` (y, x)."""
    ny, nx = a.shape
    for y in range(ny):
        row = b[(y - shift[0]) % ny]
        for begin, end, start in ((0, shift[1], nx - shift[1]), (shift[1], nx, 0)):
            n, sa, sb, saa, sbb, sab = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(end - begin):
                w = np.float64(mask[y, begin + i])
                u, v = np.float64(a[y, begin + i]) * w, np.float64(row[start + i]) * w
                n += w
                sa += u
                sb += v
                saa += u * u
                sbb += v * v
                sab += u * v
            out[0] += n
            out[1] += sa
            out[2] += sb
            out[3] += saa
            out[4] += sbb
            out[5] += sab
