"""Frictional contact between bodies of revolution whose meshes need not match.

The slave side carries nodal tractions (pressure p and shear t, nominal, in MPa) interpolated
by its own quadratic shape functions N_A. Gap and slip are weighted over the slave surface
(mortar method; Popp et al. 2009, 10.1002/nme.2614),

    g_A = int N_A g dA / W_A,    s_A = int N_A s dA / W_A,    W_A = int N_A dA,    dA = 2 pi r ds,

with g the distance from the slave point to its closest point on the deformed master
along the master's normal and s the tangential motion against it since the last accepted
step. Tractions are unknowns beside the displacements, and the laws of contact

    p >= 0,  g_A >= 0,  p g_A = 0;     |t| <= b(p) = min(mu p, cap),  slip only along t at |t| = b,

are solved as an active set by a semi-smooth Newton method (Gitterle et al. 2010,
10.1002/nme.2907): there is no penalty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from mechanics.assembly import Discretisation, Ints
from mechanics.mesh import Edge
from mechanics.profile import Floats

_GAUSS, _WEIGHTS = np.polynomial.legendre.leggauss(4)
POINTS, WEIGHTS = (_GAUSS + 1) / 2, _WEIGHTS / 2
"""Quadrature of a surface edge, on [0, 1]."""
Bools = NDArray[np.bool_]

_PROJECTIONS = 12


def shape(x: Floats) -> Floats:
    """Return the shape functions (first, middle, last node) at positions, shape (..., 3)."""
    return np.stack(((1 - x) * (1 - 2 * x), 4 * x * (1 - x), x * (2 * x - 1)), axis=-1)


def slope(x: Floats) -> Floats:
    """Return their derivatives, shape (..., 3)."""
    return np.stack((4 * x - 3, 4 - 8 * x, 4 * x - 1), axis=-1)


@dataclass(frozen=True)
class Pair:
    """Two lines that may touch, each from the axis outwards, as chains of quadratic edges."""

    name: str
    slave: Ints
    """Nodes of the slave line in order, shape (2 m + 1,)."""
    master: Ints
    """Nodes of the master line in order, shape (2 k + 1,)."""
    side: int
    """+1 if the slave lies to the left of the master's direction, -1 if to the right."""
    mu: float
    """Coefficient of friction."""
    shear_cap_mpa: float
    """Largest shear traction that the softer body carries; infinite for none."""


@dataclass(frozen=True)
class Tractions:
    """Nodal tractions of all slave nodes, shape (n,) each, MPa; pressure positive."""

    pressure: Floats
    shear: Floats
    """Positive where the slave is held back from moving outwards."""


@dataclass(frozen=True)
class Geometry:
    """Where the slave's quadrature points meet the masters at one displacement.

    Each of the P points knows 12 displacement components: those of its slave edge's nodes
    and of the master edge's nodes that it is projected on.
    """

    gap: Floats
    """Weighted gaps, shape (n,), um."""
    normal: sparse.csr_array
    """d(gap)/d(displacement), shape (n, dofs)."""
    tangent: sparse.csr_array
    """Tangential motion of slave against master by displacement, shape (n, dofs)."""
    dofs: Ints
    """Shape (P, 12)."""
    rows: Ints
    """Slave nodes in the numbering of the tractions, shape (P, 3)."""
    share: Floats
    """Weight times traction shape function, shape (P, 3), um2."""
    n: Floats
    """Normal motion of slave against master, shape (P, 12)."""
    t: Floats
    """Tangential motion, shape (P, 12)."""
    n_turn: Floats
    """Normal part of the change of dx/dxi on the master, over its length, shape (P, 12)."""
    t_turn: Floats
    """Tangential part of it, shape (P, 12)."""
    curvature: Floats
    """Curvature of the master, towards the slave positive, shape (P,), 1/um."""

    def stiffness(self, tractions: Tractions, count: int) -> sparse.csr_array:
        """Return the change of the contact forces by the change of geometry, (dofs, dofs).

        With T = t.(du_s - du_m), N likewise, N' = n.du_m,xi / a, T' likewise, and kappa
        the master's curvature, at closed gaps

            D(delta g) = -(T N' + N' T) - kappa T T,
            D(delta s) = N (N' + kappa T) - T' T.
        """
        p = (self.share * tractions.pressure[self.rows]).sum(axis=1)[:, None, None]
        q = (self.share * tractions.shear[self.rows]).sum(axis=1)[:, None, None]

        def outer(a: Floats, b: Floats) -> Floats:
            return a[:, :, None] * b[:, None, :]

        kappa = self.curvature[:, None]
        local = p * (
            outer(self.t, self.n_turn) + outer(self.n_turn, self.t) + outer(kappa * self.t, self.t)
        )
        local += q * (outer(self.n, self.n_turn + kappa * self.t) - outer(self.t_turn, self.t))
        rows = np.repeat(self.dofs, 12, axis=1).ravel()
        columns = np.tile(self.dofs, (1, 12)).ravel()
        return sparse.csr_array((local.ravel(), (rows, columns)), shape=(count, count))


