"""Finite-element operators of the axisymmetric problem, independent of the material law.

With the displacement gradient written as the 5 components of `plasticity`,

    G(v) = (dv_r/dr, dv_r/dz, dv_z/dr, dv_z/dz, v_r/r),

virtual work is the integral of P . G(v) 2 pi r dr dz, and its linearisation that of
(A G(du)) . G(v) 2 pi r dr dz, where the stress P and the tangent A = dP/dG come
from the material laws as plain arrays at the quadrature points.

Flowing lithium is nearly incompressible. Its volume change is therefore replaced, in
each element, by its projection on linear functions of (r, z),

    G~(v) = G(v) + (Pi[tr G(v)] - tr G(v)) 1 / 3,

the B-bar form (Hughes 1980, 10.1002/nme.1620150914) of the stable pair of quadratic
displacements and discontinuous linear pressures. Such a projection has no
expression as a UFL form on the displacements alone, so the operators are assembled
here, on DOLFINx's mesh and dof map, from dense arrays over all elements at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import basix
import numpy as np
from numpy.typing import NDArray

from mechanics.fenics import fem
from mechanics.layout import Edge, Region
from mechanics.mesh import StackMesh
from mechanics.plasticity import IDENTITY, RR, RZ, TT, ZR, ZZ
from mechanics.profile import Floats

Ints = NDArray[np.int64]

DISPLACEMENT_ORDER = 2
QUADRATURE_DEGREE = 5
"""3 x 3 Gauss points: 2 x 2 leave hourglass modes in flowing lithium."""


@dataclass(frozen=True)
class Discretisation:
    """Displacement space, quadrature points and gradient operators on one mesh."""

    stack: StackMesh

    @cached_property
    def space(self) -> Any:
        """Return the space of continuous quadratic displacements."""
        return fem.functionspace(self.stack.mesh, ("Lagrange", DISPLACEMENT_ORDER, (2,)))

    @cached_property
    def element_nodes(self) -> Ints:
        """Return the nodes of each element, shape (cells, 9)."""
        return np.asarray(self.space.dofmap.list, dtype=np.int64)

    @cached_property
    def node_points(self) -> Floats:
        """Return the coordinates (r, z) of the nodes, shape (nodes, 2), um."""
        points: Floats = self.space.tabulate_dof_coordinates()[:, :2].copy()
        points[np.abs(points) < 1e-9 * points.max()] = 0.0  # the axis and the interface, exactly
        return points

    @property
    def cell_count(self) -> int:
        """Return the number of elements."""
        return len(self.element_nodes)

    @property
    def dof_count(self) -> int:
        """Return the number of displacement components."""
        return 2 * len(self.node_points)

    def cells_of(self, region: Region) -> Ints:
        """Return the indices of a body's elements."""
        return np.asarray(self.stack.cells.find(region), dtype=np.int64)

    def nodes_on(self, edge: Edge) -> Ints:
        """Return the nodes on a named line."""
        facets = self.stack.edges.find(edge)
        return np.asarray(fem.locate_dofs_topological(self.space, 1, facets), dtype=np.int64)

    def facet_nodes(self, facets: Ints) -> tuple[Ints, Floats]:
        """Return the nodes (end, middle, end) of outer facets, and the centres of their elements.

        Returns
        -------
        nodes
            Shape (facets, 3).
        centres
            Shape (facets, 2), um: which side of the facet the body is on.
        """
        topology = self.stack.mesh.topology
        topology.create_connectivity(1, 2)
        topology.create_connectivity(2, 1)
        to_cell, to_facet = topology.connectivity(1, 2), topology.connectivity(2, 1)
        cells = np.array([to_cell.links(f)[0] for f in facets])
        local = np.array(
            [
                int(np.flatnonzero(to_facet.links(c) == f)[0])
                for c, f in zip(cells, facets, strict=True)
            ]
        )
        layout = self.space.dofmap.dof_layout
        closures = []
        for i in range(4):
            (middle,) = layout.entity_dofs(1, i)
            first, last = (n for n in layout.entity_closure_dofs(1, i) if n != middle)
            closures.append((first, middle, last))
        nodes = self.element_nodes[cells[:, None], np.array(closures)[local]]
        return nodes, self.node_points[self.element_nodes[cells]].mean(axis=1)

    @cached_property
    def _rule(self) -> tuple[Floats, Floats]:
        points, weights = basix.make_quadrature(basix.CellType.quadrilateral, QUADRATURE_DEGREE)
        return points, weights

    @property
    def reference_points(self) -> Floats:
        """Return the quadrature points of the reference element, shape (q, 2)."""
        return self._rule[0]

    @property
    def reference_weights(self) -> Floats:
        """Return the quadrature weights of the reference element, shape (q,)."""
        return self._rule[1]

    @property
    def point_count(self) -> int:
        """Return the number of quadrature points of an element."""
        return len(self.reference_weights)

    @property
    def reference_nodes(self) -> Floats:
        """Return the nodes of the reference element, shape (9, 2)."""
        nodes: Floats = self.space.element.basix_element.points
        return nodes

    def shape_functions(self, points: Floats) -> Floats:
        """Return the 9 shape functions at reference points, shape (points, 9)."""
        values: Floats = self.space.element.basix_element.tabulate(0, points)[0, :, :, 0]
        return values

    def jacobian_at(self, points: Floats, corners: Floats) -> Floats:
        """Return the area ratio at reference points of elements with given nodes (cells, 9, 2)."""
        slopes = self.space.element.basix_element.tabulate(1, points)[1:, :, :, 0]
        jacobian = np.einsum("cai,jqa->cqij", corners, slopes)
        ratio: Floats = np.abs(np.linalg.det(jacobian))
        return ratio

    @cached_property
    def _geometry(self) -> tuple[Floats, Floats, Floats]:
        """Shape functions, their gradients (cells, q, 9, 2), and Jacobians (cells, q)."""
        element = self.space.element.basix_element
        value, d_xi, d_eta = element.tabulate(1, self.reference_points)[..., 0]
        slope = np.stack((d_xi, d_eta), axis=-1)
        corners = self.node_points[self.element_nodes]
        jacobian = np.einsum("cai,qaj->cqij", corners, slope)
        gradients = np.einsum("qaj,cqji->cqai", slope, np.linalg.inv(jacobian))
        return value, gradients, np.abs(np.linalg.det(jacobian))

    @cached_property
    def points(self) -> Floats:
        """Return the coordinates (r, z) of the quadrature points, shape (cells, q, 2)."""
        nodes = self.node_points[self.element_nodes]
        points: Floats = np.einsum("qa,cai->cqi", self._geometry[0], nodes)
        return points

    @cached_property
    def areas(self) -> Floats:
        """Return the area in the meridian plane of each quadrature point, shape (cells, q), um2."""
        return self._geometry[2] * self.reference_weights

    @cached_property
    def volumes(self) -> Floats:
        """Return the volume of revolution of each quadrature point, shape (cells, q), um3."""
        return 2 * np.pi * self.points[..., 0] * self.areas

    @cached_property
    def plain_operator(self) -> Floats:
        """Return the matrices from nodal displacements to gradients, shape (cells, q, 5, 18)."""
        value, gradients, _ = self._geometry
        operator = np.zeros((*gradients.shape[:2], 5, 9, 2))
        operator[:, :, RR, :, 0] = operator[:, :, ZR, :, 1] = gradients[..., 0]
        operator[:, :, RZ, :, 0] = operator[:, :, ZZ, :, 1] = gradients[..., 1]
        operator[:, :, TT, :, 0] = value / self.points[..., 0, None]  # r > 0 inside elements
        return operator.reshape(*gradients.shape[:2], 5, 18)

    @cached_property
    def projected_operator(self) -> Floats:
        """Return the same with the volume change projected, shape (cells, q, 5, 18)."""
        plain = self.plain_operator
        trace = np.einsum("k,cqki->cqi", IDENTITY, plain)
        change = self.project(trace) - trace
        projected: Floats = plain + IDENTITY[:, None] * change[:, :, None, :] / 3
        return projected

    def project(self, values: Floats) -> Floats:
        """Project fields (cells, q, n) element by element on 1, r and z, weighted by volume."""
        projected: Floats = self._projection @ values
        return projected

    @cached_property
    def _projection(self) -> Floats:
        """Matrices from values at the points to projected values there, shape (cells, q, q)."""
        centre = self.points.mean(axis=1, keepdims=True)
        size = np.sqrt(self.areas.sum(axis=1))[:, None, None]
        local = (self.points - centre) / size
        basis = np.concatenate((np.ones_like(local[..., :1]), local), axis=-1)
        weighted = np.swapaxes(basis * self.volumes[..., None], 1, 2)
        matrices: Floats = basis @ np.linalg.solve(weighted @ basis, weighted)
        return matrices

    @cached_property
    def element_dofs(self) -> Ints:
        """Return the displacement components of each element, shape (cells, 18)."""
        pairs = 2 * self.element_nodes[..., None] + np.arange(2)
        return pairs.reshape(self.cell_count, -1)

    def apply(self, operator: Floats, displacement: Floats) -> Floats:
        """Return the displacement gradient at the quadrature points, shape (cells, q, 5)."""
        local = displacement[self.element_dofs]
        flat = operator.reshape(self.cell_count, -1, 18)
        values: Floats = flat @ local[..., None]
        return values.reshape(self.cell_count, self.point_count, 5)

    def element_forces(self, operator: Floats, stress: Floats) -> Floats:
        """Return the nodal forces (uN) of a stress field (cells, q, 5), shape (cells, 18)."""
        weighted = (stress * self.volumes[..., None]).reshape(self.cell_count, 1, -1)
        forces: Floats = (weighted @ operator.reshape(self.cell_count, -1, 18))[:, 0, :]
        return forces

    def element_stiffness(self, operator: Floats, tangent: Floats) -> Floats:
        """Return the stiffness of a tangent (cells, q, 5, 5), shape (cells, 18, 18), uN/um."""
        weighted = (tangent * self.volumes[..., None, None]) @ operator
        flat = (self.cell_count, -1, 18)
        product: Floats = np.swapaxes(operator.reshape(flat), 1, 2) @ weighted.reshape(flat)
        return product

    def sum_forces(self, element_forces: Floats, cells: Ints | slice = slice(None)) -> Floats:
        """Return the nodal sum of element forces over some elements, shape (dofs,)."""
        dofs = self.element_dofs[cells].ravel()
        return np.bincount(dofs, element_forces[cells].ravel(), minlength=self.dof_count)

    def unit_pressure_forces(self) -> Floats:
        """Return the nodal forces (uN) of 1 MPa of pressure on the top face, which is plane."""
        nodes = self.nodes_on(Edge.top)
        nodes = nodes[np.argsort(self.node_points[nodes, 0])]
        first, middle, last = nodes[:-2:2], nodes[1::2], nodes[2::2]
        r0, r1 = self.node_points[first, 0], self.node_points[last, 0]
        forces = np.zeros(self.dof_count)
        ring = 2 * np.pi * (r1 - r0) / 6
        # exact integrals of the quadratic shape functions times r on straight edges
        np.add.at(forces, 2 * first + 1, -ring * r0)
        np.add.at(forces, 2 * middle + 1, -ring * 2 * (r0 + r1))
        np.add.at(forces, 2 * last + 1, -ring * r1)
        return forces
