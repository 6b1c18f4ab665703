"""The blur of a scan, seen at the interface of electrolyte and current collector.

A flat interface shows how the camera spreads an edge along z, averaged over so many pixels that
noise does not matter. Tomograms blur alike along all axes, or nearly so: the form of that spread,
a Gaussian or one with tails, holds in the plane, and its width is a good guess there.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from imaging.lvf import Interface
from imaging.volume import BoolArray, FloatArray, Volume

log = logging.getLogger(__name__)

BLOCK = 24
"""Pixels along the side of a block, each of which has a level of its own: interfaces tilt."""
MOST_BLOCKS = 400
LEAST_BLOCKS = 6
REACH = 6.0
"""Voxels on either side of the interface that show its spread."""
SEARCH = 24
"""Voxels on either side of the mean interface in which a block's own is looked for."""
BIN = 0.25
LEAST_TAIL = 0.05
CERTAIN = 4.0
"""Standard errors by which tails must stand out of a Gaussian's."""
LIKENESS = 0.2
"""Relative difference to be expected of the blur along z and in the plane."""


@dataclass(frozen=True)
class Blur:
    """A Gaussian, or the sum of a narrow and a wide one; what is expected of it."""

    std: float
    """Standard deviation of the whole along one axis, voxels."""
    uncertainty: float
    """Relative, of `std`."""
    tail: float = 0.0
    """Share of the wide Gaussian."""
    ratio: float = 1.0
    """Width of the wide Gaussian over that of the narrow one."""


def gaussians(tail: float, ratio: float) -> tuple[tuple[float, float], ...]:
    """(share, width) of the Gaussians that make up a blur; widths over that of the whole."""
    narrow = 1 / widened(tail, ratio)
    return ((1 - tail, narrow), (tail, ratio * narrow)) if tail > 0 else ((1.0, 1.0),)


def widened(tail: float, ratio: float) -> float:
    """Standard deviation of a narrow and a wide Gaussian together, over that of the narrow one."""
    return math.sqrt(1 + tail * (ratio**2 - 1))


DEFAULT_BLUR = Blur(1.0, 0.5)
"""Where no interface has been seen."""


def interface_blur(before: Volume, interface: Interface, roi: BoolArray) -> Blur:
    """How an edge spreads along z, averaged over blocks of the interface.

    Parameters
    ----------
    before
        Scan without plated lithium.
    interface
        Where electrolyte and collector meet, on average.
    roi
        Pixels (y, x) to look at.

    Returns
    -------
    Blur
        `DEFAULT_BLUR`, with a word in the log, where too little of the interface is in view.
    """
    profiles, depth = _profiles(before, interface, roi)
    samples = [_edge(profile, depth) for profile in profiles]
    found = [s for s in samples if s is not None]
    if len(found) < LEAST_BLOCKS:
        log.info("the blur cannot be seen at the interface: that of a usual scan is expected")
        return DEFAULT_BLUR
    where, value, error = _binned(
        np.concatenate([s[0] for s in found]), np.concatenate([s[1] for s in found])
    )
    return _fitted(where, value, error)


