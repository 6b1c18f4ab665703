"""Take what is drawn of a solved island out of its solution."""

from __future__ import annotations

import numpy as np

from coupling.case import Case
from coupling.picture import DEFORMATION_SCALE, Floats, Picture
from coupling.results import Scalar
from mechanics.layout import Edge, Region
from mechanics.stress import principal_max

_SPLIT = [(0, 4, 5), (4, 1, 6), (4, 6, 8), (4, 8, 5), (5, 8, 2), (8, 7, 2), (8, 6, 7), (6, 3, 7)]
"""Triangles of a 9-node quadrilateral in DOLFINx's order."""


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
    nodal = case.stress.nodal.within(max(2.2 * reach, 180.0))
    return Picture(
        points=nodal.points,
        displacement=nodal.displacement,
        triangles=nodal.connectivity[:, np.array(_SPLIT)].reshape(-1, 3),
        sigma1_mpa=principal_max(nodal.stress),
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
