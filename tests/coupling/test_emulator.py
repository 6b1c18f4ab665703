"""The emulator against functions that are known, and its errors against refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coupling import emulator
from coupling.emulator import fit


def _smooth(x: np.ndarray) -> np.ndarray:
    return np.sin(2 * x[:, 0]) + x[:, 1] ** 2 * x[:, 2]


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(4).uniform(size=(40, 3)) * [2.0, 1.0, 0.3]


def test_a_linear_function_is_reproduced_exactly(points: np.ndarray) -> None:
    found = fit(points, points @ [1.0, -2.0, 0.5] + 3.0)
    far = np.array([[5.0, -4.0, 2.0]])
    assert found.predict(far)[0] == pytest.approx(far @ [1.0, -2.0, 0.5] + 3.0, abs=1e-6)


def test_nodes_are_met_and_errors_fall_with_more_of_them(points: np.ndarray) -> None:
    new = np.random.default_rng(5).uniform(size=(200, 3)) * [2.0, 1.0, 0.3]
    errors = []
    for count in (12, 40):
        found = fit(points[:count], _smooth(points[:count]))
        assert found.predict(points[:count])[0] == pytest.approx(_smooth(points[:count]), abs=5e-3)
        middle, std = found.predict(new)
        errors.append(float(np.sqrt(np.mean((middle - _smooth(new)) ** 2))))
        assert (np.abs(middle - _smooth(new)) < 6 * std).all()
    assert errors[1] < errors[0] / 3


def test_errors_of_left_out_nodes_are_those_of_a_refit(points: np.ndarray) -> None:
    values = _smooth(points) + 0.02 * np.random.default_rng(6).normal(size=len(points))
    found = fit(points, values)
    left_out = found.left_out()
    parameters = np.log([*found.lengths, found.scatter])
    for i in (0, 17, 39):
        others = np.arange(len(points)) != i
        rest = emulator._conditioned(
            found.centre, found.scale, found.nodes[others], values[others], parameters
        )
        middle, std = replace(rest, variance=found.variance).predict(points[i])
        assert middle[0] - values[i] == pytest.approx(left_out.error[i], rel=1e-6)
        assert std[0] == pytest.approx(left_out.std[i], rel=1e-6)


def test_scatter_is_told_from_signal() -> None:
    random = np.random.default_rng(7)
    points = random.uniform(size=(120, 2))
    noise = 0.1 * random.normal(size=120)
    found = fit(points, np.sin(3 * points[:, 0]) + noise)
    assert np.sqrt(found.variance * found.scatter) == pytest.approx(0.1, rel=0.25)


def test_the_likelihood_s_gradient(points: np.ndarray) -> None:
    nodes = (points - points.mean(axis=0)) / points.std(axis=0)
    gaps = (nodes[:, None, :] - nodes[None, :, :]) ** 2
    at = np.log([0.8, 1.5, 3.0, 1e-3])
    known = (gaps, emulator._trend(nodes), _smooth(points))
    gradient = emulator._misfit(at, *known)[1]
    for i, step in enumerate(1e-5 * np.eye(4)):
        ends = [emulator._misfit(at + sign * step, *known)[0] for sign in (1, -1)]
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4)


def test_a_node_more_leaves_less_doubt_there(points: np.ndarray) -> None:
    found = fit(points, _smooth(points))
    at = np.array([2.5, 1.2, 0.4])
    more = found.with_node(at)
    assert more.predict(at)[0] == pytest.approx(found.predict(at)[0], rel=1e-3)
    assert more.predict(at)[1][0] < 0.2 * found.predict(at)[1][0]


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="5 points are too few for 3 coordinates"):
        fit(np.eye(5)[:, :3], np.zeros(5))
    with pytest.raises(ValueError, match="finite"):
        fit(np.zeros((9, 3)), np.full(9, np.nan))
