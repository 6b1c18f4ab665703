"""Pictures of what imaging found: slices, thickness map, histogram, through-plane profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from coupling.figure_style import DOUBLE_COLUMN_IN, SINGLE_COLUMN_IN, colour_bar, figure
from imaging.filters import PAPER_LI_THRESHOLD
from imaging.volume import FloatArray, Volume
from imaging.workflow import ImageResult

LVF_MAP = "coolwarm"
"""Blue for unchanged, red for lithium, as in the paper's figure 4a."""
THICKNESS_MAP = "viridis"


def write_image_figures(result: ImageResult, folder: Path) -> list[Path]:
    """Write all pictures of an image analysis; return the files."""
    files = [folder / f"{n}.png" for n in ("slices", "thickness_map", "histogram", "z_profile")]
    slices_figure(result, files[0])
    thickness_figure(result, files[1])
    histogram_figure(result, files[2])
    z_profile_figure(result, files[3])
    return files


def slices_figure(result: ImageResult, file: Path) -> None:
    """Draw the section through the largest island: before, after, lithium volume fraction."""
    row = _row_of_interest(result)
    volumes: list[tuple[str, Volume, str]] = []
    if result.before is not None and result.after_registered is not None:
        volumes += [("before", result.before, "gray"), ("after", result.after_registered, "gray")]
    volumes.append((f"lithium volume fraction (line: {PAPER_LI_THRESHOLD:g})", result.lvf, LVF_MAP))
    dz, dy, dx = result.lvf.spacing_um
    nz, _, nx = result.lvf.values.shape
    extent = (-dx / 2, (nx - 0.5) * dx, -dz / 2, (nz - 0.5) * dz)
    height = len(volumes) * min(2.2, 5.5 * nz * dz / (nx * dx) + 0.45) + 0.3
    with figure(file, DOUBLE_COLUMN_IN, height) as drawing:
        panels = np.atleast_1d(drawing.subplots(len(volumes), 1, sharex=True))
        for axes, (name, volume, cmap) in zip(panels, volumes, strict=True):
            section = volume.values[:, row, :]
            grey = cmap == "gray"
            limits = np.percentile(section, (0.5, 99.5)) if grey else (0.0, 1.0)
            shown = axes.imshow(
                section, origin="lower", extent=extent, cmap=cmap, vmin=limits[0], vmax=limits[1]
            )
            if not grey:
                axes.contour(
                    section, [PAPER_LI_THRESHOLD], extent=extent, colors="black", linewidths=0.4
                )
            axes.set_ylabel("z (µm)")
            axes.set_title(f"{name}, y = {row * dy:.0f} µm", loc="left")
            label = "grey value" if grey else "LVF (–)"
            colour_bar(drawing, shown, axes, label, fraction=0.03)
        panels[-1].set_xlabel("x (µm)")


def _row_of_interest(result: ImageResult) -> int:
    """Return the row (y) through the thickest island, or the middle where there is none."""
    rows = int(result.lvf.values.shape[1])
    if not result.islands:
        return rows // 2
    island = max(result.islands, key=lambda item: item.height_um)
    return min(max(round(island.y_um / result.lvf.spacing_um[1]), 0), rows - 1)


def thickness_figure(result: ImageResult, file: Path) -> None:
    """Draw the map of equivalent lithium thickness with the islands numbered."""
    with figure(file, SINGLE_COLUMN_IN * 1.35, SINGLE_COLUMN_IN * 1.15) as drawing:
        axes = drawing.subplots()
        draw_thickness(drawing, axes, result.thickness_um, result.lvf.spacing_um)
        for island in result.islands:
            mark_island(axes, island.x_um, island.y_um, island.contact_diameter_um, island.label)


def draw_thickness(
    drawing: Any, axes: Any, thickness_um: FloatArray, spacing_um: tuple[float, float, float]
) -> None:
    """Draw a thickness map (y, x) in micrometres."""
    _, dy, dx = spacing_um
    rows, columns = thickness_um.shape
    extent = (-dx / 2, (columns - 0.5) * dx, -dy / 2, (rows - 0.5) * dy)
    top = max(float(np.nanpercentile(thickness_um, 99.9)), 1.0)
    shown = axes.imshow(
        thickness_um, origin="lower", extent=extent, cmap=THICKNESS_MAP, vmin=0.0, vmax=top
    )
    axes.set_xlabel("x (µm)")
    axes.set_ylabel("y (µm)")
    colour_bar(drawing, shown, axes, "equivalent Li thickness (µm)", extend="both")


def mark_island(axes: Any, x_um: float, y_um: float, diameter_um: float, label: int) -> None:
    """Draw an island's contact line and number."""
    turn = np.linspace(0, 2 * np.pi, 73)
    radius = diameter_um / 2
    axes.plot(x_um + radius * np.cos(turn), y_um + radius * np.sin(turn), color="white", lw=0.6)
    axes.annotate(
        str(label),
        (x_um + 0.71 * radius, y_um + 0.71 * radius),
        xytext=(1.5, 1.5),
        textcoords="offset points",
        color="white",
        fontsize=7,
    )


def histogram_figure(result: ImageResult, file: Path) -> None:
    """Draw the distribution of equivalent thickness, the paper's bins of 0.09 um."""
    edges, counts = result.histogram_edges_um, result.histogram_counts
    share = 100 * counts / max(counts.sum(), 1.0) / np.diff(edges)
    filled = np.flatnonzero(counts)
    last = edges[filled[-1] + 1] if len(filled) else edges[-1]
    with figure(file, SINGLE_COLUMN_IN, 2.4) as drawing:
        axes = drawing.subplots()
        axes.stairs(share, edges, fill=True, color="#4c78a8")
        axes.set_xlim(0, max(1.05 * last, 1.0))
        axes.set_yscale("log")
        axes.set_xlabel("equivalent Li thickness (µm)")
        axes.set_ylabel("share of the area (% per µm)")
        mean, deviation = result.scalars["mean_thickness_um"], result.scalars["std_thickness_um"]
        axes.set_title(f"mean {mean:.2f} µm, standard deviation {deviation:.2f} µm", loc="left")


def z_profile_figure(result: ImageResult, file: Path) -> None:
    """Draw the mean lithium volume fraction against the through-plane position."""
    with figure(file, SINGLE_COLUMN_IN, 2.4) as drawing:
        axes = drawing.subplots()
        axes.plot(result.z_profile_um, 100 * result.z_profile_lvf, color="#4c78a8", lw=1)
        axes.axhline(0, color="black", lw=0.4)
        axes.set_xlabel("z (µm)")
        axes.set_ylabel("mean LVF (%)")
