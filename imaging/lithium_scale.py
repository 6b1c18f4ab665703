"""Is the grey value of lithium right? Islands tell, by how their LVF is spread along z.

Thin islands are nowhere free of the blur: the darkest voxels are brighter than lithium, and every
thickness comes out too large. A slab of thickness t under a known blur has one height of its
profile along z for every sum over it, so height and sum together give t and the scale. What
counts is the blur along z, which the interface shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.blur import Blur, gaussians
from imaging.island_fit import DomeFit
from imaging.island_scene import Scene
from imaging.quiet_sums import depths
from imaging.volume import FloatArray

BLUR_ERROR = 0.02
"""Relative, of the width that the interface shows."""
CORE = 0.6
"""Share of an island's height above which columns are looked at."""
SPREAD = 3.0
"""Standard deviations of the blur that are looked at around them."""
STEPS = 5
LEAST, MOST = 0.8, 1.5
"""Of the scale."""
USUAL = 0.004
"""Error of a scale, shapes that fits miss."""
ROUNDS = 5
WORTH = 0.06
"""Standard deviation of a scale above which the darkest voxels are as good."""


@dataclass(frozen=True)
class Scale:
    """LVF over its true value, and the standard deviation of that."""

    value: float
    std: float


def island_scale(scene: Scene, fit: DomeFit, others: list[DomeFit], blur: Blur) -> Scale | None:
    """Scale of the LVF by one island; None if it tells nothing.

    Parameters
    ----------
    scene
        The island.
    fit, others
        Its fit, and those of its neighbours.
    blur
        As seen at the interface, along z.
    """
    seen, lvf, heights = scene.seen, scene.lvf, scene.heights([fit, *others])
    top = float(scene.heights([fit])[seen].max(initial=0.0))
    core = seen & (scene.heights([fit]) > CORE * top)
    if not core.any():
        return None
    depth = depths(np.where(seen, lvf, 0.0), heights, seen, blur.std)
    layer = max(scene.ground, 0.0)
    reach = math.ceil(SPREAD * max(blur.std, fit.blur))
    rows, cols = (
        slice(max(int(i.min()) - reach, 0), int(i.max()) + reach + 1) for i in np.nonzero(core)
    )
    values, own, core = lvf[:, rows, cols], heights[rows, cols], core[rows, cols]

    def model(scale: float, place: float, width: float) -> FloatArray:
        level = (depth - place)[:, None, None]
        # The share of every voxel that lies between the ground and the surface.
        above = np.clip(level + 0.5 + layer / scale, 0, 1)
        slab = above - np.clip(level + 0.5 - own / scale, 0, 1)
        spread = _blurred(slab, width * blur.std, fit.blur, blur)
        return scale * spread[:, core]

    data = values[:, core].astype(np.float64)
    x = np.array([1.0, 0.0])
    slopes = np.zeros((2, data.size))
    rest = data.ravel()
    for _ in range(STEPS):
        now = model(x[0], x[1], 1.0).ravel()
        rest = data.ravel() - now
        slopes[0] = (model(x[0] + 0.01, x[1], 1.0).ravel() - now) / 0.01
        slopes[1] = (model(x[0], x[1] + 0.02, 1.0).ravel() - now) / 0.02
        step = np.linalg.pinv(slopes @ slopes.T, hermitian=True) @ (slopes @ rest)
        x = np.clip(x + step, [LEAST, -2.0], [MOST, 2.0])
        if abs(step[0]) < 1e-3:
            break
    inverse = np.linalg.pinv(slopes @ slopes.T, hermitian=True)
    wider = (model(x[0], x[1], 1.0 + BLUR_ERROR) - model(x[0], x[1], 1.0)).ravel()
    by_blur = float((inverse @ (slopes @ wider))[0])
    std = math.sqrt(float(inverse[0, 0] * rest.var()) + by_blur**2)
    return Scale(float(x[0]), std) if LEAST < x[0] < MOST else None


def agreed_scale(scales: list[Scale | None]) -> Scale | None:
    """What islands tell together, unless that is next to nothing.

    The error of the blur is common to all. An island far off, of a shape that its fit has missed,
    counts less.
    """
    told = [s for s in scales if s is not None]
    if not told:
        return None
    value, std = np.array([[s.value, s.std] for s in told]).T
    weight = 1 / (std**2 + USUAL**2)
    mean = 1.0
    for _ in range(ROUNDS):
        mean = float(np.average(value, weights=weight))
        weight = 1 / (std**2 + USUAL**2 + (value - mean) ** 2)
    found = Scale(mean, math.hypot(float(np.average(std, weights=weight)), USUAL))
    return found if found.std < WORTH else None


def _blurred(slab: FloatArray, along: float, across: float, blur: Blur) -> FloatArray:
    """Under a blur of these widths along z and in the plane."""
    std = np.array([along, across, across])
    parts = gaussians(blur.tail, blur.ratio)
    return np.asarray(sum(s * ndimage.gaussian_filter(slab, width * std) for s, width in parts))
