"""Take what is drawn of a solved island out of its solution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    foil_edges = [
        own if len(space.nodes_on(own)) else shared
        for own, shared in ((Edge.hole_base, Edge.base), (Edge.cu_upper, Edge.interface))
    ]
    has_foil = len(space.cells_of(Region.cu)) > 0
    copper, of_copper = _outline(case, foil_edges if has_foil else [])
    if has_foil:
        floor = _floor(case)
        copper = np.concatenate((copper, floor))
        of_copper = np.concatenate((of_copper, np.zeros_like(floor)))
    lithium, of_lithium = _outline(case, [Edge.base, Edge.cap])
    nodal = case.stress.nodal.within(max(2.2 * reach, 180.0))
    arc = case.stress.arc
    return Picture(
        points=nodal.points,
        displacement=nodal.displacement,
        triangles=nodal.connectivity[:, np.array(_SPLIT)].reshape(-1, 3),
        sigma1_mpa=principal_max(nodal.stress),
        copper=copper,
        copper_displacement=of_copper,
        lithium=lithium,
        lithium_displacement=of_lithium,
        undeformed=np.column_stack((island.r_um, island.z_um)),
        reach_um=reach,
        arc=np.column_stack((arc.s_um, arc.sigma1_mpa)),
    )


def _outline(case: Case, edges: list[Edge]) -> tuple[Floats, Floats]:
    """Return points and displacements of named lines joined up."""
    space = case.solution.discretisation
    nodes = [_along(case, edge) for edge in edges]
    rows = np.concatenate(nodes) if nodes else np.zeros(0, dtype=np.int64)
    return space.node_points[rows], case.solution.state.displacement.reshape(-1, 2)[rows]


def _along(case: Case, edge: Edge) -> NDArray[np.int64]:
    """Return the nodes of a line, in order away from the contact line.

    What lies under the island runs towards the contact line instead, so that lines join up.
    """
    space = case.solution.discretisation
    nodes = space.nodes_on(edge)
    points = space.node_points[nodes]
    rim = space.stack.profile.r_um[-1]
    away = np.hypot(points[:, 0] - rim, points[:, 1])
    towards = edge in (Edge.base, Edge.hole_base)
    ordered: NDArray[np.int64] = nodes[np.argsort(-away if towards else away)]
    return ordered


def _floor(case: Case) -> Floats:
    """Return the lower corners of the current collector, on the wall and on the axis."""
    space = case.solution.discretisation
    points = space.node_points[np.unique(space.element_nodes[space.cells_of(Region.cu)])]
    low = points[:, 1].min()
    return np.array([[points[:, 0].max(), low], [0.0, low]])


def risk_title(label: int | None, scalars: dict[str, Scalar]) -> str:
    """Return the title of a solved island's picture."""
    island = "Li island" if label is None else f"Li island {label}"
    title = (
        f"{island}, {scalars['contact_diameter_um']:.1f} µm × {scalars['height_um']:.1f} µm; "
        f"displacements × {DEFORMATION_SCALE}\n"
        f"Li pressure {scalars['li_pressure_mpa']:.0f} MPa, "
        f"apex σ₁ {scalars['apex_sigma1_mpa']:.0f} MPa; "
        f"risk R1: bulk {scalars['risk_bulk']:.2f}, rim {scalars['risk_rim']:.2f}"
    )
    return title.replace("-", "\u2212")  # the minus sign of the axes
