"""Bounded least squares for problems of many residuals and few unknowns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imaging.volume import FloatArray

type Model = Callable[[FloatArray], FloatArray]


def bounded_least_squares(
    residuals: Model,
    jacobian: Model,
    first: FloatArray,
    low: FloatArray,
    high: FloatArray,
    *,
    cost_tolerance: float,
    step_tolerance: float,
    scale: FloatArray,
    evaluations: int,
) -> tuple[FloatArray, float]:
    """Levenberg-Marquardt on the normal equations, unknowns held at bounds they press against.

    The normal equations of a few unknowns cost next to nothing, where decompositions of the whole
    Jacobian cost more than the model itself.

    Parameters
    ----------
    residuals, jacobian
        Functions of the unknowns (n,): shapes (m,) and (m, n).
    first
        First guess, within the bounds.
    low, high
        Bounds.
    cost_tolerance
        Done when a step lowers the cost by less than this fraction.
    step_tolerance
        Done when every unknown moves by less than this times its scale.
    scale
        Change of each unknown that matters.
    evaluations
        Most calls of `residuals`.

    Returns
    -------
    The unknowns, and half the sum of squared residuals.
    """
    x = np.clip(first, low, high)
    rest = residuals(x)
    cost = 0.5 * float(rest @ rest)
    damping, used = 1e-3, 1
    while used < evaluations:
        slope = jacobian(x)
        pull = slope.T @ rest
        normal = slope.T @ slope
        free = ~(((x <= low) & (pull > 0)) | ((x >= high) & (pull < 0)))
        before = cost
        while used < evaluations:
            step = _step(normal, pull, free, damping)
            tried = np.clip(x + step, low, high)
            rest_tried = residuals(tried)
            used += 1
            cost_tried = 0.5 * float(rest_tried @ rest_tried)
            small = bool(np.all(np.abs(tried - x) < step_tolerance * scale))
            if cost_tried < cost:
                x, rest, cost = tried, rest_tried, cost_tried
                damping = max(damping / 10, 1e-9)
                break
            if small:
                return x, cost
            damping *= 10
        if small or before - cost < cost_tolerance * before:
            break
    return x, cost


def _step(
    normal: FloatArray, pull: FloatArray, free: np.typing.NDArray[np.bool_], damping: float
) -> FloatArray:
    step = np.zeros(pull.size)
    if not free.any():
        return step
    part = normal[np.ix_(free, free)]
    diagonal = np.diag(part)
    # What has no effect at all is not moved.
    lift = damping * np.where(diagonal > 0, diagonal, 1.0)
    step[free] = -np.linalg.solve(part + np.diag(lift), pull[free])
    return step
