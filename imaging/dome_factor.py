"""The factor that bends a dome: shoulders, dimples, tips, summits off the centre, saddles.

F(rho, angle) = f(rho) + sum c rho^k cos(n angle) + s rho^k sin(n angle), with f(0) = 1: broken
lines between `NODES`, and (n, k) from `WAVES`. It multiplies the dome of `imaging.island_fit`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.volume import FloatArray

NODES = (0.0, 0.25, 0.35, 0.45, 0.525, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Relative radii; closer where walls and shoulders are, and a voxel counts for most area, and near
enough in the middle for the edge of a flat top: what misses it is made up for by a wider blur."""
WAVES = ((1, 1), (1, 3), (2, 2), (2, 4), (3, 3), (4, 4))
"""Multiple of the angle, and power of the relative radius."""
LINES = len(NODES) - 1
BENDS = LINES + 2 * len(WAVES)
_SLOPES = np.diff(np.eye(LINES + 1), axis=0) / np.diff(NODES)[:, None]
KINKS = np.concatenate([2 * _SLOPES[:1], np.diff(_SLOPES, axis=0)])[:, 1:]
"""Changes of slope in the middle and where lines meet are this times the first `LINES` bends."""

type Directions = NDArray[np.complex128]


def factor(bends: FloatArray, rho: FloatArray, direction: Directions) -> FloatArray:
    """F at relative radii up to 1 in directions exp(i angle), never below 0.

    Parameters
    ----------
    bends
        f at `NODES` less 1 (but for the first), then c and s of `WAVES`; shape (BENDS,).
    rho, direction
        Of one shape.
    """
    total = 1.0 + np.interp(rho, NODES, np.append(0.0, bends[:LINES]))
    for (_, power), wave, (c, s) in zip(WAVES, _waves(direction), _pairs(bends), strict=True):
        total += rho**power * (c * wave.real + s * wave.imag)
    return np.asarray(np.maximum(total, 0.0))


def _pairs(bends: FloatArray) -> FloatArray:
    return bends[LINES:].reshape(-1, 2)


def _waves(direction: Directions) -> list[Directions]:
    powers = [np.ones_like(direction)]
    for _ in range(max(n for n, _ in WAVES)):
        powers.append(powers[-1] * direction)  # high powers of complex numbers are slow
    return [powers[n] for n, _ in WAVES]
