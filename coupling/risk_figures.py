"""Pictures of crack risk over an electrode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from coupling.figure_style import (
    ABOVE,
    DOUBLE_COLUMN_IN,
    RISK_MAP,
    SINGLE_COLUMN_IN,
    colour_bar,
    figure,
)

MANY = 40
"""With more islands than this only the worst are named on the map."""
NAMED = 10
BULK_COLOUR, RIM_COLOUR = "#c1121f", "#4c78a8"
SOLVED_COLOUR, BETWEEN_COLOUR = "black", "#7f8ea3"


def risk_map_figure(table: pd.DataFrame, file: Path, vector: str = "") -> None:
    """Draw the islands where they are, coloured by their bulk risk; above 1 a crack grows.

    Parameters
    ----------
    table
        The riskiest first. Columns label, x_um, y_um, contact_diameter_um, risk_bulk; NaN for
        islands not solved.
    """
    many = len(table) > MANY
    width = SINGLE_COLUMN_IN * (1.7 if many else 1.35)
    height = (width - 1.2) * _height_over_width([table]) + 0.65
    with figure(file, width, height, vector) as drawing:
        axes = drawing.subplots()
        colours = _risk_colours(table)
        _draw_islands(axes, table, colours)
        if many:
            axes.set_title(f"{len(table)} islands, numbers: the {NAMED} of most risk", loc="left")
        else:
            axes.set_title("island number and bulk risk R1", loc="left")
        _risk_bar(drawing, axes, colours)


def risk_maps_figure(tables: Mapping[str, pd.DataFrame], file: Path, vector: str = "") -> None:
    """Draw the islands of several cells, each where they are, on one scale of length and risk."""
    columns = min(len(tables), 3)
    rows = -(-len(tables) // columns)
    panel = (DOUBLE_COLUMN_IN - 0.9) / columns - 0.6
    height = rows * (panel * _height_over_width(list(tables.values())) + 0.6) + 0.3
    with figure(file, DOUBLE_COLUMN_IN, height, vector) as drawing:
        grid = drawing.subplots(rows, columns, squeeze=False)
        colours = _risk_colours(pd.concat(tables.values()))
        for letter, axes, (name, table) in zip(
            ascii_lowercase, grid.flat, tables.items(), strict=False
        ):
            _draw_islands(axes, table, colours)
            axes.set_title(f"({letter}) {name}: island number and R1", loc="left")
        _common_limits(list(grid.flat)[: len(tables)])
        for axes in grid.flat[len(tables) :]:
            axes.set_axis_off()
        for axes in grid.flat:
            axes.label_outer()
        _risk_bar(drawing, grid, colours)


def _risk_colours(table: pd.DataFrame) -> mpl.cm.ScalarMappable:
    """Return the scale of risk: its middle stands at R1 = 1."""
    risks = table["risk_bulk"]
    top = max(2.0, float(np.ceil(risks.max()))) if risks.notna().any() else 2.0
    return mpl.cm.ScalarMappable(TwoSlopeNorm(1.0, 0.0, top), mpl.colormaps[RISK_MAP])


def _draw_islands(axes: Any, table: pd.DataFrame, colours: mpl.cm.ScalarMappable) -> None:
    many = len(table) > MANY
    for place, row in reversed(list(enumerate(table.itertuples()))):
        solved = np.isfinite(row.risk_bulk)
        axes.add_patch(
            Circle(
                (row.x_um, row.y_um),
                row.contact_diameter_um / 2,
                facecolor=colours.to_rgba(row.risk_bulk) if solved else "white",
                edgecolor=ABOVE if solved and row.risk_bulk > 1 else "black",
                hatch=None if solved else "///",
                lw=0.4 if many else 0.8,
            )
        )
        if many and place >= NAMED:
            continue
        text = f"{row.label}" if many else f"{row.label}\n{row.risk_bulk:.1f}"
        if not solved:
            text = f"{row.label}\n?"
        axes.annotate(
            text,
            (row.x_um + row.contact_diameter_um / 2, row.y_um),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7}
            if many
            else None,
        )
    if len(table):
        axes.set_xlim(_limits(table, "x_um"))
        axes.set_ylim(_limits(table, "y_um"))
    axes.set_aspect("equal")
    axes.set_xlabel("x (µm)")
    axes.set_ylabel("y (µm)")


def _limits(table: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return the part of an axis that islands and their names take."""
    reach = table["contact_diameter_um"].max()
    return table[name].min() - reach, table[name].max() + 1.3 * reach