def traction_shape(edges: int) -> Floats:
    """Return the shape functions of tractions at the quadrature points, shape (m, q, 3).

    The axis node's own weight vanishes (the integral of N_0 r over the first edge is zero), so
    that its traction would be undetermined: the next node's is continued to the axis.
    """
    values = np.broadcast_to(shape(POINTS), (edges, len(POINTS), 3)).copy()
    values[0, :, 1] += values[0, :, 0]
    values[0, :, 0] = 0.0
    return values


def line(space: Discretisation, edge: Edge) -> Ints:
    """Return the nodes of a named line in order, from the axis outwards."""
    nodes = space.nodes_on(edge)
    points = space.node_points[nodes]
    start = nodes[np.argmin(points[:, 0] - 1e-9 * points[:, 1])]
    left = set(nodes.tolist()) - {int(start)}
    order = [int(start)]
    tree = {int(n): space.node_points[n] for n in nodes}
    while left:
        here = tree[order[-1]]
        near = min(left, key=lambda n: float(np.hypot(*(tree[n] - here))))
        order.append(near)
        left.remove(near)
    return np.array(order)


@dataclass(frozen=True)
class Status:
    """What each slave node does, shape (n,) each."""

    closed: Bools
    sticks: Bools
    """Closed, and held by friction."""
    direction: Floats
    """Sign of the shear traction of nodes that slide."""

    @property
    def slides(self) -> Bools:
        """Closed, and not held."""
        return self.closed & ~self.sticks


@dataclass(frozen=True)
class ContactState:
    """Contact at an accepted step."""

    tractions: Tractions
    status: Status
    slip_um: Floats
    """Way that each slave node has slid since the start, shape (n,)."""


