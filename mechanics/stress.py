"""Stress fields of a solution: recovery, principal stresses, profiles and averages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.layout import Edge, Region
from mechanics.plasticity import RR, RZ, TT, ZR, ZZ
from mechanics.profile import Floats
from mechanics.solver import Solution


def principal_max(stress: Floats) -> Floats:
    """Return the largest principal stress, the hoop stress included.

    Parameters
    ----------
    stress
        Components (rr, rz, zr, zz, tt), shape (..., 5).

    Returns
    -------
    ndarray
        Shape (...), in the unit of `stress`.
    """
    mean = (stress[..., RR] + stress[..., ZZ]) / 2
    shear = (stress[..., RZ] + stress[..., ZR]) / 2
    radius = np.hypot((stress[..., RR] - stress[..., ZZ]) / 2, shear)
    largest: Floats = np.maximum(mean + radius, stress[..., TT])
    return largest


def principal_direction(stress: Floats) -> Floats:
    """Return the unit vector (r, theta, z) of the largest principal stress, shape (..., 3)."""
    mean = (stress[..., RR] + stress[..., ZZ]) / 2
    half = (stress[..., RR] - stress[..., ZZ]) / 2
    shear = (stress[..., RZ] + stress[..., ZR]) / 2
    angle = np.arctan2(shear, half) / 2
    in_plane = mean + np.hypot(half, shear) >= stress[..., TT]
    zero = np.zeros_like(angle)
    meridian = np.stack((np.cos(angle), zero, np.sin(angle)), axis=-1)
    hoop = np.stack((zero, zero + 1, zero), axis=-1)
    direction: Floats = np.where(in_plane[..., None], meridian, hoop)
    return direction


def von_mises(stress: Floats) -> Floats:
    """Return the von Mises stress of components (..., 5), shape (...)."""
    mean = (stress[..., RR] + stress[..., ZZ] + stress[..., TT]) / 3
    deviator = stress.copy()
    for i in (RR, ZZ, TT):
        deviator[..., i] -= mean
    equivalent: Floats = np.sqrt(1.5 * (deviator**2).sum(axis=-1))
    return equivalent


def pressure(stress: Floats) -> Floats:
    """Return the hydrostatic pressure, compression positive, of components (..., 5)."""
    value: Floats = -(stress[..., RR] + stress[..., ZZ] + stress[..., TT]) / 3
    return value


@dataclass(frozen=True)
class NodalStress:
    """Continuous stress field of one body at the nodes of its quadratic elements.

    In each element the stress at the 3 x 3 Gauss points is projected (least squares
    with the Gauss weights) on bilinear functions, which is its value at the
    superconvergent 2 x 2 points, then taken to the element's 9 nodes and averaged
    over the elements of the body that meet there.
    """

    cells: Ints
    """Elements of the body, shape (m,)."""
    nodes: Ints
    """Nodes of the body in the numbering of the mesh, shape (n,)."""
    connectivity: Ints
    """Row of `points` of each node of each element, shape (m, 9)."""
    points: Floats
    """Coordinates (r, z) of the nodes, shape (n, 2), um, undeformed."""
    stress: Floats
    """Components (rr, rz, zr, zz, tt) at the nodes, shape (n, 5), MPa."""
    displacement: Floats
    """Displacements (r, z) at the nodes, shape (n, 2), um."""

    def within(self, reach_um: float) -> NodalStress:
        """Return the part whose elements have their centre within a distance of the origin."""
        centre = self.points[self.connectivity].mean(axis=1)
        rows = np.hypot(centre[:, 0], centre[:, 1]) < reach_um
        used, inverse = np.unique(self.connectivity[rows], return_inverse=True)
        return NodalStress(
            cells=self.cells[rows],
            nodes=self.nodes[used],
            connectivity=inverse.reshape(-1, self.connectivity.shape[1]),
            points=self.points[used],
            stress=self.stress[used],
            displacement=self.displacement[used],
        )


def recover(solution: Solution, region: Region) -> NodalStress:
    """Return the continuous stress field of a body."""
    space = solution.discretisation
    cells = space.cells_of(region)
    used, connectivity = _own_nodes(space, cells)
    stress = _average_at_nodes(space, connectivity, solution.state.stress[cells])
    displacement = solution.state.displacement.reshape(-1, 2)[used]
    return NodalStress(cells, used, connectivity, space.node_points[used], stress, displacement)


def recover_scalar(space: Discretisation, region: Region, values: Floats) -> Floats:
    """Return a quantity of a body's quadrature points, (cells * q,), at its nodes, as `recover`."""
    cells = space.cells_of(region)
    connectivity = _own_nodes(space, cells)[1]
    return _average_at_nodes(space, connectivity, values.reshape(len(cells), -1, 1))[:, 0]


