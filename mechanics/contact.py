"""Laws of frictional contact between the faces of a stack, node by node, without a penalty.

With weighted gap G and slip S (see `mortar`), pressure p and shear t at each slave node,

    p >= 0,  G >= 0,  p G = 0;     |t| <= b(p) = min(mu p, cap),  slip only against t at |t| = b,

that is, unilateral contact with Coulomb friction, whose shear a soft body may limit. Each node
has a status: open, sticking or sliding. With the status given, the laws are equations for the
tractions, which are unknowns beside the displacements; they hold to round-off. Newton's method
solves them, and where it is near equilibrium the status is looked at again, until it stays
(primal-dual active set; Hueeber, Stadler and Wohlmuth 2008, 10.1137/060671061):

- a closed node opens where p < 0, an open one closes where G < 0, sliding at first;
- a sticking node slides where |t| exceeds its bound, in the direction of t;
- a sliding node sticks again where it would slide along t, not against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.chain import chain
from mechanics.interfaces import ISLAND_INTERFACES, ContactOptions
from mechanics.layout import Edge, Interface
from mechanics.materials import Material
from mechanics.mortar import Bools, Face, Geometry, Mortar
from mechanics.pivoting import Violations
from mechanics.profile import Floats
from mechanics.system import Entries

VIOLATION_UM = 1e-7
"""Penetration, or slip along the shear, that passes for none."""
TRACTION = 1.28e-10
"""Traction that passes for none, over the modulus of lithium: 1e-6 MPa."""
CLOSURE = 1e-5
"""Gap or slip, over the size of elements, that a node in contact may be left with."""
FORCE_ERROR, LENGTH_ERROR = 1e-3, 1e-2
"""Violations that are let pass where nodes would go on changing for ever: forces over the one on
the island, lengths over the elements at the island. In the wedge of lithium at the rim of a flat
island, thinner than one element is long, no status is better than another."""
ANCHOR = 1e-9
"""Stiffness of a node, over the modulus times a um, that keeps the matrix regular where a body
has come off on all sides; it enters the matrix alone, never the forces."""


@dataclass(frozen=True)
class Tractions:
    """Tractions at all slave nodes, shape (n,) each, MPa per deformed area."""

    pressure: Floats
    shear: Floats
    """Along the slave chain's direction, on the slave."""

    def towards(self, end: Tractions, fraction: float) -> Tractions:
        """Return the tractions part of the way to others."""
        return Tractions(
            self.pressure + fraction * (end.pressure - self.pressure),
            self.shear + fraction * (end.shear - self.shear),
        )


@dataclass(frozen=True)
class Status:
    """What each slave node does, shape (n,) each."""

    closed: Bools
    sticks: Bools
    """Closed, and held by friction."""
    direction: Floats
    """Sign of the shear of nodes that slide."""

    @property
    def slides(self) -> Bools:
        """Closed, and not held."""
        return self.closed & ~self.sticks

    def same_as(self, other: Status) -> bool:
        """Whether every node does the same in both."""
        return bool(
            (self.closed == other.closed).all()
            and (self.sticks == other.sticks).all()
            and (self.direction == other.direction)[self.slides].all()
        )


@dataclass(frozen=True)
class ContactState:
    """Contact at an accepted step."""

    tractions: Tractions
    status: Status
    gap_um: Floats
    """Mean gap at each slave node, shape (n,)."""
    slip_um: Floats
    """Way that each slave node has slid since the start, shape (n,)."""


@dataclass(frozen=True)
class Touch:
    """Faces in contact at one displacement, with tractions under the laws of a status."""

    geometry: Geometry
    tractions: Tractions
    status: Status


