"""The finite-element operators against UFL's forms, where UFL can express them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from solving import BONDED

from mechanics.assembly import Discretisation
from mechanics.fenics import fem
from mechanics.layout import Region
from mechanics.materials import MaterialSet
from mechanics.mesh import build_mesh
from mechanics.plasticity import IDENTITY, elastic_tangent
from mechanics.profile import cap
from mechanics.stack import MeshSize, StackGeometry
from mechanics.system import System


@pytest.fixture(scope="module")
def plain() -> Discretisation:
    mesh = build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=4.0), BONDED)
    return Discretisation(mesh)


def test_stiffness_equals_ufl(plain: Discretisation) -> None:
    import ufl

    li = MaterialSet().li
    mesh, space = plain.stack.mesh, plain.space
    r = ufl.SpatialCoordinate(mesh)[0]
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)

    def strain(w: ufl.Argument) -> ufl.Tensor:
        shear = (w[0].dx(1) + w[1].dx(0)) / 2
        return ufl.as_tensor([[w[0].dx(0), shear, 0], [shear, w[1].dx(1), 0], [0, 0, w[0] / r]])

    lame = li.bulk_mpa - 2 / 3 * li.shear_mpa
    stress = 2 * li.shear_mpa * strain(u) + lame * ufl.tr(strain(u)) * ufl.Identity(3)
    dx = ufl.Measure("dx", mesh, metadata={"quadrature_degree": 5})
    form = fem.form(ufl.inner(stress, strain(v)) * 2 * ufl.pi * r * dx)
    reference = fem.assemble_matrix(form).to_scipy()

    tangent = np.broadcast_to(elastic_tangent(li), (plain.cell_count, plain.point_count, 5, 5))
    local = plain.element_stiffness(plain.plain_operator, tangent)
    rows = np.repeat(plain.element_dofs, 18, axis=1).ravel()
    columns = np.tile(plain.element_dofs, (1, 18)).ravel()
    ours = sparse.coo_array((local.ravel(), (rows, columns)), shape=reference.shape).tocsr()
    assert abs(ours - reference).max() < 1e-11 * abs(reference).max()


def test_projection_changes_the_dilatation_only_within_elements() -> None:
    mesh = build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=4.0), BONDED)
    space = Discretisation(mesh)
    displacement = np.random.default_rng(0).normal(0, 1, space.dof_count)
    g = space.apply(space.plain_operator, displacement)
    h = space.apply(space.projected_operator, displacement)
    # deviators agree point by point, volume changes on the mean over each element
    deviator = np.eye(5) - np.outer(IDENTITY, IDENTITY) / 3
    assert h @ deviator == pytest.approx(g @ deviator, abs=1e-9)
    change = ((h - g) @ IDENTITY * space.volumes).sum(axis=1)
    scale = (np.abs(g @ IDENTITY) * space.volumes).sum(axis=1)
    assert np.abs(change).max() < 1e-10 * scale.max()
    # and a field with a linear volume change is left alone (but for the curved elements, where
    # quadratic displacements are not quite quadratic in space)
    r, z = space.node_points.T
    smooth = np.column_stack((0.01 * r, 0.02 * z + 1e-5 * z**2)).ravel()
    left = space.apply(space.projected_operator, smooth)
    assert left == pytest.approx(space.apply(space.plain_operator, smooth), abs=1e-6)


def test_pressure_forces_sum_up_to_pressure_times_area(plain: Discretisation) -> None:
    forces = plain.unit_pressure_forces()
    assert forces[1::2].sum() == pytest.approx(-np.pi * 1500.0**2, rel=1e-12)
    assert np.abs(forces[::2]).max() == 0


def test_solver_solves_and_says_when_it_cannot(plain: Discretisation) -> None:
    materials = MaterialSet()
    tangent = np.empty((plain.cell_count, plain.point_count, 5, 5))
    for region, material in (
        (Region.se, materials.se), (Region.cu, materials.cu), (Region.island, materials.li),
    ):  # fmt: skip
        tangent[plain.cells_of(region)] = elastic_tangent(material)
    fixed = np.flatnonzero(plain.node_points[:, 1] < -19.99)
    matrix = System(plain, np.concatenate((2 * fixed, 2 * fixed + 1)), 0)
    local = plain.element_stiffness(plain.plain_operator, tangent)
    matrix.fill(local)
    forces = plain.unit_pressure_forces()
    displacement = matrix.solve(forces)
    back = np.einsum("cij,cj->ci", local, displacement[plain.element_dofs])
    residual = plain.sum_forces(back) - forces
    assert np.abs(residual[matrix.free]).max() < 1e-9 * np.abs(forces).max()
    matrix.fill(0 * local)
    assert not np.isfinite(matrix.solve(forces)).all()
