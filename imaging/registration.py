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
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from imaging.alignment import (
    FACE_SLICES,
    Limits,
    Pair,
    Sums,
    alignment_sums,
    binned_pair,
    full_pair,
    halved,
    limits_of,
    motion,
    smoothed,
)
from imaging.binning import halved_mask, halved_values, kept_slices, mask_slices, slices_used
from imaging.comparison import compared, fine_texture, texture_match
from imaging.slabs import Progress
from imaging.transform import RigidTransform, expected_corner_error_um
from imaging.volume import BoolArray, FloatArray, Triple, Volume, slab

log = logging.getLogger(__name__)

type Float32 = NDArray[np.float32]
type Motion = tuple[FloatArray, FloatArray]
"""Rotation matrix, and shift in um."""

MIN_SLICES = 6
COARSE_ITERATIONS, ITERATIONS = 20, 25
FINE_VOXELS = 2**22
"""Texture that binning blurs away is looked at in this many voxels."""
WORST_VOXEL = 1.0
"""Expected error anywhere in the mask beyond which scans are not aligned."""
JUDGED_VOXELS = 2**23
"""The result is judged by no more voxels than this, in evenly spaced slices."""
CONVERGED_VOXEL = 2e-3
CLOSE_VOXEL = 1e-2
"""Steps this short at full resolution leave less than a fifth of themselves to do."""
WORSE = 1e-3
"""Loss of correlation at full resolution that is more than noise."""
TEXTURE_SCALE = 8.0
"""Structure wider than about three times this many voxels (cupping, beam hardening, the tail of
the current collector) is no landmark and is taken out before scans are compared."""


class RegistrationError(RuntimeError):
    """The scans cannot be aligned, or show nothing to align on."""

    exit_code = 3


