"""Where the search for an island with walls begins: a plateau or a cap cut into terraces.

A fit that begins at a dome and has to end at cylinders on each other stops in between. Within an
outline that is given, the blurred profile of a base under the factor of `imaging.dome_factor` is
linear in the heights at its nodes. For outlines of several sizes, and some blurs, they are solved
for, on means over all directions; the best of them is the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from imaging.blur import Blur, gaussians
from imaging.dome_factor import LINES, NODES
from imaging.island_fit import BEND_WIDTH, DomeFit, Patch
from imaging.volume import FloatArray

BASES = ((4.0, -0.4), (2.0, 0.8))
"""Powers and edges: a plateau, and a cap."""
SCALES = np.arange(0.7, 1.1, 0.03)
"""Sizes of the outline, over that of the fit before."""
SHARPER = (0.5, 0.7, 0.85, 1.0)
"""Blurs, over what is expected."""
RING, STEP = 1.0, 0.25
"""Pixels between the radii of means, and between those of a profile that is blurred."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Means of a patch over all directions."""

    radius: FloatArray
    """In pixels, where the outline is a circle of the dome's size; shape (n,)."""
    value_um: FloatArray
    weight: FloatArray
    """1 / standard deviation."""


def terraced(patch: Patch, dome: DomeFit) -> DomeFit:
    """Start of a fit, from a dome that has been fitted to the same patch."""
    rings, size = _rings(patch, dome), math.exp(dome.log_radius)
    at = np.arange(0.5 * STEP, SCALES[-1] * size, STEP)
    rho = at / (SCALES[:, None] * size)
    sharp = np.stack([_parts(replace(dome, power=p, edge=u, height_um=1.0), rho) for p, u in BASES])
    best = (math.inf, dome)
    for blur in [factor * patch.blur.std for factor in SHARPER]:
        spread = _spread(rings.radius, at, replace(patch.blur, std=blur))
        known = (math.log(blur / patch.blur.std) / patch.blur.uncertainty) ** 2
        costs, heights = _solved(rings, sharp @ spread.T, dome.height_um)
        base, scale = np.unravel_index(np.argmin(costs), costs.shape)
        cost = known + float(costs[base, scale])
        if cost < best[0]:
            summit, lines = heights[base, scale, 0], heights[base, scale, 1:]
            start = replace(dome, power=BASES[base][0], edge=BASES[base][1], blur=blur)
            start = replace(start, log_radius=math.log(SCALES[scale] * size))
            bends = np.append(lines / summit, np.zeros(dome.bends.size - LINES))
            best = (cost, replace(start, height_um=float(summit), bends=bends))
    return best[1]


def _rings(patch: Patch, dome: DomeFit) -> Rings:
    """The patch about a dome's centre, stretched so that its outline is a circle."""
    rows, columns = np.nonzero(patch.weight)
    y0, x0 = patch.corner
    r, outline = dome.polar((rows + y0).astype(float), (columns + x0).astype(float))
    r *= math.exp(dome.log_radius) / outline
    weight, value = patch.weight[rows, columns] ** 2, patch.values_um[rows, columns]
    ring = (r / RING).astype(int)
    total = np.bincount(ring, weight)
    some = total > 0
    radius, mean = (np.bincount(ring, weight * v)[some] / total[some] for v in (r, value))
    return Rings(radius, mean, np.sqrt(total[some]))


def _spread(radius: FloatArray, at: FloatArray, blur: Blur) -> FloatArray:
    """What rings of unit height around `at` add to a blurred image, shape (radius, at)."""
    parts = gaussians(blur.tail, blur.ratio)
    return np.asarray(sum(s * _ring(radius[:, None], at, blur.std * width) for s, width in parts))


def _ring(radius: FloatArray, at: FloatArray, std: float) -> FloatArray:
    """A Gaussian over all directions, seen by pixels and in rings: Rice's distribution with the
    radii changed about."""
    std = math.sqrt(std**2 + (1 + RING**2) / 12)
    bell = np.exp(-0.5 * ((radius - at) / std) ** 2)
    return np.asarray(STEP * at / std**2 * bell * special.ive(0, radius * at / std**2))


def _parts(base: DomeFit, rho: FloatArray) -> FloatArray:
    """A base, and it times the factor's hats; shape (scale, 1 + LINES, radius)."""
    hats = np.stack([np.interp(rho, NODES, node) for node in np.eye(LINES + 1)], axis=1)
    hats[:, 0] = 1.0  # the summit's height is the scale of all
    return np.asarray(np.where(rho < 1, base.profile(rho), 0.0)[:, None] * hats)


def _solved(rings: Rings, images: FloatArray, height_um: float) -> tuple[FloatArray, FloatArray]:
    """Costs (...) of the best heights of images, and these, for images of shape (..., n, radius).

    The heights have the prior of a fit on its bends.
    """
    columns = images * rings.weight
    values = rings.value_um * rings.weight
    # The summit is free, but for a trace that keeps an outline without a ring inside solvable.
    certain = np.append(1e-6 / height_um, np.full(LINES, 1 / (BEND_WIDTH * height_um)))
    square = columns @ np.swapaxes(columns, -1, -2) + np.diag(certain**2)
    heights = np.linalg.solve(square, (columns @ values)[..., None])[..., 0]
    misfit = np.einsum("...n,...nr->...r", heights, columns) - values
    costs = np.sum(misfit**2, axis=-1) + np.sum((heights * certain) ** 2, axis=-1)
    return np.where(heights[..., 0] > 0, costs, math.inf), heights
