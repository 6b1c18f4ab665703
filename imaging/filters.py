"""The two filters of the paper's image chain (Xu et al., Small 2026, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging import kernels
from imaging.slabs import Progress, Rows, Step, stream
from imaging.volume import BoolArray

PAPER_SIGMA_VOXEL = 1.0
PAPER_MEDIAN_VOXEL = 3
PAPER_LI_THRESHOLD = 0.2
"""LVF above which the paper shows a voxel as lithium."""


SMALL = 2**22
"""Voxels up to which SciPy is done before the compiled filters are loaded."""


def gaussian(
    values: NDArray[Any],
    sigma_voxel: float = PAPER_SIGMA_VOXEL,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Gaussian of standard deviation `sigma_voxel`, cut at 4 sigma, edges continued.

    Volumes are smoothed slab by slab on all cores, small arrays and those that are not 3-D by
    SciPy; the two agree to the last digits of single precision.

    Parameters
    ----------
    values
        Real numbers.
    sigma_voxel
        Standard deviation in voxels, on every axis.
    progress
        Called with the fraction done.

    Raises
    ------
    ValueError
        If `sigma_voxel` is negative or not finite.
    """
    if not (np.isfinite(sigma_voxel) and sigma_voxel >= 0):
        raise ValueError(f"sigma_voxel must be >= 0; got {sigma_voxel}")
    if sigma_voxel == 0 or values.ndim != 3 or values.size <= SMALL:
        smooth = ndimage.gaussian_filter(values.astype(np.float32), sigma_voxel, mode="nearest")
        _done(progress)
        return np.asarray(smooth, dtype=np.float32)

    def run(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.float32]:
        return kernels.gaussian(parts[0], sigma_voxel, box=rows.box)

    out = np.empty(values.shape, np.float32)
    halo = kernels.gaussian_reach(sigma_voxel)
    stream([Step(run, halo)], [values], out, progress=progress)
    return out


def ball(radius_voxel: int) -> BoolArray:
    """Voxels whose centres lie within `radius_voxel` of the middle one (radius 3: 123 voxels)."""
    if radius_voxel < 0:
        raise ValueError(f"radius_voxel must be >= 0; got {radius_voxel}")
    z, y, x = np.ogrid[(slice(-radius_voxel, radius_voxel + 1),) * 3]
    return np.asarray(z**2 + y**2 + x**2 <= radius_voxel**2)


def ball_median(
    values: NDArray[Any],
    radius_voxel: int = PAPER_MEDIAN_VOXEL,
    step: float | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Median over a ball, edges continued.

    Volumes of 16-bit integers that span at most 4096 levels go a compiled way, thirty times as
    fast as SciPy's, which takes all others. Both are exact.

    Parameters
    ----------
    values
        Real numbers.
    radius_voxel
        Radius of the ball (3: 123 voxels).
    step
        Round a 3-D volume of floats to multiples of this first, so that it takes the fast way:
        1/1024 suits a lithium volume fraction. None: do not round.
    progress
        Called with the fraction done.

    Returns
    -------
    Same shape; same dtype, or float32 if `step` is given.

    Raises
    ------
    ValueError
        If `radius_voxel` is negative, or `step` is not positive, or it is given and `values` are
        not 3-D or reach beyond -2048 to 2047 steps.
    """
    if radius_voxel < 0:
        raise ValueError(f"radius_voxel must be >= 0; got {radius_voxel}")
    if step is None:
        if values.ndim == 3 and values.dtype in (np.int16, np.uint16) and values.size:
            low, high = int(values.min()), int(values.max())
            if high - low <= kernels.HIGHEST - kernels.LOWEST:
                return _fast_median(values, radius_voxel, None, progress)
        median = ndimage.median_filter(values, footprint=ball(radius_voxel), mode="nearest")
        _done(progress)
        return np.asarray(median)
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step must be > 0; got {step}")
    if values.ndim != 3:
        raise ValueError(f"values must be 3-D to be rounded to a step; got shape {values.shape}")
    low, high = np.rint(float(values.min()) / step), np.rint(float(values.max()) / step)
    if not kernels.LOWEST <= low <= high <= kernels.HIGHEST:
        raise ValueError(
            f"values must lie within {kernels.LOWEST} to {kernels.HIGHEST} steps of {step:g}; "
            f"got {values.min():g} to {values.max():g}"
        )
    return _fast_median(values, radius_voxel, step, progress)


def _fast_median(
    values: NDArray[Any], radius_voxel: int, step: float | None, progress: Progress | None
) -> NDArray[Any]:
    def run(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[Any]:
        levels = parts[0] if step is None else kernels.quantised(parts[0], step)
        median = kernels.ball_median_quantised(levels, radius_voxel, box=rows.box)
        return median if step is None else np.multiply(median, np.float32(step))

    out = np.empty(values.shape, values.dtype if step is None else np.float32)
    stream([Step(run, radius_voxel)], [values], out, progress=progress)
    return out


def _done(progress: Progress | None) -> None:
    if progress is not None:
        progress(1.0)
