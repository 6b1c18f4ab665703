"""Rigid motions of a volume about its centre.

Sign convention: the transform says where the material went. A point at x in the *before* scan is
found in the *after* scan at T(x) = c + R (x - c) + shift, with c the volume's centre; R turns
about x, then y, then z by right-handed angles. `apply` undoes it: it returns after(T(x)) on the
grid of the before scan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging import kernels
from imaging.slabs import Progress, Rows, Step, stream
from imaging.volume import BoolArray, FloatArray, Triple, Volume


@dataclass(frozen=True)
class RigidTransform:
    """Motion of the material from the before to the after scan; triples are (z, y, x)."""

    rotation_deg: Triple
    shift_um: Triple
    residual: float = 0.0
    """Scatter of after - before over the mask once aligned, as fraction of the before's scatter."""
    correlation: float = 1.0
    """Correlation of the two scans over the mask after alignment."""
    covariance: FloatArray | None = field(default=None, compare=False)
    """Of shift (um) and turn (rad) about z, y, x, in the frame of the before scan, from the
    scatter of the scans' difference; shape (6, 6)."""

    @property
    def matrix(self) -> FloatArray:
        """Rotation matrix on (z, y, x) vectors."""
        # only now: options and help know transforms, and must not wait for SciPy
        from scipy.spatial.transform import Rotation

        about_xyz: FloatArray = Rotation.from_euler(
            "xyz", self.rotation_deg[::-1], degrees=True
        ).as_matrix()
        return about_xyz[::-1, ::-1]

    def moved(self, points_um: FloatArray, centre_um: Triple) -> FloatArray:
        """T(x) of points (..., 3), in um."""
        centre = np.asarray(centre_um)
        turned = (points_um - centre) @ self.matrix.T
        return np.asarray(turned + centre + np.asarray(self.shift_um), dtype=np.float64)


def angles_deg(matrix: FloatArray) -> Triple:
    """(z, y, x) angles of a rotation matrix on (z, y, x) vectors: inverse of `matrix`."""
    from scipy.spatial.transform import Rotation

    x, y, z = Rotation.from_matrix(matrix[::-1, ::-1]).as_euler("xyz", degrees=True)
    return float(z), float(y), float(x)


def apply(transform: RigidTransform, volume: Volume, progress: Progress | None = None) -> Volume:
    """The volume brought back to the before scan's place: one cubic B-spline interpolation.

    Where the field of view ends, the nearest voxel is continued: see `seen`.

    Parameters
    ----------
    transform
        Where the material went.
    volume
        The after scan.
    progress
        Called with the fraction done.

    Returns
    -------
    Volume of float32, same grid.
    """
    offset, matrix = index_map(transform, volume)
    corners = kernels.corners(volume.shape)
    # The map is affine: it moves no voxel further along y than it moves some corner.
    moved = np.abs(corners @ matrix.T + offset - corners)[:, 1].max()

    def run(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.float32]:
        return kernels.spline_resampled(
            parts[0], matrix, offset, volume.shape, rows.keep, rows.have.start
        )

    halo = math.ceil(min(moved, volume.shape[1])) + kernels.SPLINE_REACH + 3
    out = np.empty(volume.shape, np.float32)
    stream([Step(run, halo)], [volume.values], out, progress=progress)
    return volume.with_values(out)


def seen(transform: RigidTransform, volume: Volume, slices: slice) -> BoolArray:
    """Pixels (y, x) whose columns, over these slices, lie in the after scan's field of view."""
    offset, matrix = index_map(transform, volume)
    last = np.asarray(volume.shape) - 1
    y, x = np.ogrid[: volume.shape[1], : volume.shape[2]]
    inside = np.ones(volume.shape[1:], dtype=bool)
    # The map is affine: a column is inside if its two ends are.
    for z in (slices.start, slices.stop - 1):
        for axis, (along_z, along_y, along_x) in enumerate(matrix):
            where = (offset[axis] + along_z * z + along_y * y) + along_x * x
            inside &= (where > -0.5) & (where < last[axis] + 0.5)
    return inside


def slices_seen(transform: RigidTransform, volume: Volume, slices: slice) -> slice:
    """Those of some slices that lie in the after scan's field of view along z as a whole."""
    offset, matrix = index_map(transform, volume)
    ends = np.array(list(product(*((0, n - 1) for n in volume.shape[1:])))) @ matrix[0, 1:]
    where = offset[0] + matrix[0, 0] * np.arange(slices.start, slices.stop)
    inside = (where + ends.min() > -0.5) & (where + ends.max() < volume.shape[0] - 0.5)
    used = np.flatnonzero(inside) + slices.start
    return slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 0)


def corner_error_um(
    a: RigidTransform, b: RigidTransform, low_um: Triple, high_um: Triple, centre_um: Triple
) -> float:
    """Largest distance between the images of a box's eight corners under two transforms."""
    corners = np.array(list(product(*zip(low_um, high_um, strict=True))))
    difference = a.moved(corners, centre_um) - b.moved(corners, centre_um)
    return float(np.linalg.norm(difference, axis=1).max())


def expected_corner_error_um(
    transform: RigidTransform, low_um: Triple, high_um: Triple, centre_um: Triple
) -> FloatArray:
    """Expected error of T(x) at the worst of a box's eight corners: its z, y, x parts, RMS.

    NaN where the transform does not know how sure it is.
    """
    if transform.covariance is None:
        return np.full(3, np.nan)
    errors = []
    for corner in product(*zip(low_um, high_um, strict=True)):
        z, y, x = np.subtract(corner, centre_um)
        # omega x r for right-handed turns about z, y, x, written in (z, y, x) components.
        turns = np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]])
        by_all = transform.matrix @ np.hstack([np.eye(3), turns])
        errors.append(np.sqrt(np.diag(by_all @ transform.covariance @ by_all.T)))
    return np.asarray(max(errors, key=lambda e: float(np.linalg.norm(e))))


def index_map(
    transform: RigidTransform, volume: Volume
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """T in voxel indices: where = matrix @ index + offset."""
    spacing = np.asarray(volume.spacing_um)
    centre = 0.5 * (np.asarray(volume.shape) - 1)
    matrix = transform.matrix * spacing[None, :] / spacing[:, None]
    return centre + np.asarray(transform.shift_um) / spacing - matrix @ centre, matrix
