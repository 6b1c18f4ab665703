"""Deviatoric part of Hencky elasticity with J2 flow at finite strain, and its tangent.

The elastic energy is quadratic in the logarithmic elastic strain,

    psi = K/2 ln(J_e)^2 + mu |dev(eps)|^2,     eps = 1/2 ln(b_e),    b_e = F C_p^-1 F^T,

the flow is multiplicative, F = F_e F_p F_g with growth F_g = (1 + g) 1, and the exponential
map turns its integration into the radial return of small strains on eps (Simo 1992,
10.1016/0045-7825(92)90123-2; de Souza Neto, Peric and Owen 2008, box 14.3). Growth and the
volumetric part do not enter the deviator; `finite_strain` adds them.

Components are (rr, rz, zr, zz, tt), as in `plasticity`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mechanics.materials import Material
from mechanics.plasticity import IDENTITY, PlasticState
from mechanics.profile import Floats

_ROOT_3_2 = math.sqrt(1.5)
_DEVIATOR_3: Floats = np.eye(3) - 1 / 3
_NORMAL = np.array([0, 3, 4])
"""Places of the normal components among the five."""
_EQUAL = 1e-6
"""Relative gap of principal stretches below which the limit of equal ones is taken."""


@dataclass(frozen=True)
class Inverse:
    """Deformation gradients F with their determinants and inverses, for n points."""

    plane: Floats
    """In-plane part of F, shape (n, 2, 2)."""
    hoop: Floats
    """Hoop stretch, shape (n,)."""
    det: Floats
    """J = det F, shape (n,)."""
    inverse: Floats
    """Inverse of the in-plane part, shape (n, 2, 2)."""

    @classmethod
    def of(cls, gradient: Floats) -> Inverse:
        """Return F = 1 + gradient, shape (n, 5), with all that follows from it."""
        f = gradient + IDENTITY
        plane = f[:, :4].reshape(-1, 2, 2)
        det_plane = f[:, 0] * f[:, 3] - f[:, 1] * f[:, 2]
        adjugate = np.stack((f[:, 3], -f[:, 1], -f[:, 2], f[:, 0]), axis=-1).reshape(-1, 2, 2)
        return cls(plane, f[:, 4], det_plane * f[:, 4], adjugate / det_plane[:, None, None])

    @property
    def transposed(self) -> Floats:
        """Components of F^-T, shape (n, 5)."""
        swapped = np.swapaxes(self.inverse, 1, 2).reshape(-1, 4)
        components: Floats = np.column_stack((swapped, 1 / self.hoop))
        return components

    def crossed(self) -> Floats:
        """Return Finv_jk Finv_li for components (ij), (kl), shape (n, 5, 5)."""
        product = np.zeros((len(self.hoop), 5, 5))
        plane = np.einsum("njk,nli->nijkl", self.inverse, self.inverse)
        product[:, :4, :4] = plane.reshape(-1, 4, 4)
        product[:, 4, 4] = self.hoop**-2
        return product


def update(
    material: Material, deformation: Inverse, state: PlasticState
) -> tuple[Floats, Floats, Floats, PlasticState]:
    """Return the deviatoric response of n points.

    Parameters
    ----------
    material
        Constants; without a yield stress the points are elastic.
    deformation
        F at the end of the step.
    state
        History at the last accepted step; its tensor is C_p^-1 - 1.

    Returns
    -------
    kirchhoff
        Deviator of the Kirchhoff stress, shape (n, 5), MPa.
    stress
        First Piola-Kirchhoff stress of it, tau F^-T, shape (n, 5), MPa.
    tangent
        d(stress)/dF, shape (n, 5, 5), MPa.
    state
        History at the end of the step.
    """
    f = deformation
    metric = state.tensor + IDENTITY
    pulled = np.einsum("nik,njk->nij", metric[:, :4].reshape(-1, 2, 2), f.plane)  # C_p^-1 F^T
    b = f.plane @ pulled
    stretch, axes = _principal(b, f.hoop**2 * metric[:, 4])
    strain = 0.5 * np.log(stretch)
    flow, moduli, equivalent = _radial_return(material, strain, state.equivalent)
    deviator = 2 * material.shear_mpa * (strain - flow) @ _DEVIATOR_3
    kirchhoff = _assembled(deviator, axes)
    by_b = _by_finger(deviator, moduli, stretch, axes)
    by_f = by_b @ _finger_by_deformation(pulled, f.hoop * metric[:, 4])
    stress, tangent = _piola(kirchhoff, by_f, f)
    if material.yield_mpa is None:
        return kirchhoff, stress, tangent, state
    elastic = _assembled(np.exp(2 * (strain - flow)), axes)
    plane = f.inverse @ elastic[:, :4].reshape(-1, 2, 2) @ np.swapaxes(f.inverse, 1, 2)
    new_metric = np.column_stack((plane.reshape(-1, 4), elastic[:, 4] / f.hoop**2))
    return kirchhoff, stress, tangent, PlasticState(new_metric - IDENTITY, equivalent)


def _principal(plane: Floats, hoop: Floats) -> tuple[Floats, Floats]:
    """Return principal values (n, 3), the last the hoop's, and in-plane axes (n, 2, 2)."""
    mean = (plane[:, 0, 0] + plane[:, 1, 1]) / 2
    half = (plane[:, 0, 0] - plane[:, 1, 1]) / 2
    radius = np.hypot(half, plane[:, 0, 1])
    angle = np.arctan2(plane[:, 0, 1], half) / 2
    cos, sin = np.cos(angle), np.sin(angle)
    axes = np.stack((cos, -sin, sin, cos), axis=-1).reshape(-1, 2, 2)
    return np.column_stack((mean + radius, mean - radius, hoop)), axes


