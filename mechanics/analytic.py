"""Closed-form solutions that verify the solver. Stresses positive in tension, MPa.

``i`` is the inclusion (lithium), ``m`` the matrix (electrolyte), K bulk and mu shear
modulus, eps the stress-free linear growth of the inclusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mechanics.materials import Material


def misfit_sphere_pressure_mpa(inclusion: Material, matrix: Material, growth: float) -> float:
    """Return the pressure in a sphere that grows in an infinite elastic matrix.

    p = 12 K_i mu_m eps / (3 K_i + 4 mu_m); outside, at radius R of a sphere of
    radius a, sigma_r = -p (a/R)^3 and sigma_t = p/2 (a/R)^3. See Timoshenko and
    Goodier, Theory of Elasticity (1970), section 136.
    """
    k, mu = inclusion.bulk_mpa, matrix.shear_mpa
    return 12 * k * mu * growth / (3 * k + 4 * mu)


def sphere_under_remote_pressure_mpa(
    inclusion: Material, matrix: Material, remote_mpa: float
) -> float:
    """Return the pressure in a sphere in an infinite matrix under a remote pressure P0.

    p = P0 K_i (3 K_m + 4 mu_m) / [K_m (3 K_i + 4 mu_m)].
    """
    k_i, k_m, mu = inclusion.bulk_mpa, matrix.bulk_mpa, matrix.shear_mpa
    return remote_mpa * k_i * (3 * k_m + 4 * mu) / (k_m * (3 * k_i + 4 * mu))


@dataclass(frozen=True)
class SpheroidStress:
    """Stresses of a spheroid that grows in a matrix of the same constants."""

    inside_rr_mpa: float
    """Uniform stress inside along the equatorial axes."""
    inside_zz_mpa: float
    """Uniform stress inside along the axis of revolution."""
    pole_tangential_mpa: float
    """Just outside the pole, along the surface."""
    rim_hoop_mpa: float
    """Just outside the equator, around the axis."""
    rim_meridional_mpa: float
    """Just outside the equator, along the meridian."""


def depolarisation(aspect: float) -> tuple[float, float]:
    """Return the factors (N_1, N_3) of a spheroid, N_3 along the axis of revolution.

    Parameters
    ----------
    aspect
        Half-axis of revolution over equatorial radius, h/a.

    Raises
    ------
    ValueError
        If `aspect` is not positive.
    """
    if aspect <= 0:
        raise ValueError(f"the aspect h/a of a spheroid must be positive, got {aspect}")
    if abs(aspect - 1) < 1e-4:
        # series about the sphere, where both closed forms are 0/0
        n_3 = 1 / 3 - 4 / 15 * (aspect - 1)
    elif aspect < 1:
        e = math.sqrt(1 / aspect**2 - 1)
        n_3 = (1 + e**2) / e**3 * (e - math.atan(e))
    else:
        e = math.sqrt(1 - 1 / aspect**2)
        n_3 = (1 - e**2) / e**3 * (math.atanh(e) - e)
    return (1 - n_3) / 2, n_3


def misfit_spheroid(material: Material, growth: float, aspect: float) -> SpheroidStress:
    """Return the stresses of a growing spheroid in a matrix of the same constants.

    With f = E eps / (1 - nu): inside sigma_i = -f (1 - N_i); just outside, the normal
    stress goes on and the tangential ones jump by f. See Eshelby 1957,
    10.1098/rspa.1957.0133.
    """
    f = material.youngs_mpa * growth / (1 - material.poisson)
    n_1, n_3 = depolarisation(aspect)
    return SpheroidStress(-f * (1 - n_1), -f * (1 - n_3), f * n_1, f * n_1, f * n_3)


def fluid_island_pressure_mpa(bulk_mpa: float, growth: float, compliance_per_mpa: float) -> float:
    """Return the pressure of an island that carries no shear: p = 3 K eps / (1 + K beta).

    beta is the compliance (dV/V)/p of the cavity that it fills.
    """
    return 3 * bulk_mpa * growth / (1 + bulk_mpa * compliance_per_mpa)


SPHEROID_CAVITY = {
    # h/a: (pole stress / p, rim hoop / p, beta mu), matrix with nu = 0.37
    0.2: (-0.49, 1.65, 1.89),
    0.5: (-0.02, 0.57, 0.898),
    1.0: (0.5, 0.5, 0.75),
    2.0: (1.01, 0.68, 0.818),
}
"""A pressurised spheroidal cavity in an infinite matrix, nu = 0.37, after Eshelby; also the
half-spheroid on a frictionless rigid plane, by symmetry."""


def confined_radial_stress_mpa(poisson: float, pressure_mpa: float) -> float:
    """Return the radial stress of a disc pressed in a rigid tube: -p nu / (1 - nu)."""
    return -pressure_mpa * poisson / (1 - poisson)
