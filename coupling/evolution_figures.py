"""How lithium is spread over thickness, depth and plane, scan by scan.

As figures 5b, 5c, 5e and S11 to S13 of Xu et al., Small 2026.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize

from coupling.figure_style import DOUBLE_COLUMN_IN, TIME_MAP, colour_bar, figure
from coupling.image_figures import depth_profile, draw_thickness
from coupling.scene import block_mean
from coupling.slices_figure import Extent, plane_extent
from imaging.result import ImageResult
from imaging.series_rows import SeriesRow
from imaging.thickness import HISTOGRAM_RANGE_UM
from imaging.volume import FloatArray

MAP_PIXELS = 320
"""Pixels along an edge of a map from which on it is drawn as means of blocks."""
MOST_MAPS, COLUMNS = 12, 4
"""Maps that are drawn of a series, and side by side."""


@dataclass(frozen=True, eq=False)
class ScanCurves:
    """What is drawn of a scan beside the others."""

    row: SeriesRow
    name: str
    """Time and charge, as written into pictures."""
    histogram_edges_um: FloatArray
    histogram_counts: FloatArray
    position_um: FloatArray
    """Through-plane."""
    mean_lvf: FloatArray
    position_name: str
    thickness_um: FloatArray
    """Coarse map (y, x), NaN outside the ROI."""
    extent_um: Extent
    """Its left, right, lower and upper end."""


def scan_curves(row: SeriesRow, result: ImageResult) -> ScanCurves:
    """Take what is drawn later out of a result that is not kept."""
    position, lvf, name = depth_profile(result)
    coarse, extent = _coarse(result)
    return ScanCurves(
        row=row,
        name=row.name,
        histogram_edges_um=result.histogram_edges_um,
        histogram_counts=result.histogram_counts,
        position_um=position,
        mean_lvf=lvf,
        position_name=name,
        thickness_um=coarse,
        extent_um=extent,
    )


def _coarse(result: ImageResult) -> tuple[FloatArray, Extent]:
    """Thickness map as means of blocks, those not wholly in the ROI left out, and its extent."""
    values = result.thickness_um
    factor = max(-(-max(values.shape) // MAP_PIXELS), 1)
    small = np.asarray(block_mean(values, factor), dtype=np.float64)
    rows, columns = (slice(0, n * factor) for n in small.shape)
    return small, plane_extent(result.lvf, rows, columns)


def evolution_figure(curves: list[ScanCurves], file: Path, vector: str = "") -> None:
    """Draw the distributions of thickness and the depth profiles of all scans, coloured by time."""
    times = [curve.row.time_h for curve in curves]
    norm = Normalize(min(times), max(max(times), min(times) + 1e-9))
    colours: Any = mpl.cm.ScalarMappable(norm, TIME_MAP)
    falls = _falling(curves)
    with figure(file, DOUBLE_COLUMN_IN, 2.9, vector) as drawing:
        left, right = drawing.subplots(1, 2)
        for curve, back in zip(curves, falls, strict=True):
            style = {"color": colours.to_rgba(curve.row.time_h), "lw": 1.0}
            dash = "--" if back else "-"
            edges, counts = curve.histogram_edges_um, curve.histogram_counts
            share = 100 * counts / max(counts.sum(), 1.0) / np.diff(edges)
            left.stairs(share, edges, ls=dash, **style | {"lw": 0.7})
            right.plot(curve.position_um, 100 * curve.mean_lvf, ls=dash, **style)
        left.set_xlim(0.0, _last_um(curves))
        left.set_yscale("log")
        left.set_xlabel("equivalent Li thickness (µm)")
        left.set_ylabel("share of the area (% per µm)")
        right.axhline(0, color="black", lw=0.4)
        right.axvline(0, color="black", lw=0.4, ls=":")
        position = curves[0].position_um
        right.set_xlim(float(position[0]), float(position[-1]))
        right.set_xlabel(curves[0].position_name)
        right.set_ylabel("mean LVF (%)")
        left.set_title("(a)", loc="left")
        right.set_title("(b)", loc="left")
        bar = colour_bar(drawing, colours, [left, right], "time (h)")
        if any(falls):
            bar.ax.set_title("dashed:\nless than\nbefore", fontsize=6, loc="left")


def _falling(curves: list[ScanCurves]) -> list[bool]:
    """Whether a scan shows less lithium than the one before it."""
    means = [curve.row.mean_thickness_um for curve in curves]
    return [False, *(later < earlier for earlier, later in itertools.pairwise(means))]


def _last_um(curves: list[ScanCurves]) -> float:
    """End of the thickest distribution, at most the paper's 45 um."""
    last = max(
        (int(np.max(np.nonzero(c.histogram_counts)[0], initial=0)) for c in curves), default=0
    )
    edges = curves[0].histogram_edges_um
    return float(min(max(1.05 * edges[last + 1], 1.0), HISTOGRAM_RANGE_UM[1]))


def maps_figure(curves: list[ScanCurves], file: Path, vector: str = "") -> None:
    """Draw the thickness maps of a series with one colour scale: at most twelve, spread evenly."""
    picked = sorted({round(i) for i in np.linspace(0, len(curves) - 1, MOST_MAPS)})
    shown = [curves[i] for i in picked]
    columns = min(len(shown), COLUMNS)
    rows = -(-len(shown) // columns)
    top = max(max(float(np.nanpercentile(curve.thickness_um, 99.9)) for curve in shown), 1.0)
    width = DOUBLE_COLUMN_IN * (columns + 0.6) / (COLUMNS + 0.6)
    tile = (DOUBLE_COLUMN_IN - 0.9) / (COLUMNS + 0.2)
    with figure(file, max(width, 3.5), rows * (tile + 0.2) + 0.5, vector) as drawing:
        panels = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in panels.ravel()[len(shown) :]:
            axes.set_axis_off()
        for axes, curve in zip(panels.ravel(), shown, strict=False):
            image = draw_thickness(axes, curve.thickness_um, curve.extent_um, top)
            axes.set_title(curve.name, loc="left", fontsize=7)
        for axes in panels.ravel()[max(len(shown) - columns, 0) : len(shown)]:
            axes.set_xlabel("x (µm)")
            axes.tick_params(labelbottom=True)
        for axes in panels[:, 0]:
            axes.set_ylabel("y (µm)")
        colour_bar(
            drawing, image, panels, "equivalent Li thickness (µm)", extend="both", aspect=20 * rows
        )
