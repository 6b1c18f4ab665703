"""An emulator: a few exact solutions, interpolated, with an error that is tested on each of them.

Universal kriging (Gaussian-process regression with a linear trend and a Matern 5/2
covariance of one length per coordinate). The lengths and the share of scatter that the
coordinates do not explain maximise the restricted likelihood. With K the correlation of
the nodes (scatter included), H their trend functions and

    Q = K^-1 - K^-1 H (H^T K^-1 H)^-1 H^T K^-1,

a node that is left out is predicted with the error (Q y)_i / Q_ii, of variance
sigma^2 / Q_ii: all leave-one-out errors without refitting (Dubrule, Math. Geol. 15,
687-699, 1983, 10.1007/BF01033232). Every node is thus a test of the interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize
from scipy.spatial.distance import cdist

from mechanics.profile import Floats

_LENGTHS = (0.15, 15.0)
"""Bounds of the correlation lengths, in standard deviations of a coordinate."""
_SCATTER = (1e-5, 0.3)
"""Bounds of the scatter's variance, over that of the correlated part; finite elements have some."""
_STARTS = ((1.0, 1e-4), (4.0, 1e-2))
"""Lengths and scatter from which the likelihood is climbed."""
_CHUNK = 4096
"""Points predicted at a time: their distances to all nodes are held in memory."""
FEWEST_PER_COORDINATE = 3
"""Fewest nodes per coordinate that a fit takes."""


@dataclass(frozen=True)
class LeftOut:
    """What the other nodes say of each node."""

    error: Floats
    """Prediction less value, shape (n,)."""
    std: Floats
    """Standard deviation that the emulator gives this error, shape (n,)."""


