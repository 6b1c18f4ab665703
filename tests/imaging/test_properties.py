"""What must hold for any pair of scans: turned, mirrored, shifted in grey, cut into slabs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imaging import slabs
from imaging.filters import gaussian
from imaging.kernels import ball_median_quantised
from imaging.options import CrackOptions, Estimator, ImageOptions, RoiOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.readers import read_tiff, write_tiff
from imaging.result import ImageResult
from imaging.thickness import thickness_map
from imaging.volume import Volume
from imaging.workflow import analyse_pair

V = 1.625
CELL = PhantomOptions(
    shape=[72, 84, 96],
    islands=IslandChoice.listed,
    caps_um=[[45.0, 50.0, 40.0, 16.0], [95.0, 105.0, 50.0, 8.0]],
    shift_um=[0.0, 0.0, 0.0],
    rotation_deg=[0.0, 0.0, 0.0],
)
PLAIN = ImageOptions(roi=RoiOptions(radius_um=60.0), register=False)
FEW = settings(max_examples=4, deadline=None, derandomize=True, database=None)
MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def scans() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    pair = make_phantom(CELL)
    before, after = (v.values.astype(np.float32) for v in (pair.before, pair.after))
    return before, after


def analysed(
    before: NDArray[np.float32], after: NDArray[np.float32], options: ImageOptions = PLAIN
) -> ImageResult:
    return analyse_pair(Volume(before, (V, V, V)), Volume(after, (V, V, V)), options)


@pytest.fixture(scope="module")
def plain(scans: tuple[NDArray[np.float32], NDArray[np.float32]]) -> ImageResult:
    found = analysed(*scans)
    assert len(found.islands) == 2
    return found


def same_map(
    one: NDArray[np.float64], other: NDArray[np.float64], tolerance_um: float = 1e-3
) -> None:
    assert np.array_equal(np.isfinite(one), np.isfinite(other))
    assert np.nanmax(np.abs(one - other)) < tolerance_um


def same_islands(one: ImageResult, other: ImageResult) -> None:
    """The same sizes, whatever the order and the places."""
    for name in ("volume_um3", "height_um", "contact_diameter_um"):
        sizes = [sorted(getattr(island, name) for island in r.islands) for r in (one, other)]
        assert sizes[1] == pytest.approx(sizes[0], rel=2e-3), name


TURNS = {
    "y mirrored": lambda a: a[:, ::-1],
    "x mirrored": lambda a: a[:, :, ::-1],
    "y and x exchanged": lambda a: a.transpose(0, 2, 1),
    "half a turn about z": lambda a: a[:, ::-1, ::-1],
    "z mirrored": lambda a: a[::-1],
}


@pytest.mark.parametrize("turn", TURNS)
def test_turned_scans_give_the_turned_map(
    turn: str,
    scans: tuple[NDArray[np.float32], NDArray[np.float32]],
    plain: ImageResult,
) -> None:
    turned = analysed(*(np.ascontiguousarray(TURNS[turn](values)) for values in scans))
    expected = TURNS[turn](plain.thickness_um[None])[0]
    if turn == "z mirrored":
        assert {r.decisions["cc_side"] for r in (plain, turned)} == {"low", "high"}
        assert turned.scalars["mean_thickness_um"] == pytest.approx(
            plain.scalars["mean_thickness_um"], abs=0.02
        )
    else:
        same_map(expected, turned.thickness_um)
    same_islands(plain, turned)


@FEW
@given(offset=st.floats(-3000.0, 3000.0), gain=st.floats(0.01, 20.0))
def test_grey_values_have_no_zero_and_no_unit(
    offset: float,
    gain: float,
    scans: tuple[NDArray[np.float32], NDArray[np.float32]],
    plain: ImageResult,
) -> None:
    """A constant that is added to both scans changes nothing, a factor of both neither."""
    other = analysed(*((gain * (values + offset)).astype(np.float32) for values in scans))
    same_map(plain.thickness_um, other.thickness_um, 0.02)
    same_islands(plain, other)


@pytest.mark.parametrize("estimator", Estimator)
def test_slabs_change_nothing(
    estimator: Estimator,
    scans: tuple[NDArray[np.float32], NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole analysis in slabs of one row, and in one piece."""
    options = dataclasses.replace(PLAIN, estimator=estimator, cracks=CrackOptions(find=False))
    found = []
    for voxels, cores in ((1, 3), (2**40, 1)):
        monkeypatch.setattr(slabs, "SLAB_VOXELS", voxels)
        monkeypatch.setattr(slabs, "_cores", lambda cores=cores: cores)
        found.append(analysed(*scans, options))
    assert np.array_equal(found[0].lvf.values, found[1].lvf.values)
    assert np.array_equal(found[0].thickness_um, found[1].thickness_um, equal_nan=True)


