"""Sections through the scans before and after and their LVF (Xu et al., Small 2026, figure 4a)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import ndimage

from coupling.figure_style import CRACK_ON_MAP, DOUBLE_COLUMN_IN, LVF_MAP, colour_bar, figure
from coupling.scene import block_mean
from imaging.cracks import CrackMap
from imaging.filters import PAPER_LI_THRESHOLD
from imaging.result import ImageResult
from imaging.volume import FloatArray, Volume

WIDTH_UM = 520.0
"""Longest section along x that is drawn: in a longer one layers of a few um would not be seen."""
BEYOND_UM = 15.0
"""Distance to either side of the ROI's slices that the section shows."""
PLANE_PIXELS = 800
"""Pixels along an edge of a plane from which on it is drawn as means of blocks."""
GREY_GAMMA = 0.5
"""Grey values are drawn by their square root: the electrolyte's are a few per cent of copper's."""

type Extent = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the sections lie, in voxels."""

    z: slice
    x: slice
    row: int
    plane: int


@dataclass(frozen=True, eq=False)
class _Panel:
    name: str
    volume: Volume
    norm: Normalize
    cmap: Any


def slices_figure(
    result: ImageResult, file: Path, cracks: CrackMap | None = None, vector: str = ""
) -> None:
    """Draw x-z through the thickest island and x-y where most lithium is, all to scale."""
    place = _place(result)
    panels = _panels(result, place)
    dz, _, dx = result.lvf.spacing_um
    tall = (place.z.stop - place.z.start) * dz
    wide = (place.x.stop - place.x.start) * dx
    strip = min(max(6.0 * tall / wide, 0.7), 1.7) + 0.28  # all of it on one page
    square = DOUBLE_COLUMN_IN / 3 - 0.1
    height = len(panels) * strip + square + 0.75
    with figure(file, DOUBLE_COLUMN_IN, height, vector) as drawing:
        parts: Any = drawing.subfigures(
            2, 1, height_ratios=[len(panels) * strip + 0.35, square + 0.4]
        )
        upper, lower = parts
        _sections(upper, panels, result, place)
        _planes(lower, panels, result, place, cracks)


def _panels(result: ImageResult, place: _Place) -> list[_Panel]:
    """Scans with one grey scale, and the LVF."""
    panels = []
    if result.before is not None and result.after_registered is not None:
        scans = (result.before, result.after_registered)
        seen = [scan.values[place.z, place.row, place.x] for scan in scans]
        low, high = np.percentile(np.stack(seen), (0.5, 99.5))
        # the square root needs a scale that does not begin below zero
        zero = min(float(low), 0.0) if low < 0 else 0.0
        norm = PowerNorm(GREY_GAMMA, vmin=zero, vmax=max(float(high), zero + 1e-9), clip=True)
        panels = [
            _Panel(name, scan, norm, "gray")
            for name, scan in zip(("before", "after"), scans, strict=True)
        ]
    panels.append(_Panel("lithium volume fraction (LVF)", result.lvf, Normalize(0.0, 1.0), LVF_MAP))
    return panels


def _place(result: ImageResult) -> _Place:
    """Row through the thickest island, or the thickest pixel's; plane of most lithium."""
    dz, dy, dx = result.lvf.spacing_um
    nz, ny, nx = result.lvf.shape
    if result.islands:
        island = max(result.islands, key=lambda item: item.height_um)
        at_y = (island.y_um - result.lvf.origin_um[1]) / dy
        at_x = (island.x_um - result.lvf.origin_um[2]) / dx
    else:
        at_y, at_x = 0.5 * (ny - 1), 0.5 * (nx - 1)
    half = min(round(0.5 * WIDTH_UM / dx), nx // 2)
    first = min(max(round(at_x) - half, 0), nx - 2 * half)
    plane = int(np.argmax(result.z_profile_lvf))
    used = slice(0, nz)
    if result.setup is not None:
        used = result.setup.place.slices
        plane = used.start + int(np.argmax(result.z_profile_lvf[used]))
    beyond = round(BEYOND_UM / dz)
    return _Place(
        z=slice(max(used.start - beyond, 0), min(used.stop + beyond, nz)),
        x=slice(first, first + 2 * half),
        row=min(max(round(at_y), 0), ny - 1),
        plane=plane,
    )


def _sections(drawing: Any, panels: list[_Panel], result: ImageResult, place: _Place) -> None:
    lvf = result.lvf
    extent = _extent(lvf, 2, place.x) + _extent(lvf, 0, place.z)
    y_um = lvf.coordinates_um(1)[place.row]
    axes = np.atleast_1d(drawing.subplots(len(panels), 1, sharex=True))
    shown = []
    for i, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        section = panel.volume.values[place.z, place.row, place.x]
        image = ax.imshow(section, origin="lower", extent=extent, cmap=panel.cmap, norm=panel.norm)
        shown.append(image)
        where = f", section at y = {y_um:.0f} µm" if i == 0 else ""
        ax.set_title(f"{panel.name}{where}", loc="left")
        ax.set_ylabel("z (µm)")
        if panel.cmap == LVF_MAP and _passes(section, PAPER_LI_THRESHOLD):
            ax.contour(section, [PAPER_LI_THRESHOLD], extent=extent, colors="black", linewidths=0.5)
            line = f", line at {100 * PAPER_LI_THRESHOLD:.0f} %"
            ax.set_title(f"{panel.name}{line}{where}", loc="left")
    axes[-1].set_xlabel("x (µm)")
    scans = list(axes[:-1])
    if scans:
        bar = colour_bar(drawing, shown[0], scans, "grey value", fraction=0.04, aspect=30)
        low, high = shown[0].get_clim()
        bar.set_ticks([tick for tick in MaxNLocator(5).tick_values(low, high) if tick <= high])
    colour_bar(drawing, shown[-1], [axes[-1]], "LVF (–)", fraction=0.04, aspect=14)


def _planes(
    drawing: Any,
    panels: list[_Panel],
    result: ImageResult,
    place: _Place,
    cracks: CrackMap | None,
) -> None:
    lvf = result.lvf
    y_um = lvf.coordinates_um(1)[place.row]
    left, right = _extent(lvf, 2, place.x)
    axes = np.atleast_1d(drawing.subplots(1, max(len(panels), 2), sharey=True))
    for i, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        image, extent = _plane(panel.volume, place.plane)
        ax.imshow(image, origin="lower", extent=extent, cmap=panel.cmap, norm=panel.norm)
        ax.plot([left, right], [y_um, y_um], color="white", lw=1.4)
        ax.plot([left, right], [y_um, y_um], color="black", lw=0.7, ls=(0, (4, 3)))
        ax.set_xlabel("x (µm)")
        ax.set_title(
            _plane_name(result, place) if i == 0 else panel.name.split(" (")[0], loc="left"
        )
    if cracks is not None and cracks.cracks:
        outline_labels(axes[len(panels) - 1], cracks.labels, lvf, CRACK_ON_MAP)
        axes[len(panels) - 1].set_title("LVF, cracks outlined", loc="left")
    axes[0].set_ylabel("y (µm)")
    for ax in axes[len(panels) :]:
        ax.set_axis_off()


def _plane_name(result: ImageResult, place: _Place) -> str:
    """Say where the plane lies."""
    z_um = float(result.lvf.coordinates_um(0)[place.plane])
    if result.setup is None:
        return f"plane at z = {z_um:.1f} µm"
    depth = float(result.setup.place.interface.depth_um(result.lvf)[place.plane])
    side = "in the collector" if depth >= 0 else "in the electrolyte"
    return f"before, plane {abs(depth):.1f} µm {side}"


def _plane(volume: Volume, index: int) -> tuple[NDArray[np.float32], Extent]:
    """One slice, as means of blocks where it is large, and its extent."""
    values = np.asarray(volume.values[index], dtype=np.float32)
    factor = max(-(-max(values.shape) // PLANE_PIXELS), 1)
    small = block_mean(values, factor)
    rows, columns = (slice(0, n * factor) for n in small.shape)
    return small, plane_extent(volume, rows, columns)


def outline_labels(axes: Any, labels: NDArray[Any], on: Volume, colour: str) -> None:
    """Draw the outlines of labelled pixels (y, x)."""
    x, y = on.coordinates_um(2), on.coordinates_um(1)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        # a rim of zeros closes the outline, also at the edge of the field
        inside = np.pad((labels[box] == label).astype(float), 1)
        axes.contour(
            _continued(x[box[1]], on.spacing_um[2]), _continued(y[box[0]], on.spacing_um[1]),
            inside, [0.5], colors=colour, linewidths=0.8,
        )  # fmt: skip


def _continued(values: FloatArray, step: float) -> FloatArray:
    return np.concatenate([[values[0] - step], values, [values[-1] + step]])


def plane_extent(volume: Volume, rows: slice, columns: slice) -> Extent:
    """Left, right, lower and upper end of a part of the plane, um."""
    return _extent(volume, 2, columns) + _extent(volume, 1, rows)


def _passes(values: NDArray[Any], level: float) -> bool:
    return bool(values.min() < level < values.max())


def _extent(volume: Volume, axis: int, part: slice) -> tuple[float, float]:
    """Outer faces of the first and the last voxel of a part of an axis, um."""
    step, origin = volume.spacing_um[axis], volume.origin_um[axis]
    return origin + (part.start - 0.5) * step, origin + (part.stop - 0.5) * step
