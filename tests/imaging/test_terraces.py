"""Where the search for islands with walls begins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from imaging.blur import Blur
from imaging.dome_factor import BENDS, NODES
from imaging.island_fit import LINES, LOBES, ROUND, DomeFit, Patch, fit_dome
from imaging.terraces import _spread, terraced

SHAPE, CORNER = (60, 62), (-30, -31)
NONE = np.zeros(2 * len(LOBES))


def two_cylinders(blur: float, tail: float, noise: float) -> tuple[Patch, DomeFit]:
    """An island of the fit's family, walls at the foot and half way, under a known blur."""
    bends = np.zeros(BENDS)
    bends[:LINES] = np.where(np.array(NODES[1:]) > 0.55, -0.5, 0.0)
    true = DomeFit((0.3, -0.2), math.log(17.0), 9.0, -0.7, 3.0, blur, NONE, bends, tail, 2.0)
    rng = np.random.default_rng(7)
    image = true.image(*CORNER, SHAPE) + noise * rng.standard_normal(SHAPE)
    weight = np.full(SHAPE, 1 / noise)
    return Patch(image, weight, CORNER, 1.6, Blur(blur, 0.04, tail, 2.0)), true


@pytest.mark.parametrize(("blur", "tail"), [(0.8, 0.0), (1.1, 0.0), (1.2, 0.4)])
def test_terraces_are_found_from_a_dome(blur: float, tail: float) -> None:
    patch, true = two_cylinders(blur, tail, noise=0.05)
    plain = fit_dome(patch, replace(true, edge=0.8, power=2.0, bends=np.zeros(BENDS)))
    assert abs(math.exp(plain.log_radius) - 17.0) > 0.8
    start = terraced(patch, plain)
    assert math.exp(start.log_radius) == pytest.approx(17.0, abs=0.5)
    best = fit_dome(patch, start, ROUND)
    assert math.exp(best.log_radius) == pytest.approx(17.0, abs=0.25)
    assert best.height_um == pytest.approx(9.0, rel=0.04)
    # Neither better than the truth by more than noise, nor stuck.
    assert best.cost < fit_dome(patch, true, ROUND).cost + 12.0


def test_rings_of_a_layer_are_a_layer() -> None:
    at = np.arange(0.05, 60.0, 0.1)
    radius = np.array([0.0, 3.0, 20.0, 50.0])
    spread = _spread(radius, at, Blur(1.3, 0.1, 0.3, 2.5)) * 0.1 / 0.25  # of these steps
    np.testing.assert_allclose(spread.sum(axis=1), 1.0, rtol=2e-3)
    # A half plane is half of it at its edge.
    assert spread[2][at < 20.0].sum() == pytest.approx(0.5, abs=0.03)
