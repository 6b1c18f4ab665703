"""How well two scans match once they are aligned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging import kernels
from imaging.alignment import Pair, correlation, moved_part, pair_map
from imaging.binning import slices_used
from imaging.slabs import mapped
from imaging.transform import RigidTransform
from imaging.volume import BoolArray, FloatArray, Volume

type Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Compared:
    """Some slices of both scans after alignment."""

    still: Float32
    moved: Float32
    mask: BoolArray
    """Voxels of the mask in view."""

    @property
    def residual(self) -> float:
        """Scatter of the difference, as fraction of the earlier scan's scatter."""
        difference = _scatter(b[m] - a[m] for a, b, m in self._slices())
        spread = _scatter(a[m] for a, _, m in self._slices())
        return difference / spread if spread > 0 else math.inf

    def _slices(self) -> Iterator[tuple[Float32, Float32, BoolArray]]:
        return zip(self.still, self.moved, self.mask, strict=True)


def _scatter(parts: Iterable[Float32]) -> float:
    """Return the standard deviation of values that need not be in memory together."""
    sums = np.zeros(3)
    for part in parts:
        values = part.astype(np.float64)
        sums += np.array([values.size, values.sum(), np.vdot(values, values)])
    count, total, squares = (float(v) for v in sums)
    return math.sqrt(max(squares - total**2 / count, 0.0) / count)


def compared(pair: Pair, volume: Volume, found: RigidTransform, voxels: int) -> Compared:
    """Both scans in evenly spaced slices of the mask, at most so many voxels (but one slice)."""
    offset, matrix = pair_map(pair, volume, found)
    _, ny, nx = pair.before.shape
    used = slices_used(pair.mask)
    wanted = min(max(voxels // (ny * nx), 1), used.size)
    chosen = used[np.unique(np.linspace(0, used.size - 1, wanted).round().astype(int))]
    moved = np.empty((chosen.size, ny, nx), np.float32)
    mask = pair.mask[chosen].copy()
    mask[:, [0, -1], :] = False
    mask[:, :, [0, -1]] = False

    def part(numbers: slice) -> None:
        i = numbers.start
        z = pair.first + int(chosen[i])
        moved[i] = moved_part(pair, (offset, matrix), slice(z, z + 1), slice(0, ny))[0]
        y, x = np.ogrid[:ny, :nx]
        for axis in range(3):
            where = offset[axis] + matrix[axis, 0] * z + matrix[axis, 1] * y + matrix[axis, 2] * x
            mask[i] &= (where >= 1) & (where <= pair.shape[axis] - 2)

    for _ in mapped(part, chosen.size, 1):
        pass
    return Compared(pair.before[chosen], moved, mask)


def fine_texture(values: Float32, scale: float) -> Float32:
    """What is finer than `scale`, free of layers: every slice has mean zero."""
    out = np.empty_like(values)

    def part(slices: slice) -> None:
        fine = values[slices] - kernels.gaussian(values[slices], scale, axes=(1, 2))
        out[slices] = fine - fine.mean(axis=(1, 2), keepdims=True)

    for _ in mapped(part, values.shape[0], 1):
        pass
    return out


def texture_match(a: Float32, b: Float32, mask: BoolArray, shift: tuple[int, int]) -> float:
    """Correlation over a mask of two stacks of slices, the second one rolled by (y, x)."""
    from imaging import loops_alignment

    def part(slices: slice) -> FloatArray:
        sums = np.zeros(6)
        for k in range(slices.start, slices.stop):
            loops_alignment.moments(a[k], b[k], mask[k], shift, sums)
        return sums

    return correlation(np.sum(list(mapped(part, a.shape[0], 1)), axis=0))
