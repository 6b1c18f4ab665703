"""Weighted gaps and slips between faces whose meshes need not match, and the forces on them.

Tractions live on the slave face: a pressure p and a shear t, both per deformed area,
interpolated between its nodes A by its own quadratic shape functions M_A (mortar method; Popp
et al. 2012, 10.1137/110848190; with fewer, flowing lithium wrinkles between them). With x_s a
point of the slave, a = dx_s/dxi along it, n its unit outward normal and x_m the point of the
master straight ahead, (x_m - x_s) . a = 0,

    G_A = int M_A g dA,      g = (x_m - x_s) . n,                  dA = 2 pi R |dX_s|,
    S_A = int M_A s dA,      s = (x_s - x_m0) . a / |a|,

where x_m0 is the material point of the master that lay ahead when the step began, so that s is
the slip of the step. The virtual work of the tractions is

    int (-p n + t a/|a|) . (du_s - du_m) 2 pi r |dx_s|.

As n and the area are the deformed slave's own, a uniform pressure is in balance with the
pressure inside the slave body wherever its nodes have slid to: flowing lithium can slide
without spurious resistance or spurious softening. Every integral is split where vertices of
the master lie, so that uniform and linear tractions are handed over exactly (patch test). All
derivatives are exact at fixed integration points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mechanics.assembly import Ints
from mechanics.chain import Chain, slopes, values
from mechanics.profile import Floats
from mechanics.projection import PROJECTIONS, closest, nearest

Bools = NDArray[np.bool_]

_GAUSS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(4)
_TICKS, _WEIGHTS = (_GAUSS + 1) / 2, _GAUSS_WEIGHTS / 2
_SAME = 1e-7
"""Positions on an edge closer than this are one."""
_BEYOND = 0.3
"""How far, in edges, a face is continued beyond its ends."""


@dataclass(frozen=True)
class Face:
    """A slave chain with the master that it may touch."""

    slave: Chain
    master: Chain
    tied_ends: tuple[bool, bool]
    """Whether the end nodes carry no shear of their own, as another face begins there."""
    on_axis: bool
    """Whether the first node lies on the axis. The weight of its shape function vanishes there
    (int M_0 r dr = 0 over the first edge), so that the next node's is continued to the axis."""


@dataclass(frozen=True)
class Points:
    """Integration points of all faces in one load step; P points, each on one slave edge."""

    slave: Ints
    """Nodes of the slave edge, shape (P, 3)."""
    shape: Floats
    """Shape functions of these nodes, shape (P, 3)."""
    slope: Floats
    """Their derivatives along the edge, shape (P, 3)."""
    carriers: Ints
    """The edge's nodes in the numbering of the tractions, shape (P, 3)."""
    hats: Floats
    """Shape functions of the pressure, shape (P, 3)."""
    shear_hats: Floats
    """Shape functions of the shear, shape (P, 3)."""
    weight: Floats
    """2 pi times the quadrature weight on [0, 1], shape (P,)."""
    area: Floats
    """Undeformed area 2 pi R |dX| that each point stands for, shape (P,), um2."""
    outward: Ints
    """+1 where the outward normal is a turned by +90 degrees, else -1, shape (P,)."""
    reach: Ints
    """First and last master edge of the point's face, shape (P, 2)."""
    start_edge: Ints
    """Master edge ahead when the step began, shape (P,)."""
    start_at: Floats
    """Position on it, shape (P,)."""


