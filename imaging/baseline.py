"""Lithium by the grey value of the later scan alone: what subtraction is to be compared with.

The conventional segmentation of figure 4a.3 in Xu et al. (Small 2026): smooth, then call lithium
what is darker than a threshold. Half-way between the grey values of lithium and electrolyte, both
known, lithium that is not much thicker than the blur is too bright for it; a higher threshold lets
porous electrolyte pass for lithium.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.filters import PAPER_SIGMA_VOXEL, gaussian
from imaging.islands import Island
from imaging.setup import Setup
from imaging.volume import BoolArray, FloatArray, IntArray, Volume, slab

AROUND_VOXEL = 4
"""Pixels by which an island's footprint is widened before its voxels are counted."""
REACH_VOXEL = 4
"""Slices that the smoothing reaches."""
AT_COLLECTOR_VOXEL = 3.0
"""What lies farther inside the electrolyte than this cannot be lithium on the collector."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """Lithium as a threshold on grey values sees it."""

    lithium: Volume
    """1 where lithium is seen, uint8, (z, y, x); 0 outside the ROI."""
    threshold: float
    """Grey value below which a voxel counts as lithium."""
    thickness_um: FloatArray
    """Voxels counted along z, (y, x), NaN outside the ROI."""
    island_volumes_um3: list[float]
    """Voxels counted over each island's widened footprint, in the islands' order."""
    in_electrolyte_um3: float
    """Volume of what lies well inside the electrolyte, where no lithium was plated."""

    def scalars(self) -> dict[str, float]:
        """Return the numbers worth a column in a table."""
        inside = np.isfinite(self.thickness_um)
        pixel = self.lithium.spacing_um[1] * self.lithium.spacing_um[2]
        return {
            "baseline_grey_threshold": self.threshold,
            "baseline_mean_thickness_um": float(self.thickness_um[inside].mean()),
            "baseline_li_volume_um3": float(self.thickness_um[inside].sum()) * pixel,
            "baseline_in_electrolyte_um3": self.in_electrolyte_um3,
            "baseline_island_volume_um3": sum(self.island_volumes_um3, 0.0),
        }


def grey_baseline(
    before: Volume,
    aligned: Volume,
    roi: BoolArray,
    setup: Setup,
    islands: list[Island],
    labels: IntArray,
    threshold: float | None = None,
) -> Baseline:
    """Segment lithium in the later scan by a threshold on its smoothed grey values.

    Parameters
    ----------
    before
        For the mean grey value of the bulk electrolyte.
    aligned
        The later scan, on the grid of the earlier one.
    roi
        Pixels (y, x) to look at.
    setup
        Interface, slices and grey values of the pair.
    islands, labels
        What subtraction has found, to count voxels at the same places.
    threshold
        Grey value below which a voxel counts as lithium; half-way between lithium and electrolyte
        if not given.

    Raises
    ------
    ValueError
        If the threshold is to be found and there is no bulk electrolyte, or it is no brighter than
        lithium.
    """
    place = setup.place
    threshold = threshold if threshold is not None else _half_way(before, roi, setup)
    first = max(place.slices.start - REACH_VOXEL, 0)
    part = aligned.values[first : place.slices.stop + REACH_VOXEL]
    smooth = gaussian(part.astype(np.float32), PAPER_SIGMA_VOXEL)
    height = place.slices.stop - place.slices.start
    start = place.slices.start - first
    lithium = np.zeros(aligned.shape, dtype=np.uint8)
    lithium[place.slices] = (smooth[start : start + height] < threshold) & roi
    dz, dy, dx = aligned.spacing_um
    thickness = np.where(roi, lithium.sum(axis=0, dtype=np.float64) * dz, np.nan)
    deep = place.interface.depth_um(aligned) < -AT_COLLECTOR_VOXEL * dz
    volumes = []
    for island in islands:
        around = ndimage.binary_dilation(labels == island.label, iterations=AROUND_VOXEL)
        volumes.append(float(np.nansum(thickness[around])) * dy * dx)
    return Baseline(
        lithium=aligned.with_values(lithium),
        threshold=threshold,
        thickness_um=thickness,
        island_volumes_um3=volumes,
        in_electrolyte_um3=float(lithium[deep].sum(dtype=np.int64)) * dz * dy * dx,
    )


def _half_way(before: Volume, roi: BoolArray, setup: Setup) -> float:
    """Grey value half-way between lithium and bulk electrolyte."""
    bulk = slab(before, *setup.place.electrolyte_um)
    if bulk.stop <= bulk.start:
        raise ValueError(
            "baseline=true needs bulk electrolyte in view, and none was found; give "
            "baseline_threshold"
        )
    grey_se = float(before.values[bulk][:, roi].mean(dtype=np.float64))
    if not grey_se > setup.grey_li:
        raise ValueError(
            "baseline=true needs bulk electrolyte that is brighter than lithium, found grey values "
            f"{grey_se:.6g} and {setup.grey_li:.6g}; give baseline_threshold"
        )
    return 0.5 * (grey_se + setup.grey_li)
