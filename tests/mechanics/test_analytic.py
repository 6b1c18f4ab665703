"""The solver against closed forms: growing spheres and spheroids, confinement, limit of flow.

A half-spheroid on a frictionless plane is half of a full one in an infinite body, by symmetry.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from solving import ROLLER, solve_island

from mechanics.analytic import (
    SPHEROID_CAVITY,
    confined_radial_stress_mpa,
    depolarisation,
    fluid_island_pressure_mpa,
    misfit_sphere_pressure_mpa,
    misfit_spheroid,
    sphere_under_remote_pressure_mpa,
    spheroid_cavity,
)
from mechanics.layout import Region
from mechanics.materials import Electrolyte, Material, MaterialSet
from mechanics.plasticity import RR, TT, ZZ
from mechanics.profile import ellipsoid
from mechanics.solver import Solution
from mechanics.stack import Loading, MeshSize
from mechanics.stress import ElectrolyteStress, recover
from mechanics.summary import li_pressure_mpa

SE = Electrolyte(22100.0, 0.37)
ELASTIC_LI = Material(7820.0, 0.381)
FLUID_LI = Material(7820.0, 0.381, yield_mpa=1e-3, hardening_mpa=0.0)
"""Carries no shear worth the name."""
ONE_STEP = Loading(pressure_mpa=0.0, expansion=0.01, steps=1)


def test_misfit_sphere() -> None:
    solution = solve_island(
        ellipsoid(40.0, 20.0), MaterialSet(li=ELASTIC_LI, se=SE), ONE_STEP, ROLLER
    )
    exact = misfit_sphere_pressure_mpa(ELASTIC_LI, SE, 0.01)
    assert li_pressure_mpa(solution) == pytest.approx(exact, rel=2e-3)
    stress = ElectrolyteStress(solution)
    for line in (stress.axis, stress.interface):
        radius = np.hypot(line.r_um, line.z_um)
        near = radius < 60
        tangential = exact / 2 * (20 / radius[near]) ** 3
        assert line.sigma1_mpa[near] == pytest.approx(tangential, rel=0.01, abs=0.003 * exact)
        along = ZZ if line is stress.axis else RR
        radial = -exact * (20 / radius[near]) ** 3
        assert line.stress[near, along] == pytest.approx(radial, rel=0.01, abs=0.005 * exact)


def test_sphere_under_remote_pressure() -> None:
    """Roller walls turn the stack pressure into a remote one with a lateral part."""
    solution = solve_island(
        ellipsoid(40.0, 20.0),
        MaterialSet(li=ELASTIC_LI, se=SE),
        Loading(pressure_mpa=20.0, expansion=1e-9, steps=1),
        ROLLER,
    )
    side = -confined_radial_stress_mpa(SE.poisson, 20.0)
    # the mean pressure in an elastic sphere is linear in the remote mean pressure alone
    exact = sphere_under_remote_pressure_mpa(ELASTIC_LI, SE, (20.0 + 2 * side) / 3)
    assert li_pressure_mpa(solution) == pytest.approx(exact, rel=2e-3)
    far = recover(solution, Region.se)
    corner = np.argmax(far.points.sum(axis=1))
    assert far.stress[corner, RR] == pytest.approx(-side, rel=1e-3)
    assert far.stress[corner, ZZ] == pytest.approx(-20.0, rel=1e-3)


@pytest.mark.parametrize("aspect", [0.2, 0.5, 1.0, 2.0])
def test_eshelby_spheroid(aspect: float) -> None:
    a = 20.0
    same = Electrolyte(22100.0, 0.37)
    solution = solve_island(
        ellipsoid(2 * a, aspect * a), MaterialSet(li=Material(22100.0, 0.37), se=same),
        ONE_STEP, ROLLER, MeshSize(fine_um=0.7),
    )  # fmt: skip
    exact = misfit_spheroid(same, 0.01, aspect)
    scale = same.youngs_mpa * 0.01 / (1 - same.poisson)
    space = solution.discretisation
    cells = space.cells_of(Region.island)
    inside = np.average(
        solution.state.stress[cells].reshape(-1, 5), axis=0, weights=space.volumes[cells].ravel()
    )
    assert inside[RR] == pytest.approx(exact.inside_rr_mpa, abs=0.005 * scale)
    assert inside[TT] == pytest.approx(exact.inside_rr_mpa, abs=0.005 * scale)
    assert inside[ZZ] == pytest.approx(exact.inside_zz_mpa, abs=0.005 * scale)
    arc = ElectrolyteStress(solution).arc
    assert arc.stress[0, RR] == pytest.approx(exact.pole_tangential_mpa, abs=0.015 * scale)
    assert arc.stress[-1, TT] == pytest.approx(exact.rim_hoop_mpa, abs=0.03 * scale)
    assert arc.stress[-1, ZZ] == pytest.approx(exact.rim_meridional_mpa, abs=0.06 * scale)


@pytest.mark.parametrize("aspect", list(SPHEROID_CAVITY))
def test_fluid_like_spheroid(aspect: float) -> None:
    """Plastic lithium without strength is a fluid; the pole's sign turns near h/a = 0.5."""
    a = 20.0
    fine = min(0.7, 0.3 * aspect**2 * a)  # the rim's radius of curvature is aspect^2 a
    solution = solve_island(
        ellipsoid(2 * a, aspect * a), MaterialSet(li=FLUID_LI, se=SE),
        Loading(pressure_mpa=0.0, expansion=0.01, steps=4), ROLLER, MeshSize(fine_um=fine),
    )  # fmt: skip
    pole, rim_hoop, beta_mu = SPHEROID_CAVITY[aspect]
    pressure = li_pressure_mpa(solution)
    exact = fluid_island_pressure_mpa(FLUID_LI.bulk_mpa, 0.01, beta_mu / SE.shear_mpa)
    assert pressure == pytest.approx(exact, rel=5e-3)
    arc = ElectrolyteStress(solution).arc
    assert arc.stress[0, RR] / pressure == pytest.approx(pole, abs=0.02)
    assert arc.stress[-1, TT] / pressure == pytest.approx(rim_hoop, abs=0.03 + 0.02 * rim_hoop)


