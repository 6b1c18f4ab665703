"""Fast, exact filters of volumes, on one core each; `imaging.slabs` runs them on all.

They work on arrays in memory, usually a slab with its halo: `box` names the (z, y) slices to
compute, while all of the array is looked at. Beyond the array its edge is continued.

Compiled on first use, within seconds, and kept on disk from then on.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVELS = 1024
"""Levels per unit of lithium volume fraction: steps far below the noise."""
LOWEST, HIGHEST = -2048, 2047
"""Levels of 12 bits: LVF from -2 to just below 2."""
TRUNCATE = 4.0
SPLINE_REACH = 12
"""Voxels after which the cubic spline's memory of a value has fallen to 1e-7."""

type Float32 = NDArray[np.float32]
type Weights = tuple[Float32, Float32, Float32]
type Box = tuple[slice, slice]
EVERYTHING: Box = (slice(None), slice(None))


def gaussian(
    values: NDArray[Any],
    sigma_voxel: float,
    *,
    axes: tuple[int, ...] = (0, 1, 2),
    box: Box = EVERYTHING,
) -> Float32:
    """Gaussian along some axes, cut at 4 sigma, edges continued, in single precision.

    Parameters
    ----------
    values
        Volume (z, y, x) of real numbers.
    sigma_voxel
        Standard deviation in voxels.
    axes
        Axes to smooth along.
    box
        Slices (z, y) to compute.

    Raises
    ------
    ValueError
        If `values` is not a 3-D array of real numbers or `sigma_voxel` is not positive.
    """
    weights = _gaussian_weights(sigma_voxel, axes)
    return _separable(_single(values), weights, box)


def gaussian_reach(sigma_voxel: float) -> int:
    """Radius in voxels at which the Gaussian is cut: the halo it needs."""
    if not (math.isfinite(sigma_voxel) and sigma_voxel > 0):
        raise ValueError(f"sigma_voxel must be > 0; got {sigma_voxel}")
    return int(TRUNCATE * sigma_voxel + 0.5)


def difference(
    before: NDArray[Any],
    after: NDArray[Any],
    contrast: ArrayLike,
    sigma_voxel: float | None = None,
    *,
    box: Box = EVERYTHING,
) -> Float32:
    """(before - after) / contrast in single precision, both smoothed first if asked.

    Parameters
    ----------
    before, after
        Grey values (z, y, x).
    contrast
        Grey value: one number, or a map (y, x) of the arrays' rows.
    sigma_voxel
        Gaussian smoothing in voxels; None: none.
    box
        Slices (z, y) to compute.

    Raises
    ------
    ValueError
        If shapes do not fit, an array is not 3-D or not of real numbers, `contrast` is zero
        somewhere, or `sigma_voxel` is not positive.
    """
    divisor = _checked_contrast(before, after, contrast)[:, box[1]]
    if sigma_voxel is None:
        result = _subtracted(before[box], after[box])
    else:
        # The filter is linear: one pass over the difference instead of one over each scan.
        change = _subtracted(before, after)
        result = _separable(change, _gaussian_weights(sigma_voxel), box)
    result /= divisor
    return result


def difference_levels(
    before: NDArray[Any],
    after: NDArray[Any],
    contrast: ArrayLike,
    sigma_voxel: float | None = None,
    *,
    low: int = LOWEST,
    high: int = HIGHEST,
    box: Box = EVERYTHING,
) -> NDArray[np.int16]:
    """`difference` in levels of 1/1024, rounded to the nearest and clipped to low..high.

    Raises
    ------
    ValueError
        As `difference`; also if `low` to `high` is empty or spans more than 12 bits.
    """
    _check_levels(low, high)
    divisor = _checked_contrast(before, after, contrast)
    change = _subtracted(before, after)
    weights = _unit_weights() if sigma_voxel is None else _gaussian_weights(sigma_voxel)
    factor = np.broadcast_to(np.float32(LEVELS) / divisor[0], change.shape[1:])
    first, shape = _window(change, box)
    rows = np.ascontiguousarray(factor[first[1] : first[1] + shape[1]], dtype=np.float32)
    out = np.empty(shape, np.int16)
    from imaging import loops

    low32, high32 = np.float32(low), np.float32(high)
    loops.separable_levels(change, weights, first, rows, low32, high32, out)
    return out