class Surfaces:
    """All faces of a stack that may touch, with their friction."""

    def __init__(
        self,
        space: Discretisation,
        interfaces: tuple[Interface, ...],
        options: ContactOptions,
        lithium: Material,
        follows: bool,
    ) -> None:
        self.space = space
        self.interfaces = interfaces
        slaves = [chain(space, interface.slave) for interface in interfaces]
        ends = np.concatenate([s.nodes[[0, -1]] for s in slaves])
        tied = {int(node) for node in ends if (ends == node).sum() > 1}
        # along a wall or a floor nothing slides: a shear there would work on nothing
        tied |= {int(node) for edge in (Edge.wall, Edge.bottom) for node in space.nodes_on(edge)}
        faces = [
            Face(
                slave,
                chain(space, interface.master),
                (int(slave.nodes[0]) in tied, int(slave.nodes[-1]) in tied),
                bool(space.node_points[slave.nodes[0], 0] == 0),
            )
            for slave, interface in zip(slaves, interfaces, strict=True)
        ]
        self.mortar = Mortar(faces, space.node_points, follows)
        self.nodes: Ints = np.concatenate([face.slave.nodes for face in faces])
        sizes = np.diff(self.mortar.offsets)
        self.mu = np.repeat([options.mu_of(i.name) for i in interfaces], sizes)
        self.cap = np.repeat([options.shear_cap_of(i.name) for i in interfaces], sizes)
        self.carries: Bools = self.mortar.weights > 0
        """Slave nodes with a pressure of their own, shape (n,): all but those on the axis."""
        self.modulus_mpa = lithium.youngs_mpa
        self.no_traction_mpa = TRACTION * lithium.youngs_mpa
        self.can_stick: Bools = (self.mu > 0) & (self.mortar.shear_weights > 0)
        """Slave nodes that friction can hold, shape (n,)."""

    @property
    def count(self) -> int:
        """Number of slave nodes."""
        return self.mortar.count

    @property
    def weights(self) -> Floats:
        """Undeformed area that each slave node stands for, shape (n,), um2."""
        return self.mortar.weights

    def of(self, index: int) -> slice:
        """Return the slave nodes of one interface."""
        return slice(int(self.mortar.offsets[index]), int(self.mortar.offsets[index + 1]))

    @property
    def of_island(self) -> Bools:
        """Which slave nodes lie on the island's surface, shape (n,)."""
        found = [interface.name in ISLAND_INTERFACES for interface in self.interfaces]
        return np.repeat(found, np.diff(self.mortar.offsets))

    def untouched(self) -> ContactState:
        """Return contact at rest: closed everywhere, held where there is friction."""
        zero = np.zeros(self.count)
        closed = self.carries
        status = Status(closed, closed & self.can_stick, zero)
        return ContactState(Tractions(zero, zero), status, zero, zero)

    def limit(self, pressure: Floats) -> Floats:
        """Return the greatest shear under a pressure, min(mu p, cap), shape (n,)."""
        bound: Floats = np.minimum(self.mu * np.maximum(pressure, 0.0), self.cap)
        return bound

    def mean_gap(self, geometry: Geometry) -> Floats:
        """Return the mean gap at each slave node, shape (n,), um."""
        return _ratio(geometry.gap, self.mortar.weights)

    def mean_slip(self, geometry: Geometry) -> Floats:
        """Return the mean slip of the step at each slave node, shape (n,), um."""
        return _ratio(geometry.slip, self.mortar.shear_weights)

    def status_at_start(self, contact: ContactState, grows: bool) -> Status:
        """Return the status to start a step with.

        Where two faces touch without pressure, growth closes them and shrinkage opens them.
        """
        was, pressed = contact.status, contact.tractions.pressure > 0
        closed = was.closed & (pressed | grows)
        return Status(closed, was.sticks & closed, was.direction)

    def violations(self, touch: Touch) -> Violations:
        """Return where the inequalities do not hold that go with the status."""
        status, now, geometry = touch.status, touch.tractions, touch.geometry
        gap, slip = self.mean_gap(geometry), self.mean_slip(geometry)
        excess = np.abs(now.shear) - self.limit(now.pressure)
        opens = status.closed & (now.pressure < -self.no_traction_mpa)
        closes = self.carries & ~status.closed & (gap < -VIOLATION_UM)
        breaks = status.sticks & (excess > 1e-6 * np.abs(now.shear) + self.no_traction_mpa)
        turns_back = status.slides & self.can_stick & (slip * status.direction > VIOLATION_UM)
        force = np.where(opens, -now.pressure, 0.0) + np.where(breaks, excess, 0.0)
        length = np.where(closes, -gap, 0.0) + np.where(turns_back, np.abs(slip), 0.0)
        return Violations(
            opens, closes, breaks, turns_back, float(force @ self.weights), float(length.max())
        )

    def are_negligible(self, found: Violations, touch: Touch) -> bool:
        """Whether violations are far below the island's own force and the size of elements."""
        island = (self.weights * np.abs(touch.tractions.pressure))[self.of_island].sum()
        size = LENGTH_ERROR * self.space.stack.fine_um
        return bool(found.force_un <= FORCE_ERROR * island and found.length_um <= size)

    def looked_again(self, touch: Touch, found: Violations) -> Status:
        """Return the status that a solution for a given status calls for."""
        status, now = touch.status, touch.tractions
        closed = (status.closed | found.closes) & ~found.opens
        sticks = (status.sticks | found.turns_back) & closed & ~found.breaks
        direction = np.where(found.breaks, np.sign(now.shear), status.direction)
        slip = self.mean_slip(touch.geometry)
        return Status(closed, sticks, np.where(found.closes, -np.sign(slip), direction))

    def missing(self, touch: Touch) -> tuple[Floats, Floats]:
        """Return what the laws of a touch's status lack, by normal and by shear, (n,) each.

        Gaps and slips times weights (um3) where they are to vanish, else tractions (MPa).
        """
        status, geometry, now = touch.status, touch.geometry, touch.tractions
        wanted = np.where(status.slides, self.limit(now.pressure) * status.direction, 0.0)
        return (
            np.where(status.closed, -geometry.gap, -now.pressure),
            np.where(status.sticks, -geometry.slip, wanted - now.shear),
        )

    def holds(self, touch: Touch) -> bool:
        """Whether a touch obeys the laws of its status, gaps within a 1e-5 of an element."""
        status = touch.status
        normal, shear = self.missing(touch)
        weights = np.where(self.carries, self.weights, 1.0)
        nothing = CLOSURE * self.space.stack.fine_um
        return bool(
            (np.abs(normal / weights)[status.closed] <= nothing).all()
            and (np.abs(normal)[~status.closed] <= self.no_traction_mpa).all()
            and (np.abs(shear / weights)[status.sticks] <= nothing).all()
            and (np.abs(shear)[~status.sticks] <= self.no_traction_mpa).all()
        )

    def forces(self, geometry: Geometry, tractions: Tractions) -> Floats:
        """Return the nodal forces of tractions, shape (dofs,), uN."""
        forces = geometry.forces(tractions.pressure, tractions.shear)
        dofs = _dofs(geometry.points.slave, geometry.master)
        return np.bincount(dofs.ravel(), forces.ravel(), minlength=self.space.dof_count)

    def entries(self, touch: Touch) -> Entries:
        """Return the derivatives of the forces and of the laws, for the system's matrix.

        Pressures are numbered behind the displacements, shears behind the pressures.
        """
        geometry, status, now = touch.geometry, touch.status, touch.tractions
        at, first = geometry.points, geometry.runs
        dofs = _dofs(at.slave, geometry.master)[first]
        dofs_start = _dofs(at.slave, geometry.master_start)[first]
        pressures = self.space.dof_count + np.arange(self.count)
        shears = pressures + self.count
        carriers = at.carriers[first]
        p_rows, t_rows = pressures[carriers], shears[carriers]
        by_pressure, by_shear = geometry.by_tractions()
        by_gap, by_slip = geometry.by_motions()
        closed = status.closed[carriers][:, :, None, None]
        sticks = status.sticks[carriers][:, :, None, None]
        slope = np.where(
            status.slides & (now.pressure > 0) & (self.mu * now.pressure <= self.cap),
            self.mu * status.direction,
            0.0,
        )
        loose = 2 * self.nodes + 1
        blocks = [
            (dofs[..., None], p_rows[:, None, None, :], -by_pressure),
            (dofs[..., None], t_rows[:, None, None, :], -by_shear),
            (p_rows[:, :, None, None], dofs[:, None], closed * by_gap),
            (t_rows[:, :, None, None], dofs_start[:, None], sticks * by_slip),
            (pressures, pressures, 1.0 - status.closed),
            (shears, shears, 1.0 - status.sticks),
            (shears, pressures, -slope),
            (loose, loose, np.array(ANCHOR * self.modulus_mpa)),
        ]
        if geometry.moves:
            change = geometry.by_positions(now.pressure, now.shear)
            blocks.append((dofs[..., None, None], dofs[:, None, None], -change))
        return Entries.joined(blocks)


def _dofs(slave: Ints, master: Ints) -> Ints:
    """Return the displacement components of slave and master nodes, shape (P, 6, 2)."""
    return 2 * np.concatenate((slave, master), axis=1)[:, :, None] + np.arange(2)


def _ratio(values: Floats, weights: Floats) -> Floats:
    """Divide, zero where there is no weight."""
    return values / np.where(weights > 0, weights, np.inf)
