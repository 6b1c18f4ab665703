"""Rows of a series: one scan in numbers, and what plating and stripping come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from imaging.electrochemistry import (
    Cycle,
    Thickness,
    efficiency_of_cycle,
    faraday_thickness_um,
    half_cycles,
    void_bound_um,
)
from imaging.options import Drift, ImageOptions
from imaging.result import ImageResult
from imaging.volume import FloatArray

CENTRE, EDGE = 0.5, 0.8
"""Radii of centre (within) and edge (beyond), as fractions of the radius of the ROI's area."""
SIGNIFICANT = 3.0
"""Standard deviations at which a thickness is told from zero."""
ALIGNMENT_VOXEL = 0.05
"""Standard deviation of the alignment along z where no null scan tells; 0.1 voxel, of 1.625 um,
fakes 0.14 um of lithium."""
SEEN_UM = 0.1
"""Without a charge, smaller rises and falls of the thickness are no plating or stripping."""


class Role(Enum):
    """What a scan is there for."""

    pristine = "pristine"
    """The reference; its thickness is zero by definition."""
    null = "null"
    """Pristine too: what is found in it is what can not be told from nothing."""
    cycled = "cycled"


@dataclass(frozen=True)
class SeriesRow:
    """One scan; thicknesses are equivalent lithium thicknesses over the ROI."""

    scan: int
    """Number of the scan, 0 for the pristine one."""
    role: Role
    time_h: float
    charge_mah_cm2: float | None
    """Charge per area plated until then; None where it is not known."""
    faraday_thickness_um: float | None
    """Thickness of dense lithium that the charge deposits."""
    faraday_volume_um3: float | None
    """The same times the electrode's area, the ROI's if none is given."""
    mean_thickness_um: float
    mean_error_um: float
    """Standard deviation of the mean: pixel noise (taken for white), what a drift of the grey scale
    adds that is not corrected, and what the null scan shows, or else a usual misalignment."""
    std_thickness_um: float
    """Scatter over the ROI's pixels, lithium's own and noise."""
    background_um: float
    """Thickness beside the islands: what misalignment leaves, or a layer."""
    coverage_fraction: float
    edge_centre_ratio: float | None
    """Mean thickness of the edge over that of the centre; None where the centre shows none."""
    island_count: int
    island_volume_um3: float
    li_volume_um3: float
    roi_area_um2: float
    registration_residual: float | None
    electrolyte_grey_change: float | None
    """Change of the bulk electrolyte's grey value, as fraction of the contrast."""
    grey_gain: float | None
    grey_fake_thickness_um: float | None
    """Thickness that the drift of the grey scale adds unless it is corrected."""
    crack_count: int | None
    """Cracks in the electrolyte; None where they were not looked for."""
    crack_volume_um3: float | None
    crack_volume_std_um3: float | None
    """Standard deviation of the volume from the voxels' noise."""

    @property
    def name(self) -> str:
        """Time and charge of the scan, as written into pictures."""
        time = f"{self.time_h:.3g} h"
        charge = self.charge_mah_cm2
        return time if charge is None else f"{time}, {charge:.3g} mAh/cm²"


@dataclass(frozen=True)
class NullTest:
    """What a second pristine scan shows, though there is no lithium."""

    mean_um: float
    std_um: float
    """Scatter over the ROI's pixels."""
    mean_error_um: float
    """Standard deviation of the mean that the pair itself states, alignment included."""

    @property
    def sigma_um(self) -> float:
        """Standard deviation of a mean thickness of zero, as far as one scan tells.

        Never below what the pair states: one scan that happens to be well aligned shows too little.
        """
        return max(abs(self.mean_um), self.mean_error_um)

    @property
    def limit_um(self) -> float:
        """Mean thickness below which lithium cannot be told from none."""
        return SIGNIFICANT * self.sigma_um

    def scalars(self) -> dict[str, float]:
        """Return the numbers worth a column in a table."""
        return {
            "null_mean_um": self.mean_um,
            "null_std_um": self.std_um,
            "detection_limit_um": self.limit_um,
        }


@dataclass(frozen=True)
class Balance:
    """How charge becomes lithium."""

    density_g_cm3: float
    area_um2: float | None

    def of(
        self, charge: float | None, roi_area_um2: float
    ) -> tuple[float, float] | tuple[None, None]:
        """Thickness and volume that a charge per area plates."""
        if charge is None:
            return None, None
        thickness = faraday_thickness_um(charge, self.density_g_cm3)
        return thickness, thickness * (self.area_um2 or roi_area_um2)


def pristine_row(
    time_h: float, charge: float | None, balance: Balance, first: ImageResult
) -> SeriesRow:
    """Row of the reference: zero by definition."""
    area = first.scalars["roi_area_um2"]
    thickness, volume = balance.of(charge, area)
    return SeriesRow(
        scan=0,
        role=Role.pristine,
        time_h=time_h,
        charge_mah_cm2=charge,
        faraday_thickness_um=thickness,
        faraday_volume_um3=volume,
        mean_thickness_um=0.0,
        mean_error_um=0.0,
        std_thickness_um=0.0,
        background_um=0.0,
        coverage_fraction=0.0,
        edge_centre_ratio=None,
        island_count=0,
        island_volume_um3=0.0,
        li_volume_um3=0.0,
        roi_area_um2=area,
        registration_residual=None,
        electrolyte_grey_change=None,
        grey_gain=None,
        grey_fake_thickness_um=None,
        crack_count=None if first.cracks is None else 0,
        crack_volume_um3=None if first.cracks is None else 0.0,
        crack_volume_std_um3=None if first.cracks is None else 0.0,
    )


