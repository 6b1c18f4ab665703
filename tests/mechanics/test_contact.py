"""Frictional contact of an island that has nodes of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from solving import solve_island

from mechanics.assembly import Discretisation
from mechanics.contact import ContactSurfaces, Pair, Tractions, line
from mechanics.layout import Edge
from mechanics.mesh import build_mesh
from mechanics.profile import cap
from mechanics.solver import Solution
from mechanics.stack import Friction, Kinematics, Loading, MeshSize, StackGeometry
from mechanics.stress import ElectrolyteStress
from mechanics.summary import summarise

NARROW = cap(44.44098, 20.0)
COARSE = MeshSize(fine_um=2.0)


@pytest.fixture(scope="module")
def surfaces() -> ContactSurfaces:
    space = Discretisation(build_mesh(NARROW, StackGeometry(), COARSE, separate=True))
    pairs = [
        Pair("se_li", line(space, Edge.cap), line(space, Edge.hole_cap), -1, 0.2, math.inf),
        Pair("cu_li", line(space, Edge.base), line(space, Edge.hole_base), 1, 0.2, math.inf),
    ]
    return ContactSurfaces(space, pairs, follows=True)


def test_lines_run_from_the_axis_outwards(surfaces: ContactSurfaces) -> None:
    for pair in surfaces.pairs:
        for nodes in (pair.slave, pair.master):
            points = surfaces.space.node_points[nodes]
            assert len(nodes) % 2 == 1
            assert points[0, 0] == 0
            assert points[-1] == pytest.approx([22.22049, 0.0], abs=1e-9)
            steps = np.hypot(*np.diff(points, axis=0).T)
            assert steps.max() < 3 * np.median(steps)


def test_closed_at_rest_and_weights_are_areas(surfaces: ContactSurfaces) -> None:
    at_rest = surfaces.geometry(np.zeros(surfaces.space.dof_count))
    assert np.abs(at_rest.gap).max() < 1e-12
    split = surfaces.offsets[1]
    own = ~surfaces.silent
    h, a = 20.0, 22.22049
    assert surfaces.weights[:split][own[:split]].sum() == pytest.approx(
        math.pi * (a**2 + h**2), rel=1e-5
    )
    assert surfaces.weights[split:][own[split:]].sum() == pytest.approx(math.pi * a**2, rel=1e-9)


def test_pressure_pushes_both_sides_alike(surfaces: ContactSurfaces) -> None:
    """Uniform pressure on the cap lifts the electrolyte by p pi a^2, whatever the cap's shape."""
    space = surfaces.space
    pressure = np.where(np.arange(surfaces.count) < surfaces.offsets[1], 3.0, 0.0)
    pressure[surfaces.silent] = 0.0
    at_rest = surfaces.geometry(np.zeros(space.dof_count))
    # internal forces balance these, so that what acts on a body has the other sign
    acting = -surfaces.forces(at_rest, Tractions(pressure, np.zeros(surfaces.count)))
    force = 3.0 * math.pi * 22.22049**2
    pair = surfaces.pairs[0]
    assert acting[2 * pair.master + 1].sum() == pytest.approx(force, rel=1e-4)
    assert acting[2 * pair.slave + 1].sum() == pytest.approx(-force, rel=1e-4)
    assert acting[1::2].sum() == pytest.approx(0.0, abs=1e-9 * force)


@pytest.mark.parametrize("kind", ["pressure", "shear"])
def test_stiffness_is_the_derivative_of_the_forces(surfaces: ContactSurfaces, kind: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, surfaces.count) * ~surfaces.silent
    zero = np.zeros(surfaces.count)
    tractions = Tractions(values, zero) if kind == "pressure" else Tractions(zero, values)
    rest = np.zeros(surfaces.space.dof_count)
    direction = rng.normal(0, 1, len(rest))
    step = 1e-6
    ahead, behind = (surfaces.geometry(sign * step * direction) for sign in (1, -1))
    slope = (surfaces.forces(ahead, tractions) - surfaces.forces(behind, tractions)) / (2 * step)
    at_rest = surfaces.geometry(rest)
    predicted = at_rest.stiffness(tractions, len(rest)) @ direction
    assert predicted == pytest.approx(slope, abs=1e-7 * np.abs(slope).max())
    gap = (ahead.gap - behind.gap) / (2 * step)
    assert at_rest.normal @ direction == pytest.approx(gap, abs=1e-6)


def test_a_moved_island_opens_by_the_motion(surfaces: ContactSurfaces) -> None:
    """Lowering the island as a whole opens the cap and would push into the copper."""
    down = np.zeros(surfaces.space.dof_count)
    island = np.unique(np.concatenate([pair.slave for pair in surfaces.pairs]))
    down[2 * island + 1] = -0.05
    gap = surfaces.geometry(down).gap
    split = surfaces.offsets[1]
    assert gap[1] == pytest.approx(0.05, rel=1e-2)  # next to the apex the cap is level
    # but for the last nodes, whose weighted gap reaches beyond the contact line
    assert gap[split + 1 : -3] == pytest.approx(-0.05, rel=1e-9)


def _contact(solution: Solution) -> tuple[float, float]:
    return solution.contact_open_fraction, solution.contact_slip_max_um


@pytest.mark.parametrize("kinematics", Kinematics)
def test_friction_hardly_changes_a_pressed_tall_island(kinematics: Kinematics) -> None:
    """An independent solver found ratios of pressure and rise to the bonded case of 1.00."""
    loading = Loading(steps=4)
    bonded, rough = (
        solve_island(NARROW, None, loading, None, COARSE, kinematics, friction)
        for friction in (None, Friction())
    )
    was = summarise(bonded, ElectrolyteStress(bonded))
    now = summarise(rough, ElectrolyteStress(rough))
    assert now.li_pressure_mpa == pytest.approx(was.li_pressure_mpa, rel=0.01)
    assert now.apex_rise_um == pytest.approx(was.apex_rise_um, rel=0.01)
    assert now.contact_open_fraction == 0


@pytest.mark.slow
def test_a_shrinking_island_comes_off() -> None:
    """Bonded, it would be torn at high tension; free, it opens a gap and is left in peace."""
    loading = Loading(0.0, -0.02, steps=4)
    solution = solve_island(NARROW, None, loading, None, COARSE, Kinematics.finite, Friction())
    summary = summarise(solution, ElectrolyteStress(solution))
    assert abs(summary.li_pressure_mpa) < 1
    assert summary.contact_open_fraction > 0.95
