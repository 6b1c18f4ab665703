"""Blocks of revolution that touch: small models with closed forms, made by the stack's own solver.

A block is a cylinder about the axis with a regular mesh of 9-node quadrilaterals; its lower face
may be a paraboloid. Blocks share no nodes: pairs of their faces touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mechanics.contact import ContactState, Surfaces
from mechanics.interfaces import ContactOptions
from mechanics.layout import Edge, Interface, Region
from mechanics.materials import Electrolyte, Material, MaterialSet
from mechanics.mesh import StackMesh, _gmsh_model
from mechanics.mortar import Bools
from mechanics.newton import Newton
from mechanics.plasticity import RR, RZ, TT, ZZ
from mechanics.profile import Floats, cap
from mechanics.solver import Solution, solve
from mechanics.stack import Kinematics, Loading, SolverOptions, StackGeometry
from mechanics.state import Load, State
from mechanics.timing import Stopwatch
from mechanics.trial import Problem


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


FREE = ContactOptions(mu=0.0)
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


def _add_block(gmsh: Any, block: Block, named: dict[Edge, list[int]]) -> None:
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
    closed: Bools
    slides: Bools
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


def mesh_shell(inner: float, outer: float, size: float) -> TwoBodies:
    """Mesh a ball that can grow in a hollow sphere bonded to it; above their equator."""
    from mechanics.fenics import MPI, gmsh_io

    with _gmsh_model("shell") as gmsh:
        geo, model = gmsh.model.geo, gmsh.model
        centre = geo.addPoint(0.0, 0.0, 0.0)
        ends = [(geo.addPoint(x, 0.0, 0.0), geo.addPoint(0.0, x, 0.0)) for x in (inner, outer)]
        within, around = (geo.addCircleArc(right, centre, up) for right, up in ends)
        floor, far_floor = geo.addLine(centre, ends[0][0]), geo.addLine(ends[0][0], ends[1][0])
        axis, far_axis = geo.addLine(ends[0][1], centre), geo.addLine(ends[1][1], ends[0][1])
        ball = geo.addPlaneSurface([geo.addCurveLoop([floor, within, axis])])
        shell = geo.addPlaneSurface([geo.addCurveLoop([far_floor, around, far_axis, -within])])
        geo.synchronize()
        model.addPhysicalGroup(2, [ball], Region.island)
        model.addPhysicalGroup(2, [shell], Region.se)
        model.addPhysicalGroup(1, [floor, far_floor], Edge.bottom)
        model.addPhysicalGroup(1, [axis, far_axis], Edge.axis)
        for name, value in {
            "Mesh.MeshSizeMax": 2 * size,
            "Mesh.RecombineAll": 1,
            "Mesh.SubdivisionAlgorithm": 1,
            "Mesh.ElementOrder": 2,
            "Mesh.SecondOrderIncomplete": 0,
        }.items():
            gmsh.option.setNumber(name, value)
        model.mesh.generate(2)
        data = gmsh_io.model_to_mesh(model, MPI.COMM_SELF, 0, gdim=2)
    return TwoBodies(
        data.mesh, data.cell_tags, data.facet_tags, cap(2.0, 0.5), size, StackGeometry(), FREE
    )


# ---------------------------------------------------------------- scenes with a closed form

ELASTIC = Material(1000.0, 0.3)


def patch(
    contact: ContactOptions, *, wall: bool, graded: float, edges: tuple[int, int] = (5, 7)
) -> TwoBodies:
    """One cylinder on another of the same radius, with other edges."""
    side = Edge.wall if wall else None
    below = Block(
        Region.cu, 10.0, (-6.0, 0.0), edges[0], 3, Edge.bottom, Edge.cu_upper, side, graded
    )
    above = Block(Region.se, 10.0, (0.0, 5.0), edges[1], 2, Edge.base, Edge.top, side)
    return mesh_blocks([below, above], contact)


def patch_error(solution: Solution, sides: tuple[float, float], pressure: float) -> float:
    """Largest difference from uniform stress and pressure, over the pressure."""
    error = 0.0
    for region, side in zip((Region.cu, Region.se), sides, strict=True):
        stress = solution.state.stress[solution.discretisation.cells_of(region)]
        for part, exact in ((ZZ, -pressure), (RR, side), (TT, side), (RZ, 0.0)):
            error = max(error, float(np.abs(stress[..., part] - exact).max()))
    seen = on_slave(solution.surfaces, solution.state.contact)
    return max(error, float(np.abs(seen.pressure - pressure).max())) / pressure


@dataclass(frozen=True)
class Hertz:
    """A paraboloid pressed on a cylinder far larger than the contact."""

    a: float
    """Contact radius by Hertz, a^3 = 3 F R / (4 E*), um."""
    centre: float
    """Pressure in the centre by Hertz, 3 F / (2 pi a^2), MPa."""
    approach: float
    """By Hertz, a^2 / R, um."""
    found: OnSlave
    found_approach: float
    """Motion of the paraboloid's plane end, um."""


