"""The blur that islands agree on: one camera has seen them all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from imaging.blur import LIKENESS, Blur
from imaging.island_fit import DomeFit
from imaging.volume import FloatArray

LIKELY = 0.08
"""Relative difference of the blurs along z and in the plane, of most cameras."""
ISLAND_SPREAD = 0.02
"""Relative scatter of the blurs of single islands beyond their noise: shapes that a dome follows
only nearly."""
LEAST_UNCERTAINTY = 0.01
ROUNDS = 5


def agreed(fits: list[DomeFit], expected: Blur) -> list[Blur]:
    """What the others' fits tell each island of its blur, and the expectation that they had.

    The blur along z is one voice among them, if it has been seen: most cameras blur alike in all
    directions. A fit's own blur is that expectation improved by its data: the data's part is taken
    out. A blur far from the others' makes up for an edge that a dome cannot follow, and counts
    less.
    """
    prior, start = 1 / expected.uncertainty**2, math.log(expected.std)
    told = [_told(fit, expected) for fit in fits]
    if expected.uncertainty <= LIKENESS:
        told.append((start, LIKELY**2))
    value, variance = np.array(told).reshape(-1, 2).T
    weight: FloatArray = 1 / variance
    for _ in range(ROUNDS):
        middle = (prior * start + float(weight @ value)) / (prior + float(weight.sum()))
        weight = 1 / (variance + (value - middle) ** 2)
    own, mine = weight[: len(fits)], value[: len(fits)]
    total = prior + weight.sum() - own
    logs = (prior * start + weight @ value - own * mine) / total
    spread = np.maximum(np.sqrt(1 / total), LEAST_UNCERTAINTY)
    return [
        replace(expected, std=math.exp(log), uncertainty=float(width))
        for log, width in zip(logs, spread, strict=True)
    ]


def _told(fit: DomeFit, expected: Blur) -> tuple[float, float]:
    """Logarithm of the blur that the data alone would give, and its variance."""
    prior = 1 / expected.uncertainty**2
    known = prior if fit.covariance is None else 1 / max(float(fit.covariance[2, 2]), 1e-8)
    data = max(known - prior, 1e-3 * prior)
    value = (known * math.log(fit.blur) - prior * math.log(expected.std)) / data
    return value, 1 / data + ISLAND_SPREAD**2
