"""Picture of what the counter electrode's foil has lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coupling.figure_style import SINGLE_COLUMN_IN, colour_bar, figure, written
from coupling.schema_figures import Figures
from imaging.counter import FoilResult

DEPLETION_MAP = "magma"


def write_foil_figures(result: FoilResult, folder: Path, figures: Figures) -> list[Path]:
    """Draw the depletion map with bare spots and cracks outlined; return the files."""
    if figures is Figures.none:
        return []
    vector = figures.vector
    file = folder / "depletion_map.png"
    _, dy, dx = result.lost.spacing_um
    rows, columns = result.depletion_um.shape
    extent = (-dx / 2, (columns - 0.5) * dx, -dy / 2, (rows - 0.5) * dy)
    top = max(float(np.nanpercentile(result.depletion_um, 99.9)), 1.0)
    with figure(file, SINGLE_COLUMN_IN * 1.35, SINGLE_COLUMN_IN * 1.25, vector) as drawing:
        axes = drawing.subplots()
        shown = axes.imshow(
            result.depletion_um,
            origin="lower",
            extent=extent,
            cmap=DEPLETION_MAP,
            vmin=0.0,
            vmax=top,
        )
        outlines = [(result.bare_labels, "#35d0ff")]
        if result.cracks is not None:
            outlines.append((result.cracks.labels, "#7dff6b"))
        for labels, colour in outlines:
            if labels.any():
                axes.contour(
                    labels > 0, [0.5], extent=extent, colors=colour, linewidths=0.8, origin="lower"
                )
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        scalars = result.scalars
        title = (
            f"lost {scalars['mean_depletion_um']:.1f} µm on average, "
            f"standard deviation {scalars['std_depletion_um']:.1f} µm"
        )
        count = len(result.bare_spots)
        if count:
            title += f"\nblue: {count} bare spot{'s' if count > 1 else ''}"
        if result.cracks is not None and result.cracks.cracks:
            title += f"{', ' if count else chr(10)}green: cracks in the electrolyte"
        axes.set_title(title, loc="left")
        colour_bar(drawing, shown, axes, "Li foil depletion (µm)", extend="both")
    return written(file, vector)
