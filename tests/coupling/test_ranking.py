"""Which islands are solved: the worst all, the others as many as a known error asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from coupling import ranking
from coupling.dome import dome_shape
from coupling.electrode import SolveMany, electrode_scalars, risk_table
from coupling.interpolation import QUANTITIES
from coupling.island_risk import EXACT, FAILED, INTERPOLATED, IslandRisk
from coupling.ranking import farthest, rank_islands
from coupling.schema_mechanics import MechanicsConfig
from coupling.schema_ranking import RankingOptions
from mechanics.profile import IslandProfile, cap, ellipsoid, from_points
from mechanics.solver import SolverError


def test_three_numbers_of_a_shape() -> None:
    flat = dome_shape(cap(100.0, 1.0))
    assert flat.fullness == pytest.approx(0.5, abs=1e-3)
    assert flat.volume_um3 == pytest.approx(cap(100.0, 1.0).volume_um3)
    assert flat.departure < 1e-3
    full = dome_shape(ellipsoid(60.0, 10.0))
    assert full.fullness == pytest.approx(2 / 3, rel=1e-3)
    assert full.departure < 1e-3
    # a cap is close to the dome of its volume at every contact angle up to 90 degrees
    assert all(dome_shape(cap(40.0, h)).departure < 0.02 for h in (2.0, 8.0, 14.0, 20.0))


def test_what_is_not_cap_like() -> None:
    table = from_points([0, 40, 41], [10, 10 - 1e-6, 0])
    crater = from_points([0, 10, 20, 40], [5, 8, 10, 0])
    assert dome_shape(table).departure > 0.05
    assert dome_shape(crater).departure > 0.05
    assert dome_shape(cap(40.0, 35.0)).departure == math.inf  # overhangs


# ------------------------------------------------------------ a law in the place of the solver


def law(profile: IslandProfile) -> dict[str, float]:
    """A made-up risk, smooth in size and shape but for the change of the worst site."""
    shape = dome_shape(profile)
    size, ratio, fullness = shape.coordinates
    wave = 0.02 * math.sin(9 * size) + min(shape.departure, 1.0)
    above = 4 * math.tanh(1.2 * (ratio + 1.6)) + 0.5 * (size - 3) + wave
    beside = 0.5 + 0.8 * (size - 3) + fullness
    values = dict.fromkeys(QUANTITIES, above) | {"risk_above": above, "risk_beside": beside}
    return values | {"risk_bulk": max(above, beside)}


class Solver:
    """Solves by the law, and counts."""

    def __init__(self, failing: tuple[int, ...] = ()) -> None:
        self.failing = failing
        self.calls: list[int] = []

    def __call__(self, profiles: Mapping[int, IslandProfile]) -> list[IslandRisk]:
        self.calls += profiles
        return [
            IslandRisk(label, FAILED, {}, None, "no equilibrium")
            if label in self.failing
            else IslandRisk(label, EXACT, law(profile), None)
            for label, profile in profiles.items()
        ]


@pytest.fixture
def solver(monkeypatch: pytest.MonkeyPatch) -> Solver:
    return installed(Solver(), monkeypatch)


def installed(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> Solver:
    @contextmanager
    def give(config: object, count: int, store: object = None) -> Iterator[SolveMany]:
        yield solver

    monkeypatch.setattr(ranking, "island_solver", give)
    monkeypatch.setattr(ranking, "solve_islands", lambda profiles, *_: solver(profiles))
    return solver


def electrode(count: int, seed: int = 0, odd: int = 0) -> dict[int, IslandProfile]:
    """Caps and half-ellipsoids of many sizes; the last so many are tables with a steep edge."""
    random = np.random.default_rng(seed)
    profiles = {}
    for label in range(1, count + 1):
        diameter = float(np.exp(random.normal(3.4, 0.5)))
        height = diameter * float(np.exp(random.uniform(np.log(0.04), np.log(0.5))))
        kind = cap if random.random() < 0.7 else ellipsoid
        profiles[label] = kind(diameter, height, points=60)
        if label > count - odd:
            r = np.array([0, 0.45, 0.5]) * diameter
            profiles[label] = from_points(r, height * np.array([1, 0.999, 0]))
    return profiles


CONFIG = MechanicsConfig()
OPTIONS = RankingOptions(exact=10, nodes=24, max_nodes=60)


def test_the_worst_are_exact_and_the_errors_hold(solver: Solver) -> None:
    profiles = electrode(600)
    truth = {label: law(profile)["risk_bulk"] for label, profile in profiles.items()}
    found = rank_islands(profiles, CONFIG, OPTIONS, 2)
    assert [risk.label for risk in found.risks] == list(profiles)
    assert len(solver.calls) == len(set(solver.calls)) < 120
    exact = [risk for risk in found.risks if risk.method == EXACT]
    assert {risk.label for risk in exact} == set(solver.calls)
    worst = sorted(truth, key=lambda label: -truth[label])[:10]
    assert set(worst) <= {risk.label for risk in exact}
    between = [risk for risk in found.risks if risk.method == INTERPOLATED]
    errors = np.array([abs(risk.risk_bulk - truth[risk.label]) for risk in between])
    claims = np.array([float(risk.scalars["error"]) for risk in between])
    assert (errors <= claims).mean() > 0.99
    assert np.median(claims) < 0.3  # a claim that says something
    assert found.scalars["islands_exact"] == len(exact)
    assert found.scalars["interpolation_error_rms"] < 0.06


def test_a_ranking_can_be_repeated(solver: Solver) -> None:
    first, second = (rank_islands(electrode(200), CONFIG, OPTIONS, n) for n in (1, 2))
    assert [risk.scalars for risk in first.risks] == [risk.scalars for risk in second.risks]
    assert first.scalars == second.scalars


def test_few_islands_are_all_solved(solver: Solver) -> None:
    found = rank_islands(electrode(34), CONFIG, OPTIONS, None)
    assert {risk.method for risk in found.risks} == {EXACT}
    assert found.scalars == {}
    everything = replace(OPTIONS, exact=None)
    assert all(r.method == EXACT for r in rank_islands(electrode(80), CONFIG, everything, 1).risks)


def test_islands_that_are_not_cap_like_are_solved(
    solver: Solver, caplog: pytest.LogCaptureFixture
) -> None:
    profiles = electrode(200, odd=20)
    found = rank_islands(profiles, CONFIG, OPTIONS, 1)
    assert all(risk.method == EXACT for risk in found.risks[-20:])
    assert found.scalars["islands_not_cap_like"] == 20
    assert "not cap-like" not in caplog.text
    capped = rank_islands(profiles, CONFIG, replace(OPTIONS, max_irregular=8), 1)
    assert "20 islands are not cap-like" in caplog.text
    between = [r for r in capped.risks[-20:] if r.method == INTERPOLATED]
    assert 0 < len(between) <= 12
    for risk in between:  # the law adds what departs from a dome: the claim must have grown
        error = abs(risk.risk_bulk - law(profiles[risk.label])["risk_bulk"])
        assert error <= float(risk.scalars["error"])


def test_failures_stay_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = electrode(200)
    worst = max(profiles, key=lambda label: law(profiles[label])["risk_bulk"])
    solver = installed(Solver(failing=(worst,)), monkeypatch)
    found = rank_islands(profiles, CONFIG, OPTIONS, 1)
    assert worst in solver.calls
    columns = {"x_um": 0.0, "y_um": 0.0, "contact_diameter_um": 30.0, "height_um": 3.0}
    table = risk_table(pd.DataFrame({"label": list(profiles)} | columns), found.risks)
    assert table.iloc[-1]["label"] == worst
    assert table.iloc[-1]["method"] == FAILED
    assert np.isnan(table.iloc[-1]["risk_bulk"])
    assert (table["method"].iloc[:10] == EXACT).all()
    assert (table.loc[table["method"] == EXACT, "error"] == 0).all()
    assert (table.loc[table["method"] == INTERPOLATED, "error"] > 0).all()
    scalars = electrode_scalars(table)
    assert scalars["at_risk_at_least"] <= scalars["at_risk"] <= scalars["at_risk_at_most"]


def test_an_electrode_that_cannot_be_solved_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = electrode(100)
    installed(Solver(failing=tuple(profiles)), monkeypatch)
    with pytest.raises(SolverError, match="none of 24 islands"):
        rank_islands(profiles, CONFIG, OPTIONS, 1)
    installed(Solver(failing=tuple(list(profiles)[8:])), monkeypatch)
    with pytest.raises(SolverError, match="too few to interpolate"):
        rank_islands(profiles, CONFIG, OPTIONS, 1)


def test_points_are_spread_evenly() -> None:
    line = np.column_stack((np.linspace(0, 1, 101), np.zeros(101)))
    assert sorted(farthest(line, 5)) == pytest.approx([0, 25, 50, 75, 100], abs=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exact": 0}, "ranking.exact must be at least 1, got 0"),
        ({"nodes": 5}, "ranking.nodes must be at least 12"),
        ({"max_nodes": 20}, r"ranking.max_nodes must be at least 24 \(ranking.nodes\)"),
        ({"tolerance": 0.0}, "ranking.tolerance must be a positive number"),
        ({"departure": math.nan}, "ranking.departure must be a positive number"),
        ({"check": -1}, "ranking.check must be at least 0"),
    ],
)
def test_options_out_of_range_are_named(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RankingOptions(**given)  # type: ignore[arg-type]
