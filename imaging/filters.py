"""The two filters of the paper's image chain (Xu et al., Small 2026, section 5.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.volume import BoolArray

PAPER_SIGMA_VOXEL = 1.0
PAPER_MEDIAN_VOXEL = 3
PAPER_LI_THRESHOLD = 0.2
"""LVF above which the paper shows a voxel as lithium."""


def gaussian(values: NDArray[Any], sigma_voxel: float = PAPER_SIGMA_VOXEL) -> NDArray[np.float32]:
    """Gaussian of standard deviation `sigma_voxel`, cut at 4 sigma, edges continued.

    Raises
    ------
    ValueError
        If `sigma_voxel` is negative or not finite.
    """
    if not (np.isfinite(sigma_voxel) and sigma_voxel >= 0):
        raise ValueError(f"sigma_voxel must be >= 0; got {sigma_voxel}")
    smooth = ndimage.gaussian_filter(values.astype(np.float32), sigma_voxel, mode="nearest")
    return np.asarray(smooth, dtype=np.float32)


def ball(radius_voxel: int) -> BoolArray:
    """Voxels whose centres lie within `radius_voxel` of the middle one (radius 3: 123 voxels)."""
    if radius_voxel < 0:
        raise ValueError(f"radius_voxel must be >= 0; got {radius_voxel}")
    z, y, x = np.ogrid[(slice(-radius_voxel, radius_voxel + 1),) * 3]
    return np.asarray(z**2 + y**2 + x**2 <= radius_voxel**2)


def ball_median(values: NDArray[Any], radius_voxel: int = PAPER_MEDIAN_VOXEL) -> NDArray[Any]:
    """Median over a ball, edges continued; same shape and dtype as `values`."""
    footprint = ball(radius_voxel)
    return np.asarray(ndimage.median_filter(values, footprint=footprint, mode="nearest"))
