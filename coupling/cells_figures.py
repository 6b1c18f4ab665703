"""The picture that compares several cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coupling.criterion import LEVEL
from coupling.figure_style import BLUE, DOUBLE_COLUMN_IN, GREEN, GREY, ORANGE, figure

if TYPE_CHECKING:
    from coupling.pipeline import Story

COLOURS = (ORANGE, BLUE, GREEN, GREY)
MARKERS = ("o", "s", "^", "D")


def cells_figure(stories: Mapping[str, Story], file: Path, vector: str = "") -> None:
    """Draw thickness, apex stress and risk of all cells: one colour and marker for each."""
    with figure(file, DOUBLE_COLUMN_IN, 2.5, vector) as drawing:
        thickness, apex, risk = drawing.subplots(1, 3)
        thickest = 1.0
        for k, (name, story) in enumerate(stories.items()):
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            edges = np.asarray(story.image.histogram_edges_um)
            counts = np.asarray(story.image.histogram_counts, dtype=float)
            share = np.cumsum(counts) / max(counts.sum(), 1.0)
            thickness.plot(edges[1:], 1 - share, color=colour, lw=1.2, label=name)
            thickest = max(thickest, float(edges[1:][counts > 0].max(initial=0.0)))
            table = story.electrode.table.dropna(subset=["risk_bulk"])
            style = {"color": colour, "marker": marker, "ls": "none", "ms": 4, "label": name}
            apex.plot(table["aspect_ratio"], table["apex_sigma1_mpa"], **style)
            risk.plot(table["aspect_ratio"], table["risk_bulk"], **style)
            if story.prediction is not None:
                cracked = story.prediction.table.query("cracked")
                risk.plot(
                    cracked["aspect_ratio"], cracked["risk_bulk"],
                    color="black", marker="x", ms=8, ls="none", mew=0.8,
                )  # fmt: skip
        thickness.set_xlim(0.0, 1.05 * thickest)
        thickness.set_yscale("log")
        thickness.set_ylim(bottom=1e-4)
        thickness.set_xlabel("equivalent Li thickness (µm)")
        thickness.set_ylabel("share of the plane above it (–)")
        apex.axhline(0.0, color="black", lw=0.5)
        apex.set_ylabel("apex stress σ₁ (MPa)")
        risk.axhline(LEVEL, color="black", lw=0.5)
        risk.set_ylabel("bulk crack risk R1 (–)")
        for axes in (apex, risk):
            axes.set_xlabel("height / contact diameter (–)")
            axes.set_xlim(left=0.0)
        risk.legend(frameon=False)
