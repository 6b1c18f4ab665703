"""Rigid alignment of two scans on a region that plating leaves alone: bulk solid electrolyte.

Gauss-Newton on the squared difference of the smoothed scans, with gain and offset of the grey
values free. Two points make it accurate where the grains' contrast is below the noise:

* The normal matrix is the product of the gradients of the *two* scans. Noise is independent
  between scans and drops out of it, whereas the usual J^T J takes the noise's own gradients for
  structure and takes far too short steps (errors in variables; the two-scan product is the
  instrumental-variable estimate).
* Smoothing before interpolating, so that interpolation does not itself smooth the noise and make
  half-voxel shifts look better than they are.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from imaging.transform import RigidTransform, angles_deg, index_map
from imaging.volume import BoolArray, FloatArray, Volume, slab

log = logging.getLogger(__name__)

type Float32 = NDArray[np.float32]

MIN_SLICES = 6
LEVELS = ((4, 20), (2, 20), (1, 25))
"""Coarse to fine: voxels binned, most iterations."""
CONVERGED_VOXEL = 2e-3
TEXTURE_SCALE = 8.0
"""Structure wider than about three times this many voxels (cupping, beam hardening, the tail of
the current collector) is no landmark and is taken out before scans are compared."""


class RegistrationError(RuntimeError):
    """The scans cannot be aligned, or show nothing to align on."""

    exit_code = 3


@dataclass(frozen=True)
class _Pair:
    """Both scans at one level of the pyramid, cut to what the mask needs."""

    before: Float32
    after: Float32
    mask: BoolArray
    bin: int


def register(
    before: Volume,
    after: Volume,
    mask_z_um: tuple[float, float] | BoolArray,
    sigma_voxel: float = 1.5,
) -> RigidTransform:
    """Find how the material moved from `before` to `after`.

    Parameters
    ----------
    before, after
        Scans of the same shape and spacing.
    mask_z_um
        Slices to align on, from - to in um: bulk solid electrolyte at least 12 voxels away from
        the current collector; or a mask of the volume's shape.
    sigma_voxel
        Smoothing of both scans.

    Returns
    -------
    RigidTransform
        T with before(x) = after(T(x)); see `imaging.transform` for the sign convention.

    Raises
    ------
    ValueError
        If shapes or spacings differ, or the mask has fewer than 6 slices.
    RegistrationError
        If the aligned scans resemble each other no more than misplaced ones do.
    """
    if before.shape != after.shape:
        raise ValueError(f"before has shape {before.shape}, after {after.shape}: must be equal")
    if not np.allclose(before.spacing_um, after.spacing_um, rtol=1e-3):
        raise ValueError(
            f"before has spacing_um {before.spacing_um}, after {after.spacing_um}: must be equal"
        )
    mask = _mask(before, mask_z_um)
    smooth_before, smooth_after = (
        ndimage.gaussian_filter(v.values.astype(np.float32), sigma_voxel, mode="nearest")
        for v in (before, after)
    )
    matrix, shift = np.eye(3), np.zeros(3)  # in um, about the volume's centre
    for level, (factor, iterations) in enumerate(LEVELS):
        pair = _binned(smooth_before, smooth_after, mask, factor)
        if level == 0:
            shift = _coarse_shift(pair) * factor * np.asarray(before.spacing_um)
        matrix, shift = _gauss_newton(pair, before, matrix, shift, iterations)
        log.debug("registration, bin %d: shift %s um", factor, shift)
    found = RigidTransform(angles_deg(matrix), (float(shift[0]), float(shift[1]), float(shift[2])))
    return _judged(found, pair, before)


def _mask(volume: Volume, mask_z_um: tuple[float, float] | BoolArray) -> BoolArray:
    if isinstance(mask_z_um, np.ndarray):
        if mask_z_um.shape != volume.shape:
            raise ValueError(f"the mask has shape {mask_z_um.shape}, the scans {volume.shape}")
        mask = mask_z_um.astype(bool)
    else:
        mask = np.zeros(volume.shape, dtype=bool)
        mask[slab(volume, *mask_z_um)] = True
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    if slices.size < MIN_SLICES:
        raise ValueError(
            f"the registration mask {mask_z_um if not isinstance(mask_z_um, np.ndarray) else ''} "
            f"has {slices.size} slices; at least {MIN_SLICES} of bulk solid electrolyte are needed"
        )
    return mask


def _binned(before: Float32, after: Float32, mask: BoolArray, factor: int) -> _Pair:
    """Block means; a block is in the mask if all of it is."""
    if factor == 1:
        return _Pair(before, after, mask, 1)

    def blocks(values: NDArray[np.generic]) -> NDArray[np.generic]:
        n = [s // factor for s in values.shape]
        cut = values[: n[0] * factor, : n[1] * factor, : n[2] * factor]
        return cut.reshape(n[0], factor, n[1], factor, n[2], factor)

    def mean(values: Float32) -> Float32:
        return np.asarray(blocks(values).mean(axis=(1, 3, 5)), dtype=np.float32)

    inside = blocks(mask).all(axis=(1, 3, 5))
    return _Pair(mean(before), mean(after), inside, factor)


def _coarse_shift(pair: _Pair) -> FloatArray:
    """Whole-voxel shift (of the binned voxels) at which the masked textures match best."""
    inside = np.nonzero(pair.mask)
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in inside)
    a, b = (_texture(v[box], TEXTURE_SCALE / pair.bin) for v in (pair.before, pair.after))
    size = [fft.next_fast_len(n + n // 2) for n in a.shape]
    product = np.conj(fft.rfftn(a, size)) * fft.rfftn(b, size)
    match = fft.irfftn(product, size)
    # Beyond a quarter of the field the overlap is too small to be trusted.
    for axis, (n, full) in enumerate(zip(a.shape, size, strict=True)):
        lag = np.abs(fft.fftfreq(full, 1 / full))
        match[(slice(None),) * axis + (lag > max(n // 4, 1),)] = -np.inf
    peak = np.unravel_index(int(np.argmax(match)), match.shape)
    return np.array([p if p <= n // 2 else p - n for p, n in zip(peak, size, strict=True)], float)


def _texture(values: Float32, scale: float) -> Float32:
    """What is finer than `scale`, free of layers: every slice has mean zero."""
    fine = values - ndimage.gaussian_filter(values, (0, scale, scale), mode="nearest")
    return np.asarray(fine - fine.mean(axis=(1, 2), keepdims=True), dtype=np.float32)


def _warped(
    pair: _Pair, volume: Volume, matrix: FloatArray, shift: FloatArray
) -> tuple[Float32, BoolArray, slice]:
    """The after scan at T(x), the mask cut to the field of view, and the slices computed."""
    transform = RigidTransform(
        angles_deg(matrix), (float(shift[0]), float(shift[1]), float(shift[2]))
    )
    offset, index_matrix = index_map(transform, volume)
    # Index i of a binned voxel is index factor * i + (factor - 1) / 2 of the volume.
    half = 0.5 * (pair.bin - 1)
    offset = (index_matrix @ np.full(3, half) + offset - half) / pair.bin
    used = np.flatnonzero(pair.mask.any(axis=(1, 2)))
    first, last = int(max(used[0] - 1, 0)), int(min(used[-1] + 2, pair.mask.shape[0]))
    start = offset + index_matrix[:, 0] * first
    shape = (last - first, *pair.mask.shape[1:])
    moved = ndimage.affine_transform(
        pair.after, index_matrix, start, output_shape=shape, order=3, mode="nearest"
    )
    mask = pair.mask[first:last].copy()
    grid = np.ogrid[: shape[0], : shape[1], : shape[2]]
    for axis in range(3):
        where = start[axis] + sum(index_matrix[axis, k] * grid[k] for k in range(3))
        mask &= (where >= 1) & (where <= pair.after.shape[axis] - 2)
    # Central differences are one-sided at the faces.
    mask[:, [0, -1], :] = False
    mask[:, :, [0, -1]] = False
    return moved, mask, slice(first, last)


def _gauss_newton(
    pair: _Pair, volume: Volume, matrix: FloatArray, shift: FloatArray, iterations: int
) -> tuple[FloatArray, FloatArray]:
    spacing = np.asarray(volume.spacing_um) * pair.bin
    half = 0.5 * (pair.bin - 1)
    middle = (0.5 * (np.asarray(volume.shape) - 1) - half) / pair.bin
    reach = 0.5 * np.asarray(volume.shape) * volume.spacing_um
    step, match, origin = np.zeros(6), -np.inf, (matrix, shift)
    for _ in range(iterations):
        moved, mask, used = _warped(pair, volume, matrix, shift)
        still = pair.before[used]
        if pair.bin > 1:
            # Differences of neighbours understate the gradients of structure a few binned voxels
            # wide, and steps overshoot: halve what makes the match worse.
            reached = _correlation(still, moved, mask) if mask.any() else -np.inf
            if step.any() and not reached > match:
                step = 0.5 * step
                matrix, shift = _stepped(*origin, step)
                continue
            match, origin = reached, (matrix, shift)
        if not mask.any():
            raise RegistrationError("the scans do not overlap within the registration mask")
        arms = [
            s * (np.arange(n) + o - m)
            for s, n, o, m in zip(spacing, still.shape, (used.start, 0, 0), middle, strict=True)
        ]
        normal, force = np.zeros((8, 8)), np.zeros(8)
        for k in range(still.shape[0]):
            inside = mask[k]
            if not inside.any():
                continue
            lo, hi = max(k - 1, 0), min(k + 2, still.shape[0])
            a, b = (_columns(v[lo:hi], k - lo, arms, k, spacing, inside) for v in (still, moved))
            difference = (moved[k] - still[k])[inside].astype(np.float64)
            normal += a.T @ b
            force += 0.5 * (a + b).T @ difference
        try:
            step = np.linalg.solve(0.5 * (normal + normal.T), force)[:6]
        except np.linalg.LinAlgError:
            raise RegistrationError(
                "the scans cannot be aligned: no texture in the registration mask"
            ) from None
        matrix, shift = _stepped(matrix, shift, step)
        size = (
            np.abs(step[:3] / spacing).max() + np.abs(step[3:]).max() * reach.max() / spacing.min()
        )
        if size < CONVERGED_VOXEL:
            break
        lost = pair.bin == 1 and np.abs(shift).max() > 2 * reach.max()
        if lost or not np.isfinite(size):
            raise RegistrationError(
                "the scans cannot be aligned: the search diverged (unrelated scans, or no texture "
                "in the solid electrolyte; register=false skips the alignment)"
            )
    return origin if pair.bin > 1 else (matrix, shift)


def _stepped(
    matrix: FloatArray, shift: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Motion after a step: what `moved` still lacks, in the before frame."""
    turn = Rotation.from_rotvec(-step[3:][::-1]).as_matrix()[::-1, ::-1]
    return matrix @ turn, shift - matrix @ step[:3]


