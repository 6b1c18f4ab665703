"""Filters that run over a volume piece by piece give what they give on all of it at once.

Pieces are as thin as they get here, so that a halo too short by one voxel changes a value.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from imaging import alignment, filters, kernels, reductions, slabs
from imaging.estimators import paper_lvf
from imaging.transform import RigidTransform, apply
from imaging.volume import Volume

ROWS = 150
VALUES = np.random.default_rng(4).normal(size=(9, ROWS, 11)).astype(np.float32)
WHOLE = slice(0, 9)


@pytest.fixture(autouse=True)
def _thin(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (slabs, alignment):
        monkeypatch.setattr(module, "SLAB_VOXELS", 1)
    for module in (filters, reductions):
        monkeypatch.setattr(module, "SMALL", 0)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[slice]:
    """Ranges of rows that are computed."""
    seen: list[slice] = []
    plan = slabs._plan

    def told(steps, axis, keep, size):  # type: ignore[no-untyped-def]
        seen.append(keep)
        return plan(steps, axis, keep, size)

    monkeypatch.setattr(slabs, "_plan", told)
    return seen


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.2])
def test_gaussian(sigma: float, pieces: list[slice]) -> None:
    assert np.array_equal(filters.gaussian(VALUES, sigma), kernels.gaussian(VALUES, sigma))
    assert len(pieces) >= 3


def test_large_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    flat, done = VALUES[0], list[float]()
    expected = ndimage.gaussian_filter(flat, 1.5, mode="nearest")
    monkeypatch.setattr(filters, "SMALL_MAP", 0)
    found = filters.gaussian(flat, 1.5, done.append)
    assert not np.array_equal(found, expected)  # another way, to the last digits
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert done == [1.0]


def test_filters_of_the_paper(pieces: list[slice], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gaussian, and a median of what it gives."""
    before, after = (Volume(VALUES + shift, (1.0, 1.0, 1.0)) for shift in (0.7, 0.0))
    after = after.with_values(after.values[::-1])
    found = paper_lvf(before, after, 3.0, 1.0)
    assert len(pieces) >= 6  # two steps each
    monkeypatch.setattr(slabs, "SLAB_VOXELS", 2**30)
    monkeypatch.setattr(slabs, "_cores", lambda: 0.5)
    whole = paper_lvf(before, after, 3.0, 1.0)
    assert len(np.unique(whole)) > 50
    assert np.array_equal(found, whole)


def test_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.ones((ROWS, 11), dtype=bool)
    found = reductions.lowest(VALUES, pixels, 1200, 1.0, (1, 2))
    monkeypatch.setattr(reductions, "SMALL", 2**30)
    assert np.array_equal(found, reductions.lowest(VALUES, pixels, 1200, 1.0, (1, 2)))


@pytest.mark.parametrize("slices", [WHOLE, slice(2, 3), slice(4, 9)])
def test_smoothed_scans(slices: slice) -> None:
    """Slices, too, are computed from their neighbours."""
    volume = Volume(VALUES, (1.0, 1.0, 1.0))
    whole = kernels.gaussian(VALUES, 0.6)[slices]
    assert np.array_equal(alignment.smoothed(volume, 0.6, slices), whole)


def test_spline_coefficients(monkeypatch: pytest.MonkeyPatch) -> None:
    found = alignment._coefficients(lambda rows: VALUES[:, rows], VALUES.shape, WHOLE)
    monkeypatch.setattr(alignment, "SLAB_VOXELS", 2**30)
    whole = alignment._coefficients(lambda rows: VALUES[:, rows], VALUES.shape, WHOLE)
    # A recursion has no end: beyond the halo 1.4e-7 of a coefficient is left.
    left = (2 - math.sqrt(3)) ** kernels.SPLINE_REACH * np.abs(whole).max()
    assert np.abs(found - whole).max() < left
    assert found.shape[1] > 4 * kernels.SPLINE_REACH  # in more pieces than one


@pytest.mark.parametrize("shift", [0.4, 3.7, -6.2])
def test_moved_scans(shift: float, pieces: list[slice]) -> None:
    values = np.repeat(VALUES, 4, axis=1)[:, :500]
    volume = Volume(values, (1.0, 1.0, 1.0))
    motion = RigidTransform((0.2, 0.0, 0.0), (0.0, shift, 0.3))
    found = apply(motion, volume).values
    assert len(pieces) >= 3
    whole = RigidTransform(motion.rotation_deg, motion.shift_um)
    points = np.stack(np.indices(values.shape), axis=-1).astype(float)
    where = np.moveaxis(whole.moved(points, volume.centre_um), -1, 0)
    wanted = ndimage.map_coordinates(values.astype(float), where, order=3, mode="nearest")
    inside = (where[1] > 15) & (where[1] < 485) & (where[2] > 0) & (where[2] < 10)
    assert math.isclose(inside.mean(), 0.9, abs_tol=0.1)
    assert np.abs(found - wanted)[inside].max() < 1e-5
