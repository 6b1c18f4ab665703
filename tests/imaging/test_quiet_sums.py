"""Column sums with less noise: no bias, and as much less noise as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.quiet_sums import quieted

SHAPE = (22, 60, 64)
NOISE = 0.04


def island(kind: str) -> np.ndarray:
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    r = np.hypot(y - 29.3, x - 31.6) / 19
    if kind == "cylinder":
        return np.where(r < 1, 7.0, 0.0)
    return 8 * np.maximum(1 - r**2, 0) if kind == "dome" else 9 * np.clip(1 - r, 0, 0.8)


def volume(heights: np.ndarray, blur: float, up: bool, layer: float) -> np.ndarray:
    level = np.arange(SHAPE[0])[:, None, None] - 7.3
    share = np.clip(level + layer + 0.5, 0, 1) - np.clip(level + 0.5 - heights, 0, 1)
    values = ndimage.gaussian_filter(share, blur)
    return values if up else values[::-1]


@pytest.mark.parametrize("kind", ["dome", "cone", "cylinder"])
@pytest.mark.parametrize(("blur", "up", "layer"), [(0.7, True, 0.0), (1.3, False, 1.2)])
def test_sums_keep_their_mean_and_lose_noise(
    kind: str, blur: float, up: bool, layer: float
) -> None:
    heights = island(kind)
    clean = volume(heights, blur, up, layer)
    seen = np.ones(SHAPE[1:], bool)
    seen[:3] = False
    # The surface is known roughly.
    rough = 1.04 * np.roll(heights, 1, axis=1)
    change, _ = quieted(clean, rough, seen, blur)
    assert np.abs(change[seen]).max() < 0.08
    assert abs(change[seen].mean()) < 0.004
    rng = np.random.default_rng(3)
    rests, before = [], []
    for _ in range(12):
        noise = NOISE * rng.standard_normal(SHAPE)
        change, less = quieted(clean + noise, rough, seen, blur)
        rests.append((noise.sum(axis=0) + change)[seen])
        before.append(noise.sum(axis=0)[seen])
    said = NOISE * np.sqrt(SHAPE[0]) * less[seen]
    told = np.sqrt(np.mean(np.square(rests), axis=0))
    assert np.mean(told / said) == pytest.approx(1.0, abs=0.1)
    assert np.sqrt(np.mean(np.square(rests))) < 0.8 * np.sqrt(np.mean(np.square(before)))