@dataclass(frozen=True)
class Emulator:
    """A scalar function of a few coordinates, known at nodes; see `fit`."""

    centre: Floats
    scale: Floats
    nodes: Floats
    """Scaled coordinates, shape (n, d)."""
    values: Floats
    """Shape (n,)."""
    lengths: Floats
    """Correlation lengths in scaled coordinates, shape (d - e,); the last e only
    take part in the trend."""
    scatter: float
    """Variance of the scatter over `variance`."""
    variance: float
    """Variance of the correlated part."""
    factor: Floats
    """Lower Cholesky factor of K, shape (n, n)."""
    trend: Floats
    """Coefficients of the linear trend, shape (1 + d,)."""
    weights: Floats
    """K^-1 (values - trend), shape (n,)."""

    def predict(self, points: ArrayLike) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a new observation at points, each shape (m,)."""
        x = (np.atleast_2d(np.asarray(points, dtype=float)) - self.centre) / self.scale
        across = _correlation(x, self.nodes, self.lengths)
        trend = _trend(x)
        mean: Floats = trend @ self.trend + across @ self.weights
        seen = linalg.solve_triangular(self.factor, across.T, lower=True)
        base = linalg.solve_triangular(self.factor, _trend(self.nodes), lower=True)
        rest = trend.T - base.T @ seen
        unsure = linalg.solve_triangular(_lower(base.T @ base), rest, lower=True)
        variance = 1 + self.scatter - (seen**2).sum(axis=0) + (unsure**2).sum(axis=0)
        return mean, np.sqrt(self.variance * np.maximum(variance, 1e-12))

    def mean(self, points: ArrayLike) -> Floats:
        """Return the mean alone, shape (m,): much cheaper than with its deviation."""
        x = (np.atleast_2d(np.asarray(points, dtype=float)) - self.centre) / self.scale
        mean: Floats = _trend(x) @ self.trend
        for rows in np.array_split(np.arange(len(x)), 1 + len(x) // _CHUNK):
            mean[rows] += _correlation(x[rows], self.nodes, self.lengths) @ self.weights
        return mean

    def with_node(self, point: ArrayLike) -> Emulator:
        """Return the emulator as one more node would leave it, its value taken as predicted."""
        value = self.predict(point)[0]
        x = (np.atleast_2d(np.asarray(point, dtype=float)) - self.centre) / self.scale
        nodes, values = np.concatenate((self.nodes, x)), np.concatenate((self.values, value))
        parameters = np.log([*self.lengths, self.scatter])
        more = _conditioned(self.centre, self.scale, nodes, values, parameters)
        return replace(more, variance=self.variance)

    def left_out(self) -> LeftOut:
        """Predict each node from all others."""
        base = linalg.solve_triangular(self.factor, _trend(self.nodes), lower=True)
        inverse = linalg.solve_triangular(self.factor, np.eye(len(self.nodes)), lower=True)
        unsure = linalg.solve_triangular(_lower(base.T @ base), base.T @ inverse, lower=True)
        q = inverse.T @ inverse - unsure.T @ unsure
        own = np.diag(q)
        return LeftOut(-(q @ self.values) / own, np.sqrt(self.variance / own))


def fit(points: ArrayLike, values: ArrayLike, trend_only: int = 0) -> Emulator:
    """Fit an emulator to the values of a function at some points.

    Parameters
    ----------
    points
        Coordinates, shape (n, d).
    values
        Values there, shape (n,).
    trend_only
        So many of the coordinates, the last, are functions of the others that the trend may follow.

    Raises
    ------
    ValueError
        If there are fewer than three points per coordinate that varies, or a value is not finite.
    """
    x, y = np.asarray(points, dtype=float), np.asarray(values, dtype=float)
    if x.ndim != 2 or y.shape != (len(x),):
        raise ValueError(f"points and values have shapes {x.shape} and {y.shape}: (n, d) and (n,)")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("points and values must be finite")
    apart = x.shape[1] - trend_only
    varied = max(int((np.ptp(x[:, :apart], axis=0) > 0).sum()), 1)
    if len(x) < FEWEST_PER_COORDINATE * varied:
        raise ValueError(f"{len(x)} points are too few for {varied} coordinates")
    centre = x.mean(axis=0)
    spread = x.std(axis=0)
    # a coordinate that does not vary has no scale of its own
    scale = np.where(spread > 1e-9, spread, 1.0)
    nodes = (x - centre) / scale
    low, high = np.log(_LENGTHS), np.log(_SCATTER)
    bounds = [(low[0], low[1])] * apart + [(high[0], high[1])]
    gaps = (nodes[:, None, :apart] - nodes[None, :, :apart]) ** 2
    found = [
        optimize.minimize(
            _misfit,
            [*[np.log(length)] * apart, np.log(scatter)],
            (gaps, _trend(nodes), y),
            jac=True,
            bounds=bounds,
        )
        for length, scatter in _STARTS
    ]
    best = min(found, key=lambda result: float(result.fun)).x
    return _conditioned(centre, scale, nodes, y, best)


def _correlation(a: Floats, b: Floats, lengths: Floats) -> Floats:
    """Return the Matern 5/2 correlation of points (n, d) and (m, d), shape (n, m)."""
    x, y = a[:, : len(lengths)] / lengths, b[:, : len(lengths)] / lengths
    distance = np.sqrt(5.0) * cdist(x, y)
    value: Floats = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return value


def _trend(x: Floats) -> Floats:
    """Return the functions of the trend, 1 and the coordinates, shape (n, 1 + d)."""
    return np.column_stack((np.ones(len(x)), x))


def _lower(matrix: Floats) -> Floats:
    """Return the Cholesky factor of a matrix that may lack rank by a constant coordinate."""
    size = float(np.trace(matrix)) / len(matrix)
    factor: Floats = linalg.cholesky(matrix + 1e-10 * size * np.eye(len(matrix)), lower=True)
    return factor


def _solve_trend(base: Floats, target: Floats) -> Floats:
    """Return the generalised least-squares coefficients of whitened trend functions."""
    lower = _lower(base.T @ base)
    coefficients: Floats = linalg.cho_solve((lower, True), base.T @ target)
    return coefficients


def _misfit(
    parameters: Floats, gaps: Floats, trend: Floats, values: Floats
) -> tuple[float, Floats]:
    """Return minus twice the restricted log-likelihood, variance profiled out, and its gradient.

    With s = sqrt(5) times the scaled distance, dk/d(log l) = 5/3 (1 + s) exp(-s) (gap / l)^2.
    """
    lengths, scatter = np.exp(parameters[:-1]), float(np.exp(parameters[-1]))
    parts = 5.0 * gaps / lengths**2
    s = np.sqrt(parts.sum(axis=-1))
    fall = np.exp(-s)
    n, free = len(values), max(len(values) - trend.shape[1], 1)
    factor = _lower((1 + s + s**2 / 3) * fall + scatter * np.eye(n))
    white = linalg.solve_triangular(factor, np.column_stack((trend, np.eye(n))), lower=True)
    base, inverse = white[:, : trend.shape[1]], white[:, trend.shape[1] :]
    of_trend = _lower(base.T @ base)
    unsure = linalg.solve_triangular(of_trend, base.T @ inverse, lower=True)
    q = inverse.T @ inverse - unsure.T @ unsure
    weights = q @ values
    square = max(float(values @ weights), 1e-300)
    misfit = free * np.log(square / free) + 2 * np.log(np.diag(factor)).sum()
    misfit += 2 * np.log(np.diag(of_trend)).sum()
    change = q - free / square * np.outer(weights, weights)
    by_length = np.einsum("ij,ijk->k", change * (1 + s) / 3 * fall, parts)
    return float(misfit), np.append(by_length, scatter * np.trace(change))


def _conditioned(
    centre: Floats, scale: Floats, nodes: Floats, values: Floats, parameters: Floats
) -> Emulator:
    lengths, scatter = np.exp(parameters[:-1]), float(np.exp(parameters[-1]))
    factor = _lower(_correlation(nodes, nodes, lengths) + scatter * np.eye(len(nodes)))
    base = linalg.solve_triangular(factor, _trend(nodes), lower=True)
    target = linalg.solve_triangular(factor, values, lower=True)
    trend = _solve_trend(base, target)
    rest = target - base @ trend
    variance = float(rest @ rest) / max(len(nodes) - base.shape[1], 1)
    weights: Floats = linalg.solve_triangular(factor.T, rest, lower=False)
    return Emulator(
        centre, scale, nodes, values, lengths, scatter, variance, factor, trend, weights
    )
