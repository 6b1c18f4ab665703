"""Filters and electrochemistry against closed forms."""

import math

import numpy as np
import pytest

from imaging.electrochemistry import coulombic_efficiency, faraday_thickness_um, paper_thickness_um
from imaging.filters import ball, gaussian
from imaging.kernels import ball_median_quantised
from imaging.lvf import _plateau
from imaging.thickness import SMOOTH_VOXEL, ThicknessMap, covered, smoothed


def test_faraday_and_the_papers_scale() -> None:
    assert faraday_thickness_um(1.0) == pytest.approx(4.85, abs=0.005)
    assert faraday_thickness_um(1.875) == pytest.approx(9.10, abs=0.005)
    assert paper_thickness_um(1.875) == pytest.approx(8.1)
    assert coulombic_efficiency(8.0, 0.56) == pytest.approx(0.93)
    with pytest.raises(ValueError, match="density_g_cm3"):
        faraday_thickness_um(1.0, density_g_cm3=0.0)
    with pytest.raises(ValueError, match="plated_um"):
        coulombic_efficiency(0.0, 0.0)


def test_gaussian_spreads_a_point_into_the_normal_density() -> None:
    point = np.zeros((25, 25, 25), "f4")
    point[12, 12, 12] = 1.0
    x = np.arange(25) - 12.0
    density = np.exp(-0.5 * (x / 1.5) ** 2) / (1.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(gaussian(point, 1.5)[12, 12], density * density[12] ** 2, atol=1e-5)
    with pytest.raises(ValueError, match="sigma_voxel"):
        gaussian(point, -1.0)


def test_ball_median_is_the_median_of_123_voxels() -> None:
    assert ball(3).sum() == 123
    values = np.random.default_rng(0).integers(0, 4096, (9, 9, 9)).astype(np.int16)
    expected = np.median(values[1:8, 1:8, 1:8][ball(3)])
    assert ball_median_quantised(values, 3)[4, 4, 4] == expected


@pytest.mark.parametrize(("factor", "holds"), [(0.98, False), (1.02, True)])
def test_covered_begins_at_four_sigma_of_the_smoothed_map(factor: float, holds: bool) -> None:
    noise = np.random.default_rng(3).normal(size=(300, 300))
    inside = np.ones(noise.shape, dtype=bool)
    scatter = float(smoothed(noise, inside, SMOOTH_VOXEL).std())
    assert scatter == pytest.approx(1 / (2 * math.sqrt(math.pi) * SMOOTH_VOXEL), rel=0.03)
    level = 4 / (2 * math.sqrt(math.pi) * SMOOTH_VOXEL) * 0.7
    flat = np.full((20, 30), factor * level)
    flat[:, :2] = np.nan  # beyond the ROI
    some = np.isfinite(flat)
    found = covered(ThicknessMap(flat, np.where(some, 0.7, np.nan), slice(0, 1)))
    assert found[some].all() == found[some].any() == holds
    assert not found[~some].any()


def test_a_plateau_is_where_neighbours_agree() -> None:
    assert _plateau(np.array([1.0, 2.0, 6.0])) == 3.0
    assert _plateau(np.array([9.0, 4.0, 4.5, 3.5])) == 4.0
    assert _plateau(np.array([9.0, 8.0, 2.0, 2.1, 1.9, 7.0])) == pytest.approx(2.0)
