"""Uncertain inputs: known indices, known quantiles, and a risk that is linear in the growth."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from coupling import cli, config, launcher
from coupling.dome import dome_shape
from coupling.schema_mechanics import MechanicsConfig
from coupling.schema_uncertainty import Distribution, Spread, UncertaintyOptions
from coupling.sensitivity import sensitivities, sobol_samples
from coupling.uncertainty import ShapeSpread, common_inputs, turned
from mechanics.materials import Material, MaterialSet
from mechanics.profile import cap
from mechanics.stack import Loading


def ishigami(u: np.ndarray) -> np.ndarray:
    """A function whose Sobol indices are known (Ishigami and Homma, 1990)."""
    x = math.pi * (2 * u - 1)
    value: np.ndarray = np.sin(x[:, 0]) * (1 + 0.1 * x[:, 2] ** 4) + 7 * np.sin(x[:, 1]) ** 2
    return value


def test_indices_of_a_known_function() -> None:
    found = sensitivities(ishigami, sobol_samples(3, 4096, seed=1))
    assert found.first_order == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert found.total == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)


def test_indices_of_a_sum_and_of_a_constant() -> None:
    samples = sobol_samples(3, 1024, seed=0)
    found = sensitivities(lambda u: 100 + u @ np.array([1.0, 2.0, 0.0]), samples)
    assert found.first_order == pytest.approx([0.2, 0.8, 0.0], abs=5e-3)
    assert found.total == pytest.approx([0.2, 0.8, 0.0], abs=5e-3)
    assert (sensitivities(lambda u: np.full(len(u), 3.0), samples).total == 0).all()


@pytest.mark.parametrize("distribution", list(Distribution))
def test_a_spread_has_its_moments(distribution: Distribution) -> None:
    factor = Spread(0.2, distribution).factor((np.arange(20_000) + 0.5) / 20_000)
    assert factor.std() / factor.mean() == pytest.approx(0.2, rel=0.03)
    centre = np.median(factor) if distribution is Distribution.lognormal else factor.mean()
    assert centre == pytest.approx(1.0, abs=1e-3)
    assert (factor > 0).all()


def test_shapes_vary_by_what_is_known_of_them() -> None:
    shape = dome_shape(cap(40.0, 8.0))
    scales = ShapeSpread(2.0, 0.8).scales(shape, np.array([[0.5, 0.5], [0.841345, 0.158655]]))
    assert scales[0] == pytest.approx([1.0, 1.0])
    assert scales[1] == pytest.approx([1.05, 0.9], rel=1e-4)


def test_islands_err_independently_and_the_cell_as_one() -> None:
    samples = sobol_samples(5, 256, seed=0)
    one, other = (turned(samples, 0, label).both for label in (1, 2))
    assert (one[:, :2] == other[:, :2]).all()
    for i in (2, 3, 4):
        assert abs(np.corrcoef(one[:, i], other[:, i])[0, 1]) < 0.6
        assert one[:, i].mean() == pytest.approx(0.5, abs=0.01)  # still evenly spread
        assert stats.kstest(one[:, i], "uniform").statistic < 0.02


def test_only_what_the_cell_has_is_uncertain() -> None:
    elastic = MechanicsConfig(material=MaterialSet(cu=Material(115000.0, 0.34)))
    options = UncertaintyOptions(li_youngs=Spread(0.0))
    names = [one.name for one in common_inputs(elastic, options)]
    assert names == ["se_youngs", "expansion"]
    still = MechanicsConfig(load=Loading(expansion=0.0))
    assert [one.name for one in common_inputs(still, options)] == ["se_youngs", "cu_yield"]
    for one in common_inputs(MechanicsConfig(), UncertaintyOptions()):
        changed = one.change(MechanicsConfig(), 1.5)
        material, load = changed.material, changed.load
        own = {
            "se_youngs": material.se.youngs_mpa / 22100,
            "li_youngs": material.li.youngs_mpa / 7820,
            "cu_yield": (material.cu.yield_mpa or 0) / 200,
            "expansion": load.expansion / 0.05,
        }
        assert own.pop(one.name) == pytest.approx(1.5)
        assert all(value == pytest.approx(1.0) for value in own.values())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["uncertainty.samples=100"], "uncertainty.samples must be 0 (off) or a power of two"),
        (["uncertainty.samples=32"], "a power of two from 64 on, got 32"),
        (["uncertainty.solutions=3"], "uncertainty.solutions must be at least 24, got 3"),
        (
            ["uncertainty.cu_yield.relative_std=-1"],
            "uncertainty.cu_yield.relative_std must lie between 0 and 1 for a lognormal",
        ),
        (
            ["uncertainty.expansion.relative_std=0.5", "uncertainty.expansion.distribution=normal"],
            "between 0 and 0.3 for a normal distribution, got 0.5",
        ),
        (["uncertainty.height_std_um=-1"], "uncertainty.height_std_um must be zero or positive"),
    ],
)
def test_bad_uncertainty_is_named(given: list[str], message: str) -> None:
    node = config.without_hydra(launcher.compose("solve", launcher.parse_arguments(given)))
    with pytest.raises(config.InputError) as caught:
        config.validated(node)
    assert message in str(caught.value)


LINEAR = [
    "island.contact_diameter_um=40", "island.height_um=12", "stack=canonical", "contact=bonded",
    "kinematics=small", "load.pressure_mpa=0", "load.steps=1", "load.expansion=0.015",
    "material.li.yield_mpa=null", "material.cu.yield_mpa=null", "mesh.fine_um=3",
    "risk.length_um=6", "workers=1",
]  # fmt: skip
"""A cell without plasticity, friction, pressure: all stresses are proportional to the growth."""


@pytest.mark.slow
def test_a_linear_cell_has_the_quantiles_of_its_growth(workdir: Path) -> None:
    known = [f"uncertainty.{name}.relative_std=0" for name in ("se_youngs", "li_youngs")]
    known += ["uncertainty.contact_diameter_std_um=0", "uncertainty.height_std_um=0"]
    growth = ["uncertainty.expansion.relative_std=0.2", "uncertainty.expansion.distribution=normal"]
    effort = ["uncertainty.samples=512", "uncertainty.solutions=24"]
    assert cli.run(["solve", *LINEAR, *known, *growth, *effort, "hydra.run.dir=out"]) == 0
    scalars = json.loads(Path("out/result.json").read_text())["scalars"]
    risk = scalars["risk_bulk"]
    assert 0.5 < risk < 1.5  # so that both sides of 1 are met
    for end, quantile in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        factor = 1 + 0.2 * stats.norm.ppf(quantile)
        assert scalars[f"risk_bulk_{end}"] == pytest.approx(factor * risk, rel=0.01)
    probability = stats.norm.sf((1 / risk - 1) / 0.2)
    assert scalars["probability"] == pytest.approx(probability, abs=0.02)
    with Path("out/sensitivity.csv").open(newline="") as stream:
        shares = {row["input"]: float(row["first_order"]) for row in csv.DictReader(stream)}
    assert set(shares) == {"expansion", "contact_diameter", "height", "emulator"}
    assert shares.pop("expansion") == pytest.approx(1.0, abs=0.01)
    assert all(abs(share) < 0.01 for share in shares.values())
    assert Path("out/uncertainty.png").is_file()
