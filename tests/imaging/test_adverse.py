"""Scenes that once went wrong: fine texture far off, the wall of a tube, a shifted grey scale."""

import logging

import numpy as np
import pytest

from imaging.registration import register
from imaging.transform import RigidTransform, corner_error_um
from imaging.volume import Volume
from imaging.workflow import GreyOptions, ImageOptions, analyse_pair

V = 1.625


def waves(
    shape: tuple[int, int, int], length: float, motion: RigidTransform | None = None, seed: int = 0
) -> np.ndarray:
    """Sum of random cosines, length to three times that, seen after a motion: exact anywhere."""
    rng = np.random.default_rng(seed)
    k = rng.standard_normal((150, 3))
    k *= 2 * np.pi / (length * rng.uniform(0.7, 2.2, (150, 1))) / np.linalg.norm(k, axis=1)[:, None]
    centre = (np.asarray(shape) - 1) / 2
    turn = np.eye(3) if motion is None else motion.matrix
    shift = np.zeros(3) if motion is None else np.asarray(motion.shift_um) / V
    # Material at index x was at turn^T (x - centre - shift) + centre.
    phase = rng.uniform(0, 2 * np.pi, 150) + k @ (centre - turn.T @ (centre + shift))
    z, y, x = (np.exp(1j * np.arange(n)[:, None] * c) for n, c in zip(shape, (k @ turn.T).T))  # noqa: B905
    total = np.einsum("zk,yk,xk->zyx", z * np.exp(1j * phase), y, x, optimize=True)
    return np.asarray(total.real / np.sqrt(75), dtype=np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fine_texture_three_voxels_off(seed: int) -> None:
    # Structure of 8-24 voxels: 2-6 of the coarsest level's, where full steps overshoot.
    shape = (34, 120, 120)
    shift = (1.95 * V, 1.5 * V, -1.5 * V)
    motion = RigidTransform((0.1, -0.1, 0.1), shift)
    rng = np.random.default_rng(10 + seed)
    scans = [
        Volume(
            np.tanh(1.8 * waves(shape, 11.0, m, seed))
            + 0.2 * rng.standard_normal(shape, dtype=np.float32),
            (V, V, V),
        )
        for m in (None, motion)
    ]
    found = register(scans[0], scans[1], (6 * V, 28 * V))
    size = (shape[0] * V, shape[1] * V, shape[2] * V)
    assert corner_error_um(found, motion, (0, 0, 0), size, scans[0].centre_um) < 0.1 * V


def cell(shape: tuple[int, int, int], radius: float, after_offset: float) -> tuple[Volume, Volume]:
    """No lithium: collector below slice 30.4, electrolyte above, a tube beyond `radius` voxels."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(4)
    z = np.arange(shape[0])[:, None, None]
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape[1:])
    collector = np.clip(30.9 - z, 0, 1)
    scans = []
    for shift, offset in ((0.0, 0.0), (1.9, after_offset)):
        motion = RigidTransform((0, 0, 0), (0, 0, shift * V))
        values = 200 * collector + (60 + 15 * waves(shape, 11.0, motion)) * (1 - collector)
        r = np.hypot(y[:, None], x[None, :] - shift)
        tube = np.clip(r - radius + 0.5, 0, 1)
        values = gaussian_filter(values * (1 - tube) + 28 * tube, 1.0)
        noise = 2 * rng.standard_normal(shape, dtype=np.float32)
        scans.append(Volume((values + noise + offset).astype(np.float32), (V, V, V)))
    return scans[0], scans[1]


def test_wall_of_the_tube_is_no_island() -> None:
    before, after = cell((76, 110, 110), 42.0, 0.0)
    result = analyse_pair(before, after, ImageOptions(grey=GreyOptions(li=12.0)))
    assert result.islands == []
    y, x = np.nonzero(np.isfinite(result.thickness_um))
    reach = np.hypot(y - 54.5, x - 54.5).max()
    assert 33 < reach < 38.5  # clear of the blurred wall, but not by much
    assert abs(result.scalars["mean_thickness_um"]) < 0.05


def test_shifted_grey_scale_is_said(caplog: pytest.LogCaptureFixture) -> None:
    options = ImageOptions(grey=GreyOptions(li=12.0))
    with caplog.at_level(logging.WARNING):
        result = analyse_pair(*cell((76, 110, 110), 42.0, 1.88), options)
    assert result.decisions["electrolyte_grey_change"] == pytest.approx(0.01, rel=0.1)
    assert result.scalars["mean_thickness_um"] == pytest.approx(-0.65, abs=0.05)
    assert any("grey value changed by +1.0" in m for m in caplog.messages)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        analyse_pair(*cell((76, 110, 110), 42.0, 0.0), options)
    assert not any("grey value changed" in m for m in caplog.messages)
