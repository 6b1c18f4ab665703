"""Pictures of what imaging found in one scan: slices, thickness map, histogram, depth profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from coupling.figure_style import (
    BLUE,
    CRACK_ON_MAP,
    SINGLE_COLUMN_IN,
    THICKNESS_MAP,
    colour_bar,
    figure,
    written,
)
from coupling.slices_figure import Extent, outline_labels, plane_extent, slices_figure
from imaging.cracks import CrackMap
from imaging.result import ImageResult
from imaging.slabs import Progress
from imaging.thickness import HISTOGRAM_RANGE_UM
from imaging.volume import FloatArray

NO_DATA = "#e6e6e6"
"""Outside the region of interest."""


def write_image_figures(
    result: ImageResult,
    folder: Path,
    cracks: CrackMap | None = None,
    vector: str = "",
    progress: Progress | None = None,
) -> list[Path]:
    """Write all pictures of an image analysis; return the files.

    Parameters
    ----------
    result
        What was found.
    folder
        Where to.
    cracks
        Drawn as well, where any were found.
    vector
        Suffix of the vector file that is written beside every PNG; empty for none.
    progress
        Called with the fraction done, rising to 1.
    """
    drawn: dict[str, Callable[[Path], None]] = {
        "slices": lambda file: slices_figure(result, file, cracks, vector),
        "thickness_map": lambda file: thickness_figure(result, file, cracks, vector),
        "histogram": lambda file: histogram_figure(result, file, vector),
        "z_profile": lambda file: z_profile_figure(result, file, vector),
    }
    files = []
    for done, (name, draw) in enumerate(drawn.items(), start=1):
        draw(folder / f"{name}.png")
        files += written(folder / f"{name}.png", vector)
        if progress is not None:
            progress(done / len(drawn))
    return files


def thickness_figure(
    result: ImageResult, file: Path, cracks: CrackMap | None = None, vector: str = ""
) -> None:
    """Draw the map of equivalent lithium thickness, islands outlined and numbered."""
    lvf = result.lvf
    with figure(file, SINGLE_COLUMN_IN * 1.35, SINGLE_COLUMN_IN * 1.15, vector) as drawing:
        axes = drawing.subplots()
        extent = plane_extent(lvf, slice(0, lvf.shape[1]), slice(0, lvf.shape[2]))
        shown = draw_thickness(
            axes, result.thickness_um, extent, top_thickness_um(result.thickness_um)
        )
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        colour_bar(drawing, shown, axes, "equivalent Li thickness (µm)", extend="both")
        outline_labels(axes, result.island_labels, lvf, "white")
        for island in result.islands:
            name_island(axes, island.x_um, island.y_um, island.contact_diameter_um, island.label)
        if cracks is not None and cracks.cracks:
            outline_labels(axes, cracks.labels, lvf, CRACK_ON_MAP)
            axes.plot([], [], color=CRACK_ON_MAP, lw=0.8, label="cracks")
            axes.plot([], [], color="white", lw=0.8, label="islands")
            axes.legend(loc="lower right", facecolor="#444444", labelcolor="white", framealpha=0.7)


def top_thickness_um(thickness_um: FloatArray) -> float:
    """Return the upper end of the colour scale."""
    return max(float(np.nanpercentile(thickness_um, 99.9)), 1.0)


def draw_thickness(axes: Any, thickness_um: FloatArray, extent_um: Extent, top_um: float) -> Any:
    """Draw a thickness map (y, x) in micrometres; return the image."""
    axes.set_facecolor(NO_DATA)
    return axes.imshow(
        thickness_um, origin="lower", extent=extent_um, cmap=THICKNESS_MAP, vmin=0.0, vmax=top_um
    )


def name_island(axes: Any, x_um: float, y_um: float, diameter_um: float, label: int) -> None:
    """Write an island's number beside its contact line, inside the axes."""
    (left, right), (_, high) = axes.get_xlim(), axes.get_ylim()
    reach = 0.36 * diameter_um
    to_left = x_um + reach > right - 0.05 * (right - left)
    below = y_um + reach > high - 0.05 * (high - axes.get_ylim()[0])
    axes.annotate(
        str(label),
        (x_um + (-reach if to_left else reach), y_um + (-reach if below else reach)),
        xytext=(-1.5 if to_left else 1.5, -1.5 if below else 1.5),
        textcoords="offset points",
        ha="right" if to_left else "left",
        va="top" if below else "bottom",
        color="white",
        fontsize=7,
    )


def histogram_figure(result: ImageResult, file: Path, vector: str = "") -> None:
    """Draw the distribution of equivalent thickness: 500 bins from 0 to 45 um, as the paper's."""
    edges, counts = result.histogram_edges_um, result.histogram_counts
    share = 100 * counts / max(counts.sum(), 1.0) / np.diff(edges)
    mean, deviation = result.scalars["mean_thickness_um"], result.scalars["std_thickness_um"]
    with figure(file, SINGLE_COLUMN_IN, 2.4, vector) as drawing:
        axes = drawing.subplots()
        axes.stairs(share, edges, fill=True, color=BLUE, lw=0)
        axes.axvline(mean, color="black", lw=0.8, ls="--")
        axes.set_xlim(*HISTOGRAM_RANGE_UM)
        axes.set_yscale("log")
        axes.set_xlabel("equivalent Li thickness (µm)")
        axes.set_ylabel("share of the area (% per µm)")
        error = result.scalars.get("mean_thickness_error_um", np.nan)
        known = f" ± {error:.1g}" if np.isfinite(error) else ""
        title = f"mean {mean:.2f}{known} µm (dashed), SD {deviation:.2f} µm"
        axes.set_title(title, loc="left")


def z_profile_figure(result: ImageResult, file: Path, vector: str = "") -> None:
    """Draw the mean lithium volume fraction against the through-plane position."""
    position, lvf, name = depth_profile(result)
    with figure(file, SINGLE_COLUMN_IN, 2.4, vector) as drawing:
        axes = drawing.subplots()
        axes.plot(position, 100 * lvf, color=BLUE, lw=1)
        mark_collector(axes, result)
        axes.axhline(0, color="black", lw=0.4)
        axes.set_xlim(float(position[0]), float(position[-1]))
        axes.set_xlabel(name)
        axes.set_ylabel("mean LVF (%)")


def depth_profile(result: ImageResult) -> tuple[FloatArray, FloatArray, str]:
    """Through-plane position in um, rising, mean LVF there, and what the position means.

    From the SE|CC interface into the electrolyte, over the slices that are summed; where only an
    LVF volume is known, its z.
    """
    if result.setup is None:
        return result.z_profile_um, result.z_profile_lvf, "z (µm)"
    used = result.setup.place.slices
    height = -result.setup.place.interface.depth_um(result.lvf)[used]
    order = np.argsort(height)
    return height[order], result.z_profile_lvf[used][order], "height above the SE|CC interface (µm)"


def mark_collector(axes: Any, result: ImageResult) -> None:
    """Shade the side of the current collector."""
    if result.setup is None:
        return
    axes.axvspan(-1e4, 0, color="#b87333", alpha=0.12, lw=0)
    axes.text(
        0.03, 0.95, "collector", transform=axes.transAxes, fontsize=7, color="#7a4a1d", va="top"
    )
    axes.text(0.97, 0.95, "electrolyte", transform=axes.transAxes, fontsize=7, va="top", ha="right")
