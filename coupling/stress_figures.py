"""Pictures of solved islands: the largest principal stress around them, as the paper's figure 7."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Polygon
from matplotlib.tri import Triangulation

from coupling.case import Case
from coupling.figure_style import (
    ABOVE,
    COPPER,
    DOUBLE_COLUMN_IN,
    LITHIUM,
    SIGMA1_MAP,
    colour_bar,
    figure,
)
from coupling.results import Scalar
from mechanics.layout import Edge, Region
from mechanics.profile import Floats
from mechanics.stress import NodalStress, principal_max
from mechanics.summary import THRESHOLD_MPA

DEFORMATION_SCALE = 5
"""Magnification of the displacements, the paper's."""
_LOWEST_MPA = -200.0
_SPLIT = [(0, 4, 5), (4, 1, 6), (4, 6, 8), (4, 8, 5), (5, 8, 2), (8, 7, 2), (8, 6, 7), (6, 3, 7)]
"""Triangles of a 9-node quadrilateral in DOLFINx's order."""


@dataclass(frozen=True)
class Picture:
    """What is drawn of a solved island; small enough to be handed between processes."""

    electrolyte: NodalStress
    copper: Floats
    """Outline of the deformed current collector under the island, shape (n, 2), um."""
    lithium: Floats
    """Outline of the deformed island, shape (n, 2), um."""
    undeformed: Floats
    """Meridian of the undeformed island, shape (n, 2), um."""
    reach_um: float


def picture_of(case: Case) -> Picture:
    """Return what is drawn of a solved island."""
    space = case.solution.discretisation
    island = space.stack.profile
    reach = 1.4 * max(island.max_radius_um, 1.5 * island.height_um) + 10.0
    base, cap = _deformed_line(case, Edge.base), _deformed_line(case, Edge.cap)
    has_foil = len(space.cells_of(Region.cu)) > 0
    floor = [_corner(case, 1), _corner(case, 0)] if has_foil else []
    foil_lines = [
        _deformed_line(case, own if len(space.nodes_on(own)) else shared)
        for own, shared in ((Edge.hole_base, Edge.base), (Edge.cu_upper, Edge.interface))
    ]
    surface = np.concatenate(foil_lines)
    return Picture(
        electrolyte=case.stress.nodal.within(max(2.2 * reach, 180.0)),
        copper=np.concatenate((surface, floor)) if floor else surface[:0],
        lithium=np.concatenate((base, cap)),
        undeformed=np.column_stack((island.r_um, island.z_um)),
        reach_um=reach,
    )


def _deformed_line(case: Case, edge: Edge) -> Floats:
    """Return the magnified deformed nodes of a line, in order away from the contact line.

    What lies under the island runs towards the contact line instead, so that lines join up.
    """
    space = case.solution.discretisation
    nodes = space.nodes_on(edge)
    points = space.node_points[nodes]
    rim = space.stack.profile.r_um[-1]
    away = np.hypot(points[:, 0] - rim, points[:, 1])
    towards = edge in (Edge.base, Edge.hole_base)
    order = np.argsort(-away if towards else away)
    moved = case.solution.state.displacement.reshape(-1, 2)[nodes]
    line: Floats = (points + DEFORMATION_SCALE * moved)[order]
    return line


def _corner(case: Case, side: int) -> Floats:
    """Return the lower corner of the current collector on the axis (0) or the wall (1)."""
    space = case.solution.discretisation
    points = space.node_points[np.unique(space.element_nodes[space.cells_of(Region.cu)])]
    return np.array([side * points[:, 0].max(), points[:, 1].min()])


def stress_figure(case: Case, file: Path) -> None:
    """Draw the deformed island with the largest principal stress in the electrolyte."""
    draw_picture(picture_of(case), file, risk_title(None, case.scalars()))


