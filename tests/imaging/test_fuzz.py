"""Damaged tomograms: read, or refused by a ValueError that names the file; never anything else."""

from __future__ import annotations

import json
import logging
import resource
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from fuzzing import damaged

from imaging.hdf5_probe import require_sound
from imaging.readers import read_volume, write_tiff, write_zarr
from imaging.volume import Volume

VALUES = np.arange(6 * 7 * 8, dtype=np.uint16).reshape(6, 7, 8)
CPU_SECONDS = "5"
"""Ten times what the process takes for all files."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """A header that asks for terabytes must not get them."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def complaint(path: Path, voxel_um: float | None) -> str | None:
    """Return what is said of a file, or None where it is read."""
    said = None
    try:
        volume = read_volume(path, voxel_um)
    except ValueError as error:
        said = str(error)
    if said is not None:
        assert str(path) in said
        return said
    assert np.isfinite(volume.values).all()
    return None


def test_damaged_tiff(tmp_path: Path) -> None:
    sound = tmp_path / "sound.tif"
    write_tiff(sound, Volume(VALUES, (1.0, 1.0, 1.0)))
    contents = [sound.read_bytes()]
    dialects = (
        {"bigtiff": True}, {"compression": "zlib"}, {"tile": (16, 16)}, {"byteorder": ">"},
        {"ome": True}, {"resolution": (1e4, 1e4), "resolutionunit": 3},
    )  # fmt: skip
    for options in dialects:
        tifffile.imwrite(sound, VALUES, photometric="minisblack", **options)
        contents.append(sound.read_bytes())
    file = tmp_path / "damaged.tif"
    refused = 0
    for content in damaged(contents, 1000):
        file.write_bytes(content)
        refused += complaint(file, 1.0) is not None
    assert refused > 100


def next_page_at(content: bytes, page: int) -> int:
    """Place in a TIFF file at which the offset of the page after this one stands; -1: the first."""
    wide = content[2] == 43
    count, entry, size = (8, 20, 8) if wide else (2, 12, 4)
    at = 8 if wide else 4
    for _ in range(page + 1):
        start = int.from_bytes(content[at : at + size], "little")
        tags = int.from_bytes(content[start : start + count], "little")
        at = start + count + entry * tags
    return at


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(("last", "back"), [(0, 0), (2, 0), (2, 2), (3, 1)])
def test_tiff_pages_in_a_circle(tmp_path: Path, last: int, back: int, wide: bool) -> None:
    file = tmp_path / "circle.tif"
    with tifffile.TiffWriter(file, bigtiff=wide) as writer:
        for plane in VALUES[:5]:
            writer.write(plane, photometric="minisblack", contiguous=False)
    content, size = bytearray(file.read_bytes()), 8 if wide else 4
    target, source = next_page_at(content, back - 1), next_page_at(content, last)
    content[source : source + size] = content[target : target + size]
    file.write_bytes(content)
    said = complaint(file, 1.0)
    assert said is not None
    assert f"page {last + 1} leads back" in said
    content[source : source + size] = b"\xff" * size  # beyond what can be sought
    file.write_bytes(content)
    said = complaint(file, 1.0)
    assert said is not None
    assert "truncated" in said


def test_damaged_zarr(tmp_path: Path) -> None:
    sound, place = tmp_path / "sound.zarr", tmp_path / "damaged.zarr"
    write_zarr(sound, Volume(VALUES.astype(np.float32), (1.0, 1.0, 1.0)), {})
    metadata, chunk = sound / "zarr.json", next(p for p in sound.rglob("0") if p.is_file())
    refused = 0
    for file, count in ((metadata, 150), (chunk, 50)):
        for content in damaged([file.read_bytes()], count):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(sound, place)
            (place / file.relative_to(sound)).write_bytes(content)
            refused += complaint(place, None) is not None
    assert refused > 100


def test_zarr_attributes_of_another_kind(tmp_path: Path) -> None:
    place = tmp_path / "odd.zarr"
    write_zarr(place, Volume(VALUES, (1.0, 1.0, 1.0)), {})
    metadata = place / "zarr.json"
    content = json.loads(metadata.read_text())
    for name, value in (("axes", 5), ("origin_um", 1), ("spacing_um", "x"), ("spacing_um", {})):
        odd = content | {"attributes": content["attributes"] | {name: value}}
        metadata.write_text(json.dumps(odd))
        assert complaint(place, None) is not None


def nexus(path: Path, **options: object) -> bytes:
    """Return a NeXus file as tomography programs write them."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": ["z", "y", "x"]})
        data.create_dataset("data", data=VALUES, **options)
        for name, length in zip("zyx", VALUES.shape, strict=True):
            axis = data.create_dataset(name, data=np.arange(length) * 1.5)
            axis.attrs["units"] = "um"
    return path.read_bytes()


WORKER = """
import logging, resource, sys, warnings
from pathlib import Path
from imaging import hdf5
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
hdf5.require_sound = lambda *given: None  # this process is lost in the place of the probe
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
for name in sys.stdin.read().split():
    print(name, end=" ", flush=True)
    try:
        hdf5.read_hdf5(Path(name), 1.5)
    except ValueError as error:
        print("refused" if name in str(error) else f"UNNAMED {error}", flush=True)
    except Exception as error:
        print(f"{type(error).__name__} {error}".replace(chr(10), " "), flush=True)
    else:
        print("read", flush=True)
"""


def test_damaged_hdf5(tmp_path: Path) -> None:
    """In processes that may be lost: then the file must be refused by the one that reads."""
    kinds = ({}, {"chunks": (2, 7, 8)}, {"chunks": (2, 4, 4), "compression": "gzip"})
    sound = [nexus(tmp_path / "sound.h5", **options) for options in kinds]
    waiting = []
    for number, content in enumerate(damaged(sound, 200, seed=1)):
        waiting.append(tmp_path / f"{number}.h5")
        waiting[-1].write_bytes(content)
    said: dict[str, str] = {}
    lost = []
    while waiting:
        done = subprocess.run(
            [sys.executable, "-c", WORKER, CPU_SECONDS], input=" ".join(map(str, waiting)),
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
        said |= {name: what for name, what in lines if what}
        if done.returncode < 0:
            lost.append(waiting[len(lines) - 1])
        else:
            assert done.returncode == 0, done.stderr
        waiting = waiting[len(lines) :]
    others = {what for what in said.values() if what not in ("read", "refused")}
    assert not others
    assert sum(what == "refused" for what in said.values()) > 40
    for path in lost:
        with pytest.raises(ValueError, match="does not end"):
            require_sound(path, None, seconds=2)


def test_a_file_that_sends_the_library_in_circles(tmp_path: Path) -> None:
    """The free space of a global heap with a size of nothing: HDF5 1.14 walks it for ever."""
    content = bytearray(nexus(tmp_path / "sound.h5"))
    at = content.index(b"GCOL") + 16
    while (number := int.from_bytes(content[at : at + 2], "little")) != 0:
        assert number < 100
        size = int.from_bytes(content[at + 8 : at + 16], "little")
        at += 16 + -(-size // 8) * 8
    content[at + 8 : at + 16] = bytes(8)
    looping = tmp_path / "looping.h5"
    looping.write_bytes(content)
    with pytest.raises(ValueError, match=r"looping\.h5: .* does not end"):
        require_sound(looping, None, seconds=1)
    require_sound(tmp_path / "sound.h5", None, seconds=20)
