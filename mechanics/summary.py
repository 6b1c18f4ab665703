"""The numbers by which a solution is judged, apart from crack risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanics.averages import sample
from mechanics.layout import Edge, Region
from mechanics.profile import Floats
from mechanics.solver import Solution
from mechanics.stress import ElectrolyteStress, Profile, pressure, principal_max

THRESHOLD_MPA = 200.0
"""The paper marks the electrolyte above this largest principal stress in red."""
RIM_TORUS_UM = 5.0
"""Distance from the contact line beyond which a volume counts as bulk."""
TOP_MARGIN_UM = 2.0
"""Arc next to the contact line that is left out of the mean stress on the island's top."""
_SUBDIVISION_UM = 0.2


@dataclass(frozen=True)
class Summary:
    """Scalars of one solution; names and definitions as in the command's ``result.json``."""

    contact_diameter_um: float
    height_um: float
    volume_um3: float
    aspect_ratio: float
    contact_angle_deg: float
    li_pressure_mpa: float
    apex_sigma1_mpa: float
    top_sigma1_mean_mpa: float
    top_tension_fraction: float
    volume_above_200mpa_um3: float
    volume_above_200mpa_bulk_um3: float
    contact_open_fraction: float
    contact_slip_max_um: float
    sigma1_raw_max_mpa: float
    apex_rise_um: float
    newton_iterations: int
    load_steps: int
    cutbacks: int
    dofs: int
    cells: int


def summarise(solution: Solution, stress: ElectrolyteStress) -> Summary:
    """Return the scalars of a solution."""
    space = solution.discretisation
    island = space.stack.profile
    opened, slid = _opened_and_slid(solution)
    above, above_bulk = _volume_above(solution, stress)
    return Summary(
        contact_diameter_um=island.contact_diameter_um,
        height_um=island.height_um,
        volume_um3=float(space.volumes[space.cells_of(Region.island)].sum()),
        aspect_ratio=island.aspect_ratio,
        contact_angle_deg=island.contact_angle_deg,
        li_pressure_mpa=li_pressure_mpa(solution),
        apex_sigma1_mpa=stress.arc.sigma1_at(0.0),
        top_sigma1_mean_mpa=_top_mean(stress.arc),
        top_tension_fraction=_tension_fraction(stress.arc),
        volume_above_200mpa_um3=above,
        volume_above_200mpa_bulk_um3=above_bulk,
        contact_open_fraction=opened,
        contact_slip_max_um=slid,
        sigma1_raw_max_mpa=float(principal_max(stress.nodal.stress).max()),
        apex_rise_um=_apex_rise(solution),
        newton_iterations=solution.effort.newton_iterations,
        load_steps=solution.effort.load_steps,
        cutbacks=solution.effort.cutbacks,
        dofs=space.dof_count,
        cells=space.cell_count,
    )


def _opened_and_slid(solution: Solution) -> tuple[float, float]:
    """Return the open area fraction of the island's surface, and its greatest slip in um."""
    surfaces, contact = solution.surfaces, solution.state.contact
    if surfaces is None or contact is None:
        return 0.0, 0.0
    own = surfaces.of_island
    if not own.any():
        return 0.0, 0.0
    weights = surfaces.weights[own]
    opened = weights[~contact.status.closed[own]].sum() / weights.sum()
    return float(opened), float(contact.slip_um[own].max())


def li_pressure_mpa(solution: Solution) -> float:
    """Return the volume mean of the pressure in the island."""
    space = solution.discretisation
    cells = space.cells_of(Region.island)
    volumes = space.volumes[cells]
    return float((volumes * pressure(solution.state.stress[cells])).sum() / volumes.sum())


def _apex_rise(solution: Solution) -> float:
    """Return how far the apex moves up while the island expands."""
    space = solution.discretisation
    nodes = np.intersect1d(space.nodes_on(Edge.axis), space.nodes_on(space.stack.electrolyte_cap))
    rise = solution.state.displacement - solution.pressed.displacement
    return float(rise[2 * nodes[0] + 1])


def _ring_area_above(arc: Profile, level: Floats, limit_um: float) -> float:
    """Return the area of revolution of the part of a line where `level` is positive."""
    s, r = _refine(arc.s_um, limit_um), arc.s_um
    radius = np.interp(s, r, arc.r_um)
    value = np.interp(s, r, level)
    middle_r, middle = (radius[1:] + radius[:-1]) / 2, (value[1:] + value[:-1]) / 2
    return float((2 * np.pi * middle_r * np.diff(s) * (middle > 0)).sum())


def _refine(s: Floats, limit_um: float) -> Floats:
    """Return many points from the start of a line to a limit."""
    return np.linspace(0.0, min(limit_um, s[-1]), 20_001)


def _tension_fraction(arc: Profile) -> float:
    """Return the fraction of the island's upper surface with sigma1 > 0."""
    everywhere = np.ones_like(arc.s_um)
    return _ring_area_above(arc, arc.sigma1_mpa, np.inf) / _ring_area_above(arc, everywhere, np.inf)


def _top_mean(arc: Profile) -> float:
    """Return the area mean of sigma1, the last 2 um before the contact line left out."""
    length = arc.s_um[-1]
    # an island too small for the margin keeps nine tenths of its line
    s = _refine(arc.s_um, max(length - TOP_MARGIN_UM, 0.9 * length))
    weight = np.interp(s, arc.s_um, arc.r_um)
    value = np.interp(s, arc.s_um, arc.sigma1_mpa)
    return float(np.trapezoid(weight * value, s) / np.trapezoid(weight, s))


def _volume_above(solution: Solution, stress: ElectrolyteStress) -> tuple[float, float]:
    """Return the volume above 200 MPa: all of it, and beyond 5 um of the contact line."""
    nodal = stress.nodal
    # only elements with a node above half the threshold can hold a part above it
    near = principal_max(nodal.stress)[nodal.connectivity].max(axis=1) > THRESHOLD_MPA / 2
    if not near.any():
        return 0.0, 0.0
    cloud = sample(solution.discretisation, nodal, _SUBDIVISION_UM, np.flatnonzero(near))
    volumes = cloud.volumes * (principal_max(cloud.stress) > THRESHOLD_MPA)
    rim = solution.discretisation.stack.profile.r_um[-1]
    distance = np.hypot(cloud.points[:, 0] - rim, cloud.points[:, 1])
    return float(volumes.sum()), float(volumes[distance > RIM_TORUS_UM].sum())
