"""From a fitted island to the profile r(z) that mechanics is given."""

from __future__ import annotations

import logging
import math

import numpy as np
from scipy import optimize

from imaging.island_fit import DomeFit
from imaging.volume import FloatArray

log = logging.getLogger(__name__)

PROFILE_POINTS = 801
"""So many that cones and r^2 trapezoids between the points agree on the volume within 1e-6."""
MORE_LEVELS = 200
WIDEST_STEP = 1 / 800
"""Greatest step of the relative radius, for the same reason."""
LEVEL_ANGLES = 72
"""Directions in which level sets are looked for."""


def island_profile(
    fit: DomeFit, radius_um: float, volume_um3: float
) -> tuple[FloatArray, FloatArray]:
    """Level sets of the fit as circles of equal area, r(z), holding exactly the measured volume.

    Diameter and height are kept; r / a is raised to the power near 1 that makes the trapezoidal
    sum of pi r^2 over z the volume.
    """
    rho, z = _strictly_falling(*_level_sets(fit))

    def surplus(exponent: float) -> float:
        r2 = (radius_um * rho**exponent) ** 2
        return math.pi * float(-np.trapezoid(r2, z)) - volume_um3

    if surplus(30.0) * surplus(1 / 30) > 0:
        log.warning("height and diameter cannot hold the volume: the height gives way")
        return radius_um * rho, z * volume_um3 / (surplus(1.0) + volume_um3)
    exponent = optimize.brentq(surplus, 1 / 30, 30.0, xtol=1e-13, rtol=1e-13)
    if abs(exponent - 1) > 0.15:
        log.info(
            "profile bent by %.2f to hold the volume: a poor fit, or cut by the edge", exponent
        )
    return radius_um * rho**exponent, z


def _level_sets(fit: DomeFit) -> tuple[FloatArray, FloatArray]:
    """Radius (0 to 1) of the circle with the area of each level set, and its height in um.

    A level set ends where its direction first rises above it, seen from the contact line: dimples
    are filled.
    """
    # Points crowd towards the contact line, where a dome may be steep.
    rho = np.sin(np.linspace(0, 0.5 * np.pi, PROFILE_POINTS))
    angle = np.linspace(0, 2 * np.pi, LEVEL_ANGLES, endpoint=False)
    heights = fit.surface(*np.broadcast_arrays(rho[None, :], np.exp(1j * angle)[:, None]))
    heights[:, -1] = 0.0
    falling = np.maximum.accumulate(heights[:, ::-1], axis=1)[:, ::-1]
    # A flat top falls by next to nothing: rounding would else decide where its rim is.
    falling *= 1 - 2e-9 * np.arange(PROFILE_POINTS)
    # Means over directions, and more where those differ: a plateau that leans has one mean.
    spread = np.quantile(falling, np.linspace(0, 1, MORE_LEVELS))
    levels = np.sort(np.concatenate([falling.mean(axis=0), spread]))[::-1]
    weight = fit.outline(angle) ** 2
    # From the contact line upwards; np.interp wants rising heights.
    reach = np.array([np.interp(levels, h[::-1], rho[::-1], right=0.0) for h in falling])
    out = np.sqrt(np.average(reach**2, axis=0, weights=weight))
    out[0], out[-1] = 0.0, 1.0
    levels[0], levels[-1] = falling.max(), 0.0
    # Summits off the centre and filled dimples leave wide steps: points on straight lines.
    steps = np.maximum(np.ceil(np.diff(out) / WIDEST_STEP), 1)
    at = np.append(0.0, np.cumsum(steps))
    every = np.arange(at[-1] + 1)
    return np.interp(every, at, out), np.interp(every, at, levels)


def _strictly_falling(rho: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Drop points of a flat top, or of a vertical wall, that rounding puts at the same place."""
    step = 1e-9 * z[0]
    keep = [0]
    for i in range(1, z.size - 1):
        falls, widens = z[keep[-1]] - z[i] > step and z[i] > step, rho[i] - rho[keep[-1]] > 1e-9
        if falls and widens and rho[i] < 1 - 1e-9:
            keep.append(i)
    keep.append(z.size - 1)
    return rho[keep], z[keep]


def cap_residual_um(r: FloatArray, z: FloatArray) -> float:
    """RMS height difference to the spherical cap of the same diameter and height."""
    a, h = float(r[-1]), float(z[0])
    sphere = (a**2 + h**2) / (2 * h)
    cap = np.sqrt(np.maximum(sphere**2 - r**2, 0)) - (sphere - h)
    # Area-weighted over the contact plane.
    return math.sqrt(float(np.trapezoid((z - cap) ** 2 * 2 * r, r)) / a**2)