def _assembled(values: Floats, axes: Floats) -> Floats:
    """Return the components (n, 5) of tensors with given principal values (n, 3) and axes."""
    plane = np.einsum("nia,na,nja->nij", axes, values[:, :2], axes)
    return np.column_stack((plane.reshape(-1, 4), values[:, 2]))


def _radial_return(
    material: Material, strain: Floats, equivalent: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the plastic strain increment (n, 3), ds/de (n, 3, 3) and the equivalent strain."""
    mu = material.shear_mpa
    count = len(strain)
    moduli = np.broadcast_to(2 * mu * _DEVIATOR_3, (count, 3, 3))
    if material.yield_mpa is None:
        return np.zeros_like(strain), moduli, equivalent
    deviator = 2 * mu * strain @ _DEVIATOR_3
    norm = np.linalg.norm(deviator, axis=1)
    q = _ROOT_3_2 * norm
    over = q - material.yield_mpa - material.hardening_mpa * equivalent
    flows = over > 0
    stiffness = 3 * mu + material.hardening_mpa
    d_gamma = np.where(flows, over, 0.0) / stiffness
    normal = np.where(flows[:, None], deviator, 0.0) / np.where(flows, norm, 1.0)[:, None]
    ratio = d_gamma / np.where(flows, q, 1.0)
    along = np.where(flows, 6 * mu**2 * (ratio - 1 / stiffness), 0.0)
    moduli = (
        moduli
        - (6 * mu**2 * ratio)[:, None, None] * _DEVIATOR_3
        + along[:, None, None] * normal[:, :, None] * normal[:, None, :]
    )
    return _ROOT_3_2 * d_gamma[:, None] * normal, moduli, equivalent + d_gamma


def _by_finger(deviator: Floats, moduli: Floats, stretch: Floats, axes: Floats) -> Floats:
    """Return d(tau)/d(b), shape (n, 5, 5), by the derivative of an isotropic tensor function."""
    count = len(stretch)
    principal = np.zeros((count, 5, 5))
    principal[:, _NORMAL[:, None], _NORMAL] = moduli / (2 * stretch[:, None, :])
    gap = stretch[:, 0] - stretch[:, 1]
    equal = gap <= _EQUAL * stretch[:, 0]
    limit = (moduli[:, 0, 0] - moduli[:, 0, 1]) / (2 * stretch[:, 0])
    shear = np.where(equal, limit, (deviator[:, 0] - deviator[:, 1]) / np.where(equal, 1.0, gap))
    principal[:, 1, 1] = principal[:, 2, 2] = shear
    turn = np.zeros((count, 5, 5))
    plane = np.einsum("nia,njb->nabij", axes, axes)
    turn[:, :4, :4] = plane.reshape(-1, 4, 4)
    turn[:, 4, 4] = 1.0
    return np.swapaxes(turn, 1, 2) @ principal @ turn


def _finger_by_deformation(pulled: Floats, hoop_pulled: Floats) -> Floats:
    """Return d(b)/dF, shape (n, 5, 5): delta b = dF C_p^-1 F^T + its transpose."""
    unit = np.eye(2)
    plane = np.einsum("ik,nlj->nijkl", unit, pulled) + np.einsum("jk,nli->nijkl", unit, pulled)
    change = np.zeros((len(pulled), 5, 5))
    change[:, :4, :4] = plane.reshape(-1, 4, 4)
    change[:, 4, 4] = 2 * hoop_pulled
    return change


def _piola(kirchhoff: Floats, by_f: Floats, f: Inverse) -> tuple[Floats, Floats]:
    """Return P = tau F^-T and dP/dF from tau and d(tau)/dF."""
    count = len(kirchhoff)
    plane = kirchhoff[:, :4].reshape(-1, 2, 2)
    stress_plane = np.einsum("nik,njk->nij", plane, f.inverse)
    hoop = kirchhoff[:, 4] / f.hoop
    stress = np.column_stack((stress_plane.reshape(-1, 4), hoop))
    tangent = np.empty((count, 5, 5))
    moved = np.einsum("nimK,njm->nijK", by_f[:, :4].reshape(-1, 2, 2, 5), f.inverse)
    tangent[:, :4] = moved.reshape(-1, 4, 5)
    tangent[:, 4] = by_f[:, 4] / f.hoop[:, None]
    turned = np.einsum("nil,njk->nijkl", stress_plane, f.inverse)
    tangent[:, :4, :4] -= turned.reshape(-1, 4, 4)
    tangent[:, 4, 4] -= hoop / f.hoop
    return stress, tangent
