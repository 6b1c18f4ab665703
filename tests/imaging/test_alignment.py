"""The alignment's sums against the same written out in NumPy and SciPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from imaging.alignment import (
    FACE_SLICES,
    STRIP,
    alignment_sums,
    full_pair,
    halved,
    moved_part,
    pair_map,
)
from imaging.binning import halved_mask
from imaging.comparison import compared, texture_match
from imaging.transform import RigidTransform, expected_corner_error_um
from imaging.volume import Volume

SIGMA = 1.5
MOTION = RigidTransform((0.4, 0.3, -0.5), (1.1, -0.8, 1.7))


@pytest.fixture(scope="module")
def scans() -> tuple[Volume, Volume, np.ndarray]:
    rng = np.random.default_rng(5)
    spacing = (1.6, 1.6, 1.6)
    noise = rng.normal(size=(2, 24, STRIP + 21, 45)) * 2000 + 30000
    mask = np.zeros(noise.shape[1:], dtype=bool)
    mask[9:] = rng.random((15, *noise.shape[2:])) < 0.7  # up to the volume's end
    before, after = (Volume(v.astype(np.uint16), spacing) for v in noise)
    return before, after, mask


def moved_by_scipy(after: Volume) -> np.ndarray:
    smooth = ndimage.gaussian_filter(after.values.astype(np.float64), SIGMA, mode="nearest")
    spacing = np.asarray(after.spacing_um)
    centre = 0.5 * (np.asarray(after.shape) - 1)
    matrix = MOTION.matrix
    offset = centre + np.asarray(MOTION.shift_um) / spacing - matrix @ centre
    return np.asarray(ndimage.affine_transform(smooth, matrix, offset, order=3, mode="nearest"))


def in_view(after: Volume) -> np.ndarray:
    index = np.stack(np.indices(after.shape), axis=-1) - 0.5 * (np.asarray(after.shape) - 1)
    where = index @ MOTION.matrix.T + np.asarray(MOTION.shift_um) / after.spacing_um
    where += 0.5 * (np.asarray(after.shape) - 1)
    inside = np.all((where >= 1) & (where <= np.asarray(after.shape) - 2), axis=-1)
    last = after.shape[0] - 1
    inside &= (where[..., 0] >= FACE_SLICES - 0.5) & (where[..., 0] <= last + 0.5 - FACE_SLICES)
    inside[:, [0, -1]] = inside[:, :, [0, -1]] = False
    return np.asarray(inside)


def test_normal_equations(scans: tuple[Volume, Volume, np.ndarray]) -> None:
    before, after, mask = scans
    pair = full_pair(before, after, mask, SIGMA, MOTION)
    found = alignment_sums(pair, before, MOTION.matrix, np.asarray(MOTION.shift_um))

    still = ndimage.gaussian_filter(before.values.astype(np.float64), SIGMA, mode="nearest")
    moved = moved_by_scipy(after)
    use = mask & in_view(after)
    r = np.stack(np.indices(mask.shape)) - 0.5 * (np.reshape(mask.shape, (3, 1, 1, 1)) - 1)
    z, y, x = r * 1.6
    columns = []
    for values in (still, moved):
        gz, gy, gx = np.gradient(values, 1.6)
        turns = gy * x - gx * y, gx * z - gz * x, gz * y - gy * z
        parts = [gz, gy, gx, *turns, values.copy()]
        for k in np.flatnonzero(use.any(axis=(1, 2))):  # each slice about its own mean
            for part in parts:
                part[k] -= part[k][use[k]].mean()
        columns.append(np.stack([*parts, np.ones(mask.shape)])[:, use])
    a, b = columns
    normal = a @ b.T
    force = 0.5 * (a + b) @ (moved - still)[use]
    assert found.voxels == use.sum()
    size = np.sqrt(np.outer(np.diag(a @ a.T), np.diag(b @ b.T)))
    np.testing.assert_allclose(found.normal / size, normal / size, atol=2e-5)
    scale = np.sqrt(np.diag(a @ a.T)) * np.linalg.norm((moved - still)[use])
    np.testing.assert_allclose(found.force / scale, force / scale, atol=2e-5)
    expected = np.corrcoef(still[use], moved[use])[0, 1]
    assert found.correlation == pytest.approx(expected, abs=1e-5)


def test_slices_that_are_compared(scans: tuple[Volume, Volume, np.ndarray]) -> None:
    before, after, mask = scans
    pair = full_pair(before, after, mask, SIGMA, MOTION)
    some = compared(pair, before, MOTION, 3 * before.shape[1] * before.shape[2])
    left = np.flatnonzero((mask & in_view(after)).any(axis=(1, 2)))
    chosen = left[np.linspace(0, left.size - 1, 3).round().astype(int)]
    assert chosen[-1] < 23  # the last slices miss what lies beyond
    moved, use = moved_by_scipy(after)[chosen], (mask & in_view(after))[chosen]
    np.testing.assert_array_equal(some.mask, use)
    np.testing.assert_allclose(some.moved[use], moved[use], rtol=1e-5)
    still = some.still[use]
    assert some.residual == pytest.approx((some.moved[use] - still).std() / still.std(), rel=1e-5)
    rolled = np.roll(some.moved, (7, 11), axis=(1, 2))
    expected = np.corrcoef(some.still[use], rolled[use])[0, 1]
    found = texture_match(some.still, some.moved, some.mask, (7, 11))
    assert found == pytest.approx(expected, abs=1e-6)


def test_nearly_known_motion_reads_enough_slices() -> None:
    values = np.random.default_rng(6).normal(size=(80, 20, 20)).astype(np.float32)
    volume = Volume(values, (1.6, 1.6, 1.6))
    mask = np.zeros(volume.shape, dtype=bool)
    mask[40:46] = True
    pair = full_pair(volume, volume, mask, SIGMA, MOTION)
    assert pair.after.shape[0] < 50  # not all of it
    part = moved_part(pair, pair_map(pair, volume, MOTION), slice(39, 47), slice(0, 20))
    expected = moved_by_scipy(volume)[39:47]
    np.testing.assert_allclose(part[:, 4:-4, 4:-4], expected[:, 4:-4, 4:-4], atol=2e-6)


def test_binning(scans: tuple[Volume, Volume, np.ndarray]) -> None:
    before, _, mask = scans
    n = [s // 2 for s in before.shape]
    cut = tuple(slice(0, 2 * s) for s in n)
    blocks = (n[0], 2, n[1], 2, n[2], 2)
    means = before.values[cut].astype(np.float32).reshape(blocks).mean(axis=(1, 3, 5))
    expected = ndimage.gaussian_filter(means, 0.5 * SIGMA, mode="nearest")
    np.testing.assert_allclose(halved(before, SIGMA), expected, rtol=1e-6)
    limits = float(np.quantile(expected, 0.1)), float(np.quantile(expected, 0.9))
    np.testing.assert_allclose(halved(before, SIGMA, limits), expected.clip(*limits), rtol=1e-6)
    np.testing.assert_array_equal(halved_mask(mask), mask[cut].reshape(blocks).all(axis=(1, 3, 5)))
    whole = np.broadcast_to((np.arange(before.shape[0]) % 7 > 1)[:, None, None], before.shape)
    np.testing.assert_array_equal(halved_mask(whole), halved_mask(whole.copy()))


def test_expected_error_at_a_corner_follows_from_small_motions() -> None:
    """By finite differences: shift and turn about z, y, x, in the frame of the earlier scan."""
    root = np.random.default_rng(2).normal(size=(6, 6)) * [1.0, 0.5, 0.8, 1e-2, 2e-2, 3e-2]
    covariance = root.T @ root
    transform = RigidTransform((0.4, 0.3, -0.5), (1.1, -0.8, 1.7), covariance=covariance)
    low, high, centre = (0.0, 1.0, 2.0), (40.0, 90.0, 70.0), (20.0, 40.0, 35.0)
    tiny, worst = 1e-6, np.zeros(3)
    for corner in product(*zip(low, high, strict=True)):
        away = np.subtract(corner, centre)
        columns = [transform.matrix @ unit for unit in np.eye(3)]
        for axis in range(3):
            angles = [0.0, 0.0, 0.0]
            angles[axis] = np.degrees(tiny)
            turn = RigidTransform(tuple(angles), (0.0, 0.0, 0.0)).matrix
            columns.append(transform.matrix @ (turn @ away - away) / tiny)
        by_all = np.array(columns).T
        error = np.sqrt(np.diag(by_all @ covariance @ by_all.T))
        worst = error if np.linalg.norm(error) > np.linalg.norm(worst) else worst
    found = expected_corner_error_um(transform, low, high, centre)
    np.testing.assert_allclose(found, worst, rtol=1e-4)
    unknown = RigidTransform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert np.isnan(expected_corner_error_um(unknown, low, high, centre)).all()
