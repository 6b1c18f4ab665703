"""The electrolyte's grains: a smooth random field whose sign tells dense from porous.

Two sources give the same field: one holds it as a whole, the other draws it slice by slice, again
for every scan, and holds a few dozen slices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.phantom_options import PhantomOptions
from imaging.phantom_scene import MU_PER_CM, STRIP, Float32
from imaging.transform import RigidTransform, index_map
from imaging.volume import FloatArray, Volume

PAD = 8
"""Voxels by which the field is larger than the volume at each side, for material that moves in."""
BLOCK = 8
"""Slices that are interpolated at a time."""
SPLINE_REACH = 12
"""Voxels after which the inverse of the cubic B-spline (0.268 per voxel) is cut."""

type Grains = Callable[[RigidTransform], Iterator[Float32]]
"""The electrolyte's attenuation after a motion, slice by slice, each (y, x)."""


def whole_grains(options: PhantomOptions, rng: np.random.Generator) -> Grains:
    """Grains from a field in memory."""
    noise = rng.standard_normal(_padded(options), dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, _length_voxel(options))
    field = np.asarray(smooth / smooth.std(), dtype=np.float32)

    def slices(motion: RigidTransform) -> Iterator[Float32]:
        back, offset = _inverse(options, motion)
        if _at_rest(motion):
            moved = field[PAD:-PAD, PAD:-PAD, PAD:-PAD]
        else:
            moved = ndimage.affine_transform(
                field, back, offset + PAD, output_shape=options.grid, order=3, mode="nearest"
            )
        for part in moved:
            yield _attenuation(part, options)

    return slices


def streamed_grains(options: PhantomOptions, rng: np.random.Generator) -> Grains:
    """The same grains, drawn anew whenever they are asked for.

    Leaves `rng` where `whole_grains` leaves it. Agrees with it up to rounding: one grey value in
    some voxels.
    """
    start = rng.bit_generator.state
    shape = _padded(options)
    weights = gaussian_weights(_length_voxel(options))
    total = square = 0.0
    for part in _smooth(_drawn(rng, shape), shape[0], weights):
        total += float(part.sum(dtype=np.float64))
        square += float((part.astype(np.float64) ** 2).sum())
    count = math.prod(shape)
    scatter = np.float32(math.sqrt(square / count - (total / count) ** 2))

    def slices(motion: RigidTransform) -> Iterator[Float32]:
        bits = type(rng.bit_generator)()
        bits.state = start
        noise = _drawn(np.random.Generator(bits), shape)
        if _at_rest(motion):
            field = _smooth(noise, shape[0], weights)
            for k, part in enumerate(field):
                if PAD <= k < shape[0] - PAD:
                    yield _attenuation(part[PAD:-PAD, PAD:-PAD] / scatter, options)
            return
        # Smoothing and the prefilter of the cubic spline in one.
        coefficients = _smooth(noise, shape[0], np.convolve(weights, _spline_weights()))
        for part in _interpolated(coefficients, options, motion):
            yield _attenuation(part / scatter, options)

    return slices