# h/a: (pole stress / p, rim hoop / p, rim meridional / p, beta mu), tabulated elsewhere
CAVITIES = {
    0.37: {
        0.0879: (-0.70, 4.51, 13.4, 4.36), 0.2: (-0.49, 1.65, 5.30, 1.89),
        0.5: (-0.02, 0.57, 1.59, 0.898), 1.0: (0.5, 0.5, 0.5, 0.75),
        2.0: (1.01, 0.68, 0.11, 0.818), 5.0: (1.41, 0.89, 0.00, 0.935),
    },
    0.30: {
        0.0879: (-0.62, 3.56, 13.3, 4.72), 0.2: (-0.42, 1.28, 5.25, 1.99),
        0.5: (0.02, 0.49, 1.57, 0.907), 1.0: (0.5, 0.5, 0.5, 0.75),
        2.0: (0.95, 0.70, 0.12, 0.820), 5.0: (1.28, 0.90, 0.01, 0.936),
    },
}  # fmt: skip


@pytest.mark.parametrize("poisson", list(CAVITIES))
def test_pressurised_spheroidal_cavities(poisson: float) -> None:
    for aspect, tabulated in CAVITIES[poisson].items():
        cavity = spheroid_cavity(aspect, poisson)
        found = (cavity.pole, cavity.rim_hoop, cavity.rim_meridional, cavity.compliance_mu)
        for value, expected in zip(found, tabulated, strict=True):
            assert value == pytest.approx(expected, rel=4e-3, abs=6e-3), aspect
    for aspect in (1 - 1.5e-4, 1 + 1.5e-4):  # the closed form joins the sphere's limit
        assert spheroid_cavity(aspect, poisson).pole == pytest.approx(0.5, abs=2e-4)


def _island_stress(solution: Solution) -> np.ndarray:
    return solution.state.stress[solution.discretisation.cells_of(Region.island)]


def test_flowing_lithium_does_not_lock() -> None:
    """In a fluid the pressure is uniform; locked elements let it jump from point to point."""
    solution = solve_island(
        ellipsoid(60.0, 6.0), MaterialSet(li=FLUID_LI, se=SE),
        Loading(pressure_mpa=0.0, expansion=0.01, steps=2), ROLLER,
    )  # fmt: skip
    stress = _island_stress(solution)
    pressures = -(stress[..., RR] + stress[..., ZZ] + stress[..., TT]) / 3
    assert pressures.std() < 5e-3 * pressures.mean()


def test_depolarisation_factors() -> None:
    for aspect in (0.01, 0.3, 0.99995, 1.0, 1.00005, 3.0, 50.0):
        n_1, n_3 = depolarisation(aspect)
        assert 2 * n_1 + n_3 == pytest.approx(1.0)
        assert 0 < n_3 < 1
    assert depolarisation(1.0)[1] == pytest.approx(1 / 3)
    assert depolarisation(1 - 2e-4)[1] == pytest.approx(depolarisation(1 - 0.9e-4)[1], abs=1e-4)
    assert depolarisation(1e-3)[1] == pytest.approx(1 - math.pi / 2 * 1e-3, rel=1e-4)
    with pytest.raises(ValueError, match="aspect h/a"):
        depolarisation(0.0)
