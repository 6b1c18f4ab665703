"""Which columns and slices of a moved scan are in view, against every voxel looked at by itself."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.transform import RigidTransform, seen, slices_seen
from imaging.volume import Volume

VOLUME = Volume(np.zeros((14, 23, 19), np.float32), (2.0, 1.5, 1.5))
MOTIONS = [
    RigidTransform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    RigidTransform((0.0, 0.0, 0.0), (0.9, -0.7, 0.7)),  # within half a voxel
    RigidTransform((0.0, 0.0, 0.0), (1.1, -0.8, 0.8)),  # just beyond
    RigidTransform((4.0, -3.0, 5.0), (2.1, 3.3, -4.7)),
    RigidTransform((-7.0, 2.0, 1.0), (-6.2, 0.0, 9.1)),
    RigidTransform((0.0, 0.0, 0.0), (90.0, 0.0, 0.0)),
]


def inside(transform: RigidTransform) -> np.ndarray:
    """Whether each voxel of the earlier scan lies in the later one: its cell, not its centre."""
    index = np.stack(np.indices(VOLUME.shape), axis=-1)
    moved = transform.moved(index * np.array(VOLUME.spacing_um), VOLUME.centre_um)
    where = moved / VOLUME.spacing_um
    return ((where > -0.5) & (where < np.array(VOLUME.shape) - 0.5)).all(axis=-1)


@pytest.mark.parametrize("transform", MOTIONS)
@pytest.mark.parametrize("part", [slice(0, 14), slice(3, 9), slice(13, 14)])
def test_columns_in_view(transform: RigidTransform, part: slice) -> None:
    assert np.array_equal(seen(transform, VOLUME, part), inside(transform)[part].all(axis=0))


@pytest.mark.parametrize("transform", MOTIONS)
@pytest.mark.parametrize("part", [slice(0, 14), slice(3, 9)])
def test_slices_in_view(transform: RigidTransform, part: slice) -> None:
    """Along z alone: a slice that leaves the field sideways is the columns' matter."""
    index = np.stack(np.indices(VOLUME.shape), axis=-1)
    moved = transform.moved(index * np.array(VOLUME.spacing_um), VOLUME.centre_um)
    where = moved[..., 0] / VOLUME.spacing_um[0]
    whole = ((where > -0.5) & (where < 13.5)).all(axis=(1, 2))
    found = slices_seen(transform, VOLUME, part)
    wanted = [k for k in range(part.start, part.stop) if whole[k]]
    assert list(range(found.start, found.stop)) == wanted
