"""Tomograms from OME-Zarr and other Zarr, and chunks that went missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec

from imaging.readers import read_volume, write_zarr
from imaging.volume import Volume

V = 1.625
ZYX = np.random.default_rng(0).integers(1, 200, (4, 5, 6)).astype("u2")


def ome(
    path: Path,
    values: np.ndarray = ZYX,
    axes: str = "zyx",
    scale: tuple[float, ...] = (2.0, 1.5, 1.25),
    unit: str | None = "micrometer",
    version: str = "0.5",
) -> Path:
    """An image of two levels, the second of them coarser."""
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.create_group(str(path), zarr_format=zarr_format)
    for level, stored in enumerate((values, values[..., ::2])):
        group.create_array(str(level), data=stored, chunks=(2,) * values.ndim)
    kinds = {"t": "time", "c": "channel"}
    named: list[dict[str, Any]] = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for axis in named:
        if unit is not None and axis["type"] == "space":
            axis["unit"] = unit
    scales = [list(scale), [*scale[:-1], 2 * scale[-1]]]
    image = {
        "axes": named,
        "datasets": [
            {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": s}]}
            for i, s in enumerate(scales)
        ],
    }
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [{**image, "version": version}]
    return path


def refused(path: Path, message: str, **keys: Any) -> str:
    with pytest.raises(ValueError, match=message) as error:
        read_volume(path, keys.pop("voxel_um", V), **keys)
    assert path.name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_finest_level_with_its_spacing(tmp_path: Path, version: str) -> None:
    path = ome(tmp_path / "scan.zarr", version=version)
    volume = read_volume(path, None)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.spacing_um == (2.0, 1.5, 1.25)
    refused(path, "must agree within")
    renamed = path.rename(tmp_path / "scan")  # known by its content
    assert read_volume(renamed, None).shape == (4, 5, 6)


def test_units_and_scales_of_the_image(tmp_path: Path) -> None:
    path = ome(tmp_path / "nm.zarr", scale=(1625.0,) * 3, unit="nanometer", version="0.4")
    np.testing.assert_allclose(read_volume(path, None).spacing_um, V)
    content = json.loads((path / ".zattrs").read_text())
    content["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [2.0, 1.0, 1.0]},
        {"type": "translation", "translation": [5.0, 0.0, 0.0]},
    ]
    (path / ".zattrs").write_text(json.dumps(content))
    np.testing.assert_allclose(read_volume(path, None).spacing_um, (2 * V, V, V))
    path = ome(tmp_path / "none.zarr", scale=(1.0, 1.0, 1.0), unit=None)
    refused(path, "carries no voxel size; give voxel_um", voxel_um=None)
    assert read_volume(path, V).spacing_um == (V, V, V)


def test_axes_are_ordered_by_name(tmp_path: Path) -> None:
    path = ome(tmp_path / "a.zarr", ZYX.transpose(2, 0, 1), "xzy", (1.25, 2.0, 1.5))
    volume = read_volume(path, None)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.spacing_um == (2.0, 1.5, 1.25)


def test_one_time_and_one_channel_or_none(tmp_path: Path) -> None:
    scale = (1.0, 1.0, 2.0, 1.5, 1.25)
    volume = read_volume(ome(tmp_path / "a.zarr", ZYX[None, None], "tczyx", scale), None)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.spacing_um == (2.0, 1.5, 1.25)
    refused(
        ome(tmp_path / "b.zarr", np.stack([ZYX, ZYX])[None], "tczyx", scale),
        "axis c has a length of 2",
    )
    refused(ome(tmp_path / "c.zarr", ZYX, "tyx"), "axis t is no length")
    refused(ome(tmp_path / "d.zarr", ZYX[0], "yx", (1.5, 1.25)), "3-D volume")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_missing_chunks_are_counted(tmp_path: Path, version: str) -> None:
    path = ome(tmp_path / "scan.zarr", version=version)
    chunks = sorted(
        p for p in (path / "0").rglob("*") if p.is_file() and p.name.replace(".", "").isdigit()
    )
    assert len(chunks) == 18
    chunks[3].unlink()
    chunks[7].write_bytes(b"")
    refused(path, "2 of 18 chunks missing", voxel_um=None)


def test_missing_shards_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "sharded.zarr"
    array = zarr.create_array(
        str(path), shape=(4, 5, 6), dtype="u2", chunks=(1, 5, 2), shards=(2, 5, 4)
    )
    array[:] = ZYX
    np.testing.assert_array_equal(read_volume(path, V).values, ZYX)
    (path / "c" / "1" / "0" / "1").unlink()
    refused(path, "1 of 4 shards missing")


def test_chunks_that_hold_only_zeros_must_have_been_written(tmp_path: Path) -> None:
    zeros = np.zeros((70, 5, 6), "f4")
    write_zarr(tmp_path / "ours.zarr", Volume(zeros, (V, V, V)), {})
    assert read_volume(tmp_path / "ours.zarr", None).spacing_um == (V, V, V)
    zarr.create_array(str(tmp_path / "theirs.zarr"), data=zeros, chunks=(70, 5, 6))
    refused(tmp_path / "theirs.zarr", "1 of 1 chunks missing.*with empty chunks")


def test_damaged_chunks_and_metadata(tmp_path: Path) -> None:
    path = ome(tmp_path / "scan.zarr")
    chunk = path / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-7])
    refused(path, "damaged and cannot be read")
    (path / "zarr.json").write_text("{")
    refused(path, "metadata cannot be read")
    with pytest.raises(FileNotFoundError, match=r"gone\.zarr"):
        read_volume(tmp_path / "gone.zarr", V)


def longer(file: Path, at: int = 0) -> None:
    """Make the head of a Blosc chunk speak of a gigabyte: its library would read on for it."""
    content = bytearray(file.read_bytes())
    content[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    file.write_bytes(content)


@pytest.mark.parametrize("version", [2, 3])
def test_blosc_chunks_that_say_they_are_longer(tmp_path: Path, version: int) -> None:
    codec = numcodecs.Blosc() if version == 2 else BloscCodec()
    zarr.create_array(
        str(tmp_path / "a.zarr"), data=ZYX, chunks=(4, 5, 6), zarr_format=version, compressors=codec
    )
    np.testing.assert_array_equal(read_volume(tmp_path / "a.zarr", V).values, ZYX)
    (chunk,) = (p for p in (tmp_path / "a.zarr").rglob("*0") if p.is_file())
    longer(chunk)
    refused(tmp_path / "a.zarr", "damaged and cannot be read.*not as long as it says")
    chunk.write_bytes(bytes(9))
    refused(tmp_path / "a.zarr", "damaged and cannot be read.*not as long as it says")


@pytest.mark.parametrize("location", ["start", "end"])
def test_blosc_chunks_in_shards(tmp_path: Path, location: str) -> None:
    shards = {"shape": (4, 5, 6), "index_location": location}
    zarr.create_array(
        str(tmp_path / "a.zarr"),
        data=np.where(np.arange(6) < 3, ZYX, 0),  # the last chunk is left out of the shard
        chunks=(4, 5, 3), shards=shards, compressors=BloscCodec(),
    )  # fmt: skip
    assert read_volume(tmp_path / "a.zarr", V).values[..., :3].tolist() == ZYX[..., :3].tolist()
    (shard,) = (p for p in (tmp_path / "a.zarr").rglob("0") if p.is_file())
    sound = shard.read_bytes()
    longer(shard, at=2 * 16 + 4 if location == "start" else 0)
    refused(tmp_path / "a.zarr", "damaged and cannot be read.*not as long as it says")
    for content in (sound[:9], sound[:-40] if location == "start" else sound[40:]):
        shard.write_bytes(content)
        refused(tmp_path / "a.zarr", "damaged and cannot be read")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image["datasets"][0].update(path="7"), "level 7 .* is missing"),
        (lambda image: image.update(datasets=[]), "OME-Zarr metadata lack"),
        (lambda image: image["axes"].pop(), "describe 2 axes"),
    ],
)
def test_ome_metadata_that_do_not_fit(tmp_path: Path, change: Any, message: str) -> None:
    path = ome(tmp_path / "scan.zarr")
    content = json.loads((path / "zarr.json").read_text())
    content.pop("consolidated_metadata", None)
    change(content["attributes"]["ome"]["multiscales"][0])
    (path / "zarr.json").write_text(json.dumps(content))
    refused(path, message)


def test_plain_arrays_and_groups(tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    zarr.create_array(str(path), data=ZYX.T.astype(">u2"), dimension_names=("x", "y", "z"))
    volume = read_volume(path, V)
    np.testing.assert_array_equal(volume.values, ZYX)
    assert volume.values.dtype.isnative
    refused(path, "carries no voxel size; give voxel_um", voxel_um=None)
    refused(path, "this is an array, not a group", dataset="0")

    group = zarr.create_group(str(tmp_path / "group.zarr"))
    group.create_array("line", data=np.arange(5))
    refused(tmp_path / "group.zarr", "no 3-D array of numbers; there are /line")
    group.create_array("a", data=ZYX, attributes={"spacing_um": [3.0, 2.0, 1.0]})
    assert read_volume(tmp_path / "group.zarr", None).spacing_um == (3.0, 2.0, 1.0)
    group.create_array("b/c", data=ZYX + 1)
    said = refused(tmp_path / "group.zarr", "2 arrays could be meant")
    assert "/a (4, 5, 6) uint16, /b/c (4, 5, 6) uint16; say which by dataset=PATH" in said
    for wanted in ("b/c", "/b/c", "/b"):
        found = read_volume(tmp_path / "group.zarr", V, wanted)
        np.testing.assert_array_equal(found.values, ZYX + 1)
    refused(tmp_path / "group.zarr", "no dataset /b/d; there are /a", dataset="/b/d")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (ZYX > 3, "dtype bool"),
        (ZYX.astype("c8"), "dtype complex64"),
        (ZYX[0], r"3-D volume .* got shape \(5, 6\)"),
        (np.stack([ZYX, ZYX]), r"got shape \(2, 4, 5, 6\)"),
        (np.where(ZYX[0, 0, 0] == ZYX, np.nan, 1.0), "NaN"),
    ],
)
def test_arrays_that_are_no_volume(tmp_path: Path, values: np.ndarray, message: str) -> None:
    zarr.create_array(str(tmp_path / "x.zarr"), data=values)
    refused(tmp_path / "x.zarr", message)


def test_dataset_is_not_for_tiff(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    refused(tmp_path / "slices", "dataset=/entry/data is for HDF5 and Zarr", dataset="/entry/data")
