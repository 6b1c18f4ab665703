"""Several cells beside each other, as the paper compares bare with silver-coated copper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from coupling.criterion import LEVEL
from coupling.island_risk import EXACT
from coupling.report_words import where_at_risk
from coupling.results import Scalar, write_atomic
from coupling.risk_pictures import RiskPictures

if TYPE_CHECKING:
    from coupling.picture import Picture
    from coupling.pipeline import Story
    from coupling.schema_run import RunConfig

COLUMNS = (
    ("islands", "islands", 0),
    ("li_volume_um3", "lithium, µm³", 0),
    ("li_volume_error_um3", "its standard error, µm³", 0),
    ("island_volume_um3", "lithium in islands, µm³", 0),
    ("mean_thickness_um", "mean lithium thickness, µm", 2),
    ("std_thickness_um", "its standard deviation over the plane, µm", 2),
    ("coverage_fraction", "share of the plane that lithium covers", 3),
    ("contact_diameter_median_um", "contact diameter, median, µm", 1),
    ("height_median_um", "height, median, µm", 1),
    ("aspect_ratio_median", "height / diameter, median", 3),
    ("aspect_ratio_max", "height / diameter, largest", 3),
    ("apex_in_tension", "islands with tension above the apex", 0),
    ("apex_sigma1_max_mpa", "apex σ₁, largest, MPa", 0),
    ("li_pressure_median_mpa", "Li pressure, median, MPa", 0),
    ("at_risk", "islands with R1 > 1 beyond the rim", 0),
    ("at_risk_above", "of these, R1 > 1 above the island", 0),
    ("worst_risk", "bulk risk R1, largest", 2),
    ("worst_risk_above", "R1 above an island, largest", 2),
    ("worst_risk_beside", "R1 beside an island, largest", 2),
    ("risk_bulk_median", "bulk risk R1, median", 2),
    ("worst_risk_rim", "rim risk R1, largest", 2),
    ("crack_count", "cracks found", 0),
    ("crack_volume_um3", "volume of cracks, µm³", 0),
    ("prediction_cracked", "islands below a crack", 0),
    ("prediction_auc", "area under the ROC curve, risk against cracks", 2),
)
"""What is compared: column of ``cells.csv``, what the report calls it, and its digits there."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several cells, each with its story."""

    config: RunConfig
    """Of the whole run."""
    folder: Path
    stories: Mapping[str, Story]
    table: pd.DataFrame
    """One row per cell: cell and `COLUMNS`; NaN where a cell has none."""
    risks: pd.DataFrame
    """Rows of all cells' tables of risk with the column cell, the riskiest first."""
    scalars: dict[str, Scalar]
    verdict: str
    cells_in_words: list[str]
    """A sentence on each cell."""
    files: list[Path]
    columns = COLUMNS

    @property
    def worst(self) -> Story:
        """The cell of most risk."""
        return self.stories[str(self.scalars["worst_cell"])]


def compare_cells(config: RunConfig, stories: Mapping[str, Story], folder: Path) -> Comparison:
    """Put cells side by side, and write tables and figures of the comparison."""
    rows = [{"cell": name, **_row(story)} for name, story in stories.items()]
    table = pd.DataFrame(rows)
    parts = [
        story.electrode.table.assign(cell=name).set_index("cell").reset_index()
        for name, story in stories.items()
    ]
    risks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    # a table of no island at all has columns of no kind
    risks["risk_bulk"] = risks["risk_bulk"].astype(float)
    risks = risks.sort_values(
        ["risk_bulk", "cell", "label"], ascending=[False, True, True], na_position="last",
        ignore_index=True,
    )  # fmt: skip
    files = [folder / name for name in ("cells.csv", "risk.csv")]
    write_atomic(files[0], table.to_csv(index=False, float_format="%.8g"))
    write_atomic(files[1], risks.to_csv(index=False, float_format="%.8g"))
    pictures = RiskPictures(config.figures)
    files += pictures.cells(stories, folder)
    worst = {name: picture for name, story in stories.items() if (picture := _worst(story))}
    if worst:
        files += pictures.cells_stress(list(worst.items()), folder)
    scalars = _scalars(stories, risks)
    told = [_in_words(row) for row in table.itertuples()]
    return Comparison(config, folder, stories, table, risks, scalars, _verdict(table), told, files)


