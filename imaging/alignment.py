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
from imaging.binning import halved_values, mask_slices
from imaging.slabs import SLAB_VOXELS, mapped
from imaging.transform import RigidTransform, angles_deg, index_map
from imaging.volume import BoolArray, FloatArray, Volume

type Float32 = NDArray[np.float32]

PAD = 3
"""Coefficients kept beyond the volume's faces: a spline has four of them on each axis."""
NEAR = PAD + 4
"""Slices that a nearly known motion may still move by, and what a spline needs beside them."""
STRIP = 32
"""Rows whose sums are computed at a time, at most."""
MIN_STRIPS = 12
BLOCK_SLICES = 8
"""Strips of so many slices sample the noise independently: they are wider than the smoothing."""
FACE_SLICES = 3
"""Slices at the ends of a volume whose smoothed values miss what lies beyond."""
SAMPLES, SAMPLE = 4, 64
"""Places along y and x at which grey values are looked at, and their size in pixels."""
ANY = (-math.inf, math.inf)

type Limits = tuple[float, float]


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
    blocks: tuple[FloatArray, FloatArray]
    """`normal` and `force` of parts of the mask, (blocks, 8, 8) and (blocks, 8)."""


def limits_of(volume: Volume, mask: BoolArray, sigma_voxel: float, like: Limits = ANY) -> Limits:
    """Grey values that the smoothed texture takes, with a wide margin.

    What lies beyond them is no electrolyte but a die or collector that the drift has brought into
    the place of the mask: far brighter than any texture, it would drown it. The median over
    slices of each slice's median and spread, because such things come in slices.

    Parameters
    ----------
    volume, mask, sigma_voxel
        Scan, where its texture is looked at, and how it is smoothed.
    like
        Limits of another scan of the same cell: no narrower than half of them.
    """
    used = mask_slices(mask)
    part = []
    reach = kernels.gaussian_reach(sigma_voxel)
    for y in _places(volume.shape[1]):
        for x in _places(volume.shape[2]):
            near = volume.values[:, y, x]
            z = slice(max(used.start - reach, 0), min(used.stop + reach, near.shape[0]))
            smooth = kernels.gaussian(np.ascontiguousarray(near[z]), sigma_voxel)
            inside = slice(used.start - z.start, used.stop - z.start)
            part.append(
                np.where(mask[used, y, x], smooth[inside], np.nan).reshape(
                    used.stop - used.start, -1
                )
            )
    values = np.concatenate(part, axis=1)
    values = values[np.isfinite(values).any(axis=1)]
    if values.size == 0:
        return ANY
    low, middle, high = np.nanquantile(values, [0.01, 0.5, 0.99], axis=1)
    level, width = float(np.median(middle)), float(np.median(high - low))
    # Layers of grains differ as well, but not as much as most of them scatter.
    width = max(width, float(np.subtract(*np.quantile(middle, [0.75, 0.25]))))
    if math.isfinite(like[0]):
        width = max(width, 0.5 * (like[1] - like[0]) / 3)
    return level - 1.5 * width, level + 1.5 * width


def _places(size: int) -> list[slice]:
    """Evenly spaced pieces of an axis."""
    if size <= SAMPLES * SAMPLE:
        return [slice(0, size)]
    starts = np.linspace(0, size - SAMPLE, SAMPLES).astype(int)
    return [slice(int(i), int(i) + SAMPLE) for i in starts]