class ContactSurfaces:
    """All pairs of a stack, with the reference geometry of their slave lines.

    Parameters
    ----------
    space
        Displacement space.
    pairs
        Lines that may touch.
    follows
        Whether contact is sought in the deformed state (finite sliding); otherwise the
        reference geometry holds, as small strain wants it.
    """

    def __init__(self, space: Discretisation, pairs: list[Pair], follows: bool) -> None:
        self.space = space
        self.pairs = pairs
        self.follows = follows
        sizes = [len(pair.slave) for pair in pairs]
        self.offsets = np.concatenate(([0], np.cumsum(sizes)))
        self.count = int(self.offsets[-1])
        self.nodes = np.concatenate([pair.slave for pair in pairs])
        self.mu = np.concatenate([np.full(n, p.mu) for n, p in zip(sizes, pairs, strict=True)])
        self.cap = np.concatenate(
            [np.full(n, p.shear_cap_mpa) for n, p in zip(sizes, pairs, strict=True)]
        )
        self.tied_tangent = np.zeros(self.count, dtype=bool)
        for i, pair in enumerate(pairs):
            # on the axis nothing slides; where two pairs meet, two normals hold the node already
            self.tied_tangent[self.offsets[i]] = True
            self.tied_tangent[self.offsets[i] + len(pair.slave) - 1] = True
        self.silent = np.zeros(self.count, dtype=bool)
        self.silent[self.offsets[:-1]] = True
        at_rest = self._seek(space.node_points)
        # what the meshes leave open at rest is no gap
        self.initial = at_rest.gap
        self.reference = replace(at_rest, gap=np.zeros(self.count))

    def untouched(self) -> ContactState:
        """Return contact at rest: closed everywhere, held where there is friction."""
        zero = np.zeros(self.count)
        closed = ~self.silent
        status = Status(closed, closed & self.can_stick, zero)
        return ContactState(Tractions(zero, zero), status, zero)

    @property
    def can_stick(self) -> Bools:
        """Nodes that friction can hold, shape (n,)."""
        return ~self.tied_tangent & (self.mu > 0)

    def limit(self, pressure: Floats) -> Floats:
        """Return the greatest shear traction under a pressure, min(mu p, cap), shape (n,)."""
        bound: Floats = np.minimum(self.mu * np.maximum(pressure, 0.0), self.cap)
        return bound

    @cached_property
    def weights(self) -> Floats:
        """Return W_A, shape (n,), um2."""
        total = np.zeros(self.count)
        for i, pair in enumerate(self.pairs):
            edges, measure = self._slave(pair)
            values = np.einsum("q,eq,eqa->ea", WEIGHTS, measure, traction_shape(len(edges)))
            np.add.at(total, self.offsets[i] + edges, values)
            total[self.offsets[i]] = 1.0  # the axis node carries no traction of its own
        return total

    def _slave(self, pair: Pair) -> tuple[Ints, Floats]:
        """Return local nodes of the slave's edges (m, 3) and 2 pi r |dx/dxi| (m, q)."""
        m = len(pair.slave) // 2
        edges = 2 * np.arange(m)[:, None] + np.arange(3)
        points = self.space.node_points[pair.slave][edges]
        at = np.einsum("qa,eai->eqi", shape(POINTS), points)
        along = np.einsum("qa,eai->eqi", slope(POINTS), points)
        return edges, 2 * np.pi * at[..., 0] * np.linalg.norm(along, axis=-1)

    def geometry(self, displacement: Floats) -> Geometry:
        """Return gaps and motions at a displacement."""
        if self.follows:
            found = self._seek(self.space.node_points + displacement.reshape(-1, 2))
            return replace(found, gap=found.gap - self.initial)
        return replace(self.reference, gap=self.reference.normal @ displacement)

    def _seek(self, now: Floats) -> Geometry:
        """Project the slave's points on the masters, nodes at given places (nodes, 2)."""
        parts = [
            self._points(pair, int(offset), now)
            for pair, offset in zip(self.pairs, self.offsets, strict=False)
        ]
        dofs, rows, share, n, t, n_turn, t_turn, curvature, distance = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        scale = 1 / self.weights
        gap = scale * np.bincount(
            rows.ravel(), (share * distance[:, None]).ravel(), minlength=self.count
        )
        return Geometry(
            gap,
            self._weighted(scale, rows, share, dofs, n),
            self._weighted(scale, rows, share, dofs, t),
            dofs, rows, share, n, t, n_turn, t_turn, curvature,
        )  # fmt: skip

    def _weighted(
        self, scale: Floats, rows: Ints, share: Floats, dofs: Ints, motion: Floats
    ) -> sparse.csr_array:
        """Return the weighted mean of a motion of the points, by displacement, (n, dofs)."""
        values = scale[rows][:, :, None] * share[:, :, None] * motion[:, None, :]
        row = np.broadcast_to(rows[:, :, None], values.shape)
        column = np.broadcast_to(dofs[:, None, :], values.shape)
        return sparse.csr_array(
            (values.ravel(), (row.ravel(), column.ravel())),
            shape=(self.count, self.space.dof_count),
        )

    def _points(self, pair: Pair, offset: int, now: Floats) -> tuple[NDArray[Any], ...]:
        """Return what `Geometry` says of the points of one pair, and their distances."""
        edges, measure = self._slave(pair)
        count = measure.size
        slave = np.repeat(pair.slave[edges], len(POINTS), axis=0)
        s_values = np.tile(shape(POINTS), (len(edges), 1))
        at = np.einsum("pa,pai->pi", s_values, now[slave])
        edge, xi = _project(at, now[pair.master])
        master = pair.master[2 * edge[:, None] + np.arange(3)]
        m_values, m_slopes = shape(xi), slope(xi)
        foot = np.einsum("pa,pai->pi", m_values, now[master])
        along = np.einsum("pa,pai->pi", m_slopes, now[master])
        bend = 4 * (now[master[:, 0]] - 2 * now[master[:, 1]] + now[master[:, 2]])
        length = np.linalg.norm(along, axis=1)
        t = along / length[:, None]
        n = pair.side * np.column_stack((-t[:, 1], t[:, 0]))
        nodes = np.concatenate((slave, master), axis=1)
        dofs = (2 * nodes[:, :, None] + np.arange(2)).reshape(count, 12)
        motion = np.concatenate((s_values, -m_values), axis=1)
        turn = np.concatenate((np.zeros((count, 3)), m_slopes / length[:, None]), axis=1)

        def along_direction(values: Floats, direction: Floats) -> Floats:
            return (values[:, :, None] * direction[:, None, :]).reshape(count, 12)

        weight = (WEIGHTS * measure).reshape(-1, 1)
        return (
            dofs,
            offset + np.repeat(edges, len(POINTS), axis=0),
            weight * traction_shape(len(edges)).reshape(-1, 3),
            along_direction(motion, n),
            along_direction(motion, t),
            along_direction(turn, n),
            along_direction(turn, t),
            (n * bend).sum(axis=1) / length**2,
            ((at - foot) * n).sum(axis=1),
        )

    def forces(self, geometry: Geometry, tractions: Tractions) -> Floats:
        """Return the nodal forces that enter beside the internal ones, shape (dofs,), uN."""
        pressure, shear = self.weights * tractions.pressure, self.weights * tractions.shear
        total: Floats = -(geometry.normal.T @ pressure) + geometry.tangent.T @ shear
        return total


