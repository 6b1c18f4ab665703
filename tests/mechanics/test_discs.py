"""Sums over discs, against a k-d tree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mechanics import discs


@pytest.mark.parametrize("radius", [0.03, 0.2, 5.0])
def test_the_same_points_as_a_tree(radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discs, "TOGETHER", 1000)  # in many parts
    random = np.random.default_rng(3)
    points, values = random.uniform(-1, [2, 1], (900, 2)), random.normal(size=(900, 2))
    sites = random.uniform(-2, 3, (300, 2))
    near = cKDTree(points).query_ball_point(sites, radius)
    expected = np.array([values[members].sum(axis=0) for members in near])
    assert 0 < sum(map(len, near)) < 900 * 300 or radius > 1
    assert discs.disc_sums(points, values, sites, radius) == pytest.approx(expected, abs=1e-12)
