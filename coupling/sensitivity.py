"""Uncertain numbers: where samples are taken, and which input carries the scatter of a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc, sobol_indices

from mechanics.profile import Floats

type Function = Callable[[Floats], Floats]
"""From points of the unit cube, shape (n, d), to values, shape (n,)."""


@dataclass(frozen=True)
class Samples:
    """Scrambled Sobol points of the unit cube, in two independent halves."""

    first: Floats
    """Shape (n, d)."""
    second: Floats
    """Shape (n, d)."""

    @property
    def both(self) -> Floats:
        """Return all points, shape (2 n, d)."""
        return np.concatenate((self.first, self.second))


def sobol_samples(inputs: int, count: int, seed: int) -> Samples:
    """Return `count` points per half for a number of inputs; `count` must be a power of two."""
    points = qmc.Sobol(2 * inputs, rng=seed).random(count)
    return Samples(points[:, :inputs], points[:, inputs:])


@dataclass(frozen=True)
class Indices:
    """Shares of the variance of a result (Sobol's indices), one per input, each shape (d,)."""

    first_order: Floats
    """What would go if this input alone were known."""
    total: Floats
    """What would stay if all others were known."""


def sensitivities(function: Function, samples: Samples) -> Indices:
    """Return the Sobol indices of a function, by the estimators of Saltelli (2010).

    They cost n (d + 2) evaluations; zero where the function does not vary. See
    10.1016/j.cpc.2009.09.018 and `scipy.stats.sobol_indices`.
    """
    a, b = samples.first, samples.second
    at_a, at_b = function(a), function(b)
    count, inputs = a.shape
    if np.ptp(np.concatenate((at_a, at_b))) <= 1e-12 * max(1.0, float(np.abs(at_a).max())):
        return Indices(np.zeros(inputs), np.zeros(inputs))
    mixed = np.empty((inputs, 1, count))
    for i in range(inputs):
        points = a.copy()
        points[:, i] = b[:, i]
        mixed[i, 0] = function(points)
    # centred, the estimators lose no digits to the mean
    mean = float(np.concatenate((at_a, at_b)).mean())
    values = {"f_A": at_a[None] - mean, "f_B": at_b[None] - mean, "f_AB": mixed - mean}
    found = sobol_indices(func=values, n=count)
    return Indices(np.ravel(found.first_order), np.ravel(found.total_order))
