"""Compiled sums over voxels; importing this module imports numba, which takes a second.

As in `imaging.loops`, arrays are C-contiguous, and loops run on one core, without Python's lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.loops import Float32, Float64, compiled, summed


@summed
def _sum(line: NDArray[Any]) -> np.float64:
    total = np.float64(0.0)
    for x in range(line.size):
        total += np.float64(line[x])
    return total


@compiled
def grouped(values: NDArray[Any], runs: NDArray[np.int64], out: Float64) -> None:
    """Add runs of pixels of a slice (y, x), given as (row, first, last + 1, group), to groups."""
    for i in range(runs.shape[0]):
        out[runs[i, 3]] += _sum(values[runs[i, 0], runs[i, 1] : runs[i, 2]])


@compiled
def runs(group: NDArray[Any], out: NDArray[np.int64]) -> int:
    """Runs of neighbours along x of one group, none below 0: (row, first, last + 1, group).

    Returns how many there are; `out` takes as many as it has place for.
    """
    n = 0
    for y in range(group.shape[0]):
        x = 0
        while x < group.shape[1]:
            own, first = group[y, x], x
            while x < group.shape[1] and group[y, x] == own:
                x += 1
            if own < 0:
                continue
            if n < out.shape[0]:
                out[n, 0], out[n, 1], out[n, 2], out[n, 3] = y, first, x, own
            n += 1
    return n


@compiled
def gaps(values: Float32, pairs: NDArray[np.bool_], out: Float32) -> int:
    """Absolute differences of pixels two apart along x; returns how many `pairs` selects."""
    n = 0
    for y in range(pairs.shape[0]):
        for x in range(pairs.shape[1]):
            if pairs[y, x]:
                out[n] = abs(values[y, x + 2] - values[y, x])
                n += 1
    return n


@compiled
def ranked(bits: NDArray[np.uint32], rank: int) -> np.uint32:
    """The value with `rank` others below it, found by counting its upper half, then its lower.

    Numbers >= 0 in single precision are in the order of their bits.
    """
    counts = np.zeros(2**16, np.int64)
    for i in range(bits.size):
        counts[bits[i] >> np.uint32(16)] += 1
    upper = 0
    while rank >= counts[upper]:
        rank -= counts[upper]
        upper += 1
    counts[:] = 0
    for i in range(bits.size):
        if bits[i] >> np.uint32(16) == upper:
            counts[bits[i] & np.uint32(0xFFFF)] += 1
    lower = 0
    while rank >= counts[lower]:
        rank -= counts[lower]
        lower += 1
    return np.uint32((upper << 16) | lower)
