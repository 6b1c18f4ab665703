"""Outlines of the bodies of a stack, drawn for gmsh.

Bodies that are bonded share points and lines; others have lines of their own in the same
place, so that their meshes are separate and need not match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mechanics.interfaces import Contact, ContactOptions
from mechanics.layout import Edge, Region
from mechanics.profile import IslandProfile
from mechanics.stack import StackGeometry, StackKind


@dataclass(frozen=True)
class Sketch:
    """Points, lines and surfaces handed to gmsh so far."""

    geo: Any
    regions: dict[Region, int] = field(default_factory=dict)
    """Surface of each body."""
    edges: dict[Edge, list[int]] = field(default_factory=dict)
    """Lines with a name."""

    def point(self, r: float, z: float) -> int:
        """Add a point."""
        tag: int = self.geo.addPoint(r, z, 0.0)
        return tag

    def line(self, start: int, end: int, edge: Edge | None = None) -> int:
        """Add a straight line."""
        return self.named(self.geo.addLine(start, end), edge)

    def named(self, line: int, edge: Edge | None) -> int:
        """Give a line a name."""
        if edge is not None:
            self.edges.setdefault(edge, []).append(line)
        return line

    def copy(self, point: int) -> int:
        """Add a point at the place of another."""
        ((_, tag),) = self.geo.copy([(0, point)])
        return int(tag)

    def body(self, region: Region, lines: Sequence[int]) -> None:
        """Add the surface inside a loop of lines; a line's sign is its direction."""
        self.regions[region] = self.geo.addPlaneSurface([self.geo.addCurveLoop(list(lines))])

    def rectangle(
        self, region: Region, r: tuple[float, float], z: tuple[float, float], sides: _Sides
    ) -> None:
        """Add a body with lines of its own on all four sides."""
        corners = [self.point(r[i], z[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
        names = (sides.lower, sides.outer, sides.upper, sides.inner)
        self.body(
            region,
            [self.line(corners[i], corners[(i + 1) % 4], name) for i, name in enumerate(names)],
        )

    def finish(self, model: Any) -> None:
        """Make the bodies and names known to the mesh."""
        self.geo.synchronize()
        for region, surface in self.regions.items():
            model.addPhysicalGroup(2, [surface], region, name=region.name)
        for edge, lines in self.edges.items():
            model.addPhysicalGroup(1, lines, edge, name=edge.name)


@dataclass(frozen=True)
class _Sides:
    """Names of a rectangle's sides."""

    lower: Edge | None
    outer: Edge | None
    upper: Edge | None
    inner: Edge


def draw_stack(
    model: Any, profile: IslandProfile, stack: StackGeometry, contact: ContactOptions
) -> list[int]:
    """Describe bodies and named lines to gmsh; return the points of the island's meridian."""
    sketch = Sketch(model.geo)
    curve = _meridian(sketch, profile)
    origin = sketch.point(0.0, 0.0)
    cap = sketch.named(sketch.geo.addSpline(curve), Edge.cap)
    base = sketch.line(origin, curve[-1], Edge.base)
    axis = sketch.line(origin, curve[0], Edge.axis)
    sketch.body(Region.island, [base, -cap, -axis])
    hole = curve
    if contact.kind is Contact.frictional:
        hole = _meridian(sketch, profile)
        cap = sketch.named(sketch.geo.addSpline(hole), Edge.hole_cap)
    wall = sketch.point(stack.radius_um, 0.0)
    interface = sketch.line(hole[-1], wall, Edge.interface)
    in_cell = stack.kind is StackKind.cell
    top = sketch.point(0.0, stack.se_thickness_um)
    corner = sketch.point(stack.radius_um, stack.se_thickness_um)
    sketch.body(
        Region.se,
        [
            sketch.line(hole[0], top, Edge.axis),
            sketch.line(top, corner, Edge.se_upper if in_cell else Edge.top),
            sketch.line(corner, wall, Edge.se_side if in_cell else Edge.wall),
            -interface,
            -cap,
        ],
    )
    if stack.kind is not StackKind.roller:
        face = _Face(origin, curve[-1], hole[-1], wall, base, interface)
        _current_collector(sketch, face, stack, contact)
    if in_cell:
        _rest_of_cell(sketch, stack)
    sketch.finish(model)
    return curve


def _meridian(sketch: Sketch, profile: IslandProfile) -> list[int]:
    return [sketch.point(r, z) for r, z in zip(profile.r_um, profile.z_um, strict=True)]


@dataclass(frozen=True)
class _Face:
    """What lies on the current collector: points and lines that it may share."""

    origin: int
    island_rim: int
    electrolyte_rim: int
    wall: int
    base: int
    interface: int


def _current_collector(
    sketch: Sketch, face: _Face, stack: StackGeometry, contact: ContactOptions
) -> None:
    own_base = contact.kind is Contact.frictional
    own_side = contact.se_cu is Contact.frictional
    origin, wall, base, interface = face.origin, face.wall, face.base, face.interface
    rim = face.electrolyte_rim
    if own_side:
        wall = sketch.point(stack.radius_um, 0.0)
        rim = sketch.copy(rim) if own_base else face.island_rim
    if own_base:
        origin = sketch.point(0.0, 0.0)
        base = sketch.line(origin, rim, Edge.hole_base)
    if own_side:
        interface = sketch.line(rim, wall, Edge.cu_upper)
    in_cell = stack.kind is StackKind.cell
    below_wall = sketch.point(stack.radius_um, -stack.cu_thickness_um)
    below_axis = sketch.point(0.0, -stack.cu_thickness_um)
    sketch.body(
        Region.cu,
        [
            base,
            interface,
            sketch.line(wall, below_wall, Edge.cu_side if in_cell else Edge.wall),
            sketch.line(below_wall, below_axis, Edge.cu_lower if in_cell else Edge.bottom),
            sketch.line(below_axis, origin, Edge.axis),
        ],
    )


def _rest_of_cell(sketch: Sketch, stack: StackGeometry) -> None:
    """Add the dies, the counter electrode on its foil, and the tube."""
    radius, ce_radius = stack.radius_um, stack.counter_electrode_radius_um
    fills = stack.counter_electrode_fills_the_tube
    z = [-stack.cu_thickness_um - stack.die_thickness_um, -stack.cu_thickness_um]
    layers = [stack.ce_thickness_um, stack.ce_cu_thickness_um, stack.die_thickness_um]
    z += [stack.se_thickness_um + sum(layers[:i]) for i in range(4)]
    axis = Edge.axis
    sketch.rectangle(
        Region.lower_die,
        (0.0, radius),
        (z[0], z[1]),
        _Sides(Edge.bottom, Edge.lower_die_side, Edge.lower_die_upper, axis),
    )
    sketch.rectangle(
        Region.ce,
        (0.0, ce_radius),
        (z[2], z[3]),
        _Sides(Edge.ce_lower, Edge.ce_side if fills else None, Edge.ce_upper, axis),
    )
    sketch.rectangle(
        Region.ce_cu,
        (0.0, ce_radius),
        (z[3], z[4]),
        _Sides(Edge.ce_cu_lower, Edge.ce_cu_side if fills else None, Edge.ce_cu_upper, axis),
    )
    sketch.rectangle(
        Region.upper_die,
        (0.0, radius),
        (z[4], z[5]),
        _Sides(Edge.upper_die_lower, Edge.upper_die_side, Edge.top, axis),
    )
    sketch.rectangle(
        Region.peek,
        (radius, radius + stack.peek_thickness_um),
        (z[0], z[5]),
        _Sides(Edge.bottom, None, None, Edge.peek_inner),
    )