def ball_median_quantised(
    values: NDArray[Any], radius_voxel: int, *, box: Box = EVERYTHING
) -> NDArray[Any]:
    """The median over a ball, exactly, of a volume of at most 4096 levels; edges continued.

    Parameters
    ----------
    values
        Volume (z, y, x) of 16-bit integers, its highest less than 4096 above its lowest.
    radius_voxel
        Radius of the ball in voxels (3: 123 voxels).
    box
        Slices (z, y) to compute.

    Returns
    -------
    Volume of the same dtype.

    Raises
    ------
    ValueError
        If `values` is not a 3-D array of int16 or uint16, or spans more than 12 bits; if
        `radius_voxel` is negative.
    """
    if values.ndim != 3 or values.dtype.kind not in "iu" or values.dtype.itemsize != 2:
        raise ValueError(
            f"values must be 3-D, int16 or uint16; got {values.ndim}-D, {values.dtype}"
        )
    if radius_voxel < 0:
        raise ValueError(f"radius_voxel must be >= 0; got {radius_voxel}")
    first, shape = _window(values, box)
    if values.size == 0:
        return np.empty(shape, values.dtype)
    lowest, highest = int(values.min()), int(values.max())
    if highest - lowest > HIGHEST - LOWEST:
        raise ValueError(f"values must span at most 4096 levels; got {lowest} to {highest}")
    bits = (highest - lowest).bit_length()
    padded = np.pad(values, radius_voxel, mode="edge")
    padded -= padded.dtype.type(lowest)
    levels = np.require(padded, np.int16, "C")
    out = np.empty(shape, np.int16)
    from imaging import loops_median

    chords = _ball_chords(radius_voxel)
    loops_median.bisected_median(levels, first, chords, bits, out)
    result = out.astype(values.dtype.newbyteorder("="), copy=False)
    result += result.dtype.type(lowest)
    return result


def spline_resampled(
    values: NDArray[Any],
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: tuple[int, int, int],
    rows: slice,
    start: int = 0,
) -> Float32:
    """Cubic B-spline interpolation at matrix @ index + offset, edges continued.

    Parameters
    ----------
    values
        Rows `start` to `start + values.shape[1]` of a volume (z, y, x): those that the rows
        asked for map to, and `SPLINE_REACH` + 3 more on both sides unless the volume ends there.
    matrix, offset
        Map of voxel indices of the whole volume.
    shape
        Shape of the whole volume.
    rows
        Rows to compute.
    start
        First of the rows given.

    Raises
    ------
    ValueError
        If `values` is not a 3-D array of real numbers, or its z and x sizes are not the volume's.
    """
    if values.ndim != 3 or (values.shape[0], values.shape[2]) != (shape[0], shape[2]):
        raise ValueError(f"values must be rows of a volume of {shape}; got {values.shape}")
    _check_real(values, "values")
    bounds = np.array([[0.0, n - 1.0] for n in shape])
    # Beyond the edge the spline still swings: follow it as far as the map leads, at most until
    # it has come to rest.
    where = corners(shape) @ matrix.T + offset
    outside = max(float(np.max(bounds[:, 0] - where)), float(np.max(where - bounds[:, 1])), 0.0)
    beyond = min(math.ceil(outside), SPLINE_REACH)
    bounds += np.array([-beyond, beyond])
    margin = beyond + 3
    padded = np.pad(values, margin, mode="edge")
    out = np.empty((shape[0], rows.stop - rows.start, shape[2]), np.float32)
    # Of the rows given, the outer ones are there for the coefficients of the others.
    block = corners(out.shape) + np.array([0, rows.start, 0])
    y = np.clip((block @ matrix.T + offset)[:, 1], *bounds[1]) - (start - margin)
    first, stop = max(math.floor(y.min()) - 1, 0), min(math.floor(y.max()) + 3, padded.shape[1])
    coefficients = spline_coefficients(padded, box=(slice(None), slice(first, stop)))
    corner = np.array([-margin, start - margin + first, -margin])
    from imaging import loops_spline

    loops_spline.resample(coefficients, corner, matrix, offset, bounds, (0, rows.start), out)
    return out


