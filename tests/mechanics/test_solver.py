"""Load stepping: nothing from nothing, scaling, signs, cut-back with restore, clear failure."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from solving import BONDED, solve_island

from mechanics.materials import Electrolyte, Material, MaterialSet
from mechanics.mesh import build_mesh
from mechanics.newton import Newton
from mechanics.profile import cap
from mechanics.solver import SolverError, solve
from mechanics.stack import (
    ExpansionMeasure,
    Kinematics,
    Loading,
    MeshSize,
    SolverOptions,
    StackGeometry,
)
from mechanics.state import NotConvergedError
from mechanics.stress import ElectrolyteStress
from mechanics.summary import li_pressure_mpa, summarise

COARSE = MeshSize(fine_um=2.0)
NARROW = cap(44.44098, 20.0)


@pytest.mark.parametrize("kinematics", Kinematics)
def test_no_load_no_stress(kinematics: Kinematics) -> None:
    loading = Loading(0.0, 0.0, steps=1)
    solution = solve_island(NARROW, loading=loading, size=COARSE, kinematics=kinematics)
    assert np.abs(solution.state.stress).max() < 1e-8
    assert solution.effort.newton_iterations == 0


def test_bare_pressure_is_confined_compression() -> None:
    solution = solve_island(NARROW, loading=Loading(20.0, 0.0, steps=1), size=COARSE)
    axis = ElectrolyteStress(solution).axis
    assert axis.stress[-1, 3] == pytest.approx(-20.0, rel=1e-3)
    assert axis.stress[-1, 0] == pytest.approx(-20.0 * 0.37 / 0.63, rel=0.01)


def test_scaling_stiffness_strength_and_load_scales_stress() -> None:
    def scaled(by: float) -> float:
        materials = MaterialSet(
            li=Material(7820.0 * by, 0.381, 0.8 * by, 10.0 * by),
            se=Electrolyte(22100.0 * by, 0.37),
            cu=Material(115000.0 * by, 0.34, 200.0 * by, 1000.0 * by),
        )
        loading = Loading(pressure_mpa=20.0 * by, steps=3)
        return li_pressure_mpa(solve_island(NARROW, materials, loading, size=COARSE))

    assert scaled(2.0) == pytest.approx(2 * scaled(1.0), rel=1e-6)


def test_scaling_all_lengths_leaves_stresses() -> None:
    def scaled(by: float) -> tuple[float, float]:
        stack = StackGeometry(
            radius_um=1500.0 * by, se_thickness_um=500.0 * by, cu_thickness_um=20.0 * by
        )
        size = MeshSize(fine_um=2.0 * by, coarse_um=10.0 * by, far_um=40.0 * by, near_um=150.0 * by)
        loading = Loading(steps=3)
        solution = solve_island(cap(44.0 * by, 20.0 * by), None, loading, stack, size)
        summary = summarise(solution, ElectrolyteStress(solution))
        return summary.li_pressure_mpa, summary.apex_rise_um / by

    assert scaled(0.5) == pytest.approx(scaled(1.0), rel=1e-4)


def test_stripping_pulls_a_bonded_island() -> None:
    solution = solve_island(NARROW, loading=Loading(0.0, -0.02), size=COARSE)
    summary = summarise(solution, ElectrolyteStress(solution))
    assert summary.li_pressure_mpa < -100
    assert summary.apex_rise_um < 0


def test_plastic_lithium_presses_flat_islands_and_elastic_lithium_far_less() -> None:
    flat = cap(100.0, 5.0)
    elastic = MaterialSet(li=Material(7820.0, 0.381))

    def apex(materials: MaterialSet) -> float:
        solution = solve_island(flat, materials, Loading(steps=4))
        return ElectrolyteStress(solution).arc.sigma1_at(0.0)

    plastic_apex, elastic_apex = apex(MaterialSet()), apex(elastic)
    assert plastic_apex < 0
    assert plastic_apex < 1.5 * elastic_apex


def test_steps_hardly_change_the_result() -> None:
    few, many = (
        li_pressure_mpa(solve_island(NARROW, loading=Loading(steps=n), size=COARSE))
        for n in (2, 12)
    )
    assert few == pytest.approx(many, rel=0.01)


def test_volumetric_expansion_is_a_third_of_the_linear_one() -> None:
    volumetric = Loading(expansion=0.06, expansion_measure=ExpansionMeasure.volumetric)
    assert volumetric.linear_expansion(Kinematics.small) == pytest.approx(0.02)
    assert volumetric.linear_expansion(Kinematics.finite) == pytest.approx(1.06 ** (1 / 3) - 1)
    assert Loading(expansion=0.06).linear_expansion(Kinematics.finite) == 0.06


def test_a_failed_step_is_cut_back_and_the_history_restored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that fails once must leave no trace but two smaller steps."""
    loading = Loading(steps=2)
    whole = solve_island(NARROW, loading=Loading(steps=4), size=COARSE)
    true_equilibrium = Newton.equilibrium
    failures = {"left": 2}

    def sometimes(self, start, load, guess):  # type: ignore[no-untyped-def]
        step = load.growth - start.load.growth
        if step > 0.02 and failures["left"]:
            failures["left"] -= 1
            # spoil what a failed attempt would have touched
            true_equilibrium(self, start, load, guess)
            raise NotConvergedError("made to fail", 7)
        return true_equilibrium(self, start, load, guess)

    monkeypatch.setattr(Newton, "equilibrium", sometimes)
    with caplog.at_level(logging.INFO, logger="mechanics"):
        cut = solve_island(NARROW, loading=loading, size=COARSE)
    assert cut.effort.cutbacks == 2
    assert cut.effort.load_steps == 1 + 4  # half steps: the second half is the rest
    assert cut.effort.newton_iterations >= 14
    assert "cut back" in caplog.text
    assert li_pressure_mpa(cut) == pytest.approx(li_pressure_mpa(whole), rel=1e-6)


def test_failure_is_an_error_that_says_where() -> None:
    mesh = build_mesh(NARROW, StackGeometry(), COARSE, BONDED)
    options = SolverOptions(max_iterations=2, max_cutbacks=1)
    with pytest.raises(SolverError) as caught:
        solve(mesh, MaterialSet(), Loading(), options)
    message = str(caught.value)
    for part in (
        "pressure of",
        "growth of",
        "load step at a time",
        "relative residual",
        "r = ",
        "Try more",
    ):
        assert part in message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("loading", "message"),
    [
        ({"pressure_mpa": -1.0}, "load.pressure_mpa"),
        ({"pressure_mpa": math.nan}, "load.pressure_mpa"),
        ({"expansion": math.inf}, "load.expansion"),
        ({"expansion": -0.9}, "load.expansion"),
        ({"steps": 0}, "load.steps"),
    ],
)
def test_refused_loads(loading: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Loading(**loading)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ((0.0, 0.3), "youngs_mpa"),
        ((-5.0, 0.3), "youngs_mpa"),
        ((1e3, 0.5), "poisson"),
        ((1e3, 0.3, 0.0), "yield_mpa"),
        ((1e3, 0.3, 1.0, -1.0), "hardening_mpa"),
    ],
)
def test_refused_materials(constants: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Material(*constants)
