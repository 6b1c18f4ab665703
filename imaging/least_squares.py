"""SciPy's bounded least squares for problems of many residuals and few unknowns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from imaging.volume import FloatArray

type Model = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def least_squares(
    model: Model,
    first: FloatArray,
    *,
    x_scale: FloatArray,
    **settings: Any,
) -> optimize.OptimizeResult:
    """Same as `scipy.optimize.least_squares`, on n + 1 residuals instead of m.

    A step depends on the m residuals f and their Jacobian J by J^T J, J^T f and f^T f alone, so
    any others with the same products do: n that J spans, and one for what it does not reach.
    SciPy decomposes the Jacobian in each step, which costs more than the model where m is large.

    Parameters
    ----------
    model
        Residuals (m,) and their Jacobian (m, n), a function of the unknowns (n,).
    first, x_scale, settings
        As for SciPy.

    Returns
    -------
    SciPy's result; its `fun` and `jac` are the reduced ones.
    """
    known: list[tuple[FloatArray, FloatArray]] = []

    def reduced(x: FloatArray) -> FloatArray:
        rest, slope = model(x)
        # J^T J = V diag(w) V^T: J stands for diag(sqrt(w)) V^T, up to a rotation.
        values, vectors = np.linalg.eigh(slope.T @ slope * np.outer(x_scale, x_scale))
        roots = np.sqrt(np.maximum(values, 0.0))
        seen = roots > 1e-8 * roots[-1]
        pull = vectors.T @ (slope.T @ rest * x_scale)
        along = np.where(seen, pull / np.where(seen, roots, 1.0), 0.0)
        beyond = np.sqrt(max(float(rest @ rest - along @ along), 0.0))
        smaller = np.vstack([roots[:, None] * vectors.T / x_scale, np.zeros(x.size)])
        known[:] = [(x.copy(), smaller)]
        return np.append(along, beyond)

    def reduced_jac(x: FloatArray) -> FloatArray:
        if not known or not np.array_equal(known[0][0], x):
            reduced(x)
        return known[0][1]

    return optimize.least_squares(reduced, first, jac=reduced_jac, x_scale=x_scale, **settings)