def spline_coefficients(values: NDArray[Any], *, box: Box = EVERYTHING) -> Float32:
    """Cubic B-spline coefficients of a volume (z, y, x), edges continued."""
    values = _single(values)
    (z0, y0), (slices, rows, nx) = _window(values, box)
    nz, ny, _ = values.shape
    if 0 in (slices, rows, nx):
        return np.empty((slices, rows, nx), np.float32)
    out, beyond = (np.empty((nz, n, nx), np.float32) for n in (rows, ny - y0 - rows))
    column, state = np.empty((2, nz, nx), np.float32)
    from imaging import loops_spline

    loops_spline.coefficients(values, y0, column, state, out, beyond)
    return np.ascontiguousarray(out[z0 : z0 + slices])


def corners(shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Indices of a volume's eight corner voxels, shape (8, 3)."""
    return np.array(list(product(*((0, n - 1) for n in shape))))


def _separable(values: Float32, weights: Weights, box: Box) -> Float32:
    first, shape = _window(values, box)
    out = np.empty(shape, np.float32)
    from imaging import loops

    loops.separable(values, weights, first, out)
    return out


def _window(values: NDArray[Any], box: Box) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """First voxel (z, y) and shape of what is asked for."""
    nz, ny, nx = values.shape
    (z0, z1, _), (y0, y1, _) = box[0].indices(nz), box[1].indices(ny)
    return (z0, y0), (max(z1 - z0, 0), max(y1 - y0, 0), nx)


def _subtracted(before: NDArray[Any], after: NDArray[Any]) -> Float32:
    """In single precision without copies of either."""
    result: Float32 = np.subtract(before, after, dtype=np.float32, order="C")
    return result


def _unit_weights() -> Weights:
    one = np.ones(1, np.float32)
    return one, one, one


def _gaussian_weights(sigma_voxel: float, axes: tuple[int, ...] = (0, 1, 2)) -> Weights:
    k = np.arange(gaussian_reach(sigma_voxel) + 1)
    density = np.exp(-0.5 * (k / sigma_voxel) ** 2)
    half = (density / (2 * density.sum() - density[0])).astype(np.float32)
    one = np.ones(1, np.float32)
    z, y, x = (half if axis in axes else one for axis in range(3))
    return z, y, x


def _ball_chords(radius_voxel: int) -> NDArray[np.int64]:
    chords = []
    for z in range(-radius_voxel, radius_voxel + 1):
        for y in range(-radius_voxel, radius_voxel + 1):
            rest = radius_voxel**2 - z**2 - y**2
            if rest >= 0:
                reach = math.isqrt(rest)
                chords.append(
                    (z + radius_voxel, y + radius_voxel, radius_voxel - reach, 2 * reach + 1)
                )
    return np.array(chords, np.int64)


def _single(values: NDArray[Any]) -> Float32:
    if values.ndim != 3:
        raise ValueError(f"values must be 3-D (z, y, x); got shape {values.shape}")
    _check_real(values, "values")
    # One layout and one byte order: nothing is compiled twice.
    return np.require(values, np.float32, ["C", "W"])


def _check_real(values: NDArray[Any], name: str) -> None:
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers; got dtype {values.dtype}")


def _check_levels(low: int, high: int) -> None:
    if not (LOWEST <= low < high <= HIGHEST):
        raise ValueError(f"low and high must rise within {LOWEST}..{HIGHEST}; got {low}, {high}")


def _checked_contrast(
    before: NDArray[Any], after: NDArray[Any], contrast: ArrayLike
) -> NDArray[np.float32]:
    """The divisor of every row given, with an axis for z."""
    for values, name in ((before, "before"), (after, "after")):
        if values.ndim != 3:
            raise ValueError(f"{name} must be 3-D (z, y, x); got shape {values.shape}")
        _check_real(values, name)
    if before.shape != after.shape:
        raise ValueError(f"before has shape {before.shape}, after {after.shape}: must be equal")
    divisor = np.asarray(contrast, dtype=np.float32)
    if divisor.shape not in ((), before.shape[1:]):
        raise ValueError(
            f"contrast must be a number or a map of shape {before.shape[1:]}; got {divisor.shape}"
        )
    if not (np.isfinite(divisor) & (divisor != 0)).all():
        raise ValueError("contrast must be finite and not zero")
    return np.broadcast_to(divisor, before.shape[1:])[None]
