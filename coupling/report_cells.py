"""The parts of the report that compare several cells, and hold predictions against cracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coupling.config import input_paths
from coupling.prediction import Prediction, in_words
from coupling.report_figure import figure

if TYPE_CHECKING:
    from coupling.cells import Comparison
    from coupling.pipeline import Story

MAIN_ROWS = (
    *("islands", "mean_thickness_um", "aspect_ratio_median", "apex_in_tension", "at_risk"),
    *("at_risk_above", "worst_risk_above", "worst_risk_beside", "crack_count"),
)
"""What stands open of the numbers that are compared; the others fold out."""
MOST_ROWS = 100
"""So many islands of all cells are listed, those of most risk; ``risk.csv`` holds all."""


def prediction_words(prediction: Prediction | None) -> str:
    """Say what the predictions are worth; nothing where there are no cracks."""
    return "" if prediction is None else in_words(prediction)


def cells_content(comparison: Comparison) -> dict[str, Any]:
    """Return what the template of the comparison shows."""
    stories, table = comparison.stories, comparison.table
    rows = {
        column: {"what": what, "values": [_told(table[column][i], digits) for i in table.index]}
        for column, what, digits in comparison.columns
        if table[column].notna().any()
    }
    return {
        "at_risk": comparison.scalars["at_risk"],
        "verdict": comparison.verdict,
        "told": list(zip(stories, comparison.cells_in_words, strict=True)),
        "names": list(stories),
        "rows": list(rows.values()),
        "main_rows": [rows[column] for column in MAIN_ROWS if column in rows],
        "figure": figure(
            comparison.folder / "cells.png",
            "Thickness, apex stress and risk of the islands of all cells",
        ),
        "stress": figure(
            comparison.folder / "cells_stress.png",
            "Stress around the riskiest island of each cell, on one scale",
        ),
        "map": figure(
            comparison.folder / "cells_map.png",
            "Maps of the islands of all cells coloured by bulk crack risk",
        ),
        "islands": comparison.risks.head(MOST_ROWS).to_dict("records"),
        "sources": [(name, _source(story)) for name, story in stories.items()],
        "worst": comparison.scalars["worst_cell"],
    }


def _source(story: Story) -> str:
    """Say where a cell's files are, and which tomograms were read."""
    read = [str(path) for path in input_paths(story.config).values()]
    if not read:
        read = [f"synthetic cell, seed {story.config.phantom.seed}, see every parameter there"]
    return f"cells/{story.folder.name}: " + "; ".join(read)


def _told(value: Any, digits: int) -> str:
    if value is None or value != value:  # NaN
        return "–"
    text = f"{float(value):,.{digits}f}".replace(",", "\u202f")
    return text.replace("-", "\u2212")
