"""Two scans at one level of binning, and the sums over them that an alignment needs.

What is needed of the scans is held smoothed, the later one as spline coefficients; everything
else is computed strip by strip on all cores and never held.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging import kernels
from imaging.slabs import SLAB_VOXELS, mapped
from imaging.transform import RigidTransform, angles_deg, index_map
from imaging.volume import BoolArray, FloatArray, Volume

type Float32 = NDArray[np.float32]

PAD = 3
"""Coefficients kept beyond the volume's faces: a spline has four of them on each axis."""
STRIP = 32
"""Rows whose sums are computed at a time."""


@dataclass(frozen=True)
class Pair:
    """Both scans, smoothed, binned and cut to what the mask needs."""

    before: Float32
    """Slices of the mask and one beside them on either side, where there are."""
    mask: BoolArray
    """Voxels to align on, of the same slices."""
    first: int
    """The first of these slices."""
    after: Float32
    """Spline coefficients of the later scan, `PAD` beyond its faces."""
    corner: NDArray[np.int64]
    """Index of the first coefficient."""
    shape: tuple[int, ...]
    """Shape of the whole grid, binned."""
    bin: int
    """Voxels of the scans per binned voxel."""


@dataclass(frozen=True)
class Sums:
    """Normal equations of one step, and how well the scans match."""

    normal: FloatArray
    force: FloatArray
    correlation: float
    voxels: int


