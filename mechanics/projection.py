"""The point of a chain of edges that is closest to a point beside it."""

from __future__ import annotations

import numpy as np

from mechanics.assembly import Ints
from mechanics.chain import slopes, values
from mechanics.profile import Floats

PROJECTIONS = 25
"""Newton iterations at the most; from the nearest sample a few are enough."""


def nearest(points: Floats, edges: Floats) -> tuple[Ints, Floats]:
    """Return the edge (m, 3, 2) and position of the sample nearest to each point."""
    ticks = np.linspace(0, 1, 5)
    samples = np.einsum("ta,eai->eti", values(ticks), edges).reshape(-1, 2)
    square = ((points[:, None, :] - samples[None]) ** 2).sum(-1)
    nearest = square.argmin(1)
    return nearest // len(ticks), ticks[nearest % len(ticks)]


def closest(points: Floats, edges: Floats) -> tuple[Ints, Floats]:
    """Return edge and position of the closest points on a chain of edges (m, 3, 2)."""
    edge, at = nearest(points, edges)
    last = len(edges) - 1
    for _ in range(PROJECTIONS):
        nodes = edges[edge]
        along = np.einsum("pa,pai->pi", slopes(at), nodes)
        away = points - np.einsum("pa,pai->pi", values(at), nodes)
        bend = 4 * (nodes[:, 0] - 2 * nodes[:, 1] + nodes[:, 2])
        square = (along**2).sum(1)
        step = (away * along).sum(1) / np.maximum(square - (away * bend).sum(1), 0.2 * square)
        at = at + np.clip(step, -0.5, 0.5)
        on, back = (at > 1) & (edge < last), (at < 0) & (edge > 0)
        edge = edge + on - back
        at = np.where(on, np.minimum(at - 1, 0.5), np.where(back, np.maximum(at + 1, 0.5), at))
        at = np.clip(at, 0.0, 1.0)
        if np.abs(step).max() < 1e-13:
            break
    return edge, at
