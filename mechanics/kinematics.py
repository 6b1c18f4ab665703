"""From nodal displacements to element forces and stiffness, at small or finite strain.

Both know the same bodies and hand back the same `Response`, so that the solver need not
know which of them it drives. The functions here are written to be read; the solver drives
their compiled counterparts (`compiled`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mechanics import hencky, plasticity
from mechanics.assembly import Discretisation, Ints
from mechanics.layout import Region
from mechanics.materials import Material
from mechanics.plasticity import IDENTITY, PlasticState
from mechanics.profile import Floats
from mechanics.stack import Kinematics

History = Mapping[Region, PlasticState]

POINTWISE = 2e-2
"""Share of the bulk modulus by which a point resists a volume ratio other than the projected."""


@dataclass(frozen=True)
class Body:
    """Elements of one material."""

    region: Region
    cells: Ints
    material: Material

    @property
    def grows(self) -> bool:
        """Whether the body expands with the load: only lithium does."""
        return self.region is Region.island


@dataclass(frozen=True)
class Response:
    """What a displacement calls forth."""

    forces: Floats
    """Nodal forces of each element, shape (cells, 18), uN."""
    stiffness: Callable[[], Floats]
    """Gives the stiffness of each element, shape (cells, 18, 18), uN/um."""
    stress: Floats
    """Cauchy stress at the quadrature points, shape (cells, q, 5), MPa."""
    history: History
    """History of the bodies that can yield, at the end of the step."""


Respond = Callable[[Discretisation, Sequence[Body], History, float, Floats], Response]


def virgin(space: Discretisation, bodies: Sequence[Body]) -> History:
    """Return the history of bodies that never yielded; elastic ones have none."""
    return {
        body.region: PlasticState.virgin(len(body.cells) * space.point_count)
        for body in bodies
        if body.material.yield_mpa is not None
    }


def _past(history: History, body: Body, count: int) -> PlasticState:
    return history.get(body.region) or PlasticState.virgin(count)


def small_strain(
    space: Discretisation,
    bodies: Sequence[Body],
    history: History,
    growth: float,
    displacement: Floats,
) -> Response:
    """Return the response to a displacement, geometry unchanged, volume change projected."""
    operator = space.projected_operator
    gradient = space.apply(operator, displacement)
    stress = np.empty_like(gradient)
    tangent = np.empty((*gradient.shape, 5))
    new: dict[Region, PlasticState] = {}
    for body in bodies:
        flat = gradient[body.cells].reshape(-1, 5)
        past = _past(history, body, len(flat))
        own_growth = growth if body.grows else 0.0
        own_stress, own_tangent, state = plasticity.update(body.material, flat, own_growth, past)
        stress[body.cells] = own_stress.reshape(-1, space.point_count, 5)
        tangent[body.cells] = own_tangent.reshape(-1, space.point_count, 5, 5)
        if body.region in history:
            new[body.region] = state
    return Response(
        forces=space.element_forces(operator, stress),
        stiffness=lambda: space.element_stiffness(operator, tangent),
        stress=stress,
        history=new,
    )


def finite_strain(
    space: Discretisation,
    bodies: Sequence[Body],
    history: History,
    growth: float,
    displacement: Floats,
) -> Response:
    """Return the response to a displacement at finite strain.

    Hencky elasticity and multiplicative J2 flow (see `hencky`). The volume ratio J is
    replaced, element by element, by its projection theta on linear functions, and the mean
    stress that goes with it is a projection too (Simo, Taylor and Pister 1985,
    10.1016/0045-7825(85)90033-7). With J_g = (1 + g)^3, theta_e = theta / J_g and moduli per
    volume of grown material,

        P = J_g tau_dev F^-T + p J F^-T,      p = Pi[K ln(theta_e) / theta_e],

    which derives from the energy J_g psi with ln(theta_e) in the place of ln(J_e), so that
    the tangent is symmetric. The Cauchy stress is J_g tau_dev / J + p 1.

    Under pressures far above the strength of lithium, elements could buckle in ways that keep
    theta and fold. A small share k of the bulk modulus resists them: the energy
    J_g k/2 ln(J / theta)^2, which vanishes on refinement, adds w F^-T with
    w = J_g k ln(J / theta) to P, and -Pi[w / theta] to p.
    """
    operator = space.plain_operator
    gradient = space.apply(operator, displacement)
    shape = gradient.shape
    kirchhoff, stress = np.empty(shape), np.empty(shape)
    tangent = np.empty((*shape, 5))
    bulk, grown = np.empty((shape[0], 1)), np.ones((shape[0], 1))
    new: dict[Region, PlasticState] = {}
    with np.errstate(invalid="ignore", divide="ignore"):  # a folded trial is refused as not finite
        whole = hencky.Inverse.of(gradient.reshape(-1, 5))
        for body in bodies:
            flat = gradient[body.cells].reshape(-1, 5)
            past = _past(history, body, len(flat))
            own = hencky.update(body.material, hencky.Inverse.of(flat), past)
            volume = (1 + growth) ** 3 if body.grows else 1.0
            kirchhoff[body.cells] = volume * own[0].reshape(-1, *shape[1:])
            stress[body.cells] = volume * own[1].reshape(-1, *shape[1:])
            tangent[body.cells] = volume * own[2].reshape(-1, *shape[1:], 5)
            bulk[body.cells], grown[body.cells] = body.material.bulk_mpa, volume
            if body.region in history:
                new[body.region] = own[3]
        ratio = whole.det.reshape(shape[:2])
        theta = space.project(ratio[..., None])[..., 0]
        elastic = theta / grown
        pointwise = POINTWISE * bulk * grown
        apart = pointwise * np.log(ratio / theta)
        value = bulk * np.log(elastic) / elastic - apart / theta
        mean = space.project(value[..., None])[..., 0]
        # a folded element must not pass for a state
        mean = np.where((ratio > 0) & (theta > 0), mean, np.nan)
        inverse_t = whole.transposed.reshape(shape)
        weight = mean * ratio + apart
        total = stress + weight[..., None] * inverse_t
        cauchy = (kirchhoff + weight[..., None] * IDENTITY) / ratio[..., None]

    def stiffness() -> Floats:
        outer = inverse_t[..., :, None] * inverse_t[..., None, :]
        crossed = whole.crossed().reshape(*shape, 5)
        spread = mean * ratio + pointwise
        volumetric = spread[..., None, None] * outer - weight[..., None, None] * crossed
        local = space.element_stiffness(operator, tangent + volumetric)
        change = np.einsum("cqk,cqki->cqi", inverse_t, operator)
        projected = space.project(ratio[..., None] * change)
        slope = bulk * (1 - np.log(elastic)) / (elastic**2 * grown)
        slope += (pointwise + apart) / theta**2
        cross = (pointwise / theta)[..., None] * change
        half = (slope / 2 * space.volumes)[..., None] * projected
        half -= space.volumes[..., None] * cross
        product: Floats = np.swapaxes(projected, 1, 2) @ half
        return local + product + np.swapaxes(product, 1, 2)

    return Response(space.element_forces(operator, total), stiffness, cauchy, new)


REFERENCE: dict[Kinematics, Respond] = {
    Kinematics.small: small_strain,
    Kinematics.finite: finite_strain,
}
"""The functions above: what the compiled kernels are held against, and stand in for."""


def _respond(
    kinematics: Kinematics,
    space: Discretisation,
    bodies: Sequence[Body],
    history: History,
    growth: float,
    displacement: Floats,
) -> Response:
    from mechanics import compiled  # here, for it builds on this module

    return compiled.respond(kinematics, space, bodies, history, growth, displacement)


RESPONSE: dict[Kinematics, Respond] = {
    kinematics: partial(_respond, kinematics) for kinematics in Kinematics
}
"""The same numbers from compiled kernels, where there is a compiler (see `compiled`)."""