def draw_picture(picture: Picture, file: Path, title: str) -> None:
    """Draw one solved island and write it to a PNG file."""
    with figure(file, DOUBLE_COLUMN_IN * 0.75, 3.1) as drawing:
        axes = drawing.subplots()
        filled = draw_island(axes, picture)
        axes.set_title(title, loc="left")
        stress_bar(drawing, filled, axes)


def pair_figure(pictures: list[tuple[str, Picture]], file: Path) -> None:
    """Draw solved islands side by side on one scale, as the paper's figure 7."""
    reach = max(picture.reach_um for _, picture in pictures)
    with figure(file, DOUBLE_COLUMN_IN, 2.6) as drawing:
        panels = drawing.subplots(1, len(pictures), sharey=True)
        for letter, axes, (name, picture) in zip("abcdef", panels, pictures, strict=False):
            filled = draw_island(axes, picture, reach)
            r, z = picture.undeformed.max(axis=0)
            axes.set_title(f"({letter}) {name}: {2 * r:.1f} µm × {z:.1f} µm", loc="left")
        panels[-1].set_ylabel("")
        stress_bar(drawing, filled, panels)


def draw_island(axes: Any, picture: Picture, reach_um: float | None = None) -> Any:
    """Draw an island in mirrored meridian sections; return what the colour bar needs."""
    nodal = picture.electrolyte
    moved = nodal.points + DEFORMATION_SCALE * nodal.displacement
    triangles = nodal.connectivity[:, np.array(_SPLIT)].reshape(-1, 3)
    sigma1 = principal_max(nodal.stress)
    levels = np.linspace(_LOWEST_MPA, THRESHOLD_MPA, 41)
    norm = TwoSlopeNorm(0.0, _LOWEST_MPA, THRESHOLD_MPA)
    for side in (1, -1):
        mesh = Triangulation(side * moved[:, 0], moved[:, 1], triangles)
        filled = axes.tricontourf(
            mesh, sigma1, levels=levels, norm=norm, cmap=SIGMA1_MAP, extend="both"
        )
        flip = np.array([side, 1.0])
        for outline, colour in ((picture.copper, COPPER), (picture.lithium, LITHIUM)):
            if len(outline):
                axes.add_patch(Polygon(flip * outline, facecolor=colour, edgecolor=colour, lw=0.4))
        axes.plot(*(flip * picture.undeformed).T, color="black", lw=0.7)
    axes.axhline(0.0, color="black", lw=0.5)
    reach = reach_um or picture.reach_um
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.25 * reach, 0.85 * reach)
    axes.set_aspect("equal")
    axes.set_xlabel("r (µm)")
    axes.set_ylabel("z (µm)")
    for text, z, colour in (("Cu", -0.18 * reach, "black"), ("SE", 0.75 * reach, "black")):
        axes.text(-0.95 * reach, z, text, color=colour, va="center", fontsize=7)
    height = picture.undeformed[:, 1].max()
    thin = height < 0.15 * reach  # no room for a label inside
    axes.text(
        0.0, -0.02 * reach if thin else 0.35 * height, "Li",
        ha="center", va="top" if thin else "center", fontsize=7,
    )  # fmt: skip
    return filled


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
        0.5, 1.07, f"> {THRESHOLD_MPA:.0f} MPa", color=ABOVE, ha="center", va="bottom",
        fontsize=7, transform=bar.ax.transAxes,
    )  # fmt: skip


def risk_title(label: int | None, scalars: dict[str, Scalar]) -> str:
    """Return the title of a solved island's picture."""
    island = "Li island" if label is None else f"Li island {label}"
    return (
        f"{island}, {scalars['contact_diameter_um']:.1f} µm × {scalars['height_um']:.1f} µm; "
        f"displacements × {DEFORMATION_SCALE}\n"
        f"Li pressure {scalars['li_pressure_mpa']:.0f} MPa, "
        f"apex σ₁ {scalars['apex_sigma1_mpa']:.0f} MPa; "
        f"risk R1: bulk {scalars['risk_bulk']:.2f}, rim {scalars['risk_rim']:.2f}"
    )
