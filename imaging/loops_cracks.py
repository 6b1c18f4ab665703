"""Compiled loops of the search for cracks; imports numba, which takes a second.

As in `imaging.loops`, arrays are C-contiguous, and loops run on one core, without Python's lock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.loops import Float32, Index, compiled, summed

type Bool = NDArray[np.bool_]
type Int32 = NDArray[np.int32]


@summed
def _chosen(line: Float32, chosen: Bool) -> float:
    total = 0.0
    for x in range(line.size):
        total += np.float64(line[x]) * np.float64(chosen[x])
    return total


@compiled
def displaced(
    lvf: Float32,
    source: Float32,
    share: Float32,
    roi: Bool,
    free: Bool,
    level: np.float32,
    slope: np.float32,
    out: Float32,
) -> float:
    """Electrolyte displaced in a slice (y, x), 0 beyond the ROI; returns its mean over `free`.

    LVF less what leaks into the slice, `level + slope * source`, over the electrolyte's share.
    """
    total, count = 0.0, 0
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            inside = np.float32(roi[y, x])
            out[y, x] = inside * (lvf[y, x] - level - slope * source[y, x]) / share[y, x]
        total += _chosen(out[y], free[y])
        count += free[y].sum()
    return total / count if count else 0.0


@compiled
def lower(values: Float32, roi: Bool, by: np.float32) -> None:
    """Take a number off the pixels of the ROI."""
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            values[y, x] -= by * np.float32(roi[y, x])


@compiled
def _root(parent: Int32, label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@compiled
def connected(index: Index, values: Float32, labels: Int32) -> Float32:
    """Number some voxels by connected part, corners included; returns the parts' peaks.

    Parts are numbered in the order of their first voxels.

    Parameters
    ----------
    index
        Flat indices of the voxels, rising.
    values
        Of the volume (z, y, x).
    labels
        Zeros, to be filled; same shape.

    Returns
    -------
    Highest value of each part, from number 0 (none) on.
    """
    _, ny, nx = values.shape
    parent = np.zeros(index.size + 1, np.int32)
    count = 0
    for i in index:
        z, y, x = i // (ny * nx), i // nx % ny, i % nx
        own = 0
        # The half of the neighbours that were passed before.
        for step in range(13):
            c, b, a = z + step // 9 - 1, y + step // 3 % 3 - 1, x + step % 3 - 1
            if c < 0 or b < 0 or b >= ny or a < 0 or a >= nx or labels[c, b, a] == 0:
                continue
            other = _root(parent, labels[c, b, a])
            if own and other != own:
                parent[max(own, other)] = min(own, other)
                other = min(own, other)
            own = other
        if own == 0:
            count += 1
            own = count
            parent[own] = own
        labels[z, y, x] = own
    number = np.zeros(count + 1, np.int32)
    parts = 0
    for label in range(1, count + 1):
        if parent[label] == label:
            parts += 1
            number[label] = parts
        else:
            number[label] = number[_root(parent, label)]
    peaks = np.zeros(parts + 1, np.float32)
    for i in index:
        z, y, x = i // (ny * nx), i // nx % ny, i % nx
        own = number[labels[z, y, x]]
        labels[z, y, x] = own
        peaks[own] = max(peaks[own], values[z, y, x])
    return peaks


@compiled
def footprint(labels: Int32, chosen: Bool, out: Bool) -> None:
    """Mark pixels (y, x) below or above which there is a voxel of a chosen part."""
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x]:
                    out[y, x] |= chosen[labels[z, y, x]]


@compiled
def _add_row(row: NDArray[np.generic], line: Float32) -> None:
    for x in range(line.size):
        line[x] += np.float32(row[x])


@compiled
def binned(values: NDArray[np.generic], factor: int, out: Float32) -> None:
    """Means over square blocks of a slice (y, x)."""
    share = np.float32(1.0 / factor**2)
    line = np.empty(out.shape[1] * factor, np.float32)
    for y in range(out.shape[0]):
        line[:] = 0.0
        for b in range(factor):
            _add_row(values[y * factor + b], line)
        for x in range(out.shape[1]):
            total = np.float32(0.0)
            for a in range(factor):
                total += line[x * factor + a]
            out[y, x] = share * total
