"""Equivalent lithium thickness: sums of the LVF along z (Xu et al., Small 2026, section 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.filters import gaussian
from imaging.reductions import column_sums, gap_medians, slice_means
from imaging.slabs import mapped
from imaging.volume import BoolArray, FloatArray, Volume

HISTOGRAM_RANGE_UM = (0.0, 45.0)
HISTOGRAM_BINS = 500
COVERED_SIGMA = 4.0
SMOOTH_VOXEL = 1.5

type Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ThicknessMap:
    """Equivalent thickness in a cylinder, (y, x), NaN outside."""

    values_um: FloatArray
    std_um: FloatArray
    """Standard deviation per pixel from the voxels' noise."""
    slices: slice
    """Slices that were summed."""

    @property
    def inside(self) -> BoolArray:
        """Pixels of the ROI."""
        return np.isfinite(self.values_um)

    def over(self, scale: float) -> ThicknessMap:
        """The same, divided by a scale."""
        return ThicknessMap(self.values_um / scale, self.std_um / scale, self.slices)


def thickness_map(lvf: Volume, roi: BoolArray, slices: slice) -> ThicknessMap:
    """Sum of LVF * dz over `slices` inside `roi`.

    A linear functional of the scans: blur along z, noise and partial volumes do not bias it.
    """
    dz = lvf.spacing_um[0]
    part = lvf.values[slices]
    total = column_sums(part) * dz
    std = dz * float(np.sqrt(np.sum(slice_noise(part, roi) ** 2)))
    return ThicknessMap(np.where(roi, total, np.nan), np.where(roi, std, np.nan), slices)


def slice_noise(values: NDArray[Any], roi: BoolArray) -> FloatArray:
    """Noise of every slice, from differences of pixels two apart (robust; shape (z,)).

    Neighbours at distance two, because the interpolation of the alignment and the reconstruction
    correlate direct ones.
    """
    pairs = roi[:, 2:] & roi[:, :-2]
    if not pairs.any():
        return np.full(values.shape[0], np.nan)
    return np.asarray(1.4826 * gap_medians(values, pairs) / np.sqrt(2))


def histogram(thickness: ThicknessMap) -> tuple[FloatArray, FloatArray]:
    """Bin edges (501,) in um and counts (500,) of the map, 0-45 um as in the paper."""
    counts, edges = np.histogram(
        thickness.values_um[thickness.inside], bins=HISTOGRAM_BINS, range=HISTOGRAM_RANGE_UM
    )
    return edges, counts.astype(np.float64)


def z_profile(lvf: Volume, roi: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Slice positions in um and mean LVF over the ROI, both (z,)."""
    return lvf.coordinates_um(0), slice_means(lvf.values, roi)


def smoothed(values: NDArray[np.floating], inside: BoolArray, sigma: float) -> Float32:
    """Gaussian mean of a map over its valid pixels only, NaN elsewhere."""
    held = np.zeros(inside.shape, np.float32)
    np.copyto(held, values, where=inside, casting="same_kind")
    maps = inside.astype(np.float32), held
    weight, total = mapped(lambda i: gaussian(maps[i.start], sigma), 2, 1)
    out = np.full(inside.shape, np.nan, np.float32)
    return np.divide(total, weight, out=out, where=inside)


def covered(thickness: ThicknessMap) -> BoolArray:
    """Pixels that hold lithium beyond the noise: lightly smoothed thickness above 4 sigma."""
    smooth = smoothed(thickness.values_um, thickness.inside, SMOOTH_VOXEL)
    # White noise shrinks by 2 sqrt(pi) sigma under a 2-D Gaussian.
    noise = thickness.std_um / (2 * np.sqrt(np.pi) * SMOOTH_VOXEL)
    return np.asarray(np.nan_to_num(smooth) > COVERED_SIGMA * np.nan_to_num(noise, nan=np.inf))
