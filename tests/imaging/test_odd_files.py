"""Files as other programs leave them: slices one by one, OME, hidden files, packed integers."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from imaging.readers import read_volume

V = 1.625
ZYX = np.random.default_rng(0).integers(1, 200, (4, 30, 40)).astype("u2")
SIZES = {f"PhysicalSize{axis}": V for axis in "XYZ"}


def test_slices_written_one_by_one(tmp_path: Path) -> None:
    """As many images of one slice as there are slices; another shape among them is named."""
    path = tmp_path / "scan.tif"
    for image in ZYX:
        tifffile.imwrite(path, image, append=True)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.series) == len(ZYX)
    np.testing.assert_array_equal(read_volume(path, V).values, ZYX)
    tifffile.imwrite(path, ZYX[0, :20], append=True)
    with pytest.raises(ValueError, match=r"4 of \(30, 40\) uint16, 1 of \(20, 40\) uint16"):
        read_volume(path, V)


def test_a_codec_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, ZYX, byteorder="<", metadata=None, photometric="minisblack")
    content = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        for page in tif.pages:
            place = page.tags["Compression"].valueoffset
            content = content[:place] + b"\5\0" + content[place + 2 :]  # LZW
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"scan\.tif: compressed in a way .*LZW.*imagecodecs"):
        read_volume(path, V)


@pytest.mark.parametrize(
    ("unit", "factor"), [("µm", 1.0), ("nm", 1e3), ("mm", 1e-3), (None, 1.0), ("pixel", None)]
)
def test_voxel_size_of_ome_tiff(tmp_path: Path, unit: str | None, factor: float | None) -> None:
    path = tmp_path / "scan.ome.tif"
    units = {} if unit is None else {f"{name}Unit": unit for name in SIZES}
    sizes = {name: size * (factor or 1.0) for name, size in SIZES.items()}
    tifffile.imwrite(path, ZYX, ome=True, metadata={"axes": "ZYX", **sizes, **units})
    if factor is None:
        with pytest.raises(ValueError, match="no voxel size"):
            read_volume(path, None)
        return
    assert read_volume(path, None).spacing_um == pytest.approx((V, V, V))
    with pytest.raises(ValueError, match="must agree"):
        read_volume(path, 2 * V)


@pytest.mark.parametrize("change", [(b"<Pixels", b"<Qixels"), (b"</OME>", b"</OMX>")])
def test_ome_tiff_without_a_size(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, ZYX, ome=True, metadata={"axes": "ZYX"})
    with pytest.raises(ValueError, match="no voxel size"):
        read_volume(path, None)
    path.write_bytes(path.read_bytes().replace(*change))
    with pytest.raises(ValueError, match="no voxel size"):
        read_volume(path, None)


@pytest.mark.parametrize("images", ["many", "-5", "0"])
def test_an_imagej_header_of_no_number(tmp_path: Path, images: str) -> None:
    path = tmp_path / "scan.tif"
    text = f"ImageJ=1.53t\nimages={images}\nslices={images}\nunit=micron\nspacing={V}\n"
    tifffile.imwrite(
        path,
        ZYX,
        description=text,
        metadata=None,
        photometric="minisblack",
        resolution=(1 / V, 1 / V),
    )
    with pytest.raises(ValueError, match=rf"scan\.tif: damaged: .*images={images}"):
        read_volume(path, None)


def test_hidden_files_are_no_slices(tmp_path: Path) -> None:
    for i, image in enumerate(ZYX):
        tifffile.imwrite(tmp_path / f"s_{i}.tif", image)
        (tmp_path / f"._s_{i}.tif").write_bytes(b"\0\5\x16\7 what macOS leaves")
    np.testing.assert_array_equal(read_volume(tmp_path, V).values, ZYX)


def test_voxels_that_are_no_cubes_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "scan.tif"
    for spacing, said in ((V, False), (1.0, True)):
        tifffile.imwrite(
            path, ZYX, imagej=True, resolution=(1 / V, 1 / V),
            metadata={"unit": "um", "spacing": spacing},
        )  # fmt: skip
        caplog.clear()
        assert read_volume(path, None).spacing_um == pytest.approx((spacing, V, V))
        assert ("no cubes, (z, y, x) = (1, 1.625, 1.625) um" in caplog.text) == said


@pytest.mark.parametrize("voxel_um", [0.001625, 1625.0])
def test_voxel_sizes_of_another_unit(tmp_path: Path, voxel_um: float) -> None:
    given, own = tmp_path / "given.tif", tmp_path / "own.tif"
    tifffile.imwrite(given, ZYX, photometric="minisblack")
    tifffile.imwrite(
        own, ZYX, imagej=True, resolution=(1 / voxel_um, 1 / voxel_um),
        metadata={"unit": "um", "spacing": voxel_um},
    )  # fmt: skip
    with pytest.raises(ValueError, match=rf"voxel_um is {voxel_um:g} um: .* another one"):
        read_volume(given, voxel_um)
    with pytest.raises(ValueError, match=rf"own\.tif: .* is {voxel_um:g} um: .* another one"):
        read_volume(own, None)


# ------------------------------------------------------------------------------- packed integers


def test_packed_values_of_hdf5(tmp_path: Path) -> None:
    """By attributes as netCDF has them, or by fields beside the data as NeXus has them."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        for name in ("cf", "nx", "own"):
            file[f"{name}/data"] = ZYX
        file["cf/data"].attrs.update(scale_factor=0.5, add_offset=-3.0)
        file["nx/scaling_factor"], file["nx/offset"] = 0.5, -3.0
        file["own/scaling_factor"], file["own/data_scaling_factor"] = 7.0, 0.5
    for name, offset in (("cf", -3.0), ("nx", -3.0), ("own", 0.0)):
        values = read_volume(path, V, f"{name}/data").values
        np.testing.assert_array_equal(values, (0.5 * ZYX + offset).astype("f4"))


