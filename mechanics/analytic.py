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


@dataclass(frozen=True)
class SpheroidCavity:
    """Response of a spheroidal cavity in an infinite elastic matrix to a pressure p inside."""

    pole: float
    """Tangential stress at the pole over p."""
    rim_hoop: float
    """Stress around the axis at the equator over p."""
    rim_meridional: float
    """Stress along the meridian at the equator over p."""
    compliance_mu: float
    """beta mu: relative change of volume over p, times the matrix's shear modulus."""


def spheroid_cavity(aspect: float, poisson: float) -> SpheroidCavity:
    """Return how a pressurised spheroidal cavity responds: an island that carries no shear.

    By symmetry this is half a spheroid on a frictionless rigid plane too.

    The pressure is an all-round tension p about a cavity without traction, less a uniform
    pressure p. That cavity acts as an inclusion of the matrix's constants whose eigenstrain
    e* leaves it without stress, C (e0 + S e* - e*) = 0, so that it strains by
    e = e0 + S e* = (I - S)^-1 e0, with e0 = p / (3 K) and S of Eshelby 1957,
    10.1098/rspa.1957.0133, written out by Mura, Micromechanics of Defects in Solids (1987),
    section 11. Strains along its surface go on and the traction there vanishes:
    sigma_t = E / (1 - nu^2) (e_t + nu e_s).

    Parameters
    ----------
    aspect
        Half-axis of revolution over equatorial radius, h/a.
    poisson
        Poisson's ratio of the matrix.

    Raises
    ------
    ValueError
        If `aspect` is not positive.
    """
    n_1, n_3 = depolarisation(aspect)
    square = aspect**2
    # Mura's integrals I_ij a_1^2 / (4 pi); for the sphere 0/0, whose limit is 1/5
    i_13 = 0.2 if abs(aspect - 1) < 1e-4 else (n_1 - n_3) / (square - 1)
    i_11 = (1 - i_13) / 4
    i_33 = (1 / square - 2 * i_13) / 3
    free, scale = 1 - 2 * poisson, 2 * (1 - poisson)
    s_11_12 = 4 * i_11 / scale  # S_1111 + S_1122
    s_13 = (square * i_13 - free * n_1) / scale
    s_31 = (i_13 - free * n_3) / scale
    s_33 = (3 * square * i_33 + free * n_3) / scale
    # in units of p = mu = 1
    youngs = 2 * (1 + poisson)
    e_0 = free / youngs
    determinant = (1 - s_11_12) * (1 - s_33) - 2 * s_13 * s_31
    e_1 = e_0 * (1 - s_33 + s_13) / determinant
    e_3 = e_0 * (1 - s_11_12 + 2 * s_31) / determinant
    plane = youngs / (1 - poisson**2)
    return SpheroidCavity(
        pole=plane * (1 + poisson) * e_1 - 1,
        rim_hoop=plane * (e_1 + poisson * e_3) - 1,
        rim_meridional=plane * (e_3 + poisson * e_1) - 1,
        compliance_mu=2 * e_1 + e_3 - 3 * e_0,
    )


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