def _height_over_width(tables: Sequence[pd.DataFrame]) -> float:
    """Return the shape of axes that show all islands of each of some tables."""
    held = [table for table in tables if len(table)]
    if not held:
        return 1.0
    x, y = (np.array([_limits(table, name) for table in held]) for name in ("x_um", "y_um"))
    ratio = (y[:, 1].max() - y[:, 0].min()) / (x[:, 1].max() - x[:, 0].min())
    return float(np.clip(ratio, 0.3, 1.2))  # no shorter than the colour bar's name


def _common_limits(panels: Sequence[Any]) -> None:
    """Show the same part of the plane everywhere."""
    for get, put in (("get_xlim", "set_xlim"), ("get_ylim", "set_ylim")):
        lows, highs = zip(*(getattr(axes, get)() for axes in panels), strict=True)
        for axes in panels:
            getattr(axes, put)(min(lows), max(highs))


def _risk_bar(drawing: Any, axes: Any, colours: mpl.cm.ScalarMappable) -> None:
    top = colours.get_clim()[1] or 2.0
    step = max(1, round(top / 6))
    ticks = [0.0, 0.5, 1.0, *np.arange(1 + step, top + 0.5, step)]
    bar = colour_bar(drawing, colours, axes, "bulk crack risk R1 (–)", ticks=ticks)
    bar.ax.axhline(1.0, color="black", lw=0.8)


def distribution_figure(table: pd.DataFrame, file: Path, vector: str = "") -> None:
    """Draw how risk is distributed: ranking, share above a risk, and risk against size and shape.

    Parameters
    ----------
    table
        The riskiest first. Columns risk_bulk, risk_rim, error, method, contact_diameter_um,
        aspect_ratio; rows without a risk are left out.
    """
    done = table.dropna(subset=["risk_bulk"]).reset_index(drop=True)
    exact = done["method"] == "exact"
    with figure(file, DOUBLE_COLUMN_IN, 2.6, vector) as drawing:
        ranking, share, shape = drawing.subplots(1, 3)
        place = np.arange(1, len(done) + 1)
        for rows, name, colour in (
            (~exact, "interpolated, with error", BETWEEN_COLOUR),
            (exact, "solved", SOLVED_COLOUR),
        ):
            if rows.any():
                ranking.errorbar(
                    place[rows], done["risk_bulk"][rows], done["error"][rows], color=colour,
                    marker=".", ms=3 if name == "solved" else 2, ls="none", elinewidth=0.4,
                    label=name, zorder=3 if name == "solved" else 2,
                )  # fmt: skip
        ranking.axhline(1.0, color="black", lw=0.5)
        if len(done) > MANY:
            ranking.set_xscale("log")
            ranking.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ranking.set_xlabel("place in the ranking (–)")
        ranking.set_ylabel("bulk crack risk R1 (–)")
        if len(done):
            ranking.legend(frameon=False)
        for name, colour in (("bulk", BULK_COLOUR), ("rim", RIM_COLOUR)):
            if len(done):  # steps, for bins need many islands
                share.ecdf(
                    done[f"risk_{name}"].dropna(),
                    complementary=True,
                    color=colour,
                    lw=1.2,
                    label=name,
                )
        share.axvline(1.0, color="black", lw=0.5)
        share.set_xlim(left=min(0.0, share.get_xlim()[0]))
        share.set_xlabel("crack risk R1 (–)")
        share.set_ylabel("share of the islands above it (–)")
        if len(done):
            share.legend(framealpha=0.8, edgecolor="none")
        top = max(2.0, float(np.ceil(done["risk_bulk"].max()))) if len(done) else 2.0
        points = shape.scatter(
            done["contact_diameter_um"][::-1], done["aspect_ratio"][::-1],
            c=done["risk_bulk"][::-1], s=8, cmap=RISK_MAP, norm=TwoSlopeNorm(1.0, 0.0, top),
            edgecolors="black", linewidths=0.2,
        )  # fmt: skip
        if len(done):
            for axis, scale, values in (
                (shape.xaxis, shape.set_xscale, done["contact_diameter_um"]),
                (shape.yaxis, shape.set_yscale, done["aspect_ratio"]),
            ):
                if values.max() > 3 * values.min():
                    scale("log")
                    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
                    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                    axis.set_minor_formatter(NullFormatter())
        shape.set_xlabel("contact diameter (µm)")
        shape.set_ylabel("height / contact diameter (–)")
        step = max(1, round(top / 6))
        ticks = [0.0, 1.0, *np.arange(1 + step, top + 0.5, step)]
        colour_bar(drawing, points, shape, "bulk crack risk R1 (–)", ticks=ticks)
