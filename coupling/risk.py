"""Crack risk of the electrolyte around one island.

The raw maximum of the largest principal stress grows without bound on mesh
refinement at the contact line, so risk is a stress over a length of the material:

    R1(x) = sigma1[ mean of the stress tensor over a disc of radius l_c about x ] / sigma_t,
    l_c = (1/pi) (K_IC / sigma_t)^2,

with the disc in the meridian plane and inside the electrolyte only. R1 > 1 says that a
flaw of the size of the microstructure would grow. Sites near the contact line, where the
likely crack is a delamination along the current collector, are kept apart from the bulk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from coupling.criterion import RiskCriterion
from mechanics.averages import StressCloud, disc_average, sample
from mechanics.discs import disc_sums
from mechanics.profile import Floats
from mechanics.solver import Solution
from mechanics.stress import ElectrolyteStress, NodalStress, principal_direction, principal_max

_SAMPLES_PER_LENGTH = 8
"""Sampling of the averaged stress, points per critical length."""


@dataclass(frozen=True)
class Hotspot:
    """The worst site of a zone."""

    risk: float
    """R1 there."""
    r_um: float
    z_um: float
    crack_angle_deg: float
    """Angle of the crack plane to the current collector in the meridian plane, degrees; NaN
    where the hoop stress is the largest, so that the crack would be a radial one."""


@dataclass(frozen=True)
class CrackRisk:
    """Crack risk of one island, bulk and rim apart."""

    above: Hotspot
    """Of the bulk, within half the contact line's radius: above the island's middle. Between the
    two radii only where that is the worst of all, which caps and domes have not."""
    beside: Hotspot
    """Of the bulk, outside the contact line's radius."""
    rim: Hotspot
    """Nearer than that."""
    volume_above_1_um3: float
    """Volume of electrolyte with R1 > 1."""
    field: NodalStress
    """The averaged stress at the nodes around the island."""
    r1: Floats
    """R1 at the nodes of `field`, shape (n,)."""

    @property
    def bulk(self) -> Hotspot:
        """Farther than `RiskCriterion.rim_um` from the contact line: the worse of its parts."""
        return max(self.above, self.beside, key=lambda spot: spot.risk)


def crack_risk(
    solution: Solution, stress: ElectrolyteStress, criterion: RiskCriterion
) -> CrackRisk:
    """Return the crack risk of a solved island."""
    space, island = solution.discretisation, solution.discretisation.stack.profile
    length = criterion.length_um
    spacing = length / _SAMPLES_PER_LENGTH
    # stresses have died away at three island sizes; both zones must hold sites
    reach = 3 * max(island.max_radius_um, island.height_um) + 4 * length + 2 * criterion.rim_um
    around = stress.nodal.within(reach)
    cloud = thinned(sample(space, stress.nodal.within(reach + 2 * length), spacing), spacing / 2)
    averaged = replace(around, stress=disc_average(cloud, around.points, length))
    border = _border(float(island.r_um[-1]), criterion.rim_um, cloud, spacing)
    sites = _Sites(
        np.concatenate((around.points, border)),
        np.concatenate((averaged.stress, disc_average(cloud, border, length))),
        criterion.strength_mpa,
    )
    from_rim = np.hypot(sites.points[:, 0] - island.r_um[-1], sites.points[:, 1])
    parts = sample(space, averaged, spacing)
    above = principal_max(parts.stress) > criterion.strength_mpa
    in_bulk = from_rim >= (1 - 1e-9) * criterion.rim_um
    # Above the middle and beside the contact line risk is smooth in the shape of islands; the worse
    # of the two is not, nor is the worst of any zone that both reach.
    part = sites.points[:, 0] / island.r_um[-1]
    above_middle = sites.worst(in_bulk & (part <= 0.5))
    beside = sites.worst(in_bulk & (part > 1))
    between = sites.worst(in_bulk & (part > 0.5) & (part <= 1))
    worst = max(above_middle, beside, between, key=lambda spot: spot.risk)
    return CrackRisk(
        above=between if worst is between else above_middle,
        beside=beside,
        rim=sites.worst(from_rim <= (1 + 1e-9) * criterion.rim_um),
        volume_above_1_um3=float(parts.volumes[above].sum()),
        field=averaged,
        r1=principal_max(averaged.stress) / criterion.strength_mpa,
    )


def thinned(cloud: StressCloud, pitch_um: float) -> StressCloud:
    """Merge points that lie much closer than a pitch, as on the fine mesh of a very flat island.

    Points that stand for less than a quarter of a square of the pitch are merged, square by
    square: areas are summed, places and stresses averaged with them.
    """
    small = cloud.areas < 0.25 * pitch_um**2
    if not small.any():
        return cloud
    at = np.floor(cloud.points[small] / pitch_um).astype(np.int64)
    _, square = np.unique(at, axis=0, return_inverse=True)
    square = square.ravel()
    area = np.bincount(square, cloud.areas[small])

    def merged(values: Floats) -> Floats:
        sums = [np.bincount(square, cloud.areas[small] * column) for column in values[small].T]
        return np.column_stack(sums) / area[:, None]

    return StressCloud(
        np.concatenate((cloud.points[~small], merged(cloud.points))),
        np.concatenate((cloud.areas[~small], area)),
        np.concatenate((cloud.stress[~small], merged(cloud.stress))),
    )


def _border(rim_r_um: float, rim_um: float, cloud: StressCloud, spacing_um: float) -> Floats:
    """Return sites on the border of rim and bulk: often the worst of the bulk.

    Nodes alone lie on it by chance, so that the risk would depend on the mesh.
    """
    turn = np.linspace(0.0, np.pi, 361)
    circle = np.column_stack((rim_r_um + rim_um * np.cos(turn), rim_um * np.sin(turn)))
    near = cloud.points[np.abs(cloud.points - [rim_r_um, 0.0]).max(axis=1) <= rim_um + spacing_um]
    inside = disc_sums(near, np.ones((len(near), 1)), circle, spacing_um)[:, 0] > 0
    sites: Floats = circle[inside & (circle[:, 0] >= 0)]
    return sites


@dataclass(frozen=True)
class _Sites:
    """Points of the electrolyte with the stress averaged about them."""

    points: Floats
    stress: Floats
    strength_mpa: float

    def worst(self, zone: Floats) -> Hotspot:
        """Return the site of the largest R1 in a zone, given as a mask."""
        rows = np.flatnonzero(zone)
        r1 = principal_max(self.stress[rows]) / self.strength_mpa
        worst = rows[np.argmax(r1)]
        r, z = self.points[worst]
        normal = principal_direction(self.stress[worst])
        # the crack opens along the largest principal stress, so its plane is normal to it
        hoop = abs(normal[1]) > 0.5
        angle = math.nan if hoop else math.degrees(math.atan2(abs(normal[0]), abs(normal[2])))
        return Hotspot(float(r1.max()), float(r), float(z), angle)
