"""Pictures of solved islands: the largest principal stress around them, as the paper's figure 7."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Polygon
from matplotlib.tri import Triangulation

from coupling.figure_style import (
    ABOVE,
    COPPER,
    DOUBLE_COLUMN_IN,
    LITHIUM,
    SIGMA1_MAP,
    colour_bar,
    figure,
)
from coupling.picture import DEFORMATION_SCALE, RED_MPA, Picture

_LOWEST_MPA = -200.0
LEVELS = np.linspace(_LOWEST_MPA, RED_MPA, 41)
"""Stresses between which the colour stays the same, MPa."""


def draw_picture(picture: Picture, file: Path, title: str, vector: str = "") -> None:
    """Draw one solved island and write it to a PNG file, and a vector file if asked for."""
    with figure(file, DOUBLE_COLUMN_IN * 0.75, 3.1, vector) as drawing:
        axes = drawing.subplots()
        filled = draw_island(axes, picture)
        axes.set_title(title, loc="left")
        stress_bar(drawing, filled, axes)


def pair_figure(pictures: list[tuple[str, Picture]], file: Path, vector: str = "") -> None:
    """Draw solved islands side by side on one scale, as the paper's figure 7."""
    reach = max(picture.reach_um for _, picture in pictures)
    with figure(file, DOUBLE_COLUMN_IN, 2.6, vector) as drawing:
        panels = drawing.subplots(1, len(pictures), sharey=True, squeeze=False)[0]
        for letter, axes, (name, picture) in zip("abcdef", panels, pictures, strict=False):
            filled = draw_island(axes, picture, reach)
            r, z = picture.undeformed.max(axis=0)
            axes.set_title(f"({letter}) {name}: {2 * r:.1f} µm × {z:.1f} µm", loc="left")
        for axes in panels[1:]:
            axes.set_ylabel("")
        stress_bar(drawing, filled, panels)


def draw_island(axes: Any, picture: Picture, reach_um: float | None = None) -> Any:
    """Draw an island in mirrored meridian sections; return what the colour bar needs."""
    moved = picture.points + DEFORMATION_SCALE * picture.displacement
    for side in (1, -1):
        mesh = Triangulation(side * moved[:, 0], moved[:, 1], picture.triangles)
        filled = axes.tricontourf(
            mesh,
            picture.sigma1_mpa,
            levels=LEVELS,
            norm=stress_norm(),
            cmap=SIGMA1_MAP,
            extend="both",
        )
        filled.set(edgecolor="face", linewidth=0.2)  # else vector files show seams
        flip = np.array([side, 1.0])
        for name, colour in (("copper", COPPER), ("lithium", LITHIUM)):
            points, displacement = picture.outlines[name]
            if len(points):
                line = flip * (points + DEFORMATION_SCALE * displacement)
                axes.add_patch(Polygon(line, facecolor=colour, edgecolor=colour, lw=0.4))
        axes.plot(*(flip * picture.undeformed).T, color="black", lw=0.7)
    axes.axhline(0.0, color="black", lw=0.5)
    reach = reach_um or picture.reach_um
    axes.set_xlim(-reach, reach)
    copper = picture.outlines["copper"][0]
    floor = max(-0.25 * reach, copper[:, 1].min(initial=0.0))  # nothing is known below the copper
    axes.set_ylim(floor or -0.25 * reach, 0.85 * reach)
    axes.set_aspect("equal")
    axes.set_xlabel("r (µm)")
    axes.set_ylabel("z (µm)")
    for text, z, colour in (("Cu", 0.7 * floor, "black"), ("SE", 0.75 * reach, "black")):
        axes.text(-0.95 * reach, z, text, color=colour, va="center", fontsize=7)
    height = picture.undeformed[:, 1].max()
    if height < 0.15 * reach:  # no room for a label inside
        pointer = {"arrowstyle": "-", "lw": 0.5, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            "Li", (0.0, 0.4 * height), (0.0, -0.08 * reach),
            ha="center", va="top", fontsize=7, arrowprops=pointer,
        )  # fmt: skip
    else:
        axes.text(0.0, 0.35 * height, "Li", ha="center", va="center", fontsize=7)
    return filled


def stress_norm() -> TwoSlopeNorm:
    """Return the scale of the stress map: its middle stands at zero."""
    return TwoSlopeNorm(0.0, _LOWEST_MPA, RED_MPA)


def stress_bar(drawing: Any, filled: Any, axes: Any) -> None:
    """Add the colour bar of the largest principal stress, with what red means."""
    bar = colour_bar(
        drawing,
        filled,
        axes,
        "maximum principal stress in SE (MPa)",
        ticks=range(-200, 201, 100),
        shrink=0.85,
    )
    bar.ax.text(
        0.5, 1.07, f"> {RED_MPA:.0f} MPa", color=ABOVE, ha="center", va="bottom",
        fontsize=7, transform=bar.ax.transAxes,
    )  # fmt: skip