def test_volume_is_the_sum_of_the_thickness(plain: ImageResult) -> None:
    """Map, scalars, LVF and islands tell of one amount of lithium."""
    inside = np.isfinite(plain.thickness_um)
    volume = float(plain.thickness_um[inside].sum()) * V**2
    area = float(inside.sum()) * V**2
    assert plain.scalars["li_volume_um3"] == pytest.approx(volume, rel=1e-9)
    assert plain.scalars["mean_thickness_um"] * area == pytest.approx(volume, rel=1e-9)
    assert sum(i.volume_um3 for i in plain.islands) == pytest.approx(volume, rel=0.05)
    truth = sum(math.pi * h * (3 * (d / 2) ** 2 + h**2) / 6 for _, _, d, h in CELL.caps_um or [])
    assert volume == pytest.approx(truth, rel=0.03)


volumes = st.builds(
    lambda seed, shape: np.random.default_rng(seed).random(shape, dtype=np.float32),
    st.integers(0, 2**31),
    st.tuples(st.integers(4, 12), st.integers(4, 14), st.integers(4, 16)),
)
orders = st.tuples(st.permutations([0, 1, 2]), st.tuples(*3 * [st.sampled_from([1, -1])]))


@MANY
@given(values=volumes, order=orders)
def test_filters_know_no_direction(
    values: NDArray[np.float32], order: tuple[list[int], tuple[int, ...]]
) -> None:
    axes, signs = order

    def turned(a: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(a.transpose(axes)[tuple(slice(None, None, s) for s in signs)])

    levels = np.rint(values / max(float(np.abs(values).max()), 1e-30) * 2000).astype(np.int16)
    median = ball_median_quantised(levels, 3)
    assert np.array_equal(ball_median_quantised(turned(levels), 3), turned(median))
    smooth = [gaussian(turned(values), 1.0), turned(gaussian(values, 1.0))]
    np.testing.assert_allclose(smooth[0], smooth[1], atol=3e-6)


@MANY
@given(values=volumes, low=st.integers(0, 3), cut=st.integers(1, 3))
def test_thickness_adds_up(values: NDArray[np.float32], low: int, cut: int) -> None:
    """The map of some slices is the sum of the maps of their parts."""
    lvf = Volume(values, (V, V, V))
    roi = np.ones(values.shape[1:], dtype=bool)
    middle, end = low + cut, values.shape[0]
    if middle >= end:
        return
    whole = thickness_map(lvf, roi, slice(low, end)).values_um
    parts = [
        thickness_map(lvf, roi, slice(*ends)).values_um for ends in ((low, middle), (middle, end))
    ]
    np.testing.assert_allclose(whole, parts[0] + parts[1], rtol=1e-5)


@MANY
@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(*3 * [st.integers(2, 9)]),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    spacing=st.tuples(*3 * [st.floats(0.05, 40.0)]),
)
def test_tiff_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    shape: tuple[int, int, int],
    dtype: str,
    spacing: tuple[float, float, float],
) -> None:
    drawn = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
    file = tmp_path_factory.mktemp("tiff") / "v.tif"
    write_tiff(file, Volume(drawn, spacing))
    read = read_tiff(file, None)
    assert read.values.dtype == drawn.dtype
    assert np.array_equal(read.values, drawn)
    assert read.spacing_um == pytest.approx(spacing, rel=1e-4)
