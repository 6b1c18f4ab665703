"""The canonical case against independent solvers (CalculiX and GetFEM agree on it)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from solving import solve_island

from mechanics.profile import cap, from_points
from mechanics.solver import Solution
from mechanics.stress import ElectrolyteStress, Profile
from mechanics.summary import Summary, summarise

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Reference:
    """Probes of the reference solution, mesh 1 um."""

    pressure: float
    rise: float
    apex: float
    arc: tuple[float, float, float]
    axis: tuple[float, float]
    interface: tuple[float, float]
    tension: float
    above: float
    above_bulk: float


C0 = {
    "narrow": Reference(
        583.68, 0.44359, 261.9, (258.4, 235.4, 188.5), (131.2, 72.9), (67.4, 51.5), 1, 1989, 1744
    ),
    "wide": Reference(
        220.79, 0.49606, -140.2, (-138.0, -128.8, -100.3), (-105.7, -77.3), (99.2, 44.7), 0.147,
        3104, 0,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=["narrow", "wide"])
def case(request: pytest.FixtureRequest) -> tuple[str, Solution]:
    return request.param, request.getfixturevalue(request.param)


def test_probes(case: tuple[str, Solution]) -> None:
    name, solution = case
    stress, want = ElectrolyteStress(solution), C0[name]
    got = summarise(solution, stress)
    assert got.li_pressure_mpa == pytest.approx(want.pressure, rel=0.01)
    assert got.apex_rise_um == pytest.approx(want.rise, rel=0.01)
    assert got.apex_sigma1_mpa == pytest.approx(want.apex, rel=0.02)
    length = stress.arc.s_um[-1]
    for fraction, value in zip((0.25, 0.5, 0.75), want.arc, strict=True):
        assert stress.arc.sigma1_at(fraction * length) == pytest.approx(value, rel=0.01)
    for height, value in zip((5, 10), want.axis, strict=True):
        assert stress.axis.sigma1_at(height) == pytest.approx(value, rel=0.01)
    for distance, value in zip((5, 10), want.interface, strict=True):
        assert stress.interface.sigma1_at(distance) == pytest.approx(value, rel=0.03)
    assert got.top_tension_fraction == pytest.approx(want.tension, rel=0.02)
    assert got.volume_above_200mpa_um3 == pytest.approx(want.above, rel=0.05)
    assert got.volume_above_200mpa_bulk_um3 == pytest.approx(want.above_bulk, rel=0.05)


def test_whole_lines(case: tuple[str, Solution]) -> None:
    """Not the probes alone: every point of the reference's lines that it resolves itself."""
    name, solution = case
    stress = ElectrolyteStress(solution)
    largest = abs(C0[name].apex)
    # the reference's own scatter next to the contact line is left out
    limits = {"arc": (0.0, 0.85), "axis": (0.0, 0.9), "interface": (0.004, 0.9)}
    for line, (start, end) in limits.items():
        profile: Profile = getattr(stress, line)
        table = np.genfromtxt(DATA / f"C0_{name}_{line}.csv", delimiter=",", names=True)
        length = table["dist_um"].max()
        kept = (table["dist_um"] >= start * length) & (table["dist_um"] <= end * length)
        ours = np.interp(table["dist_um"][kept], profile.s_um, profile.sigma1_mpa)
        gap = np.abs(ours - table["max_principal_MPa"][kept])
        assert gap.max() < 0.025 * largest, line


def test_probes_converge_with_the_mesh(narrow: Solution) -> None:
    """Halving the elements hardly moves what is reported, unlike the raw maximum."""
    from mechanics.stack import MeshSize

    def numbers(solution: Solution) -> tuple[Summary, float]:
        stress = ElectrolyteStress(solution)
        return summarise(solution, stress), stress.arc.sigma1_at(0.5 * stress.arc.s_um[-1])

    coarse, coarse_half = numbers(narrow)
    fine, fine_half = numbers(solve_island(cap(44.44098, 20.0), size=MeshSize(fine_um=0.5)))
    assert fine.li_pressure_mpa == pytest.approx(coarse.li_pressure_mpa, rel=1e-3)
    assert fine.apex_rise_um == pytest.approx(coarse.apex_rise_um, rel=1e-3)
    assert fine_half == pytest.approx(coarse_half, rel=5e-3)
    assert fine.volume_above_200mpa_bulk_um3 == pytest.approx(
        coarse.volume_above_200mpa_bulk_um3, rel=0.02
    )
    assert fine.sigma1_raw_max_mpa > 1.1 * coarse.sigma1_raw_max_mpa


@pytest.mark.parametrize(("ratio", "apex_mpa"), [(0.3, -55.0), (0.4, 21.0), (0.5, 91.0)])
def test_sign_change_of_the_roof(ratio: float, apex_mpa: float) -> None:
    """Caps of height over contact radius 0.3 to 0.5, by the independent solver: -55, +21, +91."""
    volume = 19700.404
    radius = (volume / (np.pi * ratio * (3 + ratio**2) / 6)) ** (1 / 3)
    solution = solve_island(cap(2 * radius, ratio * radius))
    apex = ElectrolyteStress(solution).arc.sigma1_at(0.0)
    assert apex == pytest.approx(apex_mpa, abs=3.0)


def test_profile_of_the_narrow_cap_gives_the_narrow_cap(narrow: Solution) -> None:
    shape = cap(44.44098, 20.0, points=40)
    measured = solve_island(from_points(shape.r_um, shape.z_um))
    ours = summarise(measured, ElectrolyteStress(measured))
    same = summarise(narrow, ElectrolyteStress(narrow))
    assert ours.li_pressure_mpa == pytest.approx(same.li_pressure_mpa, rel=0.01)
    assert ours.apex_sigma1_mpa == pytest.approx(same.apex_sigma1_mpa, rel=0.01)
    assert ours.apex_rise_um == pytest.approx(same.apex_rise_um, rel=0.01)
