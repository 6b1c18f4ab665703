"""Derivatives of a dome's image, bounded least squares, patches of summits, and the course."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, optimize
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from imaging.blur import Blur
from imaging.course import Course
from imaging.dome_factor import BENDS, KINKS, LINES, NODES
from imaging.dome_slopes import image_and_slopes
from imaging.island_fit import (
    ANY,
    LEAST,
    LOBES,
    PLAIN,
    ROUND,
    DomeFit,
    Patch,
    Prospect,
    _pack,
    _unpack,
    fit_dome,
    tame,
)
from imaging.least_squares import least_squares
from imaging.segmentation import FLOOR, SPLIT, _basins, _summits

STEP = 1e-6


@pytest.mark.parametrize(("edge", "power"), [(0.8, 2.0), (0.15, 5.0), (-0.3, 2.2), (1.4, 3.0)])
@pytest.mark.parametrize("shape", [(50, 60), (90, 100)])  # two ways to sample pixels
@pytest.mark.parametrize("bent", [False, True])
@pytest.mark.parametrize("tail", [0.0, 0.4])
def test_slopes_are_differences(
    edge: float, power: float, shape: tuple[int, int], bent: bool, tail: float
) -> None:
    waves = np.linspace(-0.04, 0.03, 2 * len(LOBES))
    bends = 0.1 * np.sin(np.arange(BENDS)) if bent else np.zeros(BENDS)
    centre = (0.5 * shape[0] + 0.3, 0.5 * shape[1] - 0.2)
    log_radius = np.log(0.25 * shape[0])
    fit = DomeFit(centre, log_radius, 12.0, edge, power, 1.1, waves, bends, tail, 2.5)

    def moved(name: str, sign: float, index: int = 0) -> np.ndarray:
        step = sign * STEP
        if name == "centre":
            there = list(centre)
            there[index] += step
            other = replace(fit, centre=(there[0], there[1]))
        elif name in ("waves", "bends"):
            values = getattr(fit, name).copy()
            values[index] += step
            other = replace(fit, **{name: values})
        elif name in ("power", "blur"):  # by their logarithms
            other = replace(fit, **{name: getattr(fit, name) * np.exp(step)})
        else:
            other = replace(fit, **{name: getattr(fit, name) + step})
        return other.image(0, 0, shape)

    names = [("centre", 0), ("centre", 1), ("log_radius", 0), ("height_um", 0), ("edge", 0)]
    names += [("power", 0), ("blur", 0), *(("waves", i) for i in range(waves.size))]
    names += [("bends", i) for i in range(BENDS)] if bent else []
    image, slopes = image_and_slopes(fit, LOBES, 0, 0, shape, bent)
    np.testing.assert_allclose(image, fit.image(0, 0, shape), atol=1e-12)
    assert slopes.shape == (len(names), *shape)
    for (name, index), slope in zip(names, slopes, strict=True):
        expected = (moved(name, 1, index) - moved(name, -1, index)) / (2 * STEP)
        error = np.linalg.norm(slope - expected) / np.linalg.norm(expected)
        assert error < 3e-3, name  # samples that the outline passes have a kink


def spotted(power: float, noise: float, bend: float = 0.0) -> tuple[Patch, DomeFit]:
    """A dome seen with noise, and a plain one to start from."""
    shape, corner = (44, 46), (-22, -23)
    bends = np.zeros(BENDS)
    bends[:LINES] = bend * np.sin(3 * np.array(NODES[1:]))
    none = np.zeros(2 * len(LOBES))
    fit = DomeFit((0.2, -0.3), np.log(13.0), 9.0, 0.7, power, 1.0, none, bends)
    image = fit.image(*corner, shape)
    image += noise * np.random.default_rng(5).standard_normal(shape)
    patch = Patch(image, np.full(shape, 1 / noise), corner, 1.6, Blur(1.05, 0.1))
    return patch, replace(fit, bends=np.zeros(BENDS))


@pytest.mark.parametrize("bends", [PLAIN, ROUND, ANY])
def test_slopes_of_residuals_are_differences(bends: int) -> None:
    patch, _ = spotted(2.2, 0.1)
    shape = 0.05 * np.sin(np.arange(BENDS)) * (np.arange(BENDS) < bends)
    waves = np.linspace(-0.02, 0.02, 2 * len(LOBES))
    fit = DomeFit((0.1, 0.2), 2.5, 8.0, 0.6, 2.3, 1.1, waves, shape)
    rest, slopes = patch.linear(fit, bends)
    assert slopes.shape == (rest.size, LEAST + bends)
    for index in (2, 3, 4, 5, 6, 8, *range(LEAST, LEAST + bends)):
        x = _pack(fit)
        step = np.zeros(x.size)
        step[index] = 1e-5
        above, below = (patch.linear(_unpack(x + s, fit), bends)[0] for s in (step, -step))
        expected = (above - below) / 2e-5
        assert np.linalg.norm(slopes[:, index] - expected) < 4e-3 * np.linalg.norm(expected)


def test_gains_say_what_bends_bring() -> None:
    patch, start = spotted(2.2, 0.15, bend=0.25)
    plain = fit_dome(patch, start)
    prospect = Prospect(patch, plain)
    said = {bends: prospect.gain(bends) for bends in (ROUND, ANY)}
    brought = plain.cost - fit_dome(patch, plain, ROUND).cost
    assert said[ANY] >= said[ROUND] > 20
    assert said[ROUND] == pytest.approx(brought, rel=0.3)
    patch, start = spotted(2.0, 0.15)
    assert Prospect(patch, fit_dome(patch, start)).gain(ROUND) < 6
    # Nobody knows that a dome is plain: radius and height are less certain than its fit says.
    plain = fit_dome(patch, start)
    honest = Prospect(patch, plain).uncertain()
    assert plain.covariance is not None
    assert honest.covariance is not None
    assert (np.diag(honest.covariance) > 1.5 * np.diag(plain.covariance))[:2].all()


def test_kinks_cost_less_the_sharper_they_are() -> None:
    kinks = np.array([-30.0, -1.0, -1e-4, 0.0, 1e-4, 0.3, 2.0, 30.0])
    out, slopes = tame(kinks)
    np.testing.assert_allclose((tame(kinks + 1e-6)[0] - out) / 1e-6, slopes, atol=1e-5)
    np.testing.assert_allclose(out[2:5], kinks[2:5], rtol=1e-6)
    assert abs(out[-1]) < 4
    # Straight lines have none but the tip in the middle, where both sides fall.
    straight = KINKS @ (0.7 * np.array(NODES[1:]))
    assert straight[0] == pytest.approx(1.4)
    assert np.abs(straight[1:]).max() < 1e-12
    assert np.abs(KINKS @ np.maximum(np.array(NODES[1:]) - 0.45, 0)).max() == pytest.approx(1.0)


@pytest.mark.parametrize("top", [5.0, 0.5])  # the lowest point within reach, and not
def test_least_squares_goes_the_way_of_scipy(top: float) -> None:
    t = np.linspace(0, 4, 300)
    data = 2 * np.exp(-1.3 * t) + 0.1 * np.sin(40 * t)

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.asarray(x[0] * np.exp(-x[1] * t) - data)

    def jacobian(x: np.ndarray) -> np.ndarray:
        fall = np.exp(-x[1] * t)
        return np.stack([fall, -x[0] * t * fall, np.zeros(t.size)], axis=1)  # the last: no effect

    first = np.array([0.4, 0.2, 1.0])
    settings = {"bounds": ([0.0, 0.0, 0.0], [9.0, top, 2.0]), "x_scale": np.array([1.0, 0.5, 1.0])}
    ours = least_squares(lambda x: (residuals(x), jacobian(x)), first, **settings)
    scipys = optimize.least_squares(residuals, first, jac=jacobian, **settings)
    np.testing.assert_allclose(ours.x, scipys.x, rtol=1e-6)
    assert ours.nfev == scipys.nfev
    assert ours.cost == pytest.approx(scipys.cost, rel=1e-10)
    assert ours.jac.shape == (4, 3)
    np.testing.assert_allclose(
        ours.jac.T @ ours.jac, scipys.jac.T @ scipys.jac, rtol=1e-9, atol=1e-9
    )


def test_summits_patch_by_patch_are_those_of_the_whole() -> None:
    y, x = np.mgrid[:120, :160]
    rng = np.random.default_rng(8)
    land = 0.02 * np.abs(rng.normal(size=y.shape))
    for cy, cx, top in ((30, 30, 2.0), (30, 50, 1.6), (80, 120, 0.6), (80, 60, 0.4)):
        land += top * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 60)
    whole = h_maxima(land, SPLIT).astype(bool)
    assert whole.sum() >= 3
    high = land > FLOOR + SPLIT
    np.testing.assert_array_equal(_summits(land) & high, whole & high)
    assert not _summits(np.zeros((9, 9))).any()


def test_basins_patch_by_patch_are_those_of_the_whole() -> None:
    y, x = np.mgrid[:120, :160]
    land = np.zeros(y.shape, np.float32)
    for cy, cx, top in ((30, 30, 2.0), (34, 44, 1.6), (80, 120, 0.9), (80, 60, 0.9), (84, 66, 0.7)):
        land += np.float32(top) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 60).astype(np.float32)
    mask = land > 0.3
    summits = np.zeros(mask.shape, dtype=bool)
    for at in ((30, 30), (34, 44), (80, 120), (80, 60)):  # not every patch nor hill has one
        summits[at] = True
    summits[5, 5] = True  # beside all patches
    labels = _basins(land, summits, mask)
    whole = watershed(-land, ndimage.label(summits, np.ones((3, 3)))[0], mask=mask)
    assert np.unique(labels).size == 5
    np.testing.assert_array_equal(labels, whole)


def test_course_rises_to_one_and_measures() -> None:
    said: list[float] = []
    course = Course({"a": 1.0, "b": 3.0}, said.append)
    with course.step("a") as told:
        told(0.5)
    with course.step("b") as told:
        told(1 / 3)
    assert said == pytest.approx([0.125, 0.25, 0.5, 1.0])
    assert list(course.seconds) == ["a", "b"]
    assert min(course.seconds.values()) >= 0
