"""Compiled images of domes and their derivatives; imports numba, which takes a second.

What `imaging.island_fit` and `imaging.dome_slopes` describe, sample by sample: a fit draws each
island some fifty times. As in `imaging.loops`, arrays are C-contiguous, and loops run on one core,
without Python's lock.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.loops import Float64, compiled

type Ints = NDArray[np.int64]

STEEP = 0.01
"""Least root in derivatives: the wall of an ellipsoid is vertical, its slope is cut there."""
NEAREST = 1e-3
"""Distance from the centre, in pixels, below which no direction is told."""
INNER = 2.0
"""Distance from the outline, in pixels, from which on one sample stands for a pixel."""


@compiled
def _bent(
    powers: Float64, cosines: Float64, sines: Float64, nodes: Float64, waves: Ints, bends: Float64
) -> tuple[float, float, float]:
    """The factor of `imaging.dome_factor`, and its derivatives by log rho and by the angle.

    `powers` of rho, from 1 on.
    """
    rho, lines = powers[1], nodes.size - 1
    part = 0
    while part < lines - 1 and rho >= nodes[part + 1]:
        part += 1
    low = bends[part - 1] if part > 0 else 0.0
    steep = (bends[part] - low) / (nodes[part + 1] - nodes[part])
    total = 1.0 + low + steep * (rho - nodes[part])
    by_log, by_angle = rho * steep, 0.0
    for i in range(waves.shape[0]):
        n, power = waves[i, 0], waves[i, 1]
        c, s = bends[lines + 2 * i], bends[lines + 2 * i + 1]
        radial = powers[power]
        along = c * cosines[n] + s * sines[n]
        total += radial * along
        by_log += power * radial * along
        by_angle += n * radial * (s * cosines[n] - c * sines[n])
    return total, by_log, by_angle


@compiled
def _bend_terms(
    powers: Float64,
    cosines: Float64,
    sines: Float64,
    nodes: Float64,
    waves: Ints,
    value: float,
    out: Float64,
) -> None:
    """Add `value` times the derivatives of the factor by each of the bends."""
    rho, lines = powers[1], nodes.size - 1
    part = 0
    while part < lines - 1 and rho >= nodes[part + 1]:
        part += 1
    rise = (rho - nodes[part]) / (nodes[part + 1] - nodes[part])
    out[part] += value * rise
    if part > 0:
        out[part - 1] += value * (1.0 - rise)
    for i in range(waves.shape[0]):
        n, power = waves[i, 0], waves[i, 1]
        radial = value * powers[power]
        out[lines + 2 * i] += radial * cosines[n]
        out[lines + 2 * i + 1] += radial * sines[n]


@compiled
def dome(
    head: Float64,
    lobes: Ints,
    outline: Float64,
    nodes: Float64,
    bend_waves: Ints,
    bends: Float64,
    corner: tuple[int, int],
    fine: int,
    out: Float64,
) -> None:
    """Mean height of a dome over each pixel, before blurring, or all derivatives of it.

    Parameters
    ----------
    head
        Centre y, centre x, log radius, height, edge, power.
    lobes, outline
        Multiples of the angle, and cos and sin coefficients of each.
    nodes, bend_waves, bends
        As in `imaging.dome_factor`; no `bends`: a plain dome.
    corner, fine
        Indices of the first pixel, and samples along each side of a pixel near the outline.
    out
        Zeros. Shape (1, y, x): takes the heights. More: derivatives by centre y, centre x, log
        radius, height, edge, log power; the height itself; then by the outline's coefficients;
        then, if there is place, by the bends.
    """
    cy, cx, log_radius = head[0], head[1], head[2]
    height, u, p = head[3], head[4], head[5]
    sloped = out.shape[0] > 1
    first_bend = 7 + outline.size
    with_bends = out.shape[0] > first_bend
    most = max(lobes.max(), bend_waves[:, 0].max())
    cosines, sines = np.empty(most + 1), np.empty(most + 1)
    cosines[0], sines[0] = 1.0, 0.0
    powers = np.ones(bend_waves[:, 1].max() + 1)
    sum_of_waves = 0.0
    for i in range(lobes.size):
        sum_of_waves += math.hypot(outline[2 * i], outline[2 * i + 1])
    widest = math.exp(log_radius + sum_of_waves)
    narrowest = math.exp(log_radius - sum_of_waves)
    terms = np.empty(out.shape[0])
    for iy in range(out.shape[1]):
        for ix in range(out.shape[2]):
            away = math.hypot(corner[0] + iy - cy, corner[1] + ix - cx)
            if away > widest + 1.0:
                continue
            terms[:] = 0.0
            side = 1 if NEAREST < away < narrowest - INNER else fine
            share = 1.0 / side**2
            for sub in range(side * side):
                dy = corner[0] + iy + (sub // side + 0.5) / side - 0.5 - cy
                dx = corner[1] + ix + (sub % side + 0.5) / side - 0.5 - cx
                r = max(math.hypot(dy, dx), NEAREST)
                cosine, sine = dx / r, dy / r
                for n in range(1, most + 1):
                    cosines[n] = cosines[n - 1] * cosine - sines[n - 1] * sine
                    sines[n] = sines[n - 1] * cosine + cosines[n - 1] * sine
                log_outline, turn = log_radius, 0.0
                for i in range(lobes.size):
                    n, c, s = lobes[i], outline[2 * i], outline[2 * i + 1]
                    log_outline += c * cosines[n] + s * sines[n]
                    turn += n * (s * cosines[n] - c * sines[n])
                outline_r = math.exp(log_outline)
                covered = 0.5 + side * (outline_r - r)
                if covered <= 0.0:
                    continue
                # A sample stands for a little cell; on the outline for its part inside.
                rho, less = r / outline_r, 1.0
                if covered < 1.0:
                    inner = max(rho - 0.5 / (side * outline_r), 0.0)
                    rho = 0.5 * (inner + 1.0)
                    less = 0.5 * inner / rho
                else:
                    covered = 1.0
                log_rho = math.log(rho)
                rho_p = math.exp(p * log_rho)
                w = 1.0 - rho_p
                root = math.sqrt(u * u + (1.0 - u * u) * w)
                foot = max(u + root, 1e-12)
                relative = (1.0 + u) * w / foot  # height over the summit's
                factor, outwards, around = 1.0, 0.0, 0.0
                if bends.size:
                    for n in range(1, powers.size):
                        powers[n] = powers[n - 1] * rho
                    factor, outwards, around = _bent(
                        powers, cosines, sines, nodes, bend_waves, bends
                    )
                    if factor <= 0.0:
                        factor, outwards, around = 0.0, 0.0, 0.0
                if not sloped:
                    terms[0] += covered * height * relative * factor
                    continue
                steep = max(root, STEEP)
                by_w = height * (1.0 + u) / (2.0 * steep)
                if u > 0.5:
                    by_edge = w / foot
                    by_edge -= (1.0 + u) * w * (1.0 + u * rho_p / steep) / foot**2
                else:
                    by_edge = (u * rho_p / steep - 1.0) / (1.0 - u) + (root - u) / (1.0 - u) ** 2
                up = covered * height * relative
                # inwards per pixel, by the logarithm of the outline, and by the angle
                by_log = covered * by_w * p * rho_p * factor - up * outwards
                inwards = by_log / r
                if covered < 1.0:  # the outline moves within the cell
                    inwards = 0.5 * by_log / (rho * outline_r) + side * up * factor / covered
                    by_log = less * by_log + side * outline_r * up * factor / covered
                across = (by_log * turn + up * around) / r
                terms[0] += inwards * sine - across * cosine
                terms[1] += inwards * cosine + across * sine
                terms[2] += by_log
                terms[3] += covered * relative * factor
                terms[4] += covered * height * by_edge * factor
                terms[5] -= covered * p * by_w * rho_p * log_rho * factor
                terms[6] += up * factor
                for i in range(lobes.size):
                    n = lobes[i]
                    terms[7 + 2 * i] += by_log * cosines[n]
                    terms[8 + 2 * i] += by_log * sines[n]
                if with_bends and factor > 0.0:
                    _bend_terms(powers, cosines, sines, nodes, bend_waves, up, terms[first_bend:])
            for k in range(out.shape[0]):
                out[k, iy, ix] = share * terms[k]


@compiled
def blurred(values: Float64, weights: Float64, out: Float64) -> None:
    """Every image of a stack filtered along y and x, nothing beyond its sides.

    `weights` are those of the middle and of one side.
    """
    _, ny, nx = values.shape
    radius = weights.size - 1
    lines = np.zeros((ny, nx + 2 * radius))
    for k in range(values.shape[0]):
        for y in range(ny):
            line = lines[y, radius : radius + nx]
            for x in range(nx):
                line[x] = weights[0] * values[k, y, x]
            for d in range(1, radius + 1):
                for side in (-d, d):
                    if 0 <= y + side < ny:
                        row = values[k, y + side]
                        for x in range(nx):
                            line[x] += weights[d] * row[x]
        for y in range(ny):
            target = out[k, y]
            middle = lines[y, radius : radius + nx]
            for x in range(nx):
                target[x] = weights[0] * middle[x]
            for d in range(1, radius + 1):
                low = lines[y, radius - d : radius - d + nx]
                high = lines[y, radius + d : radius + d + nx]
                for x in range(nx):
                    target[x] += weights[d] * (low[x] + high[x])
