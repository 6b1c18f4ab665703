"""Sums over pixels by compiled loops against NumPy and SciPy on the same numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imaging import reductions
from imaging.binning import plane_mask, plane_means
from imaging.slabs import mapped


@pytest.fixture(params=[np.uint16, np.float32])
def values(request: pytest.FixtureRequest) -> NDArray[np.generic]:
    rng = np.random.default_rng(1)
    return (rng.normal(size=(7, 50, 61)) * 3000 + 20000).astype(request.param)


@pytest.fixture
def pixels() -> NDArray[np.bool_]:
    return np.random.default_rng(2).random((50, 61)) < 0.6


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No volume is small."""
    monkeypatch.setattr(reductions, "SMALL", 0)


@pytest.mark.usefixtures("compiled")
def test_means_and_sums_of_slices(values: NDArray[np.generic], pixels: NDArray[np.bool_]) -> None:
    expected = values[:, pixels].mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(reductions.slice_means(values, pixels), expected, rtol=1e-12)
    group = np.random.default_rng(3).integers(-1, 9, (50, 61))
    sums = reductions.group_sums(values, group, 9)
    for g in range(9):
        expected = values[:, group == g].sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(sums[:, g], expected, rtol=1e-12)
    expected = values.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(reductions.column_sums(values), expected, rtol=1e-12)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("columns", [60, 61])  # an even and an odd number of differences
def test_median_of_gaps_is_the_median(columns: int) -> None:
    values = np.random.default_rng(4).normal(size=(5, 3, columns)).astype(np.float32)
    pairs = np.ones((3, columns - 2), dtype=bool)
    gaps = np.abs(values[:, :, 2:] - values[:, :, :-2]).reshape(5, -1)
    expected = np.median(gaps, axis=1)
    np.testing.assert_array_equal(reductions.gap_medians(values, pairs), expected)


@pytest.mark.parametrize(("sigma", "axes"), [(1.2, (0, 1, 2)), (2.5, (1, 2))])
def test_lowest_voxels_of_the_smoothed_volume(
    values: NDArray[np.generic],
    pixels: NDArray[np.bool_],
    sigma: float,
    axes: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reductions, "SMALL", 7 * 61 * 5)  # strips as thin as halos allow
    sigmas = [sigma if axis in axes else 0 for axis in range(3)]
    smooth = ndimage.gaussian_filter(values.astype(np.float32), sigmas, mode="nearest")
    expected = np.sort(smooth[:, pixels].ravel())[:30]
    found = reductions.lowest(values, pixels, 30, sigma, axes)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    few = np.zeros_like(pixels)
    few[3, 4] = True
    assert reductions.lowest(values, few, 30, sigma, axes).size == 7


@pytest.mark.parametrize("block", [2, 3])
def test_lowest_means_over_blocks(
    values: NDArray[np.generic],
    pixels: NDArray[np.bool_],
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reductions, "SMALL", 7 * 61 * 5)
    ny, nx = (n // block for n in pixels.shape)
    means, whole = np.zeros((7, ny, nx), np.float32), np.ones((ny, nx), dtype=bool)
    for b in range(block):
        for a in range(block):
            part = (slice(b, ny * block, block), slice(a, nx * block, block))
            means += values[(slice(None), *part)].astype(np.float32) / block**2
            whole &= pixels[part]
    sigma = math.sqrt(2.5**2 - (block**2 - 1) / 12) / block  # blocks are a part of the blur
    smooth = ndimage.gaussian_filter(means, (0, sigma, sigma), mode="nearest")
    blocks, inside = plane_means(values, block), plane_mask(pixels, block)
    np.testing.assert_allclose(blocks, means, rtol=1e-5)
    np.testing.assert_array_equal(inside, whole)
    found = reductions.lowest(blocks, inside, 9, sigma, (1, 2))
    np.testing.assert_allclose(found, np.sort(smooth[:, whole].ravel())[:9], rtol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sums_over_windows(values: NDArray[np.generic], kind: type) -> None:
    windows = [(0, 7), (2, 5), (2, 7), (5, 6)]
    found = reductions.window_sums(values, windows, kind)
    assert found.dtype == kind
    for (first, stop), sums in zip(windows, found, strict=True):
        np.testing.assert_allclose(sums, values[first:stop].sum(axis=0, dtype=float), rtol=1e-6)
    assert reductions.window_sums(values, []).shape == (0, *values.shape[1:])


def test_ranges_cover_all_rows_in_order() -> None:
    seen = list(mapped(lambda rows: (rows.start, rows.stop), 10, 4))
    assert seen == [(0, 4), (4, 8), (8, 10)]
    assert not list(mapped(lambda rows: rows, 0, 4))
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda rows: 1 // (rows.start - 4), 10, 4))
