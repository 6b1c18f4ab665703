"""Common look of the figures: journal widths, units on every axis, colour-blind-safe maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

SINGLE_COLUMN_IN = 3.5
DOUBLE_COLUMN_IN = 7.2
DPI = 200

COPPER = "#d9a679"
LITHIUM = "#b9bec9"
ABOVE = "#c1121f"
"""Electrolyte above the threshold, red as in the paper's figure 7."""

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "image.interpolation": "nearest",
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}

SIGMA1_MAP = LinearSegmentedColormap.from_list(
    "sigma1", ["#1d3557", "#5b8fc2", "#cfe0ee", "#f7f7f2", "#fbe3b4", "#f4b860", "#e08e2b"]
).with_extremes(under="#0b1b33", over=ABOVE)
"""Blue in compression, orange in tension; the colour above its end is red."""


@contextmanager
def figure(file: Path, width_in: float, height_in: float) -> Iterator[Figure]:
    """Give a figure to draw on, and write it to a PNG file under a temporary name first."""
    with mpl.rc_context(STYLE):
        # a Figure of its own needs no display and leaves no global state
        drawing = Figure(figsize=(width_in, height_in), layout="constrained")
        yield drawing
        temporary = file.with_name(f".{file.name}.part")
        drawing.savefig(temporary, format="png")
        temporary.replace(file)


def colour_bar(drawing: Figure, mappable: Any, axes: Any, label: str, **options: Any) -> Any:
    """Add a thin colour bar with a label that carries the unit."""
    bar = drawing.colorbar(mappable, ax=axes, label=label, pad=0.02, **options)
    bar.outline.set_linewidth(0.4)
    return bar
