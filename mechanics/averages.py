"""Integrals and averages of the electrolyte's stress that do not depend on the mesh.

A raw maximum of stress at the contact line grows without bound on refinement;
volumes above a threshold and averages over a length of the material do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.discs import disc_sums
from mechanics.plasticity import RZ, ZR
from mechanics.profile import Floats
from mechanics.stress import NodalStress

MAX_DIVISIONS = 24


@dataclass(frozen=True)
class StressCloud:
    """A body's stress at points that each stand for a piece of its meridian plane."""

    points: Floats
    """Coordinates (r, z), shape (n, 2), um, undeformed."""
    areas: Floats
    """Area in the meridian plane, shape (n,), um2."""
    stress: Floats
    """Components (rr, rz, zr, zz, tt), shape (n, 5), MPa."""

    @property
    def volumes(self) -> Floats:
        """Volume of revolution of each piece, shape (n,), um3."""
        return 2 * np.pi * self.points[:, 0] * self.areas


def sample(
    space: Discretisation, nodal: NodalStress, spacing_um: float, cells: Ints | None = None
) -> StressCloud:
    """Divide each element of a body into equal parts of about a given size.

    Parameters
    ----------
    space, nodal
        The body's continuous stress field.
    spacing_um
        Wanted distance of the points; an element has at least 3 x 3 of them.
    cells
        Rows of ``nodal.cells`` to sample, all by default.
    """
    rows = np.arange(len(nodal.cells)) if cells is None else cells
    size = np.sqrt(space.areas[nodal.cells[rows]].sum(axis=1))
    divisions = np.clip(np.ceil(size / spacing_um), 3, MAX_DIVISIONS).astype(int)
    parts = [
        _sample_equally(space, nodal, rows[divisions == n], int(n)) for n in np.unique(divisions)
    ]
    return StressCloud(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.areas for part in parts]),
        np.concatenate([part.stress for part in parts]),
    )


def _sample_equally(space: Discretisation, nodal: NodalStress, rows: Ints, n: int) -> StressCloud:
    """Sample elements at the centres of n x n equal parts of the reference element."""
    ticks = (np.arange(n) + 0.5) / n
    reference = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    shape = space.shape_functions(reference)
    nodes = nodal.connectivity[rows]
    points = np.einsum("qa,cai->cqi", shape, nodal.points[nodes])
    stress = np.einsum("qa,cak->cqk", shape, nodal.stress[nodes])
    areas = space.jacobian_at(reference, nodal.points[nodes]) / n**2
    return StressCloud(points.reshape(-1, 2), areas.ravel(), stress.reshape(-1, 5))


def disc_average(cloud: StressCloud, sites: Floats, radius_um: float) -> Floats:
    """Average the stress tensor over discs in the meridian plane, inside the body only.

    Discs that reach over the axis go on in the mirrored half plane, where the
    shear component has the other sign.

    Parameters
    ----------
    cloud
        The body's stress, sampled several times finer than the radius.
    sites
        Centres (r, z), shape (n, 2), um.
    radius_um
        Radius of the discs.

    Returns
    -------
    ndarray
        Components (rr, rz, zr, zz, tt), shape (n, 5), MPa.
    """
    mirrored = cloud.points[:, 0] < radius_um
    flip = np.ones(5)
    flip[[RZ, ZR]] = -1.0
    points = np.concatenate((cloud.points, cloud.points[mirrored] * [-1.0, 1.0]))
    areas = np.concatenate((cloud.areas, cloud.areas[mirrored]))
    stress = np.concatenate((cloud.stress, cloud.stress[mirrored] * flip))
    sums = disc_sums(
        points, areas[:, None] * np.column_stack((stress, np.ones(len(points)))), sites, radius_um
    )
    weights, sums = sums[:, 5], sums[:, :5]
    # on coarse elements a disc may hold no point: the nearest one stands for it
    for empty in np.flatnonzero(weights == 0):
        nearest = np.argmin(((points - sites[empty]) ** 2).sum(axis=1))
        weights[empty], sums[empty] = 1.0, stress[nearest]
    return sums / weights[:, None]