def test_packed_values_of_zarr(tmp_path: Path) -> None:
    path = tmp_path / "scan.zarr"
    array = zarr.create_array(str(path), data=ZYX)
    assert read_volume(path, V).values.dtype == ZYX.dtype
    array.attrs.update(scale_factor=0.5, add_offset=-3.0)
    np.testing.assert_array_equal(read_volume(path, V).values, (0.5 * ZYX - 3).astype("f4"))


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("scale_factor", 0.0, "scale_factor must not be 0"),
        ("scale_factor", "two", "scale_factor must be a finite number; got two"),
        ("add_offset", np.nan, "add_offset must be a finite number"),
        ("scale_factor", [1.0, 2.0], "scale_factor must be a finite number"),
    ],
)
def test_a_scale_that_is_none(tmp_path: Path, attribute: str, value: object, message: str) -> None:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = ZYX
        file["data"].attrs[attribute] = value
    with pytest.raises(ValueError, match=rf"scan\.h5: {message}"):
        read_volume(tmp_path / "scan.h5", V)


# ------------------------------------------------------------------------------------- incomplete


def test_virtual_data_without_a_source_for_all_of_it(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(ZYX.shape, ZYX.dtype)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["data"] = ZYX
    layout[:3] = h5py.VirtualSource("part.h5", "data", ZYX.shape)[:3]
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
    with pytest.raises(ValueError, match=r"scan\.h5: .*incomplete: 25 % of it have no source"):
        read_volume(tmp_path / "scan.h5", V)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_that_claims_to_be_huge(tmp_path: Path, zarr_format: int) -> None:
    """The chunks it would have are not counted one by one first."""
    path = tmp_path / "scan.zarr"
    zarr.create_array(str(path), data=ZYX, chunks=(1, 30, 40), zarr_format=zarr_format)  # type: ignore[arg-type]
    head = path / ("zarr.json" if zarr_format == 3 else ".zarray")
    metadata = json.loads(head.read_text())
    metadata["shape"] = [10**12, 30, 40]
    head.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=r"scan\.zarr: 1000000000000 x 30 x 40 voxels need"):
        read_volume(path, V)
