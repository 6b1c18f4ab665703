"""The paper's numbers beside ours: Xu et al., Small 2026.

Every row says what it is: a *definition* (a default taken over), *arithmetic* (follows
from other rows, or is put in), or a *prediction* (computed by the model). Only
predictions validate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from coupling.case import Case
from imaging import filters
from imaging.electrochemistry import faraday_thickness_um, paper_thickness_um
from imaging.options import RoiOptions
from imaging.thickness import HISTOGRAM_BINS, HISTOGRAM_RANGE_UM
from mechanics.profile import cap_volume_um3

VOXEL_UM = 1.625
DETECTOR_PIXELS = (2560, 2160)
NARROW_UM, WIDE_UM = (44.44098, 20.0), (100.0, 5.0)
"""Contact diameter and height of the two published islands."""
RESIDUALS = {"bare Cu": 0.03, "Ag/Cu": 0.07}
"""Part of the plated lithium that stripping left in the paper's cells."""

INCONSISTENCIES = (
    "The paper's thickness scale, 4.32 um per mAh/cm2, is 11 % below Faraday's law with dense "
    "lithium (4.85 um per mAh/cm2).",
    "The capacity of the first plating in the critical-current test is written as "
    "0.05 mA cm-2, a current density.",
    "The short circuit of the bare-Cu cell comes within 10 min of 0.6 mA/cm2 in one section "
    "and after 15 min in another.",
    "2560 projections over 180 degrees undersample a field of 2560 pixels "
    "(pi/2 x 2560 = 4021 are wanted).",
)
"""What does not fit together in the text itself."""

ASSUMED = (
    "Both islands are taken as spherical caps: with equal volume, 100 um x 5 um then gives the "
    "published 44.4 um for a height of 20 um.",
    "The 5 % expansion is read as a linear strain on each axis; read as a volume change, the "
    "stresses stay far below the published several hundred MPa.",
    "Friction of 0.2 on every interface but electrolyte and current collector, dies of 500 um "
    "and a tube wall of 1 mm, a counter electrode that fills the tube, finite strain; materials "
    "as in the preset 'paper', for the paper's own tables are not public.",
)
"""What is inferred where the paper is silent."""


_Facts = tuple[str, str, str, str, bool]
"""Number, quantity, the paper's value, ours, and whether it holds."""


class Kind(Enum):
    """What a row of the checklist is."""

    definition = "definition"
    arithmetic = "arithmetic"
    prediction = "prediction"


@dataclass(frozen=True)
class Row:
    """One row of the checklist."""

    number: str
    kind: Kind
    quantity: str
    paper: str
    ours: str
    holds: bool

    @property
    def verdict(self) -> str:
        """``ok`` or ``FAILS``."""
        return "ok" if self.holds else "FAILS"


def checklist(narrow: Case, wide: Case, residuals: Mapping[str, float]) -> list[Row]:
    """Return every row of the checklist.

    Parameters
    ----------
    narrow, wide
        The two published islands, solved.
    residuals
        Part of the lithium that the image chain finds after stripping, for each cell of
        `RESIDUALS`, on synthetic scans that keep just that part.
    """
    return [*_definitions(), *_arithmetic(residuals), *_predictions(narrow, wide)]


def _definitions() -> list[Row]:
    view = [pixels * VOXEL_UM / 1000 for pixels in DETECTOR_PIXELS]
    roi = RoiOptions()
    rows: list[_Facts] = [
        ("1", "voxel; field of view", "1.625 um; 4.2 mm x 3.5 mm",
         f"{VOXEL_UM} um; {view[0]:.2f} mm x {view[1]:.2f} mm",
         _near(view[0], 4.2, 0.05) and _near(view[1], 3.5, 0.05)),
        ("2", "region of interest", "radius 1495 um, height 65 um",
         f"{roi.radius_um:g} um = {roi.radius_um / VOXEL_UM:.0f} px, "
         f"{roi.height_um:g} um = {roi.height_um / VOXEL_UM:.0f} px",
         roi.radius_um == 1495 and roi.height_um == 65),
        ("3", "filters", "Gaussian 1, median 3, Li > 20 %",
         f"Gaussian {filters.PAPER_SIGMA_VOXEL:g}, median {filters.PAPER_MEDIAN_VOXEL:g}, "
         f"Li > {100 * filters.PAPER_LI_THRESHOLD:g} %",
         (filters.PAPER_SIGMA_VOXEL, filters.PAPER_MEDIAN_VOXEL, filters.PAPER_LI_THRESHOLD)
         == (1, 3, 0.2)),
        ("4", "histogram of thickness", "0-45 um, 500 bins",
         f"{HISTOGRAM_RANGE_UM[0]:g}-{HISTOGRAM_RANGE_UM[1]:g} um, {HISTOGRAM_BINS} bins",
         (*HISTOGRAM_RANGE_UM, HISTOGRAM_BINS) == (0, 45, 500)),
    ]  # fmt: skip
    return _rows(Kind.definition, rows)