def register(
    before: Volume,
    after: Volume,
    mask_z_um: tuple[float, float] | BoolArray,
    sigma_voxel: float = 1.5,
    progress: Progress | None = None,
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
    progress
        Called with the fraction done, about.

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
    tell = progress or (lambda fraction: None)
    own = limits_of(before, mask, sigma_voxel)
    limits = own, limits_of(after, mask, sigma_voxel, own)
    try:
        near = _from_coarse(before, after, mask, sigma_voxel, limits, tell)
        return _refined(before, after, mask, sigma_voxel, limits, near, tell)
    except RegistrationError as error:
        log.info("%s; looking for whole voxels at full resolution", error)
        shift = _fine_shift(before, after, mask, sigma_voxel, limits)
        near = np.eye(3), shift * np.asarray(before.spacing_um)
        return _refined(before, after, mask, sigma_voxel, limits, near, tell)


def _from_coarse(
    before: Volume,
    after: Volume,
    mask: BoolArray,
    sigma_voxel: float,
    limits: tuple[Limits, Limits],
    tell: Progress,
) -> Motion:
    """Rotation and shift from binned scans."""
    coarse = _pyramid(before, after, mask, sigma_voxel, limits)
    matrix, shift = np.eye(3), np.zeros(3)  # in um, about the volume's centre
    for level, (factor, binned) in enumerate(coarse):
        if level == 0:
            shift = _coarse_shift(*binned, factor) * factor * np.asarray(before.spacing_um)
        pair = binned_pair(*binned, factor)
        matrix, shift, _ = _gauss_newton(pair, before, matrix, shift, COARSE_ITERATIONS)
        log.debug("registration, bin %d: shift %s um", factor, shift)
        tell(0.15 * (level + 1))
    return matrix, shift


def _refined(
    before: Volume,
    after: Volume,
    mask: BoolArray,
    sigma_voxel: float,
    limits: tuple[Limits, Limits],
    near: Motion,
    tell: Progress,
) -> RigidTransform:
    pair = full_pair(before, after, mask, sigma_voxel, motion(*near), limits)
    tell(0.5)
    matrix, shift, sums = _gauss_newton(pair, before, *near, ITERATIONS)
    tell(0.9)
    return _judged(motion(matrix, shift), pair, before, _covariance(sums))


def _fine_shift(
    before: Volume,
    after: Volume,
    mask: BoolArray,
    sigma_voxel: float,
    limits: tuple[Limits, Limits],
) -> FloatArray:
    """Whole-voxel shift of texture too fine for binned voxels, seen in the middle of the field."""
    used = mask_slices(mask)
    side = math.sqrt(FINE_VOXELS / (used.stop - used.start))
    y, x = (
        slice(max(int(0.5 * (n - side)), 0), max(math.ceil(0.5 * (n + side)), 1))
        for n in before.shape[1:]
    )
    cut = [
        smoothed(Volume(v.values[:, y, x], v.spacing_um), 0.5 * sigma_voxel, used, limit)
        for v, limit in zip((before, after), limits, strict=True)
    ]
    return _coarse_shift(cut[0], cut[1], mask[used, y, x], 1)


def _mask(volume: Volume, mask_z_um: tuple[float, float] | BoolArray) -> BoolArray:
    if isinstance(mask_z_um, np.ndarray):
        if mask_z_um.shape != volume.shape:
            raise ValueError(f"the mask has shape {mask_z_um.shape}, the scans {volume.shape}")
        mask = mask_z_um.astype(bool)
    else:
        inside = np.zeros((volume.shape[0], 1, 1), dtype=bool)
        inside[slab(volume, *mask_z_um)] = True
        mask = np.broadcast_to(inside, volume.shape)
    slices = slices_used(mask)
    # What lies beyond the volume's ends is missing in smoothed values near them.
    inner = slices[(slices >= FACE_SLICES) & (slices < volume.shape[0] - FACE_SLICES)]
    if MIN_SLICES <= inner.size < slices.size:
        mask = kept_slices(mask, inner)
    if slices.size < MIN_SLICES:
        raise ValueError(
            f"{slices.size} slices of bulk solid electrolyte are in view to align the scans on, at "
            f"least {MIN_SLICES} are needed: give a volume that reaches further into the "
            "electrolyte, a smaller register_margin_voxel, or register=false for aligned scans"
        )
    return mask


def _pyramid(
    before: Volume,
    after: Volume,
    mask: BoolArray,
    sigma_voxel: float,
    limits: tuple[Limits, Limits],
) -> list[tuple[int, tuple[Float32, Float32, BoolArray]]]:
    """Both scans and the mask binned by 4 and by 2, unless that leaves nothing of the mask."""
    first, second = limits
    half = (
        halved(before, sigma_voxel, first),
        halved(after, sigma_voxel, second),
        halved_mask(mask),
    )
    quarter = halved_values(half[0]), halved_values(half[1]), halved_mask(half[2])
    return [(n, level) for n, level in ((4, quarter), (2, half)) if level[2].any()]


def _coarse_shift(before: Float32, after: Float32, mask: BoolArray, factor: int) -> FloatArray:
    """Whole-voxel shift (of the binned voxels) at which the masked textures match best."""
    plane = mask.any(axis=0)
    used = (slices_used(mask), *(np.flatnonzero(plane.any(axis=1 - axis)) for axis in (0, 1)))
    box = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in used)
    a, b = (_texture(v[box], TEXTURE_SCALE / factor) for v in (before, after))
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


