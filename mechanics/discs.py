"""Sums over the points of a plane that lie in discs.

SciPy's k-d tree finds such points, but takes longer to load than an island takes to mesh.
"""

from __future__ import annotations

import numpy as np

from mechanics.profile import Floats

TOGETHER = 2**21
"""Distances that are looked at together; bounds the memory."""


def disc_sums(points: Floats, values: Floats, sites: Floats, radius_um: float) -> Floats:
    """Add up the values of the points in each disc.

    Points are sorted by squares as large as the radius, column by column within a row; what the
    discs about the sites of one square hold lies in three runs of three squares each.

    Parameters
    ----------
    points, values
        Coordinates, shape (n, 2), um, and what they stand for, shape (n, k).
    sites
        Centres of the discs, shape (m, 2), um.
    radius_um
        Radius of the discs.

    Returns
    -------
    ndarray
        Shape (m, k); zero for a disc without points.
    """
    # two rows and columns of empty squares around all points: no run leaves the grid
    corner = points.min(axis=0) - 2 * radius_um
    square = np.floor((points - corner) / radius_um).astype(np.int64)
    last = square.max(axis=0)
    columns = int(last[1]) + 3
    number = square @ [columns, 1]
    order = np.argsort(number, kind="stable")
    points, values, number = points[order], values[order], number[order]
    # discs beyond the grid hold nothing and may look anywhere
    at = np.clip(np.floor((sites - corner) / radius_um), 1, last + 1).astype(np.int64)
    squares, of_site = np.unique(at @ [columns, 1], return_inverse=True)
    first = squares[:, None] + np.array([-columns, 0, columns]) - 1
    runs = np.stack((np.searchsorted(number, first), np.searchsorted(number, first + 3)), axis=-1)
    by_square = np.split(np.argsort(of_site, kind="stable"), np.cumsum(np.bincount(of_site))[:-1])
    sums = np.zeros((len(sites), values.shape[1]))
    for run, rows in zip(runs, by_square, strict=True):
        near = np.concatenate([np.arange(begin, end) for begin, end in run])
        there, given = points[near], values[near]
        for some in np.array_split(rows, -(-len(rows) * len(near) // TOGETHER) or 1):
            gap_r, gap_z = (sites[some, i, None] - there[:, i] for i in range(2))
            inside = gap_r * gap_r + gap_z * gap_z <= radius_um**2
            sums[some] = inside.astype(float) @ given
    return sums