def _project(points: Floats, line_points: Floats) -> tuple[Ints, Floats]:
    """Return edge and position of the closest points on a chain of quadratic edges."""
    count = len(line_points) // 2
    edges = line_points[2 * np.arange(count)[:, None] + np.arange(3)]
    ticks = np.linspace(0, 1, 5)
    samples = np.einsum("ta,eai->eti", shape(ticks), edges)
    nearest = cKDTree(samples.reshape(-1, 2)).query(points)[1]
    edge, xi = nearest // len(ticks), ticks[nearest % len(ticks)].astype(float)
    for _ in range(_PROJECTIONS):
        nodes = edges[edge]
        foot = np.einsum("pa,pai->pi", shape(xi), nodes)
        along = np.einsum("pa,pai->pi", slope(xi), nodes)
        bend = 4 * (nodes[:, 0] - 2 * nodes[:, 1] + nodes[:, 2])
        away = points - foot
        step = (away * along).sum(1) / np.maximum(
            (along**2).sum(1) - (away * bend).sum(1), 0.2 * (along**2).sum(1)
        )
        xi = xi + np.clip(step, -0.5, 0.5)
        over, under = (xi > 1) & (edge < count - 1), (xi < 0) & (edge > 0)
        edge = edge + over - under
        xi = np.where(over, np.minimum(xi - 1, 0.3), np.where(under, np.maximum(xi + 1, 0.7), xi))
        xi = np.clip(xi, -0.3, 1.3)
        if np.abs(step).max() < 1e-12:
            break
    return edge, xi