def _own_nodes(space: Discretisation, cells: Ints) -> tuple[Ints, Ints]:
    """Return a body's nodes, and its elements in the numbering of these, shape (m, 9)."""
    used, inverse = np.unique(space.element_nodes[cells], return_inverse=True)
    return used, inverse.reshape(len(cells), -1)


def _average_at_nodes(space: Discretisation, connectivity: Ints, values: Floats) -> Floats:
    """Take values (m, q, k) at the Gauss points to the nodes, shape (n, k)."""
    nodal = np.einsum("nq,cqk->cnk", _to_nodes(space), values)
    count = np.bincount(connectivity.ravel())
    total = np.zeros((len(count), values.shape[-1]))
    np.add.at(total, connectivity, nodal)
    average: Floats = total / count[:, None]
    return average


def _to_nodes(space: Discretisation) -> Floats:
    """Return the matrix from values at the Gauss points to values at the element's nodes."""
    at_points = _bilinear(space.reference_points)
    weights = space.reference_weights
    fit = np.linalg.solve(at_points.T @ (weights[:, None] * at_points), at_points.T * weights)
    matrix: Floats = _bilinear(space.reference_nodes) @ fit
    return matrix


def _bilinear(points: Floats) -> Floats:
    x, y = points[:, 0], points[:, 1]
    return np.column_stack((np.ones_like(x), x, y, x * y))


@dataclass(frozen=True)
class Profile:
    """Stress along a line in the electrolyte, undeformed coordinates."""

    s_um: Floats
    """Distance along the line, shape (n,)."""
    r_um: Floats
    z_um: Floats
    stress: Floats
    """Components (rr, rz, zr, zz, tt), shape (n, 5), MPa."""

    COLUMNS = (
        "s_um",
        "r_um",
        "z_um",
        "sigma1_mpa",
        "sigma_rr_mpa",
        "sigma_zz_mpa",
        "sigma_rz_mpa",
        "sigma_tt_mpa",
    )

    @property
    def sigma1_mpa(self) -> Floats:
        """Largest principal stress, shape (n,)."""
        return principal_max(self.stress)

    def table(self) -> Floats:
        """Return the columns `COLUMNS`, shape (n, 8)."""
        s = self.stress
        tensor = (s[:, RR], s[:, ZZ], (s[:, RZ] + s[:, ZR]) / 2, s[:, TT])
        return np.column_stack((self.s_um, self.r_um, self.z_um, self.sigma1_mpa, *tensor))

    def sigma1_at(self, s_um: float) -> float:
        """Return sigma1 at a distance along the line, linear between the points."""
        return float(np.interp(s_um, self.s_um, self.sigma1_mpa))


@dataclass(frozen=True)
class ElectrolyteStress:
    """The electrolyte's stress field with the lines along which it is reported."""

    solution: Solution

    @cached_property
    def nodal(self) -> NodalStress:
        """Return the continuous field."""
        return recover(self.solution, Region.se)

    def _on_edge(self, edge: Edge) -> Ints:
        """Return the rows of `nodal` on an edge."""
        space = self.solution.discretisation
        return np.flatnonzero(np.isin(self.nodal.nodes, space.nodes_on(edge)))

    @cached_property
    def arc(self) -> Profile:
        """Along the island's upper surface, from the apex to the contact line."""
        stack = self.solution.discretisation.stack
        rows, meridian = self._on_edge(stack.electrolyte_cap), stack.profile
        s = _arc_position(self.nodal.points[rows], meridian.r_um, meridian.z_um, meridian.arc_um)
        return self._profile(rows, s)

    @cached_property
    def axis(self) -> Profile:
        """Up the axis from the apex."""
        rows = self._on_edge(Edge.axis)
        z = self.nodal.points[rows, 1]
        return self._profile(rows, z - z.min())

    @cached_property
    def interface(self) -> Profile:
        """Outwards along the current collector from the contact line."""
        rows = self._on_edge(Edge.interface)
        r = self.nodal.points[rows, 0]
        return self._profile(rows, r - r.min())

    def _profile(self, rows: Ints, s: Floats) -> Profile:
        order = np.argsort(s)
        rows, s = rows[order], s[order]
        r, z = self.nodal.points[rows].T
        return Profile(s, r, z, self.nodal.stress[rows])


def _arc_position(points: Floats, r: Floats, z: Floats, arc: Floats) -> Floats:
    """Return the arc length of the foot of each point on a polyline."""
    start = np.column_stack((r, z))[:-1]
    step = np.diff(np.column_stack((r, z)), axis=0)
    length = np.linalg.norm(step, axis=1)
    gap = points[:, None, :] - start[None]
    along = np.clip((gap * step).sum(-1) / length**2, 0.0, 1.0)
    distance = np.linalg.norm(gap - along[..., None] * step, axis=-1)
    nearest = distance.argmin(axis=1)
    fraction = along[np.arange(len(points)), nearest]
    position: Floats = arc[nearest] + fraction * length[nearest]
    return position