def _row(story: Story) -> dict[str, Scalar]:
    """Return what is compared of one cell."""
    table = story.electrode.table.dropna(subset=["risk_bulk"])
    found: dict[str, Any] = {}
    for name, column, middle in (
        ("contact_diameter_median_um", "contact_diameter_um", np.median),
        ("height_median_um", "height_um", np.median),
        ("aspect_ratio_median", "aspect_ratio", np.median),
        ("aspect_ratio_max", "aspect_ratio", np.max),
        ("apex_sigma1_max_mpa", "apex_sigma1_mpa", np.max),
        ("li_pressure_median_mpa", "li_pressure_mpa", np.median),
        ("risk_bulk_median", "risk_bulk", np.median),
        ("worst_risk_above", "risk_above", np.max),
        ("worst_risk_beside", "risk_beside", np.max),
    ):
        found[name] = float(middle(table[column])) if len(table) else np.nan
    found["apex_in_tension"] = int((table["apex_sigma1_mpa"] > 0).sum())
    found["at_risk_above"] = int((table["risk_above"] > LEVEL).sum())
    return {
        name: found[name] if name in found else story.scalars.get(name, np.nan)
        for name, _, _ in COLUMNS
    }


def _worst(story: Story) -> Picture | None:
    """Return the picture of the riskiest island that was solved."""
    solved = [risk for risk in story.electrode.risks if risk.method == EXACT]
    return max(solved, key=lambda risk: risk.risk_bulk).picture if solved else None


def _scalars(stories: Mapping[str, Story], risks: pd.DataFrame) -> dict[str, Scalar]:
    """Return the numbers of all cells together, then each cell's own with its name before them."""
    sums = ("islands", "islands_failed", "at_risk", "at_risk_at_least", "at_risk_at_most")
    scalars: dict[str, Scalar] = {"cells": len(stories)}
    for name in sums:
        scalars[name] = sum(int(story.scalars[name] or 0) for story in stories.values())
    worst = risks.dropna(subset=["risk_bulk"]).head(1)
    rim = risks["risk_rim"].max()
    scalars |= {
        "worst_cell": worst["cell"].iloc[0] if len(worst) else next(iter(stories)),
        "worst_label": int(worst["label"].iloc[0]) if len(worst) else None,
        "worst_risk": float(worst["risk_bulk"].iloc[0]) if len(worst) else None,
        "worst_risk_rim": float(rim) if pd.notna(rim) else None,
    }
    for cell, story in stories.items():
        scalars |= {f"{cell}_{name}": value for name, value in story.scalars.items()}
    return scalars


def _verdict(table: pd.DataFrame) -> str:
    """Say in a sentence how the cells differ."""
    solved = table.dropna(subset=["worst_risk"]).sort_values("worst_risk")
    if not len(solved):
        return "No island of any cell could be given a risk."
    most, least = solved.iloc[-1], solved.iloc[0]
    if most["worst_risk"] <= LEVEL:
        return "In no cell is the electrolyte's strength exceeded beyond the rim of an island."
    words = f"The island of most risk lies in {most['cell']} (R1 {most['worst_risk']:.1f})"
    if len(solved) > 1 and least["worst_risk"] > 0:
        times = most["worst_risk"] / least["worst_risk"]
        words += f", {times:.1f} times as much as the riskiest of {least['cell']}"
    return f"{words}. R1 > 1: a crack is predicted."


def _in_words(row: Any) -> str:
    """Say what holds for one cell."""
    if not row.islands:
        return "no island was found."
    count = (
        "" if pd.isna(row.crack_count) else f" {int(row.crack_count) or 'No'} cracks were found."
    )
    if pd.isna(row.worst_risk):
        return f"none of {int(row.islands)} islands could be solved.{count}"
    return (
        f"{int(row.at_risk)} of {int(row.islands)} islands with R1 > 1"
        f"{where_at_risk(int(row.at_risk), int(row.at_risk_above))}. "
        f"{int(row.apex_in_tension) or 'None'} pull at the electrolyte above their apex; the "
        f"median of height over diameter is {row.aspect_ratio_median:.2f}.{count}"
    )
