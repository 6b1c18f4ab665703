"""Finite-element forms of the axisymmetric problem, independent of the material law.

With the displacement gradient written as the 5 components of `plasticity`

    G(v) = (dv_r/dr, dv_r/dz, dv_z/dr, dv_z/dz, v_r/r),

virtual work is the integral of P . G(v) 2 pi r dr dz, and its linearisation that of
(A G(du)) . G(v) 2 pi r dr dz, where the stress P and the tangent A = dP/dG come
from the material laws as plain arrays at the quadrature points. The forms are
thus compiled once, whatever the law.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl

from mechanics.fenics import fem, fem_petsc
from mechanics.mesh import Edge, Region, StackMesh
from mechanics.profile import Floats

DISPLACEMENT_ORDER = 2
QUADRATURE_DEGREE = 5
"""3 x 3 Gauss points: 2 x 2 leave hourglass modes in flowing lithium."""


@dataclass(frozen=True)
class Discretisation:
    """Displacement space, quadrature points and compiled forms on one mesh."""

    stack: StackMesh

    @cached_property
    def space(self) -> Any:
        """Return the space of continuous quadratic displacements."""
        return fem.functionspace(self.stack.mesh, ("Lagrange", DISPLACEMENT_ORDER, (2,)))

    @cached_property
    def cell_count(self) -> int:
        """Return the number of elements."""
        return int(self.stack.mesh.topology.index_map(2).size_local)

    @cached_property
    def all_cells(self) -> Any:
        """Return the indices of all elements."""
        return np.arange(self.cell_count, dtype=np.int32)

    def cells_of(self, region: Region) -> Any:
        """Return the indices of a body's elements."""
        return self.stack.cells.find(region)

    @cached_property
    def reference_points(self) -> Floats:
        """Return the quadrature points of the reference element, shape (q, 2)."""
        return self._rule[0]

    @cached_property
    def _rule(self) -> tuple[Floats, Floats]:
        points, weights = basix.make_quadrature(basix.CellType.quadrilateral, QUADRATURE_DEGREE)
        return points, weights

    @cached_property
    def displacement(self) -> Any:
        """Return the function whose gradient `gradient` evaluates."""
        return fem.Function(self.space, name="displacement")

    @cached_property
    def _gradient_expression(self) -> Any:
        return fem.Expression(_axisymmetric_gradient(self.displacement), self.reference_points)

    def gradient(self) -> Floats:
        """Return the displacement gradient at the quadrature points, shape (cells, q, 5)."""
        values: Floats = self._gradient_expression.eval(self.stack.mesh, self.all_cells)
        return values.reshape(self.cell_count, len(self.reference_points), 5)

    @cached_property
    def points(self) -> Floats:
        """Return the coordinates (r, z) of the quadrature points, shape (cells, q, 2)."""
        x = ufl.SpatialCoordinate(self.stack.mesh)
        values = fem.Expression(x, self.reference_points).eval(self.stack.mesh, self.all_cells)
        return np.asarray(values).reshape(self.cell_count, len(self.reference_points), 2)

    @cached_property
    def areas(self) -> Floats:
        """Return the area in the meridian plane of each quadrature point, shape (cells, q), um2."""
        det = ufl.JacobianDeterminant(self.stack.mesh)
        values = fem.Expression(det, self.reference_points).eval(self.stack.mesh, self.all_cells)
        return np.abs(np.asarray(values).reshape(self.cell_count, -1)) * self._rule[1]

    @cached_property
    def volumes(self) -> Floats:
        """Return the volume of revolution of each quadrature point, shape (cells, q), um3."""
        return 2 * np.pi * self.points[..., 0] * self.areas

    @cached_property
    def _stress(self) -> Any:
        return self._quadrature_function((5,))

    @cached_property
    def _tangent(self) -> Any:
        return self._quadrature_function((5, 5))

    def _quadrature_function(self, shape: tuple[int, ...]) -> Any:
        element = basix.ufl.quadrature_element(
            "quadrilateral", value_shape=shape, degree=QUADRATURE_DEGREE
        )
        return fem.Function(fem.functionspace(self.stack.mesh, element))

    @cached_property
    def _quadrature_dofs(self) -> Any:
        return self._stress.function_space.dofmap.list.ravel()

    def _fill(self, function: Any, values: Floats) -> None:
        """Copy an array of shape (cells, q, ...) into a quadrature function."""
        width = int(np.prod(values.shape[2:]))
        target = function.x.array.reshape(-1, width)
        target[self._quadrature_dofs] = values.reshape(-1, width)

    @cached_property
    def _forms(self) -> tuple[Any, Any, Any]:
        mesh = self.stack.mesh
        r = ufl.SpatialCoordinate(mesh)[0]
        du, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        dx = ufl.Measure("dx", mesh, metadata={"quadrature_degree": QUADRATURE_DEGREE})
        ds = ufl.Measure("ds", mesh, subdomain_data=self.stack.edges)
        gradient_v = _axisymmetric_gradient(v)
        around = 2 * ufl.pi * r
        forces = ufl.inner(self._stress, gradient_v) * around * dx
        stiffness = ufl.inner(ufl.dot(self._tangent, _axisymmetric_gradient(du)), gradient_v)
        push = -v[1] * around * ds(int(Edge.top))
        return fem.form(forces), fem.form(stiffness * around * dx), fem.form(push)

    def internal_forces(self, stress: Floats) -> Floats:
        """Return the nodal forces (uN) of a stress field of shape (cells, q, 5)."""
        self._fill(self._stress, stress)
        return np.array(fem.assemble_vector(self._forms[0]).array)

    def unit_pressure_forces(self) -> Floats:
        """Return the nodal forces (uN) of 1 MPa of pressure on the top face."""
        return np.array(fem.assemble_vector(self._forms[2]).array)

    @cached_property
    def matrix(self) -> Any:
        """Return the stiffness matrix that `assemble_stiffness` fills."""
        return fem_petsc.create_matrix(self._forms[1])

    def assemble_stiffness(self, tangent: Floats, supports: list[Any]) -> Any:
        """Fill and return the stiffness matrix of a tangent of shape (cells, q, 5, 5)."""
        self._fill(self._tangent, tangent)
        self.matrix.zeroEntries()
        fem_petsc.assemble_matrix(self.matrix, self._forms[1], bcs=supports)
        self.matrix.assemble()
        return self.matrix

    def supports(self, component_of_edge: list[tuple[Edge, int]]) -> list[Any]:
        """Return conditions that hold a displacement component at zero along edges."""
        conditions = []
        for edge, component in component_of_edge:
            facets = self.stack.edges.find(edge)
            sub = self.space.sub(component)
            dofs = fem.locate_dofs_topological(sub, 1, facets)
            conditions.append(fem.dirichletbc(0.0, dofs, sub))
        return conditions


def _axisymmetric_gradient(v: Any) -> Any:
    """Return G(v), see the module's docstring; r > 0 at all quadrature points."""
    r = ufl.SpatialCoordinate(ufl.domain.extract_unique_domain(v))[0]
    return ufl.as_vector([v[0].dx(0), v[0].dx(1), v[1].dx(0), v[1].dx(1), v[0] / r])
