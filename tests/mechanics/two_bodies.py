"""Blocks of revolution that touch: small models with closed forms, made by the stack's own solver.

A block is a cylinder about the axis with a regular mesh of 9-node quadrilaterals; its lower face
may be a paraboloid. Blocks share no nodes: pairs of their faces touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from mechanics.contact import ContactState, Surfaces
from mechanics.interfaces import ContactOptions
from mechanics.layout import Edge, Interface, Region
from mechanics.materials import MaterialSet
from mechanics.mesh import StackMesh, _gmsh_model
from mechanics.newton import Newton, Problem
from mechanics.profile import Floats, cap
from mechanics.solver import Solution, solve
from mechanics.stack import Kinematics, Loading, SolverOptions, StackGeometry
from mechanics.state import Load, State
from mechanics.timing import Stopwatch


@dataclass(frozen=True)
class Block:
    """A cylinder 0 <= r <= radius between two heights, um."""

    region: Region
    radius: float
    z: tuple[float, float]
    across: int
    """Elements along the radius."""
    up: int
    """Elements along the axis."""
    lower: Edge | None = None
    upper: Edge | None = None
    side: Edge | None = None
    grading_r: float = 1.0
    """Length of each element over that of its inner neighbour."""
    grading_z: float = 1.0
    """Length of each element over that of its lower neighbour."""
    sag: float = 0.0
    """How much the lower face rises towards its rim, as a paraboloid."""


@dataclass(frozen=True)
class TwoBodies(StackMesh):
    """Blocks with the pairs of faces that touch."""

    pairs: tuple[Interface, ...] = ()

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The faces that may slip and open."""
        return self.pairs


TIGHT = SolverOptions(relative_tolerance=1e-11)
ON_COPPER = Interface("cu_li", (Edge.base,), (Edge.cu_upper,))
"""The upper block's lower face on the lower block; lithium's limit of shear holds."""


def mesh_blocks(
    blocks: Iterable[Block],
    contact: ContactOptions,
    pairs: tuple[Interface, ...] = (ON_COPPER,),
) -> TwoBodies:
    """Mesh blocks that touch."""
    from mechanics.fenics import MPI, gmsh_io

    with _gmsh_model("blocks") as gmsh:
        named: dict[Edge, list[int]] = {}
        for block in blocks:
            _add_block(gmsh, block, named)
        for edge, lines in named.items():
            gmsh.model.addPhysicalGroup(1, lines, edge)
        gmsh.option.setNumber("Mesh.RecombineAll", 1)
        gmsh.option.setNumber("Mesh.ElementOrder", 2)
        gmsh.option.setNumber("Mesh.SecondOrderIncomplete", 0)
        gmsh.model.mesh.generate(2)
        data = gmsh_io.model_to_mesh(gmsh.model, MPI.COMM_SELF, 0, gdim=2)
    return TwoBodies(
        data.mesh,
        data.cell_tags,
        data.facet_tags,
        cap(2.0, 0.5),
        1.0,
        StackGeometry(),
        contact,
        pairs,
    )


def _add_block(gmsh: object, block: Block, named: dict[Edge, list[int]]) -> None:
    geo, model = gmsh.model.geo, gmsh.model
    low, high, radius = *block.z, block.radius
    corners = [
        geo.addPoint(r, z, 0.0)
        for r, z in ((0, low), (radius, low + block.sag), (radius, high), (0, high))
    ]
    if block.sag:
        middle = geo.addPoint(radius / 2, low, 0.0)
        lower = geo.addBezier([corners[0], middle, corners[1]])
    else:
        lower = geo.addLine(corners[0], corners[1])
    side, upper, axis = (geo.addLine(corners[i], corners[j]) for i, j in ((1, 2), (3, 2), (0, 3)))
    surface = geo.addPlaneSurface([geo.addCurveLoop([lower, side, -upper, -axis])])
    for line in (lower, upper):
        geo.mesh.setTransfiniteCurve(line, block.across + 1, "Progression", block.grading_r)
    for line in (side, axis):
        geo.mesh.setTransfiniteCurve(line, block.up + 1, "Progression", block.grading_z)
    geo.mesh.setTransfiniteSurface(surface)
    geo.synchronize()
    model.addPhysicalGroup(2, [surface], block.region)
    names = (block.lower, block.side, block.upper, Edge.axis)
    for name, line in zip(names, (lower, side, upper, axis), strict=True):
        if name is not None:
            named.setdefault(name, []).append(line)


def solve_blocks(
    stack: TwoBodies,
    materials: MaterialSet,
    loading: Loading,
    kinematics: Kinematics = Kinematics.finite,
) -> Solution:
    """Apply the pressure, then let the island grow."""
    return solve(stack, materials, loading, TIGHT, kinematics)


def follow(
    stack: StackMesh,
    materials: MaterialSet,
    loads: Iterable[Load],
    *,
    apart_beyond: float | None = None,
) -> Iterator[tuple[Newton, State]]:
    """Yield the equilibrium at each load in turn, at finite strain.

    With `apart_beyond`, faces are apart as they are drawn and touch within this radius at first;
    otherwise they fit, as the solver takes it.
    """
    newton = Newton(Problem(stack, materials, TIGHT, Kinematics.finite), Stopwatch())
    state = newton.at_rest()
    if apart_beyond is not None:
        state = _apart(newton, state, apart_beyond)
    for load in loads:
        state, _ = newton.equilibrium(state, load, state.displacement)
        yield newton, state


def _apart(newton: Newton, state: State, beyond: float) -> State:
    surfaces, contact = newton.surfaces, state.contact
    assert surfaces is not None
    assert contact is not None
    surfaces.mortar.initial = np.zeros(surfaces.count)
    near = newton.space.node_points[surfaces.nodes, 0] <= beyond
    status = replace(contact.status, closed=contact.status.closed & near)
    status = replace(status, sticks=status.sticks & near)
    return replace(state, contact=replace(contact, status=status))


@dataclass(frozen=True)
class OnSlave:
    """Tractions of a solution at the slave nodes that carry any, in order of their radius."""

    r: Floats
    """Undeformed, um."""
    pressure: Floats
    shear: Floats
    closed: Floats
    slides: Floats
    slip: Floats
    """um."""


def on_slave(surfaces: Surfaces | None, contact: ContactState | None) -> OnSlave:
    """Return what the slave nodes carry."""
    assert surfaces is not None
    assert contact is not None
    kept = surfaces.carries
    return OnSlave(
        surfaces.space.node_points[surfaces.nodes[kept], 0],
        contact.tractions.pressure[kept],
        contact.tractions.shear[kept],
        contact.status.closed[kept],
        contact.status.slides[kept],
        contact.slip_um[kept],
    )