def gaussian_weights(sigma: float) -> FloatArray:
    """Weights of a Gaussian cut at 4 sigma, as `scipy.ndimage` has them; odd number, sum 1."""
    if sigma == 0:
        return np.ones(1)
    reach = int(4.0 * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    return np.asarray(weights / weights.sum())


def filtered_along_z(
    slices: Iterable[Float32], count: int, weights: FloatArray, mode: str
) -> Iterator[Float32]:
    """Correlate a stack of `count` slices with symmetric weights along z, holding a few of them.

    Parameters
    ----------
    slices
        Slices (y, x), in order.
    count
        Their number.
    weights
        Symmetric, odd number.
    mode
        Continuation beyond the first and last slice: `nearest` or `reflect`.
    """
    reach = weights.size // 2
    source, held, seen = iter(slices), {}, 0
    for k in range(count):
        while seen <= min(k + reach, count - 1):
            held[seen] = next(source)
            seen += 1
        around = [held[_continued(k + i, count, mode)] for i in range(-reach, reach + 1)]
        result = np.empty_like(around[0])
        for start in range(0, result.shape[0], STRIP):
            rows = slice(start, start + STRIP)
            # In the order of scipy.ndimage.correlate1d, so that the bits are the same.
            line = around[reach][rows].astype(np.float64) * weights[reach]
            pair = np.empty_like(line)
            for i in range(reach):
                np.add(around[i][rows], around[-1 - i][rows], out=pair, dtype=np.float64)
                pair *= weights[i]
                line += pair
            result[rows] = line
        yield result
        if count > 2 * reach:
            held.pop(k - reach, None)


def filtered_in_plane(part: Float32, weights: FloatArray, mode: str) -> Float32:
    """Correlate one slice along y, then x."""
    for axis in (0, 1):
        part = ndimage.correlate1d(part, weights, axis=axis, mode=mode)
    return part


# ------------------------------------------------------------------------------------- pieces


def _padded(options: PhantomOptions) -> list[int]:
    return [n + 2 * PAD for n in options.grid]


def _length_voxel(options: PhantomOptions) -> float:
    # A field of correlation length s changes sign about every pi * s.
    return options.grain_um / math.pi / options.voxel_um


def _attenuation(field: Float32, options: PhantomOptions) -> Float32:
    # The field falls by 1 / length per voxel where it crosses zero: a boundary one voxel wide.
    # Only the smooth field is interpolated, the sharp grain boundaries are drawn afterwards.
    dense = np.clip(0.5 + field * _length_voxel(options), 0, 1)
    mu = MU_PER_CM["se_porous"] + dense * (MU_PER_CM["se_dense"] - MU_PER_CM["se_porous"])
    return np.asarray(mu, dtype=np.float32)


def _drawn(rng: np.random.Generator, shape: list[int]) -> Iterator[Float32]:
    for _ in range(shape[0]):
        yield rng.standard_normal(shape[1:], dtype=np.float32)


def _smooth(noise: Iterator[Float32], count: int, weights: FloatArray) -> Iterator[Float32]:
    for part in filtered_along_z(noise, count, weights, "reflect"):
        yield filtered_in_plane(part, weights, "reflect")


def _spline_weights() -> FloatArray:
    """Inverse of sampling cubic B-splines (Unser, https://doi.org/10.1109/79.799930)."""
    pole = math.sqrt(3) - 2
    weights = pole ** np.abs(np.arange(-SPLINE_REACH, SPLINE_REACH + 1))
    return np.asarray(weights / weights.sum())


def _at_rest(motion: RigidTransform) -> bool:
    return not any(motion.shift_um) and not any(motion.rotation_deg)


def _inverse(
    options: PhantomOptions, motion: RigidTransform
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix and offset from voxel indices to where the material came from."""
    # A view of one number: the grid matters, not what is in it.
    values = np.broadcast_to(np.uint8(0), options.grid)
    offset, matrix = index_map(motion, Volume(values, (options.voxel_um,) * 3))
    back = np.linalg.inv(matrix)
    return back, back @ (-offset)


def _interpolated(
    coefficients: Iterator[Float32], options: PhantomOptions, motion: RigidTransform
) -> Iterator[Float32]:
    """Cubic spline at the places that the material came from, block by block."""
    back, offset = _inverse(options, motion)
    offset = offset + PAD
    nz, ny, nx = options.grid
    last = nz + 2 * PAD - 1
    held: list[Float32] = []
    first = 0  # index of held[0]
    for start in range(0, nz, BLOCK):
        stop = min(start + BLOCK, nz)
        ends = product((start, stop - 1), (0, ny - 1), (0, nx - 1))
        z = [float(back[0] @ np.array(end) + offset[0]) for end in ends]
        low = min(max(math.floor(min(z)) - 2, 0), last)
        high = min(max(math.ceil(max(z)) + 2, 0), last)
        if low < first:  # dropped already: cannot happen, z rises with the slices
            raise AssertionError("slices asked for out of order")
        while first + len(held) <= high:
            held.append(next(coefficients))
        del held[: low - first]
        first = low
        shift = offset - np.array([first, 0, 0]) + back @ np.array([start, 0, 0])
        block = ndimage.affine_transform(
            np.stack(held[: high - low + 1]), back, shift, output_shape=(stop - start, ny, nx),
            order=3, mode="nearest", prefilter=False,
        )  # fmt: skip
        yield from block


def _continued(index: int, count: int, mode: str) -> int:
    """Index of the slice that stands for one beyond the ends."""
    if mode == "nearest":
        return min(max(index, 0), count - 1)
    index %= 2 * count
    return index if index < count else 2 * count - 1 - index
