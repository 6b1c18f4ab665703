"""Sums over the pixels of every slice, on all cores, without a copy of the volume.

Small volumes take NumPy's way: it is done before the compiled loops are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.slabs import mapped
from imaging.volume import BoolArray, FloatArray

SMALL = 2**22
"""Voxels up to which NumPy is faster than loading the compiled loops."""


def slice_means(values: NDArray[Any], pixels: BoolArray) -> FloatArray:
    """Mean over some pixels (y, x) of every slice of a volume (z, y, x), shape (z,)."""
    if values.size <= SMALL:
        return np.asarray(values[:, pixels].mean(axis=1, dtype=np.float64))
    sums = group_sums(values, pixels.astype(np.int8) - np.int8(1), 1)[:, 0]
    count = int(np.count_nonzero(pixels))
    return np.asarray(sums / count if count else np.full(sums.size, np.nan))


def group_sums(values: NDArray[Any], group: NDArray[np.integer[Any]], count: int) -> FloatArray:
    """Sums over groups of pixels in every slice of a volume (z, y, x).

    Parameters
    ----------
    values
        Real numbers.
    group
        Number of each pixel's group (y, x), from 0; below 0: in none.
    count
        Number of groups.

    Returns
    -------
    Sums, shape (z, count).
    """
    if values.size <= SMALL:
        used = group >= 0
        index = group[used]
        rows = [np.bincount(index, weights=v[used], minlength=count) for v in values]
        return np.asarray(np.stack(rows) if rows else np.zeros((0, count)))
    from imaging import loops_sums

    group = np.ascontiguousarray(group)
    runs = np.empty((loops_sums.runs(group, np.empty((0, 4), np.int64)), 4), np.int64)
    loops_sums.runs(group, runs)
    out = np.zeros((values.shape[0], count))

    def add(rows: slice) -> None:
        for z in range(rows.start, rows.stop):
            # Of one byte order and layout: nothing is compiled twice.
            kind = values.dtype.newbyteorder("=")
            loops_sums.grouped(np.require(values[z], kind, "C"), runs, out[z])

    for _ in mapped(add, values.shape[0], 1):
        pass
    return out


def column_sums(values: NDArray[Any]) -> FloatArray:
    """Sums along z of a volume (z, y, x), shape (y, x), in double precision."""
    return np.asarray(window_sums(values, [(0, values.shape[0])])[0], dtype=np.float64)


def window_sums(
    values: NDArray[Any],
    windows: Sequence[tuple[int, int]],
    kind: type[np.floating[Any]] = np.float64,
) -> NDArray[Any]:
    """Sums along z of a volume (z, y, x) over ranges of slices, shape (windows, y, x).

    Every voxel is read once, and summed in double precision.

    Parameters
    ----------
    values
        Real numbers.
    windows
        First slices, and those after the last.
    kind
        In which the sums are returned.
    """
    out = np.empty((len(windows), *values.shape[1:]), kind)
    ends = sorted({end for window in windows for end in window})

    def add(rows: slice) -> None:
        total = np.zeros((len(windows), rows.stop - rows.start, out.shape[2]))
        for first, stop in pairwise(ends):
            piece = np.zeros(total.shape[1:])
            for part in values[first:stop, rows]:
                piece += part
            for own, window in zip(total, windows, strict=True):
                if window[0] <= first and stop <= window[1]:
                    own += piece
        out[:, rows] = total

    # Strips that stay in the processor's cache.
    for _ in mapped(add, out.shape[1], max(2**16 // max(out.shape[2], 1), 1)):
        pass
    return out


def gap_medians(values: NDArray[Any], pairs: BoolArray) -> FloatArray:
    """Median of |v[x + 2] - v[x]| in every slice of a volume (z, y, x), shape (z,).

    Parameters
    ----------
    values
        Real numbers.
    pairs
        Which differences count, (y, x - 2); at least one.
    """
    if values.size <= SMALL:
        gaps = np.abs((values[:, :, 2:] - values[:, :, :-2])[:, pairs])
        return np.asarray(np.median(gaps, axis=1), dtype=np.float64)
    from imaging import loops_sums

    count = int(np.count_nonzero(pairs))
    middle = ((count - 1) // 2, count // 2)

    def median(rows: slice) -> float:
        gaps = np.empty(count, np.float32)
        loops_sums.gaps(np.require(values[rows.start], np.float32, "C"), pairs, gaps)
        bits = gaps.view(np.uint32)
        found = np.array([loops_sums.ranked(bits, rank) for rank in middle], np.uint32)
        return float(found.view(np.float32).mean())

    return np.array(list(mapped(median, values.shape[0], 1)))


def lowest(
    values: NDArray[Any],
    pixels: BoolArray,
    count: int,
    sigma_voxel: float,
    axes: tuple[int, ...],
) -> NDArray[np.float32]:
    """The `count` lowest voxels over some pixels (y, x) of a volume, smoothed along some axes.

    Parameters
    ----------
    values
        Volume (z, y, x).
    pixels
        Where to look, (y, x).
    count
        How many; fewer where there are no more.
    sigma_voxel
        Standard deviation of the Gaussian.
    axes
        Axes to smooth along.
    """
    from imaging import kernels

    nz, ny, nx = values.shape
    halo = kernels.gaussian_reach(sigma_voxel)

    def part(rows: slice) -> NDArray[np.float32]:
        have = slice(max(rows.start - halo, 0), min(rows.stop + halo, ny))
        box = (slice(None), slice(rows.start - have.start, rows.stop - have.start))
        smooth = kernels.gaussian(values[:, have], sigma_voxel, axes=axes, box=box)
        np.copyto(smooth, np.inf, where=~pixels[rows])
        # The lowest voxels lie in the lines with the lowest minima.
        least = smooth.min(axis=2).ravel()
        lines = smooth.reshape(-1, nx)[np.argsort(least)[:count]].ravel()
        return np.partition(lines, min(count, lines.size) - 1)[:count]

    thickness = max(SMALL // max(nz * nx, 1), 4 * halo)
    found = np.concatenate(list(mapped(part, ny, thickness)))
    found = found[np.isfinite(found)]
    return np.asarray(np.sort(found)[:count])