def _columns(
    block: Float32,
    middle: int,
    arms: list[FloatArray],
    k: int,
    spacing: FloatArray,
    inside: BoolArray,
) -> FloatArray:
    """Change of one slice per unit shift (z, y, x), rotation (z, y, x), gain and offset."""
    gz = np.gradient(block, spacing[0], axis=0)[middle]
    gy, gx = np.gradient(block[middle], spacing[1], spacing[2])
    y, x = np.broadcast_arrays(arms[1][:, None], arms[2][None, :])
    z, y, x = arms[0][k], y[inside], x[inside]
    gz, gy, gx = gz[inside], gy[inside], gx[inside]
    value = block[middle][inside]
    # omega x r for right-handed turns about z, y, x, written in (z, y, x) components.
    about_z, about_y, about_x = gy * x - gx * y, gx * z - gz * x, gz * y - gy * z
    columns = [gz, gy, gx, about_z, about_y, about_x, value - value.mean(), np.ones_like(value)]
    return np.stack(columns, axis=1).astype(np.float64)


def _judged(found: RigidTransform, pair: _Pair, volume: Volume) -> RigidTransform:
    """Attach residual and correlation; refuse what is no better than chance.

    Chance is measured: the correlation of textures displaced sideways by large parts of the
    field, where nothing can match but what is common to all places.
    """
    moved, mask, used = _warped(pair, volume, found.matrix, np.asarray(found.shift_um))
    still = pair.before[used]
    a, b = _texture(still, TEXTURE_SCALE), _texture(moved, TEXTURE_SCALE)
    correlation = _correlation(a, b, mask)
    _, ny, nx = a.shape
    chance = [
        _correlation(a, np.roll(b, (i * ny // 4, j * nx // 4), axis=(1, 2)), mask)
        for i in range(4)
        for j in range(4)
        if (i, j) != (0, 0)
    ]
    needed = max(0.1, 5 * float(np.abs(chance).mean()))
    if not correlation > needed:
        raise RegistrationError(
            f"the scans cannot be aligned: correlation {correlation:.3f} over the mask, more than "
            f"{needed:.3f} is needed (unrelated scans, or no texture in the solid electrolyte; "
            "register=false skips the alignment)"
        )
    difference = (moved - still)[mask]
    spread = float(still[mask].std())
    residual = float(difference.std()) / spread if spread > 0 else math.inf
    log.info("registered: correlation %.3f, residual %.3f of the spread", correlation, residual)
    return RigidTransform(found.rotation_deg, found.shift_um, residual, correlation)


def _correlation(a: Float32, b: Float32, mask: BoolArray) -> float:
    u, v = a[mask].astype(np.float64), b[mask].astype(np.float64)
    u, v = u - u.mean(), v - v.mean()
    norm = math.sqrt(float(u @ u) * float(v @ v))
    return float(u @ v) / norm if norm > 0 else 0.0