def _profiles(
    before: Volume, interface: Interface, roi: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Mean grey values of blocks (block, slice) and depths of the slices, rising, in voxels."""
    depth = interface.depth_um(before) / before.spacing_um[0]
    near = np.flatnonzero(np.abs(depth) <= SEARCH)
    order = near[np.argsort(depth[near])]
    ny, nx = (n // BLOCK for n in roi.shape)
    if near.size == 0 or ny * nx == 0:
        return np.zeros((0, order.size)), depth[order]
    full = roi[: ny * BLOCK, : nx * BLOCK].reshape(ny, BLOCK, nx, BLOCK).all(axis=(1, 3))
    corners = np.argwhere(full) * BLOCK
    corners = corners[:: max(math.ceil(corners.shape[0] / MOST_BLOCKS), 1)]
    rows = [
        before.values[near[0] : near[-1] + 1, y : y + BLOCK, x : x + BLOCK].mean(
            axis=(1, 2), dtype=np.float64
        )
        for y, x in corners
    ]
    found = np.array(rows).reshape(len(rows), near.size)
    return found[:, order - near[0]], depth[order]


def _edge(profile: FloatArray, depth: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Distances to a block's own interface and values there, from 0 (electrolyte) to 1."""
    start = int(np.searchsorted(depth, 0.0))
    bright = float(np.median(profile[start + 3 :])) if profile.size > start + 6 else np.nan
    dark = float(np.median(profile[: max(start - 3, 0)])) if start > 6 else np.nan
    if not bright > dark:
        return None
    above = np.flatnonzero(profile < 0.5 * (bright + dark))
    k = int(above[-1]) if above.size else -1  # the last slice of the electrolyte
    if not 0 <= k < profile.size - 1:
        return None
    levels = []
    crossing = depth[k]
    for _ in range(2):
        far = np.abs(depth - crossing)
        sides = [(far > 3.5) & (far <= REACH + 2) & s for s in (depth < crossing, depth > crossing)]
        if min(np.count_nonzero(s) for s in sides) < 3:
            return None
        levels = [float(profile[s].mean()) for s in sides]
        half = 0.5 * (levels[0] + levels[1])
        if not profile[k] < half <= profile[k + 1]:
            return None
        crossing = depth[k] + (half - profile[k]) / (profile[k + 1] - profile[k])
    used = np.abs(depth - crossing) <= REACH
    return depth[used] - crossing, (profile[used] - levels[0]) / (levels[1] - levels[0])


def _binned(at: FloatArray, value: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means of distances and values over bins of the distance, and the values' standard errors."""
    index = np.floor((at + REACH) / BIN).astype(int)
    count = np.bincount(index)
    held = count >= 2
    centre = np.bincount(index, at)[held] / count[held]
    # Medians: a block with a pore at its interface does not count.
    pieces = [value[index == i] for i in np.flatnonzero(held)]
    middle = np.array([np.median(p) for p in pieces])
    spread = np.array(
        [1.4826 * np.median(np.abs(p - m)) for p, m in zip(pieces, middle, strict=True)]
    )
    return centre, middle, 1.25 * spread / np.sqrt(count[held]) + 1e-3


def _spread(at: FloatArray, std: float) -> FloatArray:
    """An edge under a Gaussian, averaged over voxels."""

    def ramp(d: FloatArray) -> FloatArray:
        return np.asarray(
            d * special.ndtr(d / std) + std / math.sqrt(2 * math.pi) * np.exp(-0.5 * (d / std) ** 2)
        )

    return ramp(at + 0.5) - ramp(at - 0.5)


def _fitted(at: FloatArray, value: FloatArray, error: FloatArray) -> Blur:
    """A Gaussian, or two where one does not do."""

    def misfit(p: FloatArray) -> FloatArray:
        place, narrow = at - p[0], math.exp(p[1])
        edge = _spread(place, narrow)
        if p.size > 4:
            edge = edge + p[4] * (_spread(place, narrow * math.exp(p[5])) - edge)
        return np.asarray((p[2] + p[3] * edge - value) / error)

    low, high = [-1.0, math.log(0.2), -0.3, 0.7], [1.0, math.log(4.0), 0.3, 1.3]
    one = optimize.least_squares(misfit, [0.0, 0.0, 0.0, 1.0], bounds=(low, high))
    two = optimize.least_squares(
        misfit,
        [one.x[0], one.x[1] - 0.3, *one.x[2:], 0.4, math.log(2.2)],
        bounds=([*low, 0.0, math.log(1.7)], [*high, 0.7, math.log(4.0)]),
    )
    # Misfits of the plateaus (grains) count as noise.
    scale = max(2 * two.cost / max(at.size - 6, 1), 1.0)
    tail, ratio = float(two.x[4]), math.exp(two.x[5])
    if 2 * (one.cost - two.cost) < CERTAIN**2 * scale or tail < LEAST_TAIL:
        return Blur(math.exp(one.x[1]), LIKENESS)
    whole = math.exp(two.x[1]) * widened(tail, ratio)
    return Blur(whole, LIKENESS, tail, ratio)
