"""The parts of the report that compare several cells, and hold predictions against cracks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from coupling.config import input_paths
from coupling.prediction import Prediction, in_words

if TYPE_CHECKING:
    from coupling.cells import Comparison
    from coupling.pipeline import Story

MOST_ROWS = 100
"""So many islands of all cells are listed, those of most risk; ``risk.csv`` holds all."""


def prediction_words(prediction: Prediction | None) -> str:
    """Say what the predictions are worth; nothing where there are no cracks."""
    return "" if prediction is None else in_words(prediction)


def cells_content(comparison: Comparison) -> dict[str, Any]:
    """Return what the template of the comparison shows."""
    stories, table = comparison.stories, comparison.table
    return {
        "at_risk": comparison.scalars["at_risk"],
        "verdict": comparison.verdict,
        "names": list(stories),
        "rows": [
            {"what": what, "values": [_told(table[column][i], digits) for i in table.index]}
            for column, what, digits in comparison.columns
            if table[column].notna().any()
        ],
        "figure": _figure(
            comparison.folder / "cells.png",
            "Thickness, apex stress and risk of the islands of all cells",
            "Left: distribution of the equivalent lithium thickness. Middle: largest principal "
            "stress above the apex of each island, positive in tension. Right: bulk crack risk; "
            "crosses: islands below a segmented crack.",
        ),
        "stress": _figure(
            comparison.folder / "cells_stress.png",
            "Stress around the riskiest island of each cell, on one scale",
            "Largest principal stress around the riskiest island of each cell, on one scale, "
            "displacements × 5; red: above 200 MPa.",
        ),
        "maps": [
            _figure(
                story.folder / "risk_map.png",
                f"Map of the islands of {name} coloured by bulk crack risk",
                f"{name}: islands coloured by bulk crack risk.",
            )
            for name, story in stories.items()
        ],
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


def _figure(file: Path, alt: str, caption: str) -> Markup:
    if not file.is_file():
        return Markup("")
    data = base64.b64encode(file.read_bytes()).decode()
    return Markup(
        '<figure><img alt="{}" src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>'
    ).format(alt, data, caption)
