"""Every place where an HDF5 file keeps its volume, and every way in which it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from imaging.hdf5 import read_hdf5
from imaging.readers import read_volume

V = 1.625
ZYX = np.random.default_rng(0).integers(0, 200, (4, 5, 6)).astype("u2")
type Fill = Callable[[h5py.File], object]


def made(tmp_path: Path, fill: Fill, name: str = "scan.nxs") -> Path:
    with h5py.File(tmp_path / name, "w") as file:
        fill(file)
    return tmp_path / name


def nxdata(
    group: h5py.Group,
    values: np.ndarray | None = ZYX,
    axes: tuple[str, ...] = (),
    **positions: tuple[np.ndarray, str],
) -> h5py.Group:
    """An NXdata group as written today: `signal` and `axes` are its attributes."""
    group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "data"
    if values is not None:
        group["data"] = values
    if axes:
        group.attrs["axes"] = list(axes)
    for name, (where, units) in positions.items():
        group[name] = where
        group[name].attrs["units"] = units
    return group


def refused(
    path: Path, message: str, dataset: str | None = None, voxel_um: float | None = V
) -> str:
    with pytest.raises(ValueError, match=message) as error:
        read_hdf5(path, voxel_um, dataset)
    assert path.name in str(error.value)
    return str(error.value)


# ------------------------------------------------------------------------------- where it is found


def by_default(file: h5py.File) -> None:
    file.attrs["default"], file.create_group("scan").attrs["default"] = "scan", "shown"
    nxdata(file.create_group("scan/shown"))
    file["scan/raw"] = file["exchange/data"] = ZYX + 1  # decoys, one in a place that is known


def by_old_mark(file: h5py.File) -> None:
    file["entry/volume"] = ZYX
    file["entry/volume"].attrs["signal"] = 1
    file["entry/mask"] = ZYX + 1


def by_savu(file: h5py.File) -> None:
    nxdata(file.create_group("entry/final_result_tomo"))
    nxdata(file.create_group("entry/intermediate/paganin"), ZYX + 1)


def at(*places: str) -> Fill:
    def fill(file: h5py.File) -> None:
        for place in places:
            file[place] = ZYX if place == places[0] else ZYX + 1

    return fill


@pytest.mark.parametrize(
    "fill",
    [
        by_default,
        by_old_mark,
        by_savu,
        at("processed/result/data", "entry/data/raw"),
        at("entry1/result/data", "other/data"),
        at("exchange/data", "exchange/data_white", "exchange/data_dark"),
        at("exchange/recon", "exchange/data"),
        at("anything/at/all"),
        lambda file: file.update({"line": np.arange(5.0), "image": ZYX[0], "v": ZYX, "text": "x"}),
    ],
)
def test_the_volume_is_found(tmp_path: Path, fill: Fill) -> None:
    volume = read_volume(made(tmp_path, fill), V)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.spacing_um == (V, V, V)
    assert volume.values.dtype == "u2"


def test_the_users_path_goes_before(tmp_path: Path) -> None:
    path = made(tmp_path, by_default)
    for wanted in ("scan/raw", "/scan/raw", "/scan/raw/"):
        np.testing.assert_array_equal(read_hdf5(path, V, wanted).values, ZYX + 1)
    for group in ("/scan", "/scan/shown"):  # the group of the data does too
        np.testing.assert_array_equal(read_hdf5(path, V, group).values, ZYX)


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    made(tmp_path, lambda file: file.update({"d": ZYX}), "data.h5")

    def fill(file: h5py.File) -> None:
        entry = file.create_group("entry")
        entry["up"] = h5py.SoftLink("/entry")
        entry["far"] = h5py.ExternalLink("data.h5", "/d")
        entry["near"] = h5py.SoftLink("/entry/far")  # the same data are no second candidate

    path = made(tmp_path, fill)
    for wanted in (None, "/entry/far", "/entry/near", "/entry/up/near"):
        np.testing.assert_array_equal(read_hdf5(path, V, wanted).values, ZYX)


def test_a_foreign_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    assert read_volume(made(tmp_path, at("v"), "scan.dat"), V).shape == (4, 5, 6)


# ----------------------------------------------------------------------------------- axes, spacing


@pytest.mark.parametrize(
    ("axes", "stored"),
    [
        (("z", "y", "x"), (0, 1, 2)),
        (("x", "y", "z"), (2, 1, 0)),
        (("y", "z", "x"), (1, 0, 2)),
        (("voxel_x", "voxel_y", "voxel_z"), (1, 0, 2)),  # Savu: y is the rotation axis
        (("voxel_x.voxels", "voxel_y.voxels", "voxel_z.voxels"), (1, 0, 2)),
        (("rotation_axis", "y", "x"), (0, 1, 2)),
        (("row", "detector_y.mm", "detector_x.mm"), (1, 0, 2)),
        (("x_um", "Y", "z (um)"), (2, 1, 0)),
        (("a", "b", "c_"), (0, 1, 2)),  # names that say nothing
        ((".", "", "x"), (0, 1, 2)),
    ],
)
def test_axes_become_zyx(
    tmp_path: Path, axes: tuple[str, ...], stored: tuple[int, int, int]
) -> None:
    values = ZYX.transpose(stored)
    path = made(tmp_path, lambda file: nxdata(file.create_group("entry/data"), values, axes))
    volume = read_hdf5(path, V)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.values.flags.c_contiguous


@pytest.mark.parametrize("chunks", [None, (1, 5, 4), (6, 1, 4), (2, 2, 3)])
def test_chunks_slabs_and_byte_order(
    tmp_path: Path, chunks: tuple[int, int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imaging.hdf5.SLAB_BYTES", 50)

    def fill(file: h5py.File) -> None:
        stored = file.create_dataset("d", data=ZYX.transpose(2, 1, 0).astype(">i4"), chunks=chunks)
        stored.attrs["axes"] = "x:y:z"  # as of old

    volume = read_hdf5(made(tmp_path, fill), V)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.values.dtype.isnative


def test_labels_and_positions_name_axes_too(tmp_path: Path) -> None:
    def labelled(file: h5py.File) -> None:
        file["d"] = ZYX.transpose(1, 0, 2)
        for dimension, label in zip(file["d"].dims, "yzx", strict=True):
            dimension.label = label

    def tomoproc(file: h5py.File) -> None:
        file["entry/data/data"] = ZYX.transpose(2, 1, 0)
        for name, n in zip("zyx", ZYX.shape, strict=True):
            file[f"entry/data/{name}"] = 2.0 * np.arange(n)
            file[f"entry/data/{name}"].attrs["units"] = "um"

    np.testing.assert_array_equal(read_hdf5(made(tmp_path, labelled), V).values, ZYX)
    volume = read_hdf5(made(tmp_path, tomoproc), None)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.spacing_um == (2.0, 2.0, 2.0)


def test_order_that_was_assumed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_hdf5(made(tmp_path, at("v")), V)
    assert "scan.nxs: /v: axes are not named; taken as stored: (z, y, x)" in caplog.text
    caplog.clear()

    def raw(file: h5py.File) -> None:
        file["exchange/data"], file["exchange/theta"] = ZYX, np.arange(4.0)

    read_hdf5(made(tmp_path, raw), V)
    assert "are these projections?" in caplog.text


def test_spacing_from_positions_goes_with_its_axis(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        nxdata(
            file.create_group("entry/data"),
            ZYX.transpose(2, 0, 1),
            ("x", "z", "y"),
            x=((5 - np.arange(6)) * np.float32(1.25e-3), "mm"),
            z=(np.arange(5) * 2e-6, "m"),  # edges: one more than voxels
            y=(100 + np.arange(5) * 1500.0, "nm"),
        )
        file["entry/other"] = h5py.SoftLink("/entry/data/data")  # axes are named elsewhere

    path = made(tmp_path, fill)
    for wanted in (None, "/entry/other"):
        volume = read_hdf5(path, None, wanted)
        np.testing.assert_array_equal(volume.values, ZYX)
        np.testing.assert_allclose(volume.spacing_um, (2.0, 1.5, 1.25), rtol=1e-5)
    refused(path, "must agree within")


@pytest.mark.parametrize(
    ("fill", "spacing_um"),
    [
        (lambda d, e: d.attrs.update(element_size_um=[3.0, 2.0, 1.0]), (3, 2, 1)),
        (lambda d, e: d.attrs.update(voxel_size=1.6e-3, voxel_size_units="mm"), (1.6, 1.6, 1.6)),
        (lambda d, e: e.attrs.update(pixel_size=2000, pixel_size_unit=b"nm"), (2, 2, 2)),
        (lambda d, e: e.attrs.update(voxel_size_um=1.5), (1.5, 1.5, 1.5)),
        (lambda d, e: d.attrs.update(voxel_size=1.6), None),  # of what unit?
        (lambda d, e: d.attrs.update(element_size_um=[1.0, 1.0, 1.0]), None),  # not calibrated
        (lambda d, e: None, None),
    ],
)
def test_spacing_from_attributes(
    tmp_path: Path, fill: Callable[[h5py.Dataset, h5py.Group], object], spacing_um: tuple | None
) -> None:
    def filled(file: h5py.File) -> None:
        file["entry/d"] = ZYX
        fill(file["entry/d"], file["entry"])

    path = made(tmp_path, filled)
    if spacing_um is None:
        refused(path, "carries no voxel size; give voxel_um", voxel_um=None)
        assert read_hdf5(path, V).spacing_um == (V, V, V)
    else:
        np.testing.assert_allclose(read_hdf5(path, None).spacing_um, spacing_um)
        refused(path, "must agree within", voxel_um=7.0)


def test_spacing_from_a_dataset_beside(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["entry/data/d"] = ZYX
        file["entry/pixel_size"] = 1.5e-6
        file["entry/pixel_size"].attrs["units"] = "m"

    np.testing.assert_allclose(read_hdf5(made(tmp_path, fill), None).spacing_um, 1.5)


def test_positions_in_voxels_are_no_spacing_and_uneven_ones_are_refused(tmp_path: Path) -> None:
    def fill(units: str, bend: float) -> Fill:
        positions = {
            n: (np.arange(k) ** bend, units) for n, k in zip("zyx", (4, 5, 6), strict=True)
        }
        return lambda file: nxdata(file.create_group("e/d"), ZYX, ("z", "y", "x"), **positions)

    refused(made(tmp_path, fill("voxels", 1.0)), "carries no voxel size", voxel_um=None)
    refused(made(tmp_path, fill("um", 1.1)), "along the axis z are not evenly spaced")
    assert read_hdf5(made(tmp_path, fill("um", 1.0)), None).spacing_um == (1.0, 1.0, 1.0)


def test_a_singleton_axis_is_left_out(tmp_path: Path) -> None:
    names = ("x", "scan", "y", "z")
    values = ZYX.transpose(2, 1, 0)[:, None]
    path = made(tmp_path, lambda file: nxdata(file.create_group("e/d"), values, names))
    np.testing.assert_array_equal(read_hdf5(path, V).values, ZYX)


# ----------------------------------------------------------------------------------------- faults


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.nxs"):
        read_volume(tmp_path / "gone.nxs", V)
    path = made(tmp_path, at("v"))
    whole = path.read_bytes()
    for size in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(path, "truncated" if size >= 8 else "not an HDF5 file")
    path.write_text("this is no HDF5, but long enough to be read")
    refused(path, "not an HDF5 file")
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="voxel_um must be a positive"):
            read_hdf5(path, wrong)


def test_which_one_is_asked_and_near_names_are_said(tmp_path: Path) -> None:
    path = made(tmp_path, at("a/recon", "b/recon"))
    said = refused(path, "2 datasets could be meant")
    assert "/a/recon (4, 5, 6), /b/recon (4, 5, 6); say which by dataset=PATH" in said
    assert "did you mean /a/recon or /b/recon?" in refused(path, "no dataset", "/a/recom")
    refused(path, "no dataset /entry/recon; did you mean .*/a/recon", "/entry/recon")
    assert "there are /a/recon (4, 5, 6)" in refused(path, "no dataset", "/entry/volume")
    refused(path, "no dataset /a/recon/deeper", "/a/recon/deeper")
    refused(made(tmp_path, at("entry/final_result_a/data", "entry/final_result_b/data")), "2 data")
    refused(made(tmp_path, lambda file: file.create_group("entry")), "it holds no dataset")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (ZYX[0], r"3-D volume \(z, y, x\) is needed; got shape \(5, 6\)"),
        (np.stack([ZYX, ZYX]), r"got shape \(2, 4, 5, 6\)"),
        (ZYX.astype("c8"), "complex64, not real numbers"),
        (ZYX > 3, "bool, not real numbers"),
        (ZYX.astype("S2"), "not real numbers"),
        (ZYX[:0], r"is empty, shape \(0, 5, 6\)"),
        (h5py.Empty("f4"), "is empty"),
        (np.where(ZYX[0, 0, 0] == ZYX, np.nan, 1.0), "NaN"),
        (np.full((4, 5, 6), np.inf), "120 NaN or infinite"),
    ],
)
def test_data_that_are_no_volume(tmp_path: Path, values: np.ndarray, message: str) -> None:
    path = made(tmp_path, lambda file: file.update({"entry/d": values}))
    assert "/entry/d" in refused(path, message, "/entry/d")
    with pytest.raises(ValueError, match="/entry/d"):
        read_hdf5(path, V)  # found or not found, it is shown


def test_projections_are_no_volume(tmp_path: Path) -> None:
    for axis in ("rotation_angle.degrees", "theta", "energy"):
        axes = (axis, "detector_y", "detector_x")
        path = made(tmp_path, lambda file, a=axes: nxdata(file.create_group("e/d"), ZYX, a))
        refused(path, "is no length")


def test_broken_links(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        nxdata(file.create_group("entry/final_result_tomo"), None)
        file["entry/final_result_tomo/data"] = h5py.ExternalLink("away.h5", "/d")
        file["entry/soft"] = h5py.SoftLink("/nothing")
        file["entry/other"] = ZYX

    path = made(tmp_path, fill)
    for wanted in (None, "/entry/final_result_tomo/data", "/entry/final_result_tomo"):
        refused(path, r"data is a broken link to /d in the file away\.h5", wanted)
    refused(path, "soft is a broken link to /nothing", "/entry/soft")
    assert read_hdf5(path, V, "/entry/other").shape == (4, 5, 6)
    path = made(tmp_path, lambda file: file.update({"a": h5py.ExternalLink("away.h5", "/d")}))
    refused(path, "no 3-D dataset.*a is a broken link")


def test_data_that_were_never_written(tmp_path: Path) -> None:
    def half(file: h5py.File) -> None:
        file.create_dataset("d", (4, 5, 6), "f4", chunks=(1, 5, 6))[:3] = 1.0

    refused(made(tmp_path, half), "1 of 4 chunks were never written")
    refused(made(tmp_path, lambda f: f.create_dataset("d", (4, 5, 6), "f4")), "never written")


def test_parts_of_virtual_data_must_be_there(tmp_path: Path) -> None:
    def virtual(name: str, dataset: str) -> Fill:
        def fill(file: h5py.File) -> None:
            layout = h5py.VirtualLayout(ZYX.shape, ZYX.dtype)
            layout[:] = h5py.VirtualSource(name, dataset, ZYX.shape)
            file.create_virtual_dataset("d", layout)

        return fill

    made(tmp_path, at("part"), "part.h5")
    np.testing.assert_array_equal(
        read_hdf5(made(tmp_path, virtual("part.h5", "part")), V).values, ZYX
    )
    refused(made(tmp_path, virtual("away.h5", "part")), r"source file .*away\.h5 is missing")
    refused(made(tmp_path, virtual("part.h5", "q")), r"its source q is not in .*part\.h5")


def test_damaged_chunks(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("d", data=ZYX, chunks=(2, 5, 6), compression="gzip", fletcher32=True)

    path = made(tmp_path, fill)
    with h5py.File(path) as file:
        place = file["d"].id.get_chunk_info(1).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 4 : place + 20] = b"\xff" * 16
    path.write_bytes(content)
    refused(path, "damaged and cannot be read")
