"""A grid of shapes, sizes and loads converges with one set of settings."""

from __future__ import annotations

from itertools import product

import pytest
from solving import solve_island

from mechanics.interfaces import ContactOptions
from mechanics.materials import PRESETS
from mechanics.profile import SHAPE
from mechanics.stack import Kinematics, Loading, MeshSize
from mechanics.stress import ElectrolyteStress
from mechanics.summary import summarise

GRID = list(product(("cap", "ellipsoid"), (20.0, 80.0, 250.0), (0.03, 0.1, 0.3, 0.6)))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "diameter_um", "ratio"), GRID)
def test_every_shape_converges(kind: str, diameter_um: float, ratio: float) -> None:
    island = SHAPE[kind](diameter_um, ratio * diameter_um)
    solution = solve_island(island, size=MeshSize(fine_um=2.0))
    summary = summarise(solution, ElectrolyteStress(solution))
    assert solution.effort.cutbacks == 0
    assert solution.effort.newton_iterations < 120
    # growth of 5 % presses the lithium in every shape, the more so the rounder it is
    assert 50 < summary.li_pressure_mpa < 1000
    # tall islands pull their roof apart, flat ones press it
    if kind == "cap":
        assert (summary.apex_sigma1_mpa > 0) == (ratio >= 0.3)


@pytest.mark.slow
def test_lithium_that_slides_under_great_pressure_does_not_fold() -> None:
    """Large, tall, fine and without friction: nothing but its volume holds the lithium."""
    solution = solve_island(
        SHAPE["cap"](250.0, 62.5),
        size=MeshSize(fine_um=1.0),
        kinematics=Kinematics.finite,
        contact=ContactOptions(mu=0.0),
    )
    assert solution.effort.newton_iterations < 300  # without the resistance: no convergence
    summary = summarise(solution, ElectrolyteStress(solution))
    assert summary.li_pressure_mpa == pytest.approx(553.7, rel=0.01)  # of elements of 2 um


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("expansion", [-0.02, 0.1])
@pytest.mark.parametrize("pressure_mpa", [0.0, 100.0])
def test_every_load_converges(preset: str, expansion: float, pressure_mpa: float) -> None:
    island = SHAPE["cap"](44.44098, 20.0)
    load = Loading(pressure_mpa, expansion, steps=4)
    solution = solve_island(island, PRESETS[preset], load, size=MeshSize(fine_um=2.0))
    summary = summarise(solution, ElectrolyteStress(solution))
    assert (summary.apex_rise_um > 0) == (expansion > 0)
