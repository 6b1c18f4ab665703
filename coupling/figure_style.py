"""Common look of the figures: journal widths, units on every axis, colour-blind-safe maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

SINGLE_COLUMN_IN = 3.5
DOUBLE_COLUMN_IN = 7.2
"""One and two columns of a journal: 89 and 183 mm."""
DPI = 200

COPPER = "#d9a679"
LITHIUM = "#b9bec9"
ABOVE = "#c1121f"
"""Electrolyte above the threshold, red as in the paper's figure 7."""

LVF_MAP = "cividis"
"""Dark for unchanged, bright for lithium; the paper's figure 4a is blue and red."""
THICKNESS_MAP = "viridis"
TIME_MAP = LinearSegmentedColormap.from_list(
    "time", mpl.colormaps["viridis"](np.linspace(0.0, 0.88, 64))
)
"""Without the end of the map that lines on white are not seen in."""
RISK_MAP = "RdYlBu_r"
"""Blue below R1 = 1, red above; told apart by all."""
CRACK = "#5e2a9c"
"""Cracks, purple as in the paper's figure 6."""
CRACK_ON_MAP = "#ff9ff3"
"""Outlines of cracks on dark maps, where purple is not seen."""
# Okabe and Ito's colours, told apart by all; markers and dashes repeat what they say.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

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
    "pdf.fonttype": 42,  # letters stay letters, as journals ask
    "svg.fonttype": "none",
}

SIGMA1_MAP_END = "#0b1b33"
SIGMA1_MAP = LinearSegmentedColormap.from_list(
    "sigma1", ["#1d3557", "#5b8fc2", "#cfe0ee", "#f7f7f2", "#fbe3b4", "#f4b860", "#e08e2b"]
).with_extremes(under=SIGMA1_MAP_END, over=ABOVE)
"""Blue in compression, orange in tension; the colour above its end is red."""


@contextmanager
def figure(file: Path, width_in: float, height_in: float, vector: str = "") -> Iterator[Figure]:
    """Give a figure to draw on, and write it to a PNG file under a temporary name first.

    With `vector` (pdf or svg) a vector file is written beside it, images in it as images.
    """
    with mpl.rc_context(STYLE):
        # a Figure of its own needs no display and leaves no global state
        drawing = Figure(figsize=(width_in, height_in), layout="constrained")
        yield drawing
        for target in written(file, vector):
            temporary = target.with_name(f".{target.name}.part")
            drawing.savefig(temporary, format=target.suffix[1:])
            temporary.replace(target)


def written(file: Path, vector: str) -> list[Path]:
    """Return the files that a figure is written to."""
    return [file, file.with_suffix(f".{vector}")] if vector else [file]


def colour_bar(drawing: Figure, mappable: Any, axes: Any, label: str, **options: Any) -> Any:
    """Add a thin colour bar with a label that carries the unit."""
    bar = drawing.colorbar(mappable, ax=axes, label=label, pad=0.02, **options)
    bar.outline.set_linewidth(0.4)
    return bar
