"""Filters of the paper's image chain (Xu et al., Small 2026, section 5.3)."""

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
SMALL_MAP = 2**20
"""Pixels of a map, which comes with a volume: most often they are loaded by then."""


def gaussian(
    values: NDArray[Any],
    sigma_voxel: float = PAPER_SIGMA_VOXEL,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Gaussian of standard deviation `sigma_voxel`, cut at 4 sigma, edges continued.

    Volumes are smoothed slab by slab on all cores, small arrays by SciPy; the two agree to the
    last digits of single precision.

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
    if sigma_voxel > 0 and values.ndim == 2 and values.size > SMALL_MAP:
        found = kernels.gaussian(values[None], sigma_voxel, axes=(1, 2))[0]
        _done(progress)
        return np.asarray(found, dtype=np.float32)
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
    z, y, x = np.ogrid[(slice(-radius_voxel, radius_voxel + 1),) * 3]
    return np.asarray(z**2 + y**2 + x**2 <= radius_voxel**2)


def _done(progress: Progress | None) -> None:
    if progress is not None:
        progress(1.0)