@dataclass(frozen=True)
class Geometry:
    """Gaps, slips and motions at one displacement.

    Derivatives are summed over runs of points between the same slave and master edges, of which
    there are G.
    """

    points: Points
    edge: Ints
    """Master edge ahead of each point, shape (P,)."""
    master: Ints
    """Its nodes, shape (P, 3)."""
    master_start: Ints
    """Nodes of the master edge ahead when the step began, shape (P, 3)."""
    gap: Floats
    """G_A, shape (n,), um3."""
    slip: Floats
    """S_A, shape (n,), um3."""
    ahead: Floats
    """Shape functions of the master nodes, shape (P, 3)."""
    gap_motion: Floats
    """d(g)/d(x) for slave and master nodes, shape (P, 6, 2)."""
    slip_motion: Floats
    """d(s)/d(x) for slave nodes and the master nodes of the start, shape (P, 6, 2)."""
    push: Floats
    """2 pi r n |a| weight: force on the slave per unit of tension, shape (P, 2), um2."""
    drag: Floats
    """2 pi r a weight: force on the slave per unit of shear, shape (P, 2), um2."""
    moves: bool
    """Whether the forces change with the geometry (finite sliding)."""
    along: Floats
    """a, shape (P, 2), um."""
    radius: Floats
    """r of the slave point, shape (P,), um."""
    ahead_slope: Floats
    """Derivatives of `ahead` along the master, shape (P, 3)."""
    ahead_motion: Floats
    """d(eta)/d(x) of the position ahead, for slave and master nodes, shape (P, 6, 2)."""

    def tractions(self, pressure: Floats, shear: Floats) -> tuple[Floats, Floats]:
        """Interpolate nodal tractions (n,) at the points: two arrays of shape (P,)."""
        at = self.points
        return (
            (at.hats * pressure[at.carriers]).sum(1),
            (at.shear_hats * shear[at.carriers]).sum(1),
        )

    def forces(self, pressure: Floats, shear: Floats) -> Floats:
        """Return the force on slave (+) and master (-) nodes, shape (P, 6, 2), uN."""
        p, t = self.tractions(pressure, shear)
        total = -p[:, None] * self.push + t[:, None] * self.drag
        return self._shared(total)

    def _shared(self, force: Floats) -> Floats:
        """Hand a force at the points (P, ...) to slave nodes, and its opposite to the master's."""
        at = self.points
        parts = np.concatenate((at.shape, -self.ahead), axis=1)
        return parts.reshape(*parts.shape, *(1,) * (force.ndim - 1)) * force[:, None]

    @cached_property
    def runs(self) -> Ints:
        """First point of each run of points with the same slave and master edges, shape (G,)."""
        key = np.column_stack((self.points.slave[:, 1], self.edge, self.points.start_edge))
        return np.flatnonzero(np.append(True, (key[1:] != key[:-1]).any(axis=1)))

    def _sum_runs(self, values: Floats) -> Floats:
        """Sum over the points of each run."""
        return np.add.reduceat(values, self.runs, axis=0)

    def by_tractions(self) -> tuple[Floats, Floats]:
        """Return the derivative of `forces` by pressures and by shears, shape (G, 6, 2, 3) each."""
        at = self.points
        by_pressure = self._shared(-self.push[:, :, None] * at.hats[:, None, :])
        by_shear = self._shared(self.drag[:, :, None] * at.shear_hats[:, None, :])
        return self._sum_runs(by_pressure), self._sum_runs(by_shear)

    def by_motions(self) -> tuple[Floats, Floats]:
        """Return the derivatives of gaps and slips by positions, shape (G, 3, 6, 2) each.

        Those of the slips are by the positions of slave nodes and `master_start`.
        """
        at = self.points
        gaps = (at.hats * at.area[:, None])[:, :, None, None] * self.gap_motion[:, None]
        slips = (at.shear_hats * at.area[:, None])[:, :, None, None] * self.slip_motion[:, None]
        return self._sum_runs(gaps), self._sum_runs(slips)

    def by_positions(self, pressure: Floats, shear: Floats) -> Floats:
        """Return the derivative of `forces` by the nodes' positions, shape (G, 6, 2, 6, 2)."""
        at = self.points
        p, t = self.tractions(pressure, shear)
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        traction = -p[:, None, None] * at.outward[:, None, None] * turn
        traction += t[:, None, None] * np.eye(2)
        # the force at the point depends on slave positions through a = sum slope x, and through r
        weighted = at.weight[:, None] * (traction @ self.along[:, :, None])[:, :, 0]
        change = np.zeros((len(p), 2, 6, 2))
        change[:, :, :3, :] = (
            (at.weight * self.radius)[:, None, None, None]
            * traction[:, :, None, :]
            * at.slope[:, None, :, None]
        )
        change[:, :, :3, 0] += weighted[:, :, None] * at.shape[:, None, :]
        total = self._shared(change)
        force = weighted * self.radius[:, None]
        total[:, 3:] -= np.einsum("pb,pi,pcj->pbicj", self.ahead_slope, force, self.ahead_motion)
        return self._sum_runs(total)