def hertz(*, hard: bool) -> Hertz:
    """Press an elastic paraboloid, or a thousand times harder one, on an elastic cylinder."""
    curvature, size, a = 1000.0, 150.0, 4.0
    star = ELASTIC.youngs_mpa / (1 - ELASTIC.poisson**2) / (1 if hard else 2)
    force = 4 * star * a**3 / (3 * curvature)
    below = Block(
        Region.cu, size, (-size, 0.0), 44, 16, Edge.bottom, Edge.cu_upper,
        grading_r=1.1, grading_z=1 / 1.35,
    )  # fmt: skip
    above = Block(
        Region.se, size, (0.0, size), 41, 16, Edge.base, Edge.top,
        grading_r=1.1, grading_z=1.35, sag=size**2 / (2 * curvature),
    )  # fmt: skip
    stack = mesh_blocks([below, above], FREE)
    upper = Electrolyte(ELASTIC.youngs_mpa * (1e3 if hard else 1), ELASTIC.poisson)
    loads = [Load(force / (math.pi * size**2) * x, 0.0) for x in (0.25, 1.0)]
    materials = MaterialSet(se=upper, cu=ELASTIC)
    *_, (newton, state) = follow(stack, materials, loads, apart_beyond=2.5)
    top = newton.space.nodes_on(Edge.top)
    return Hertz(
        a,
        3 * force / (2 * math.pi * a**2),
        a**2 / curvature,
        on_slave(newton.surfaces, state.contact),
        float(-state.displacement[2 * top + 1].mean()),
    )


DISC = MaterialSet(li=ELASTIC, cu=Material(1e9, 0.3))
"""An elastic disc on a plane that is next to rigid."""


def disc(
    contact: ContactOptions, height: float, across: int, up: int, *, plane: float = 130.0
) -> TwoBodies:
    """A disc of radius 100 um that can grow, on a wider plane."""
    below = Block(Region.cu, plane, (-5.0, 0.0), 37, 1, Edge.bottom, Edge.cu_upper)
    above = Block(Region.island, 100.0, (0.0, height), across, up, Edge.base, Edge.top)
    return mesh_blocks([below, above], contact)


def radial_over_thickness(solution: Solution) -> tuple[Floats, Floats]:
    """Return radii, and the mean radial stress over the disc's thickness there."""
    space = solution.discretisation
    cells = space.cells_of(Region.island)
    radii, which = np.unique(space.points[cells, :, 0].ravel().round(6), return_inverse=True)
    weights = space.areas[cells].ravel()
    stress = solution.state.stress[cells][..., RR].ravel()
    return radii, np.bincount(which, stress * weights) / np.bincount(which, weights)


def slip_limit(shear: float, height: float, r: Floats) -> Floats:
    """Radial stress of a disc in full slip under a shear tau: -(tau/h) (2 + nu)/3 (R - r).

    Membrane equilibrium with free rim: u'' + u'/r - u/r^2 = (1 - nu^2) tau / (E h).
    """
    return -shear / height * (2 + ELASTIC.poisson) / 3 * (100.0 - r)


def collapse(size: float) -> tuple[float, float]:
    """Burst a hollow sphere, b/a = 3, of lithium without hardening by a ball that grows in it.

    Returns
    -------
    pressure, limit
        In the ball, where all flows, and the limit load 2 Y ln(b/a), MPa.
    """
    strength, inner, outer = 0.8, 10.0, 30.0
    matrix = Electrolyte(7820.0, 0.381, strength, 1e-6)
    ball = MaterialSet(li=Material(7820.0, 0.381), se=matrix)
    loading = Loading(0.0, 0.004, steps=20)
    solution = solve_blocks(mesh_shell(inner, outer, size), ball, loading, Kinematics.small)
    space = solution.discretisation
    assert (solution.state.history[Region.se].equivalent > 0).all()
    cells = space.cells_of(Region.island)
    stress = solution.state.stress[cells][..., [RR, ZZ, TT]].mean(axis=-1)
    pressure = -np.average(stress, weights=space.volumes[cells])
    return float(pressure), 2 * strength * math.log(outer / inner)
