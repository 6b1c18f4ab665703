"""Points in discs, against a k-d tree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mechanics import discs


@pytest.mark.parametrize("radius", [0.03, 0.2, 5.0])
def test_the_same_pairs_as_a_tree(radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discs, "CANDIDATES", 1000)  # many parts
    random = np.random.default_rng(3)
    points = random.uniform(-1, [2, 1], (900, 2))
    sites = random.uniform(-2, 3, (300, 2))
    parts = list(discs.within(points, sites, radius))
    assert len(parts) > 1 or radius < 0.1
    site, point = (np.concatenate([part[i] for part in parts]) for i in range(2))
    assert (np.diff(site) >= 0).all()
    near = cKDTree(points).query_ball_point(sites, radius)
    found = set(zip(site.tolist(), point.tolist(), strict=True))
    assert found == {(i, j) for i, members in enumerate(near) for j in members}
    assert list(discs.has_any(points, sites, radius)) == [bool(members) for members in near]