def series_row(
    k: int,
    role: Role,
    time_h: float,
    charge: float | None,
    balance: Balance,
    result: ImageResult,
    options: ImageOptions,
    null: NullTest | None,
) -> SeriesRow:
    """Row of one scan, from its analysis against the reference."""
    s, drift = result.scalars, result.drift
    thickness, volume = balance.of(charge, s["roi_area_um2"])
    fake = 0.0 if drift is None or options.grey.drift is Drift.correct else drift.fake_um
    aligned = ALIGNMENT_VOXEL * result.lvf.spacing_um[0] if result.transform is not None else 0.0
    systematic = aligned if null is None else null.sigma_um
    # Of noise, drift and weak texture of this very pair; NaN where it is not known.
    own = np.nan_to_num(s["mean_thickness_error_um"])
    return SeriesRow(
        scan=k,
        role=role,
        time_h=time_h,
        charge_mah_cm2=charge,
        faraday_thickness_um=thickness,
        faraday_volume_um3=volume,
        mean_thickness_um=s["mean_thickness_um"],
        mean_error_um=max(math.hypot(_noise_of_mean(result), systematic, fake), own),
        std_thickness_um=s["std_thickness_um"],
        background_um=float(result.decisions["background_um"]),
        coverage_fraction=s["coverage_fraction"],
        edge_centre_ratio=_edge_centre_ratio(result, options),
        island_count=len(result.islands),
        island_volume_um3=s["island_volume_um3"],
        li_volume_um3=s["li_volume_um3"],
        roi_area_um2=s["roi_area_um2"],
        registration_residual=None if result.transform is None else result.transform.residual,
        electrolyte_grey_change=None if drift is None else drift.electrolyte_change,
        grey_gain=None if drift is None else drift.gain,
        grey_fake_thickness_um=None if drift is None else drift.fake_um,
        crack_count=None if result.cracks is None else len(result.cracks.cracks),
        crack_volume_um3=s.get("crack_volume_um3"),
        crack_volume_std_um3=s.get("crack_volume_std_um3"),
    )


def _noise_of_mean(result: ImageResult) -> float:
    pixels = int(np.isfinite(result.thickness_um).sum())
    return result.scalars["pixel_noise_um"] / math.sqrt(pixels)


def null_test(result: ImageResult) -> NullTest:
    """What a pair of pristine scans shows."""
    s = result.scalars
    # NaN where the alignment does not know how sure it is.
    error = max(float(np.nan_to_num(s["mean_thickness_error_um"])), _noise_of_mean(result))
    return NullTest(s["mean_thickness_um"], s["std_thickness_um"], error)


def _radii(result: ImageResult, options: ImageOptions) -> tuple[FloatArray, float]:
    """Distance of every pixel from the ROI's centre, and the radius of a disc of its area."""
    centre = options.roi.centre_um or list(result.lvf.centre_um[1:])
    y = result.lvf.coordinates_um(1)[:, None] - centre[0]
    x = result.lvf.coordinates_um(2)[None, :] - centre[1]
    return np.hypot(y, x), math.sqrt(result.scalars["roi_area_um2"] / math.pi)


def _edge_centre_ratio(result: ImageResult, options: ImageOptions) -> float | None:
    r, radius = _radii(result, options)
    inside = np.isfinite(result.thickness_um)
    centre, edge = inside & (r < CENTRE * radius), inside & (r > EDGE * radius)
    if not centre.any() or not edge.any():
        return None
    mean = float(result.thickness_um[centre].mean())
    noise = result.scalars["pixel_noise_um"] / math.sqrt(centre.sum())
    if mean < max(SIGNIFICANT * noise, SEEN_UM):
        return None
    return float(result.thickness_um[edge].mean()) / mean


def cycles_of(rows: Sequence[SeriesRow], density_g_cm3: float) -> list[Cycle]:
    """Coulombic efficiency of every plating with the stripping after it."""
    charges = [row.charge_mah_cm2 for row in rows if row.charge_mah_cm2 is not None]
    if len(charges) == len(rows):
        turns = half_cycles(charges, 0.0)
    else:
        worst = max(row.mean_error_um for row in rows)
        turns = half_cycles([row.mean_thickness_um for row in rows], SIGNIFICANT * worst + SEEN_UM)
    return [_cycle(rows[a], rows[b], rows[c], density_g_cm3) for a, b, c in turns]


def _cycle(start: SeriesRow, plated: SeriesRow, stripped: SeriesRow, density: float) -> Cycle:
    zero, top, rest = (_thickness(row) for row in (start, plated, stripped))
    gained, left = top.mean_um - zero.mean_um, rest.mean_um - zero.mean_um
    efficiency: tuple[float, float] | tuple[None, None] = (None, None)
    if gained > max(SIGNIFICANT * math.hypot(top.std_um, zero.std_um), 0.0):
        efficiency = efficiency_of_cycle(top, rest, zero)
    by_charge = void = None
    charges = (start.charge_mah_cm2, plated.charge_mah_cm2, stripped.charge_mah_cm2)
    if charges[0] is not None and charges[1] is not None and charges[2] is not None:
        q_in, q_out = charges[1] - charges[0], charges[1] - charges[2]
        by_charge = q_out / q_in
        void = void_bound_um(gained, left, q_out, q_in, density)
    return Cycle(
        plated=plated.scan,
        stripped=stripped.scan,
        plated_um=gained,
        inactive_um=left,
        inactive_std_um=math.hypot(rest.std_um, zero.std_um),
        efficiency=efficiency[0],
        efficiency_std=efficiency[1],
        charge_efficiency=by_charge,
        void_max_um=void,
    )


def _thickness(row: SeriesRow) -> Thickness:
    """Thickness of a scan; none on a current collector that is pristine."""
    if row.role is not Role.cycled:
        return Thickness(0.0, 0.0)
    return Thickness(row.mean_thickness_um, row.mean_error_um)
