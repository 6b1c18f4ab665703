"""The compiled filters against SciPy, slabs against the whole, refusals."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imaging import filters, kernels
from imaging.estimators import linear_lvf, paper_lvf
from imaging.filters import ball, gaussian
from imaging.slabs import Rows, Step, stream
from imaging.transform import RigidTransform, apply, index_map
from imaging.volume import Volume

SHAPES = [(1, 1, 1), (2, 3, 41), (5, 1, 7), (9, 14, 33), (3, 20, 70)]


def random(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4])
def test_the_median_is_exact(shape: tuple[int, int, int], radius: int) -> None:
    levels = np.floor(4096 * random(shape)).astype(np.int16) - 2048
    expected = ndimage.median_filter(levels, footprint=ball(radius), mode="nearest")
    np.testing.assert_array_equal(kernels.ball_median_quantised(levels, radius), expected)


def test_the_median_takes_every_16_bit_integer_and_few_or_extreme_levels() -> None:
    for values in (
        np.floor(4096 * random((4, 9, 11))).astype(np.uint16) + 61439,
        np.floor(4096 * random((4, 9, 11))).astype(np.int16) + np.int16(-32768),
        np.floor(3 * random((4, 9, 11))).astype(np.uint16),
        np.full((4, 9, 11), 7, np.int16),
        np.floor(4096 * random((4, 9, 11))).astype(">u2"),
        np.asfortranarray(np.floor(4096 * random((4, 9, 11))).astype(np.int16)),
    ):
        expected = ndimage.median_filter(values.astype(np.int32), footprint=ball(3), mode="nearest")
        median = kernels.ball_median_quantised(values, 3)
        assert median.dtype == values.dtype.newbyteorder("=")
        np.testing.assert_array_equal(median, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.2, 0.6, 1.0, 2.3])
def test_the_gaussian_equals_scipys(shape: tuple[int, int, int], sigma: float) -> None:
    values = (1e4 * (1 + random(shape))).astype(np.float32)
    expected = ndimage.gaussian_filter(values, sigma, mode="nearest")
    np.testing.assert_allclose(kernels.gaussian(values, sigma), expected, rtol=1e-6)


def test_the_gaussian_along_some_axes_and_of_other_dtypes() -> None:
    values = np.floor(6e4 * random((6, 9, 12))).astype(">u2")
    values.flags.writeable = False
    expected = ndimage.gaussian_filter(values.astype("f4"), (0, 1.5, 1.5), mode="nearest")
    smooth = kernels.gaussian(values, 1.5, axes=(1, 2))
    np.testing.assert_allclose(smooth, expected, rtol=1e-6)


def test_differences_and_their_levels() -> None:
    before, after = (np.floor(6e4 * random((5, 8, 9), k)).astype(np.uint16) for k in (1, 2))
    contrast = 3e4 * (1 + random((8, 9), 3))
    change = before.astype(float) - after
    smooth = ndimage.gaussian_filter(change, 1.0, mode="nearest") / contrast
    np.testing.assert_allclose(
        kernels.difference(before, after, contrast), change / contrast, rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(kernels.difference(before, after, 2e4), change / 2e4, rtol=1e-6)
    np.testing.assert_allclose(kernels.difference(before, after, contrast, 1.0), smooth, atol=1e-6)
    raw = kernels.difference_levels(before, after, contrast)
    assert np.abs(raw / 1024 - np.clip(change / contrast, -2, 2047 / 1024)).max() < 1 / 2047
    clipped = kernels.difference_levels(before, after, contrast, 1.0, low=0, high=1024)
    assert clipped.min() == 0
    assert np.abs(clipped / 1024 - np.clip(smooth, 0, 1)).max() < 1 / 2047


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("thickness", [1, 3, 5, None])
def test_slabs_equal_the_whole(axis: int, thickness: int | None) -> None:
    before, after = (random((13, 17, 20), k).astype(np.float32) for k in (1, 2))

    def smooth(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[Any]:
        return kernels.difference(parts[0], parts[1], 0.5, 0.8, box=rows.box)

    def median(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[Any]:
        return kernels.ball_median_quantised(levels(parts[0]), 3, box=rows.box)

    def levels(values: NDArray[Any]) -> NDArray[np.int16]:
        return np.rint(1000 * np.clip(values, -2, 2)).astype(np.int16)

    whole = kernels.difference(before, after, 0.5, 0.8)
    out = np.empty(before.shape, np.float32)
    first = Step(smooth, kernels.gaussian_reach(0.8))
    stream([first], [before, after], out, axis=axis, thickness=thickness)
    np.testing.assert_array_equal(out, whole)
    done: list[float] = []
    steps = [first, Step(median, 3)]
    stream(steps, [before, after], out, axis=axis, thickness=thickness, progress=done.append)
    np.testing.assert_array_equal(out, kernels.ball_median_quantised(levels(whole), 3))
    assert done == sorted(done)
    assert done[0] > 0
    assert done[-1] == 1


def test_slabs_from_files_on_disk(tmp_path: Path) -> None:
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    values = np.floor(4096 * random((6, 15, 12))).astype(np.uint16)
    np.save(tmp_path / "v.npy", values)
    store = zarr.create_array(tmp_path / "v.zarr", shape=values.shape, dtype="u2", chunks=(3, 4, 5))
    store[:] = values
    target = zarr.create_array(
        tmp_path / "o.zarr", shape=values.shape, dtype="u2", chunks=(3, 4, 5)
    )

    def median(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[Any]:
        return kernels.ball_median_quantised(parts[0], 2, box=rows.box)

    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["v"] = values
        for source in (np.load(tmp_path / "v.npy", mmap_mode="r"), store, file["v"]):
            target[:] = 0
            stream([Step(median, 2)], [source], target, thickness=4)
            np.testing.assert_array_equal(target[:], kernels.ball_median_quantised(values, 2))


def test_a_failure_within_a_slab_is_passed_on() -> None:
    def fail(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[Any]:
        raise ArithmeticError("in a slab")

    with pytest.raises(ArithmeticError, match="in a slab"):
        stream([Step(fail)], [np.zeros((2, 9, 2))], np.zeros((2, 9, 2)), thickness=1)


def test_public_filters_large_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    values = random((7, 40, 30)).astype(np.float32)
    small = gaussian(values, 1.0)
    monkeypatch.setattr(filters, "SMALL", 0)
    np.testing.assert_allclose(gaussian(values, 1.0), small, rtol=1e-6)


@pytest.mark.parametrize("radial", [False, True])
def test_estimators_equal_their_definition(radial: bool) -> None:
    before, after = (
        Volume(np.floor(6e4 * random((9, 31, 26), k)).astype(np.uint16), (2.0,) * 3) for k in (1, 2)
    )
    grey_cc: Any = 5e4 + 1e4 * random((31, 26), 3) if radial else 5e4
    contrast = np.asarray(grey_cc) - 3e4
    done: list[float] = []
    change = before.values.astype(float) - after.values
    linear = linear_lvf(before, after, grey_cc, 3e4, done.append)
    np.testing.assert_allclose(linear, change / contrast, rtol=1e-6)
    smooth = ndimage.gaussian_filter(change, 1.0, mode="nearest") / contrast
    median = ndimage.median_filter(smooth, footprint=ball(3), mode="nearest")
    paper = paper_lvf(before, after, grey_cc, 3e4, done.append)
    assert np.abs(paper - np.clip(median, 0, 1)).max() <= 1 / 2048 + 1e-5
    assert paper.max() > 0.05
    assert done.count(1.0) == 2
    with pytest.raises(ValueError, match="brighter than lithium"):
        paper_lvf(before, after, 1.0, 2.0)


@pytest.mark.parametrize(
    ("rotation_deg", "shift_um"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.3, -0.2, 0.4), (1.3, -2.6, 0.7)),
        ((-5.0, 3.0, 8.0), (0.0, 11.0, -9.0)),
        ((0.1, 0.0, 0.0), (-40.0, 100.0, 30.0)),
    ],
)
def test_resampling_equals_scipys_spline(
    rotation_deg: tuple[float, float, float], shift_um: tuple[float, float, float]
) -> None:
    volume = Volume(np.floor(6e4 * random((11, 90, 37))).astype(np.uint16), (2.0, 1.6, 1.5))
    transform = RigidTransform(rotation_deg, shift_um)
    offset, matrix = index_map(transform, volume)
    expected = ndimage.affine_transform(
        volume.values.astype(np.float32), matrix, offset, order=3, mode="nearest"
    )
    difference = apply(transform, volume).values - expected
    assert np.abs(difference).max() < 1e-5 * 6e4


def test_refusals_name_the_parameter() -> None:
    volume = np.zeros((3, 4, 5), np.float32)
    levels = volume.astype(np.int16)
    for sigma in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="sigma_voxel"):
            kernels.gaussian(volume, sigma)
        with pytest.raises(ValueError, match="sigma_voxel"):
            kernels.difference(volume, volume, 1.0, sigma)
    with pytest.raises(ValueError, match="values"):
        kernels.gaussian(volume[0], 1.0)
    with pytest.raises(ValueError, match="real numbers; got dtype complex"):
        kernels.gaussian(volume.astype(complex), 1.0)
    with pytest.raises(ValueError, match="values must be 3-D, int16"):
        kernels.ball_median_quantised(volume, 3)
    with pytest.raises(ValueError, match="4096 levels"):
        kernels.ball_median_quantised(levels + np.arange(5, dtype=np.int16) * 1100, 3)
    with pytest.raises(ValueError, match="radius_voxel"):
        kernels.ball_median_quantised(levels, -1)
    with pytest.raises(ValueError, match="before has shape"):
        kernels.difference(volume, volume[1:], 1.0)
    with pytest.raises(ValueError, match="contrast"):
        kernels.difference(volume, volume, np.ones(5))
    with pytest.raises(ValueError, match="contrast"):
        kernels.difference_levels(volume, volume, 0.0)
    with pytest.raises(ValueError, match="low and high"):
        kernels.difference_levels(volume, volume, 1.0, low=5, high=5)
    keep = Step(lambda parts, rows: parts[0])
    with pytest.raises(ValueError, match="thickness"):
        stream([keep], [volume], volume, thickness=0)
    with pytest.raises(ValueError, match="axis"):
        stream([keep], [volume], volume, axis=2)
    with pytest.raises(ValueError, match="one shape"):
        stream([keep], [volume], volume[1:])
    with pytest.raises(ValueError, match="halo"):
        stream([Step(keep.run, -1)], [volume], volume)


def test_the_compiler_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, imaging.lvf, imaging.transform; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
