"""Elastic and J2 elastic-plastic stress update at small strain, with consistent tangent.

Second-order tensors of the axisymmetric problem are written as 5 components

    (rr, rz, zr, zz, tt),

in this order, for the displacement gradient as well as for stress and strain, so
that the Euclidean product of two of them is the full tensor contraction. The
same layout serves an unsymmetric first Piola-Kirchhoff stress.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mechanics.materials import Material
from mechanics.profile import Floats

RR, RZ, ZR, ZZ, TT = range(5)

IDENTITY: Floats = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
"""Second-order unit tensor."""

SYMMETRIC: Floats = np.eye(5)
"""Projection of a gradient on its symmetric part, shape (5, 5)."""
SYMMETRIC[np.ix_([RZ, ZR], [RZ, ZR])] = 0.5

DEVIATORIC: Floats = SYMMETRIC - np.outer(IDENTITY, IDENTITY) / 3
"""Projection of a gradient on its symmetric deviator, shape (5, 5)."""

_ROOT_3_2 = math.sqrt(1.5)


@dataclass(frozen=True)
class PlasticState:
    """History of n material points."""

    tensor: Floats
    """Plastic strain at small strain, C_p^-1 - 1 at finite strain; shape (n, 5)."""
    equivalent: Floats
    """Accumulated equivalent plastic strain, shape (n,)."""

    @classmethod
    def virgin(cls, count: int) -> PlasticState:
        """Return the state of points that never yielded."""
        return cls(np.zeros((count, 5)), np.zeros(count))


def elastic_tangent(material: Material) -> Floats:
    """Return C = K 1 x 1 + 2 mu I_dev, shape (5, 5), MPa."""
    return material.bulk_mpa * np.outer(IDENTITY, IDENTITY) + 2 * material.shear_mpa * DEVIATORIC


def update(
    material: Material, gradient: Floats, growth: float, state: PlasticState
) -> tuple[Floats, Floats, PlasticState]:
    """Return stress, consistent tangent and new history of n points.

    Elastic predictor and radial return for J2 flow with linear isotropic
    hardening: with the trial deviator s and q = sqrt(3/2) |s|,

        d_gamma = (q - Y - H alpha) / (3 mu + H),      n = s / |s|,
        sigma   = K tr(eps_e) 1 + s - 2 mu sqrt(3/2) d_gamma n,
        C       = K 1 x 1 + 2 mu (1 - 3 mu d_gamma / q) I_dev
                  + 6 mu^2 (d_gamma / q - 1 / (3 mu + H)) n x n,

    as in Simo and Hughes, Computational Inelasticity (1998), box 3.2.

    Parameters
    ----------
    material
        Constants; without a yield stress the points are elastic.
    gradient
        Displacement gradient, shape (n, 5).
    growth
        Stress-free linear strain on each axis.
    state
        History at the last accepted step.

    Returns
    -------
    stress
        Shape (n, 5), MPa.
    tangent
        d(stress)/d(gradient), shape (n, 5, 5), MPa.
    state
        History at the end of the step.
    """
    elastic_strain = gradient @ SYMMETRIC - growth * IDENTITY - state.tensor
    tangent = np.broadcast_to(elastic_tangent(material), (len(gradient), 5, 5))
    if material.yield_mpa is None:
        return elastic_strain @ elastic_tangent(material), tangent, state

    mu, hardening = material.shear_mpa, material.hardening_mpa
    pressure_part = material.bulk_mpa * (elastic_strain @ IDENTITY)[:, None] * IDENTITY
    deviator = 2 * mu * elastic_strain @ DEVIATORIC
    norm = np.linalg.norm(deviator, axis=1)
    q = _ROOT_3_2 * norm
    overstress = q - material.yield_mpa - hardening * state.equivalent
    flows = overstress > 0
    d_gamma = np.where(flows, overstress, 0.0) / (3 * mu + hardening)
    safe_norm = np.where(flows, norm, 1.0)
    normal = np.where(flows[:, None], deviator, 0.0) / safe_norm[:, None]
    ratio = d_gamma / np.where(flows, q, 1.0)

    flow = _ROOT_3_2 * d_gamma[:, None] * normal
    stress = pressure_part + deviator - 2 * mu * flow
    along_normal = np.where(flows, 6 * mu**2 * (ratio - 1 / (3 * mu + hardening)), 0.0)
    tangent = (
        tangent
        - (6 * mu**2 * ratio)[:, None, None] * DEVIATORIC
        + along_normal[:, None, None] * normal[:, :, None] * normal[:, None, :]
    )
    return stress, tangent, PlasticState(state.tensor + flow, state.equivalent + d_gamma)