def _gauss_newton(
    pair: Pair, volume: Volume, matrix: FloatArray, shift: FloatArray, iterations: int
) -> tuple[FloatArray, FloatArray, Sums]:
    """Best motion from a first guess on, and the sums of the last step."""
    spacing = np.asarray(volume.spacing_um) * pair.bin
    reach = 0.5 * np.asarray(volume.shape) * volume.spacing_um
    step, size, match, origin = np.zeros(6), np.inf, -np.inf, (matrix, shift)
    for _ in range(iterations):
        sums = alignment_sums(pair, volume, matrix, shift)
        # Differences of neighbours understate the gradients of structure a few binned voxels wide,
        # and steps overshoot: halve what makes the match worse. At full resolution the end of the
        # search is where the steps vanish, not where the noise matches best.
        worse = sums.correlation - match < (0.0 if pair.bin > 1 else -WORSE)
        if step.any() and worse:
            step, size = 0.5 * step, 0.5 * size
            if size < CONVERGED_VOXEL:
                return (*origin, sums)
            matrix, shift = _stepped(*origin, step)
            continue
        match, origin = sums.correlation, (matrix, shift)
        if not sums.voxels:
            raise RegistrationError("the scans do not overlap within the registration mask")
        try:
            step = np.linalg.solve(0.5 * (sums.normal + sums.normal.T), sums.force)[:6]
        except np.linalg.LinAlgError:
            raise RegistrationError(
                "the scans cannot be aligned: no texture in the registration mask"
            ) from None
        matrix, shift = _stepped(matrix, shift, step)
        size = float(
            np.abs(step[:3] / spacing).max() + np.abs(step[3:]).max() * reach.max() / spacing.min()
        )
        log.debug("registration, bin %d: step of %.4f voxel", pair.bin, size)
        if size < (CONVERGED_VOXEL if pair.bin > 1 else CLOSE_VOXEL):
            break
        lost = pair.bin == 1 and np.abs(shift).max() > 2 * reach.max()
        if lost or not np.isfinite(size):
            raise RegistrationError(
                "the scans cannot be aligned: the search diverged (unrelated scans, or no texture "
                "in the solid electrolyte; register=false skips the alignment)"
            )
    return (*(origin if pair.bin > 1 else (matrix, shift)), sums)


def _covariance(sums: Sums) -> FloatArray:
    """Of shift and turn, from how differently the parts of the mask pull at the solution.

    Holds whatever noise there is, also such that neighbouring voxels share.
    """
    inverse = np.linalg.pinv(0.5 * (sums.normal + sums.normal.T))
    normals, forces = sums.blocks
    # As in the solution: otherwise a drift of the grey scale, which is large, would pass for pull.
    normals = 0.5 * (normals + normals.transpose(0, 2, 1))
    left = forces - normals @ (inverse @ sums.force)
    count = max(int(np.count_nonzero(normals[:, 7, 7])), 9)
    spread = inverse @ (left.T @ left) @ inverse.T * count / (count - 8)
    return np.asarray(spread[:6, :6])


def _stepped(
    matrix: FloatArray, shift: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Motion after a step: what `moved` still lacks, in the before frame."""
    turn = Rotation.from_rotvec(-step[3:][::-1]).as_matrix()[::-1, ::-1]
    return matrix @ turn, shift - matrix @ step[:3]


def _judged(
    found: RigidTransform, pair: Pair, volume: Volume, covariance: FloatArray
) -> RigidTransform:
    """Attach residual, correlation and covariance; refuse what is no better than chance.

    Chance is measured: the correlation of textures displaced sideways by large parts of the
    field, where nothing can match but what is common to all places. Large masks are judged by
    some of their slices.
    """
    found = replace(found, covariance=covariance)
    spacing = np.asarray(volume.spacing_um)
    low = np.array([pair.first, 0, 0]) * spacing + volume.origin_um
    high = low + (np.array(pair.before.shape) - 1) * spacing
    expected = expected_corner_error_um(found, _triple(low), _triple(high), volume.centre_um)
    worst = float(np.linalg.norm(expected / spacing))
    part = compared(pair, volume, found, JUDGED_VOXELS)
    a, b = (fine_texture(v, TEXTURE_SCALE) for v in (part.still, part.moved))
    correlation = texture_match(a, b, part.mask, (0, 0))
    _, ny, nx = a.shape
    chance = [
        texture_match(a, b, part.mask, (i * ny // 4, j * nx // 4))
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
    if not worst < WORST_VOXEL:
        raise RegistrationError(
            f"the scans cannot be aligned: expected error {worst:.1f} voxels (texture of the solid "
            "electrolyte too weak or too fine, or unrelated scans; register=false skips the "
            "alignment)"
        )
    residual = part.residual
    log.info("registered: correlation %.3f, residual %.3f of the spread", correlation, residual)
    return replace(found, residual=residual, correlation=correlation)


def _triple(values: FloatArray) -> Triple:
    z, y, x = (float(v) for v in values)
    return z, y, x
