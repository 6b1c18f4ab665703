"""Which points of a plane lie within a radius of others.

SciPy's k-d tree finds the same, but takes longer to load than an island takes to mesh.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mechanics.assembly import Ints
from mechanics.profile import Floats

CANDIDATES = 2**21
"""Points that are looked at together; bounds the memory."""


def within(points: Floats, sites: Floats, radius_um: float) -> Iterator[tuple[Ints, Ints]]:
    """Find the points in discs, some of the discs at a time.

    Points are sorted by squares as large as the radius; what a disc holds lies in three runs of
    three squares each.

    Parameters
    ----------
    points, sites
        Coordinates of the points, shape (n, 2), and of the discs' centres, shape (m, 2), um.
    radius_um
        Radius of the discs.

    Yields
    ------
    tuple of ndarray
        Rows of the site and of the point for each pair, shape (pairs,) both, sites ascending.
    """
    # two rows and columns of empty squares around all points: no run leaves the grid
    corner = points.min(axis=0) - 2 * radius_um
    square = np.floor((points - corner) / radius_um).astype(np.int64)
    last = square.max(axis=0)
    columns = int(last[1]) + 3
    number = square[:, 0] * columns + square[:, 1]
    order = np.argsort(number, kind="stable")
    # discs beyond the grid hold nothing and may look anywhere
    at = np.clip(np.floor((sites - corner) / radius_um), 1, last + 1).astype(np.int64)
    first = (at[:, :1] + [-1, 0, 1]) * columns + at[:, 1:] - 1
    begin = np.searchsorted(number[order], first)
    length = np.searchsorted(number[order], first + 3) - begin
    total = np.cumsum(length.sum(axis=1))
    cuts = np.searchsorted(total, np.arange(CANDIDATES, total[-1], CANDIDATES)) + 1
    for rows in np.split(np.arange(len(sites)), np.unique(cuts)):
        runs = length[rows].ravel()
        ends = np.cumsum(runs)
        within_run = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - runs, runs)
        point = order[within_run + np.repeat(begin[rows].ravel(), runs)]
        site = np.repeat(np.repeat(rows, 3), runs)
        gap = points[point] - sites[site]
        near = np.einsum("ij,ij->i", gap, gap) <= radius_um**2
        yield site[near], point[near]


def has_any(points: Floats, sites: Floats, radius_um: float) -> NDArray[np.bool_]:
    """Return whether there is a point within a radius of each site, shape (m,)."""
    found = np.zeros(len(sites), dtype=bool)
    for site, _ in within(points, sites, radius_um):
        found[site] = True
    return found
