"""Laws of frictional contact between the faces of a stack, node by node.

With weighted gap G and slip S (see `mortar`), pressure p and shear t at each slave node,

    p >= 0,  G >= 0,  p G = 0;     |t| <= b(p) = min(mu p, cap),  slip only against t at |t| = b,

that is, unilateral contact with Coulomb friction, whose shear a soft body may limit. Tractions
are unknowns beside the displacements and the laws hold exactly: there is no penalty. Each
node is open, sticks, or slides; Newton's method solves the equations of this status while
the status follows the solution (Hueeber, Stadler and Wohlmuth 2008, 10.1137/060671061).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.chain import chain
from mechanics.interfaces import ContactOptions
from mechanics.layout import Interface
from mechanics.mortar import Bools, Face, Geometry, Mortar
from mechanics.profile import Floats


@dataclass(frozen=True)
class Tractions:
    """Tractions at all slave nodes, shape (n,) each, MPa per deformed area."""

    pressure: Floats
    shear: Floats
    """Along the slave chain's direction, on the slave."""


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


class Surfaces:
    """All faces of a stack that may touch, with their friction."""

    def __init__(
        self,
        space: Discretisation,
        interfaces: tuple[Interface, ...],
        options: ContactOptions,
        follows: bool,
    ) -> None:
        self.space = space
        self.interfaces = interfaces
        slaves = [chain(space, interface.slave) for interface in interfaces]
        ends = np.concatenate([s.nodes[[0, -1]] for s in slaves])
        shared = {int(node) for node in ends if (ends == node).sum() > 1}
        faces = [
            Face(
                slave,
                chain(space, interface.master),
                (int(slave.nodes[0]) in shared, int(slave.nodes[-1]) in shared),
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

    def named(self, *names: str) -> Bools:
        """Return which slave nodes belong to the interfaces with these names, shape (n,)."""
        found = [i.name in names for i in self.interfaces]
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


def _ratio(values: Floats, weights: Floats) -> Floats:
    """Divide, zero where there is no weight."""
    return values / np.where(weights > 0, weights, np.inf)
