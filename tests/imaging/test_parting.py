"""Islands that overlap without a sure saddle between them, and single ones that have a dent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from imaging.blur import Blur
from imaging.dome_factor import BENDS, LINES
from imaging.island_fit import DomeFit
from imaging.island_profile import island_profile
from imaging.islands import Island, find_islands
from imaging.thickness import thickness_map
from imaging.volume import FloatArray, Volume

SIZE, FINE, GROUND = (32, 80, 90), 3, 8.3
BLUR = 0.9

type Surface = Callable[[FloatArray, FloatArray], FloatArray]


def cap(diameter: float, height: float, x0: float) -> Surface:
    sphere = (diameter**2 / 4 + height**2) / (2 * height)

    def surface(y: FloatArray, x: FloatArray) -> FloatArray:
        r2 = y**2 + (x - x0) ** 2
        dome = np.sqrt(np.maximum(sphere**2 - r2, 0)) - (sphere - height)
        return np.where(4 * r2 < diameter**2, dome, 0.0)

    return surface


def dented(y: FloatArray, x: FloatArray) -> FloatArray:
    return cap(36, 10, 0)(y, x) * (1 - 0.35 * np.exp(-((y**2 + (x - 2) ** 2) / 50)))


def sharp(*surfaces: Surface) -> FloatArray:
    y, x = ((np.arange(n * FINE) + 0.5) / FINE - 0.5 * n for n in SIZE[1:])
    return np.asarray(np.max([s(y[:, None], x[None, :]) for s in surfaces], axis=0))


def found(
    *surfaces: Surface, noise: float = 0.02, seed: int = 3, stop: int = SIZE[0]
) -> list[Island]:
    """What is found in a ready LVF with voxels of 1 um, summed up to a slice."""
    top = GROUND + sharp(*surfaces)
    z = np.arange(SIZE[0])[:, None, None] - 0.5
    filled = [np.clip(top - k, 0, 1) - np.clip(GROUND - k, 0, 1) for k in z]
    li = np.stack([f.reshape(SIZE[1], FINE, SIZE[2], FINE).mean(axis=(1, 3)) for f in filled])
    li = ndimage.gaussian_filter(li, BLUR)
    li += noise * np.random.default_rng(seed).standard_normal(SIZE)
    lvf = Volume(li.astype(np.float32), (1.0, 1.0, 1.0))
    roi = np.ones(SIZE[1:], dtype=bool)
    return find_islands(lvf, thickness_map(lvf, roi, slice(0, stop)), Blur(BLUR, 0.2)).islands


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [((26.0, 7.8), (22.0, 6.6), 17.0), ((40.0, 8.0), (16.0, 4.8), 22.4)],
)
def test_islands_that_overlap_are_told_apart(
    one: tuple[float, float], two: tuple[float, float], apart: float
) -> None:
    islands = found(cap(*one, -0.5 * apart), cap(*two, 0.5 * apart))
    assert len(islands) == 2
    for island, (diameter, height) in zip(islands, (one, two), strict=True):
        assert abs(island.contact_diameter_um - diameter) < 1.5
        assert abs(island.height_um - height) < 0.3
    together = sharp(cap(*one, -0.5 * apart), cap(*two, 0.5 * apart)).sum() / FINE**2
    assert sum(i.volume_um3 for i in islands) == pytest.approx(together, rel=0.02)


@pytest.mark.parametrize(("stop", "cut"), [(16, True), (24, False)])
def test_an_island_taller_than_the_roi_is_flagged(
    stop: int, cut: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tall, flat = found(cap(30, 12, -22), cap(30, 4, 22), stop=stop)
    assert (tall.touches_edge, flat.touches_edge) == (cut, False)
    assert ("islands 1 go on" in caplog.text) == cut


def test_an_island_with_a_dent_is_one() -> None:
    (island,) = found(dented)
    assert abs(island.contact_diameter_um - 36) < 1
    assert abs(island.height_um - sharp(dented).max()) < 0.3


@pytest.mark.parametrize(
    ("large", "small"),
    [((40.0, 8.0, -9.8), (16.0, 4.8, 9.8)), ((30.0, 7.5, -7.0), (18.0, 6.3, 8.0))],
)
def test_a_shoulder_does_not_raise_the_summit(
    large: tuple[float, float, float],
    small: tuple[float, float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # No single dome follows it, and a wide blur undone would be a summit twice as high.
    monkeypatch.setattr("imaging.islands.parted", lambda *_: None)
    (island,) = found(cap(*large), cap(*small), noise=0.01)
    assert abs(island.height_um - large[1]) < 0.3


def test_a_plateau_is_no_cone() -> None:
    # As it was fitted to a pancake, with a base that falls and a factor that rises to its rim.
    bends = np.zeros(BENDS)
    bends[:LINES] = [-0.006, 0.0047, 0.02, 0.03, 0.0476, 0.0718, 0.1087, 0.149, 0.2157]
    waves = 1e-4 * np.array([3.7, 0.4, 1.2, -5.1, -0.8, -3, 2, -4.3, -2.7, 3.8, -5.5, 3.3])
    fit = DomeFit((0.0, 0.0), math.log(29.7), 1.0, -0.6966, 2.048, 0.96, waves, bends)
    for height in np.linspace(1, 2, 11):  # each is rounded in its own way
        one = replace(fit, height_um=float(height))
        top = float(one.surface(np.array([0.99999]), np.array([1j]))[0])
        r, z = island_profile(one, 29.7, 0.999 * math.pi * 29.7**2 * top)
        assert z[0] == pytest.approx(top, rel=0.01)
        assert r[np.searchsorted(-z, -0.9 * top)] > 29