def _arithmetic(residuals: Mapping[str, float]) -> list[Row]:
    rows = [_charge_row("5", "first plating, 1.875 mAh/cm2", 1.875, 8.1, 0.05)]
    low, high = (100 * loss / 1875 for loss in (12, 15))
    rows.append(
        Row("6", Kind.arithmetic, "SEI loss of 12-15 uAh/cm2", "0.6-0.8 % of 1.875 mAh/cm2",
            f"{low:.2f}-{high:.2f} %", _near(low, 0.6, 0.05) and _near(high, 0.8, 0.05))
    )  # fmt: skip
    rows.append(_charge_row("7", "cracks start at 0.125 mAh/cm2", 0.125, 0.54, 0.005))
    rows.append(_charge_row("8", "0.5 mA/cm2 for 1 h", 0.5, 2.16, 0.005))
    ratio = (3 / 2) ** 2
    rows.append(
        Row("9", Kind.arithmetic, "counter electrode's current density (2 mm in 3 mm)",
            "'about twice': 1.8 at 0.9 mA/cm2",
            f"{ratio:.2f} x: {0.9 * ratio:.2f} mA/cm2", _near(ratio, 2, 0.3))
    )  # fmt: skip
    volumes = [cap_volume_um3(*shape) for shape in (NARROW_UM, WIDE_UM)]
    rows.append(
        Row("10", Kind.arithmetic, "volumes of narrow (44.4 um) and wide (100 um) island",
            "identical", f"{volumes[0]:.0f} and {volumes[1]:.0f} um3 as caps 20 and 5 um high",
            math.isclose(volumes[0], volumes[1], rel_tol=1e-3))
    )  # fmt: skip
    for letter, (cell, kept) in zip("ab", RESIDUALS.items(), strict=True):
        rows.append(
            Row(f"13{letter}", Kind.arithmetic, f"residual Li after stripping, {cell}",
                f"about {100 * kept:.0f} %",
                f"{100 * residuals[cell]:.2f} % measured on scans that keep {100 * kept:.0f} %",
                _near(residuals[cell], kept, 0.005))
        )  # fmt: skip
    return rows


def _charge_row(number: str, what: str, charge: float, paper_um: float, tolerance: float) -> Row:
    scaled = paper_thickness_um(charge)
    return Row(
        number,
        Kind.arithmetic,
        what,
        f"{paper_um:g} um",
        f"{scaled:.2f} um on the paper's scale, {faraday_thickness_um(charge):.2f} um by Faraday",
        _near(scaled, paper_um, tolerance + 1e-9),
    )


def _predictions(narrow: Case, wide: Case) -> list[Row]:
    tall, flat = narrow.summary, wide.summary
    ratio = narrow.risk.bulk.risk / wide.risk.bulk.risk
    rows: list[_Facts] = [
        ("11a", "narrow: sigma1 at the apex", "several hundred MPa of tension",
         f"{tall.apex_sigma1_mpa:.0f} MPa (wanted > 200)", tall.apex_sigma1_mpa > 200),
        ("11b", "narrow: electrolyte above 200 MPa, away from the rim", "a region above the island",
         f"{tall.volume_above_200mpa_bulk_um3:.0f} um3 (wanted > 0)",
         tall.volume_above_200mpa_bulk_um3 > 0),
        ("12a", "wide: sigma1 at the apex", "compressive",
         f"{flat.apex_sigma1_mpa:.0f} MPa (wanted < 0)", flat.apex_sigma1_mpa < 0),
        ("12b", "wide: upper surface in tension", "at the edges only",
         f"{100 * flat.top_tension_fraction:.0f} % of it (wanted < 25 %)",
         flat.top_tension_fraction < 0.25),
        ("12c", "wide: electrolyte above 200 MPa, away from the rim", "none",
         f"{flat.volume_above_200mpa_bulk_um3:.0f} um3 (wanted 0)",
         flat.volume_above_200mpa_bulk_um3 == 0),
        ("14", "crack risk R1 in the bulk, narrow over wide", "narrow cracks, wide does not",
         f"{narrow.risk.bulk.risk:.2f} / {wide.risk.bulk.risk:.2f} = {ratio:.1f} (wanted > 2)",
         ratio > 2),
    ]  # fmt: skip
    return _rows(Kind.prediction, rows)


def _rows(kind: Kind, facts: list[_Facts]) -> list[Row]:
    return [
        Row(number, kind, quantity, paper, ours, holds)
        for number, quantity, paper, ours, holds in facts
    ]


def _near(value: float, target: float, tolerance: float) -> bool:
    return abs(value - target) <= tolerance