class Mortar:
    """All faces of a stack that may touch others.

    Parameters
    ----------
    faces
        The slave chains, each with its master.
    reference
        Undeformed coordinates (r, z) of the nodes, shape (nodes, 2), um.
    follows
        Whether contact is sought in the deformed state (finite sliding); otherwise the
        undeformed geometry holds, as small strain wants it.
    """

    def __init__(self, faces: list[Face], reference: Floats, follows: bool) -> None:
        self.faces = faces
        self.reference = reference
        self.follows = follows
        sizes = [len(face.slave.nodes) for face in faces]
        self.offsets: Ints = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.count = int(self.offsets[-1])
        self.master_edges: Ints = np.concatenate([face.master.edges for face in faces])
        ends = np.cumsum([0] + [len(face.master.edges) for face in faces])
        self._reach = np.column_stack((ends[:-1], ends[1:] - 1))
        self._at_rest = self._placed(reference)
        rest = self._follow(self._at_rest, reference)
        self._linear = replace(rest, moves=False)
        self.initial = rest.gap  # what the meshes leave open at rest is no gap
        self.weights: Floats = self._sum(self._at_rest, self._at_rest.hats, self._at_rest.area)
        self.shear_weights: Floats = self._sum(
            self._at_rest, self._at_rest.shear_hats, self._at_rest.area
        )

    def _sum(self, points: Points, hats: Floats, field: Floats) -> Floats:
        """Return the integrals of a field times hat functions, shape (n,)."""
        parts = hats * field[:, None]
        return np.bincount(points.carriers.ravel(), parts.ravel(), minlength=self.count)

    def start(self, now: Floats) -> Points:
        """Return the integration points of a step that starts at nodes' positions (nodes, 2)."""
        return self._placed(now) if self.follows else self._at_rest

    def _placed(self, now: Floats) -> Points:
        parts = [self._on_face(i, now) for i in range(len(self.faces))]
        return Points(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _on_face(self, index: int, now: Floats) -> tuple[NDArray[np.generic], ...]:
        """Return the fields of `Points` for one face."""
        face = self.faces[index]
        edges = len(face.slave.edges)
        corners = face.master.vertices
        edge, at = closest(now[corners], now[face.slave.edges])
        inside = (at > _SAME) & (at < 1 - _SAME)
        own = np.arange(edges)
        breaks = np.concatenate(
            (np.stack((own, 0.0 * own), 1), np.stack((own, 0.0 * own + 1), 1),
             np.stack((edge[inside], at[inside]), 1))
        )  # fmt: skip
        breaks = breaks[np.lexsort((breaks[:, 1], breaks[:, 0]))]
        same_edge = breaks[1:, 0] == breaks[:-1, 0]
        length = breaks[1:, 1] - breaks[:-1, 1]
        kept = same_edge & (length > _SAME)
        start, length = breaks[:-1][kept], length[kept]
        which = np.repeat(start[:, 0].astype(np.int64), len(_TICKS))
        x = (start[:, 1, None] + length[:, None] * _TICKS).ravel()
        weight = 2 * np.pi * (length[:, None] * _WEIGHTS).ravel()
        slave = face.slave.edges[which]
        shape, slope = values(x), slopes(x)
        hats, shear_hats = shape.copy(), shape.copy()
        first, last = which == 0, which == edges - 1
        if face.on_axis:
            _merge(hats, first, 0)
            _merge(shear_hats, first, 0)
        if face.tied_ends[0]:
            _merge(shear_hats, first, 0)
        if face.tied_ends[1]:
            _merge(shear_hats, last, 2)
        rest = self.reference[slave]
        along = np.einsum("pa,pai->pi", slope, rest)
        area = weight * np.einsum("pa,pa->p", shape, rest[..., 0]) * np.linalg.norm(along, axis=1)
        count = len(x)
        reach = np.tile(self._reach[index], (count, 1))
        points = np.einsum("pa,pai->pi", shape, now[slave])
        direction = np.einsum("pa,pai->pi", slope, now[slave])
        guess = nearest(points, now[face.master.edges])
        ahead = self._ahead(
            points, direction, now, guess[0] + self._reach[index, 0], guess[1], reach
        )
        carriers = self.offsets[index] + 2 * which[:, None] + np.arange(3)
        outward = np.full(count, face.slave.outward)
        return (
            slave, shape, slope, carriers, hats, shear_hats, weight, area, outward, reach, *ahead,
        )  # fmt: skip

    def _ahead(
        self, points: Floats, direction: Floats, now: Floats, edge: Ints, at: Floats, reach: Ints
    ) -> tuple[Ints, Floats]:
        """Return master edge and position with (x_m - point) . direction = 0, from a guess."""
        for _ in range(PROJECTIONS):
            nodes = now[self.master_edges[edge]]
            away = points - np.einsum("pa,pai->pi", values(at), nodes)
            along = np.einsum("pa,pai->pi", slopes(at), nodes)
            rate = (along * direction).sum(1)
            # where the master is nearly parallel to the ray, its own direction leads on
            least = 0.1 * np.linalg.norm(along, axis=1) * np.linalg.norm(direction, axis=1)
            rate = np.where(np.abs(rate) < least, np.copysign(least, rate), rate)
            step = np.clip((away * direction).sum(1) / rate, -0.5, 0.5)
            at = at + step
            on, back = (at > 1) & (edge < reach[:, 1]), (at < 0) & (edge > reach[:, 0])
            edge = edge + on - back
            at = np.where(on, np.minimum(at - 1, 0.5), np.where(back, np.maximum(at + 1, 0.5), at))
            at = np.clip(at, -_BEYOND, 1 + _BEYOND)
            if np.abs(step).max() < 1e-13:
                break
        return edge, at

    def geometry(self, points: Points, displacement: Floats, start: Floats) -> Geometry:
        """Return gaps and slips at a displacement (dofs,) of a step that began at another."""
        moved = displacement.reshape(-1, 2)
        if self.follows:
            found = self._follow(points, self.reference + moved)
            return replace(found, gap=found.gap - self.initial)
        rest, at = self._linear, self._at_rest
        nodes = np.concatenate((at.slave, rest.master), axis=1)
        gap = np.einsum("pai,pai->p", rest.gap_motion, moved[nodes])
        slid = (displacement - start).reshape(-1, 2)
        slip = np.einsum("pai,pai->p", rest.slip_motion, slid[nodes])
        return replace(
            rest,
            gap=self._sum(at, at.hats, at.area * gap),
            slip=self._sum(at, at.shear_hats, at.area * slip),
        )

    def _follow(self, points: Points, now: Floats) -> Geometry:
        at = points
        slave = now[at.slave]
        here = np.einsum("pa,pai->pi", at.shape, slave)
        a = np.einsum("pa,pai->pi", at.slope, slave)
        length = np.linalg.norm(a, axis=1)
        t = a / length[:, None]
        turned = np.column_stack((-t[:, 1], t[:, 0]))
        n = at.outward[:, None] * turned
        edge, position = self._ahead(here, a, now, at.start_edge, at.start_at, at.reach)
        master = self.master_edges[edge]
        ahead, ahead_slope = values(position), slopes(position)
        b = np.einsum("pa,pai->pi", ahead_slope, now[master])
        gap = ((np.einsum("pa,pai->pi", ahead, now[master]) - here) * n).sum(1)

        rate = (b * a).sum(1)[:, None, None]
        spread = np.concatenate((at.shape, -ahead), axis=1)[:, :, None]
        ahead_motion = spread * a[:, None, :]
        ahead_motion[:, :3] -= at.slope[:, :, None] * (gap[:, None] * n)[:, None, :]
        ahead_motion /= rate
        gap_motion = -spread * n[:, None, :] + (b * n).sum(1)[:, None, None] * ahead_motion

        master_start = self.master_edges[at.start_edge]
        before = values(at.start_at)
        apart = here - np.einsum("pa,pai->pi", before, now[master_start])
        slip = (apart * t).sum(1)
        slip_motion = np.concatenate((at.shape, -before), axis=1)[:, :, None] * t[:, None, :]
        across = (apart * turned).sum(1) / length
        slip_motion[:, :3] += (across[:, None] * at.slope)[:, :, None] * turned[:, None, :]
        weight = (at.weight * here[:, 0])[:, None]
        return Geometry(
            points=at,
            edge=edge,
            master=master,
            master_start=master_start,
            gap=self._sum(at, at.hats, at.area * gap),
            slip=self._sum(at, at.shear_hats, at.area * slip),
            ahead=ahead,
            gap_motion=gap_motion,
            slip_motion=slip_motion,
            push=weight * n * length[:, None],
            drag=weight * a,
            moves=True,
            along=a,
            radius=here[:, 0],
            ahead_slope=ahead_slope,
            ahead_motion=ahead_motion,
        )


def _merge(hats: Floats, rows: Bools, end: int) -> None:
    """Hand the share of an edge's end node to its middle node."""
    hats[rows, 1] += hats[rows, end]
    hats[rows, end] = 0.0
