"""What functions are given that they cannot use: refused in words that say what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from imaging.electrochemistry import faraday_thickness_um
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions
from imaging.phantom_shapes import BasinCrack
from imaging.readers import read_volume, write_tiff
from imaging.registration import register
from imaging.series import analyse_series
from imaging.slabs import Step, stream
from imaging.volume import Volume

PLAIN = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
CUBE = Volume(np.zeros((40, 20, 20), np.float32), (1.0, 1.0, 1.0))
OTHER = Volume(np.zeros((40, 20, 21), np.float32), (1.0, 1.0, 1.0))
LARGER = Volume(np.zeros((40, 20, 20), np.float32), (1.0, 1.0, 1.1))
KEEP = Step(lambda parts, rows: parts[0])

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "a plane": (lambda: Volume(PLAIN[0], (1.0, 1.0, 1.0)), "a volume is 3-D"),
    "no origin": (lambda: Volume(PLAIN, (1, 1, 1), (0.0, np.nan, 0.0)), "origin_um needs three"),
    "other values": (lambda: CUBE.with_values(PLAIN), r"expected values of shape \(40, 20, 20\)"),
    "scans of two shapes": (lambda: register(CUBE, OTHER, (10, 30)), "shape .* must be equal"),
    "scans of two voxels": (lambda: register(CUBE, LARGER, (10, 30)), "spacing_um .* be equal"),
    "mask of another shape": (
        lambda: register(CUBE, CUBE, np.ones((4, 5, 6), dtype=bool)),
        "the mask has shape",
    ),
    "few slices of electrolyte": (
        lambda: register(CUBE, CUBE, (10.0, 13.0)),
        "3 slices of bulk solid electrolyte .* register=false",
    ),
    "one scan": (
        lambda: analyse_series([lambda: CUBE], [0.0], None, ImageOptions()),
        "at least two scans; got 1",
    ),
    "no steps": (lambda: stream([], [PLAIN], PLAIN), "at least one step"),
    "no sources": (lambda: stream([KEEP], [], PLAIN), "at least one volume"),
    "charge": (lambda: faraday_thickness_um(float("inf")), "areal_charge_mah_cm2 must be finite"),
    "phantom of few voxels": (lambda: PhantomOptions(shape=[9, 40, 40]), "at least 16 voxels"),
    "phantom without electrolyte": (
        lambda: PhantomOptions(shape=[30, 60, 60], islands=IslandChoice.none),
        "um of solid electrolyte along z, at least 20",
    ),
    "row of caps": (
        lambda: PhantomOptions(islands=IslandChoice.listed, caps_um=[[1.0, 1.0, 0.0, 3.0]]),
        "a row of caps_um is",
    ),
    "crack without opening": (
        lambda: BasinCrack(50, 50, 40, 12, 6, 0.0),
        "diameter, rim offset and opening are positive",
    ),
    "crack that bulges the other way": (
        lambda: BasinCrack(50, 50, 40, 6, 12, 2.0),
        "rim is no farther",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    call, message = CALLS[name]
    with pytest.raises(ValueError, match=message):
        call()


def slices(folder: Path, *images: np.ndarray, names: str = "{}.tif") -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        tifffile.imwrite(folder / names.format(i), image, photometric="minisblack")
    return folder


def test_folders_of_slices(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a slice needs a number in its name"):
        read_volume(slices(tmp_path / "a", PLAIN[0], names="slice.tif"), 1.0)
    with pytest.raises(ValueError, match="a slice is a 2-D grey image; got shape"):
        read_volume(slices(tmp_path / "b", PLAIN, PLAIN), 1.0)


def test_imagej_without_slice_spacing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, PLAIN, imagej=True, resolution=(0.5, 0.25), metadata={"unit": "um"})
    assert read_volume(file, None).spacing_um == pytest.approx((2.0, 4.0, 2.0))
    assert "no slice spacing in the ImageJ header" in caplog.text


def test_imagej_stack_behind_one_page(tmp_path: Path) -> None:
    """Beyond 4 GB ImageJ describes one page, and says how many slices follow it."""
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, PLAIN, imagej=True)
    sound = read_volume(file, 1.0).values
    assert np.array_equal(sound, PLAIN)
    with tifffile.TiffFile(file) as tif:
        end = tif.pages.first.dataoffsets[0] + PLAIN.nbytes
    content = file.read_bytes()
    assert len(content) >= end
    file.write_bytes(content[: end - 8])
    with pytest.raises(ValueError, match="truncated"):
        read_volume(file, 1.0)


@pytest.mark.parametrize("step", [0.0, np.nan])
def test_voxel_sizes_of_files_that_are_none(tmp_path: Path, step: float) -> None:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = PLAIN
        file["data"].attrs["voxel_size_um"] = step
    array = zarr.create_array(str(tmp_path / "scan.zarr"), data=PLAIN)
    array.attrs["voxel_size_um"] = step if step == 0 else -1.0
    for name in ("scan.h5", "scan.zarr"):
        with pytest.raises(ValueError, match=rf"{name}.*its voxel size .* is not positive"):
            read_volume(tmp_path / name, None)


def test_virtual_dataset_whose_source_is_damaged(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["data"] = PLAIN
    layout = h5py.VirtualLayout(PLAIN.shape, PLAIN.dtype)
    layout[:] = h5py.VirtualSource("part.h5", "data", PLAIN.shape)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
    assert np.array_equal(read_volume(tmp_path / "scan.h5", 1.0).values, PLAIN)
    part = tmp_path / "part.h5"
    part.write_bytes(part.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"scan\.h5.*incomplete: .*part\.h5"):
        read_volume(tmp_path / "scan.h5", 1.0)


def test_empty_zarr(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(0, 4, 4), chunks=(1, 4, 4), dtype="u2")
    with pytest.raises(ValueError, match="needs at least one voxel"):
        read_volume(tmp_path / "a.zarr", 1.0)


def test_tiff_of_wide_floats(tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    write_tiff(file, Volume(PLAIN.astype(np.float64) / 7, (1.0, 1.0, 1.0)))
    back = read_volume(file, None).values
    np.testing.assert_allclose(back, PLAIN / 7, rtol=1e-6)
