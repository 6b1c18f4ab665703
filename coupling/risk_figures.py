"""Pictures of crack risk over an electrode."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Circle

from coupling.figure_style import ABOVE, SINGLE_COLUMN_IN, colour_bar, figure

RISK_MAP = "RdYlBu_r"


def risk_map_figure(table: pd.DataFrame, file: Path) -> None:
    """Draw the islands where they are, coloured by their bulk risk; above 1 a crack grows.

    Parameters
    ----------
    table
        Columns label, x_um, y_um, contact_diameter_um, risk_bulk; NaN for islands not solved.
    """
    with figure(file, SINGLE_COLUMN_IN * 1.35, SINGLE_COLUMN_IN * 1.2) as drawing:
        axes = drawing.subplots()
        risks = table["risk_bulk"]
        top = max(2.0, float(np.ceil(risks.max()))) if risks.notna().any() else 2.0
        norm = TwoSlopeNorm(1.0, 0.0, top)
        colours = mpl.cm.ScalarMappable(norm, mpl.colormaps[RISK_MAP])
        for row in table.itertuples():
            solved = np.isfinite(row.risk_bulk)
            axes.add_patch(
                Circle(
                    (row.x_um, row.y_um),
                    row.contact_diameter_um / 2,
                    facecolor=colours.to_rgba(row.risk_bulk) if solved else "white",
                    edgecolor=ABOVE if solved and row.risk_bulk > 1 else "black",
                    hatch=None if solved else "///",
                    lw=0.8,
                )
            )
            text = f"{row.label}\n{row.risk_bulk:.1f}" if solved else f"{row.label}\n?"
            axes.annotate(
                text,
                (row.x_um + row.contact_diameter_um / 2, row.y_um),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
            )
        reach = table["contact_diameter_um"].max() if len(table) else 1.0
        for name, limit in (("x_um", axes.set_xlim), ("y_um", axes.set_ylim)):
            if len(table):
                limit(table[name].min() - reach, table[name].max() + 1.3 * reach)
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        axes.set_title("island number and bulk risk R1", loc="left")
        step = max(1, round(top / 6))
        ticks = [0.0, 0.5, 1.0, *np.arange(1 + step, top + 0.5, step)]
        bar = colour_bar(drawing, colours, axes, "bulk crack risk R1 (–)", ticks=ticks)
        bar.ax.axhline(1.0, color="black", lw=0.8)