def smoothed(volume: Volume, sigma_voxel: float, slices: slice, limits: Limits = ANY) -> Float32:
    """Some slices of the smoothed volume, edges continued, cut to `limits`."""
    nz, ny, nx = volume.shape
    out = np.empty((slices.stop - slices.start, ny, nx), np.float32)

    def part(rows: slice) -> None:
        out[:, rows] = _smoothed_rows(volume, sigma_voxel, slices, rows, limits)

    halo = kernels.gaussian_reach(sigma_voxel)
    for _ in mapped(part, ny, max(SLAB_VOXELS // (nz * nx), 4 * halo)):
        pass
    return out


def _smoothed_rows(
    volume: Volume, sigma_voxel: float, slices: slice, rows: slice, limits: Limits
) -> Float32:
    halo = kernels.gaussian_reach(sigma_voxel)
    z, y = (
        slice(max(part.start - halo, 0), min(part.stop + halo, n))
        for part, n in zip((slices, rows), volume.shape[:2], strict=True)
    )
    box = (
        slice(slices.start - z.start, slices.stop - z.start),
        slice(rows.start - y.start, rows.stop - y.start),
    )
    values = kernels.gaussian(volume.values[z, y], sigma_voxel, box=box)
    return values if limits == ANY else np.clip(values, *limits, out=values)


def halved(volume: Volume, sigma_voxel: float, limits: Limits = ANY) -> Float32:
    """Means over blocks of 2 x 2 x 2 voxels, smoothed and then cut to `limits`."""
    out = halved_values(volume.values)
    dz, dy, dx = volume.spacing_um
    half = Volume(out, (2 * dz, 2 * dy, 2 * dx))
    return smoothed(half, 0.5 * sigma_voxel, slice(0, out.shape[0]), limits)


def binned_pair(before: Float32, after: Float32, mask: BoolArray, factor: int) -> Pair:
    """Both scans as they are at a binned level."""
    used = mask_slices(mask, beside=1)
    return Pair(
        np.ascontiguousarray(before[used]),
        np.ascontiguousarray(mask[used]),
        used.start,
        _coefficients(lambda rows: after[:, rows], after.shape, slice(0, after.shape[0])),
        np.array([0, 0, 0]) - PAD,
        after.shape,
        factor,
    )


def full_pair(
    before: Volume,
    after: Volume,
    mask: BoolArray,
    sigma_voxel: float,
    near: RigidTransform,
    limits: tuple[Limits, Limits] = (ANY, ANY),
) -> Pair:
    """Both scans at full resolution; of the later one, what a nearly known motion leads to."""
    used = mask_slices(mask, beside=1)
    offset, matrix = index_map(near, after)
    ends = kernels.corners((used.stop - used.start, *after.shape[1:]))
    ends[:, 0] += used.start
    z = (ends @ matrix.T + offset)[:, 0]
    nz = after.shape[0]
    low = min(max(math.floor(z.min()) - NEAR, 0), nz - 1)
    high = max(min(math.ceil(z.max()) + NEAR, nz), low + 1)
    seen = slice(max(low - kernels.SPLINE_REACH, 0), min(high + kernels.SPLINE_REACH, nz))
    return Pair(
        smoothed(before, sigma_voxel, used, limits[0]),
        _well_seen(mask[used], used.start, (offset, matrix), nz),
        used.start,
        _coefficients(
            lambda rows: _smoothed_rows(after, sigma_voxel, seen, rows, limits[1]),
            (seen.stop - seen.start, *after.shape[1:]),
            slice(low - seen.start, high - seen.start),
        ),
        np.array([low, 0, 0]) - PAD,
        after.shape,
        1,
    )


def _well_seen(
    mask: BoolArray, first: int, to_after: tuple[FloatArray, FloatArray], slices: int
) -> BoolArray:
    """The mask without what a motion takes to the first or last slices of the later scan.

    Unless too little would be left of it.
    """
    offset, matrix = to_after
    _, ny, nx = mask.shape
    out = np.array(mask, order="C")
    y, x = np.ogrid[:ny, :nx]
    along = offset[0] + matrix[0, 1] * y + matrix[0, 2] * x
    low, high = float(along.min()), float(along.max())
    ends = FACE_SLICES - 0.5, slices - 0.5 - FACE_SLICES
    for k, part in enumerate(out):
        z = matrix[0, 0] * (first + k)
        if z + low < ends[0] or z + high > ends[1]:
            part &= (z + along >= ends[0]) & (z + along <= ends[1])
    enough = np.count_nonzero(out) > 0.5 * np.count_nonzero(mask)
    return out if enough else np.array(mask, order="C")


def _coefficients(
    values: Callable[[slice], Float32], shape: tuple[int, ...], slices: slice
) -> Float32:
    """Spline coefficients of some slices, `PAD` beyond every face, edges continued.

    `values` returns rows (y) of the volume, whose shape is `shape`: it is never held as a whole.
    """
    halo = kernels.SPLINE_REACH
    nz, ny, nx = shape
    kept = slice(slices.start, slices.stop + 2 * PAD)
    out = np.empty((kept.stop - kept.start, ny + 2 * PAD, nx + 2 * PAD), np.float32)

    def part(rows: slice) -> None:
        wanted = np.arange(rows.start - halo, rows.stop + halo) - PAD
        have = slice(max(int(wanted[0]), 0), min(int(wanted[-1]) + 1, ny))
        beyond = (have.start - int(wanted[0]), int(wanted[-1]) + 1 - have.stop)
        padded = np.pad(values(have), ((PAD, PAD), beyond, (PAD, PAD)), mode="edge")
        box = (kept, slice(halo, halo + rows.stop - rows.start))
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
    from imaging import loops_spline

    offset, matrix = index_map
    # Not beyond the coefficients at hand: what lies there is out of view.
    low = pair.corner + PAD
    high = low + np.array(pair.after.shape) - 2 * PAD - 1
    bounds = np.stack([low, high], axis=1).astype(np.float64)
    out = np.empty((slices.stop - slices.start, rows.stop - rows.start, pair.shape[2]), np.float32)
    first = (slices.start, rows.start)
    loops_spline.resample(pair.after, pair.corner, matrix, offset, bounds, first, out)
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

    strip = min(max((ny - 2) // MIN_STRIPS, 1), STRIP)
    parts = list(mapped(part, max(ny - 2, 0), strip)) if nx > 2 else []
    if not parts:
        return _total(*(np.zeros((1, count, *shape)) for shape in ((8, 8), (8,), (2,))))
    normal, force, square = (np.array([p[i] for p in parts]) for i in range(3))
    return _total(normal, force, square)


def _total(normal: FloatArray, force: FloatArray, square: FloatArray) -> Sums:
    """Sums over all strips and slices, every column as deviation from its mean over each slice.

    Grey values that change with depth alone, like the tail of a blurred collector or die, are no
    landmark: lithium that comes and goes moves them.
    """
    slices = force.shape[1]
    starts = np.arange(0, slices, BLOCK_SLICES)
    left, right = (np.broadcast_to(np.eye(8), (slices, 8, 8)).copy() for _ in range(2))
    whole = normal.sum(axis=0)
    count = np.maximum(whole[:, 7, 7], 1.0)
    left[:, :7, 7] = -whole[:, :7, 7] / count[:, None]
    right[:, :7, 7] = -whole[:, 7, :7] / count[:, None]
    normals = np.einsum("kpi,skij,kqj->skpq", left, normal, right, optimize=True)
    forces = np.einsum("kpi,ski->skp", 0.5 * (left + right), force)
    blocks = (
        np.add.reduceat(normals, starts, axis=1).reshape(-1, 8, 8),
        np.add.reduceat(forces, starts, axis=1).reshape(-1, 8),
    )
    whole = whole.sum(axis=0)
    a, b = (float(square[..., i].sum()) for i in range(2))
    sums = np.array([whole[7, 7], whole[6, 7], whole[7, 6], a, b, whole[6, 6]])
    match = correlation(sums) if whole[7, 7] else -np.inf
    total, pull = (part.sum(axis=0) for part in blocks)
    return Sums(total, pull, match, int(whole[7, 7]), blocks)


def correlation(sums: FloatArray) -> float:
    """Correlation from count, sums, sums of squares and of products of two variables."""
    n, a, b, aa, bb, ab = (float(s) for s in sums)
    if n == 0:
        return 0.0
    norm = math.sqrt(max(aa - a * a / n, 0.0) * max(bb - b * b / n, 0.0))
    return (ab - a * b / n) / norm if norm > 0 else 0.0