def smoothed(volume: Volume, sigma_voxel: float, slices: slice) -> Float32:
    """Some slices of the smoothed volume, edges continued."""
    nz, ny, nx = volume.shape
    out = np.empty((slices.stop - slices.start, ny, nx), np.float32)

    def part(rows: slice) -> None:
        out[:, rows] = _smoothed_rows(volume, sigma_voxel, slices, rows)

    halo = kernels.gaussian_reach(sigma_voxel)
    for _ in mapped(part, ny, max(SLAB_VOXELS // (nz * nx), 4 * halo)):
        pass
    return out


def _smoothed_rows(volume: Volume, sigma_voxel: float, slices: slice, rows: slice) -> Float32:
    halo = kernels.gaussian_reach(sigma_voxel)
    z, y = (
        slice(max(part.start - halo, 0), min(part.stop + halo, n))
        for part, n in zip((slices, rows), volume.shape[:2], strict=True)
    )
    box = (
        slice(slices.start - z.start, slices.stop - z.start),
        slice(rows.start - y.start, rows.stop - y.start),
    )
    return kernels.gaussian(volume.values[z, y], sigma_voxel, box=box)


def halved(volume: Volume, sigma_voxel: float) -> Float32:
    """Means over blocks of 2 x 2 x 2 voxels of the smoothed volume."""
    nz, ny, nx = volume.shape
    out = np.empty((nz // 2, ny // 2, nx // 2), np.float32)

    def part(half: slice) -> None:
        rows = slice(2 * half.start, 2 * half.stop)
        out[:, half] = halved_values(_smoothed_rows(volume, sigma_voxel, slice(0, nz), rows))

    halo = kernels.gaussian_reach(sigma_voxel)
    for _ in mapped(part, ny // 2, max(SLAB_VOXELS // (2 * nz * nx), 2 * halo)):
        pass
    return out


def halved_values(values: Float32) -> Float32:
    """Means over blocks of 2 x 2 x 2 voxels; an odd last one is left out."""
    for axis in range(3):
        even, odd = _even_odd(values, axis)
        values = even + odd
    return values * np.float32(0.125)


def halved_mask(mask: BoolArray) -> BoolArray:
    """Blocks of 2 x 2 x 2 voxels that are in the mask as a whole."""
    for axis in range(3):
        even, odd = _even_odd(mask, axis)
        mask = even & odd
    return mask


def _even_odd[T: np.generic](values: NDArray[T], axis: int) -> tuple[NDArray[T], NDArray[T]]:
    n = values.shape[axis] // 2 * 2
    before = (slice(None),) * axis
    return values[(*before, slice(0, n, 2))], values[(*before, slice(1, n, 2))]


def mask_slices(mask: BoolArray, beside: int = 0) -> slice:
    """Slices from the first to the last of a mask, and some beside them, where there are."""
    used = np.flatnonzero(mask.any(axis=(1, 2)))
    return slice(int(max(used[0] - beside, 0)), int(min(used[-1] + 1 + beside, mask.shape[0])))


def binned_pair(before: Float32, after: Float32, mask: BoolArray, factor: int) -> Pair:
    """Both scans as they are at a binned level."""
    used = mask_slices(mask, beside=1)
    return Pair(
        np.ascontiguousarray(before[used]),
        np.ascontiguousarray(mask[used]),
        used.start,
        _coefficients(lambda rows: after[:, rows], after.shape),
        np.array([0, 0, 0]) - PAD,
        after.shape,
        factor,
    )


def full_pair(
    before: Volume, after: Volume, mask: BoolArray, sigma_voxel: float, near: RigidTransform
) -> Pair:
    """Both scans at full resolution; of the later one, what a nearly known motion leads to."""
    used = mask_slices(mask, beside=1)
    offset, matrix = index_map(near, after)
    ends = kernels.corners((used.stop - used.start, *after.shape[1:]))
    ends[:, 0] += used.start
    z = (ends @ matrix.T + offset)[:, 0]
    reach = kernels.SPLINE_REACH + PAD + 2
    nz = after.shape[0]
    low = min(max(math.floor(z.min()) - reach, 0), nz - 1)
    needed = slice(low, max(min(math.ceil(z.max()) + reach, nz), low + 1))
    return Pair(
        smoothed(before, sigma_voxel, used),
        np.ascontiguousarray(mask[used]),
        used.start,
        _coefficients(
            lambda rows: _smoothed_rows(after, sigma_voxel, needed, rows),
            (needed.stop - needed.start, *after.shape[1:]),
        ),
        np.array([needed.start, 0, 0]) - PAD,
        after.shape,
        1,
    )


def _coefficients(values: Callable[[slice], Float32], shape: tuple[int, ...]) -> Float32:
    """Spline coefficients, `PAD` beyond every face, edges continued.

    `values` returns rows (y) of the volume, whose shape is `shape`: it is never held as a whole.
    """
    halo = kernels.SPLINE_REACH
    nz, ny, nx = shape
    out = np.empty((nz + 2 * PAD, ny + 2 * PAD, nx + 2 * PAD), np.float32)

    def part(rows: slice) -> None:
        wanted = np.arange(rows.start - halo, rows.stop + halo) - PAD
        have = slice(max(int(wanted[0]), 0), min(int(wanted[-1]) + 1, ny))
        beyond = (have.start - int(wanted[0]), int(wanted[-1]) + 1 - have.stop)
        padded = np.pad(values(have), ((PAD, PAD), beyond, (PAD, PAD)), mode="edge")
        box = (slice(None), slice(halo, halo + rows.stop - rows.start))
        out[:, rows] = kernels.spline_coefficients(padded, box=box)

    for _ in mapped(part, out.shape[1], max(SLAB_VOXELS // (nz * nx), 2 * halo)):
        pass
    return out


def motion(matrix: FloatArray, shift: FloatArray) -> RigidTransform:
    """The transform of a rotation matrix and a shift in um."""
    return RigidTransform(angles_deg(matrix), (float(shift[0]), float(shift[1]), float(shift[2])))


def pair_map(
    pair: Pair, volume: Volume, transform: RigidTransform
) -> tuple[FloatArray, FloatArray]:
    """Offset and matrix of a motion in indices of the pair's grid."""
    offset, matrix = index_map(transform, volume)
    # Index i of a binned voxel is index factor * i + (factor - 1) / 2 of the volume.
    half = 0.5 * (pair.bin - 1)
    return (matrix @ np.full(3, half) + offset - half) / pair.bin, matrix


def moved_part(
    pair: Pair, index_map: tuple[FloatArray, FloatArray], slices: slice, rows: slice
) -> Float32:
    """The later scan at T(x), for some slices and rows of the pair's grid."""
    from imaging import loops

    offset, matrix = index_map
    # Not beyond the coefficients at hand: what lies there is out of view.
    low = pair.corner + PAD
    high = low + np.array(pair.after.shape) - 2 * PAD - 1
    bounds = np.stack([low, high], axis=1).astype(np.float64)
    out = np.empty((slices.stop - slices.start, rows.stop - rows.start, pair.shape[2]), np.float32)
    first = (slices.start, rows.start)
    loops.resample(pair.after, pair.corner, matrix, offset, bounds, first, out)
    return out


def alignment_sums(pair: Pair, volume: Volume, matrix: FloatArray, shift: FloatArray) -> Sums:
    """Sums for one Gauss-Newton step from a motion, over the mask in view.

    Voxels on the sides of the field are left out: central differences need both neighbours.
    """
    from imaging import loops_alignment

    to_after = pair_map(pair, volume, motion(matrix, shift))
    offset, index_matrix = to_after
    spacing = np.asarray(volume.spacing_um) * pair.bin
    middle = (0.5 * (np.asarray(volume.shape) - 1) - 0.5 * (pair.bin - 1)) / pair.bin
    count, ny, nx = pair.before.shape
    slices = slice(pair.first, pair.first + count)
    arms = tuple(
        (s * (np.arange(n) + o - m)).astype(np.float32)
        for s, n, o, m in zip(spacing, pair.before.shape, (pair.first, 0, 0), middle, strict=True)
    )
    last = np.asarray(pair.shape, dtype=np.float64) - 2
    level = np.float32(pair.before[:, ny // 2].mean(dtype=np.float64))

    def part(inner: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        rows = slice(inner.start + 1, inner.stop + 1)
        near = slice(rows.start - 1, rows.stop + 1)
        moved = moved_part(pair, to_after, slices, near)
        sums = np.zeros((count, 8, 8)), np.zeros((count, 8)), np.zeros((count, 2))
        loops_alignment.alignment_sums(
            pair.before, moved, pair.mask, (pair.first, near.start), (rows.start, rows.stop),
            index_matrix, offset, last, spacing, level, arms, *sums,
        )  # fmt: skip
        return sums

    parts = list(mapped(part, max(ny - 2, 0), STRIP)) if nx > 2 else []
    if not parts:
        return Sums(np.zeros((8, 8)), np.zeros(8), -np.inf, 0)
    normal, force, square = (np.sum([p[i] for p in parts], axis=0) for i in range(3))
    return _total(normal, force, square)


def _total(normal: FloatArray, force: FloatArray, square: FloatArray) -> Sums:
    """Sums over all slices, the gain acting on deviations from each slice's mean."""
    total, pull = np.zeros((8, 8)), np.zeros(8)
    for n, f in zip(normal, force, strict=True):
        if n[7, 7] == 0:
            continue
        left, right = np.eye(8), np.eye(8)
        left[6, 7], right[6, 7] = -n[6, 7] / n[7, 7], -n[7, 6] / n[7, 7]
        total += left @ n @ right.T
        pull += 0.5 * (left + right) @ f
    whole = normal.sum(axis=0)
    voxels = whole[7, 7]
    if voxels == 0:
        return Sums(total, pull, -np.inf, 0)
    a, b = (float(square[:, i].sum()) for i in range(2))
    sums = np.array([voxels, whole[6, 7], whole[7, 6], a, b, whole[6, 6]])
    return Sums(total, pull, correlation(sums), int(voxels))


def correlation(sums: FloatArray) -> float:
    """Correlation from count, sums, sums of squares and of products of two variables."""
    n, a, b, aa, bb, ab = (float(s) for s in sums)
    if n == 0:
        return 0.0
    norm = math.sqrt(max(aa - a * a / n, 0.0) * max(bb - b * b / n, 0.0))
    return (ab - a * b / n) / norm if norm > 0 else 0.0


# ------------------------------------------------------------------------------------ comparison


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
        difference = (self.moved - self.still)[self.mask]
        spread = float(self.still[self.mask].std(dtype=np.float64))
        return float(difference.std(dtype=np.float64)) / spread if spread > 0 else math.inf


def compared(pair: Pair, volume: Volume, found: RigidTransform, voxels: int) -> Compared:
    """Both scans in evenly spaced slices of the mask, at most so many voxels (but one slice)."""
    offset, matrix = pair_map(pair, volume, found)
    _, ny, nx = pair.before.shape
    used = np.flatnonzero(pair.mask.any(axis=(1, 2)))
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
