"""Volumes from and to Zarr: islet's own arrays, OME-Zarr images, and other arrays.

Zarr hands out the fill value where a chunk is missing, so every chunk is looked for before any
voxel is used.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging import blosc
from imaging.grid import agreed_spacing, require_voxel_um, squeezed, um_per_unit, zyx_order
from imaging.memory import require_memory
from imaging.replace import renamed
from imaging.slabs import mapped
from imaging.stored_scale import stored_scale, unpacked
from imaging.volume import Triple, Volume

log = logging.getLogger(__name__)

MARKS = ("zarr.json", ".zarray", ".zgroup")
#: Axes of OME-Zarr images before axes could be named.
OLD_OME_AXES = "tczyx"
SHOWN = 10
CHUNK = (64, 128, 128)
"""Voxels of a chunk that is written, at most."""


@dataclass(frozen=True)
class _Stored:
    """An array in its store and what is said of its axes."""

    array: Any
    axes: list[str] | None
    """Name of every axis, None if they are not named."""
    step_um: list[float | None]
    """Size of a voxel along every axis, None where it is not known."""
    origin_um: Triple = (0.0, 0.0, 0.0)


def is_zarr(path: Path) -> bool:
    """Whether a path is, or by its name should be, a Zarr array or group."""
    return path.suffix.lower() == ".zarr" or any((path / mark).is_file() for mark in MARKS)


def write_zarr(
    path: Path, volume: Volume, attributes: dict[str, Any], step: float | None = None
) -> None:
    """Write a Zarr v3 array with `spacing_um`, `origin_um`, `axes` and further attributes.

    Every chunk is written, empty ones too, so that `read_zarr` can tell a lost chunk from zeros.

    Parameters
    ----------
    path
        Folder to make.
    volume
        What is written.
    attributes
        Beside those of the grid.
    step
        Floats are rounded to multiples of this power of two, kept as the attribute `step`: bits
        far below the noise cost as much room as all others. None: written as they are.
    """
    if volume.values.dtype.kind != "f":
        step = None
    import zarr
    from zarr.codecs import BloscCodec

    # As small as Zarr's default makes noisy floats, in half the time.
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")
    with renamed(path) as temporary, zarr.config.set({"array.write_empty_chunks": True}):
        array = zarr.create_array(
            store=str(temporary),
            shape=volume.shape,
            dtype=volume.values.dtype,
            chunks=tuple(min(size, n) for size, n in zip(CHUNK, volume.shape, strict=True)),
            compressors=codec,
            attributes={
                **attributes,
                **({} if step is None else {"step": step}),
                "axes": ["z", "y", "x"],
                "spacing_um": list(volume.spacing_um),
                "origin_um": list(volume.origin_um),
            },
        )

        def put(rows: slice) -> None:
            for first in range(0, volume.shape[0], CHUNK[0]):
                box = (slice(first, first + CHUNK[0]), rows)
                part = volume.values[box]
                array[box] = part if step is None else _rounded(part, step)

        # Few chunks at a time: rounded copies take little memory.
        for _ in mapped(put, volume.shape[1], CHUNK[1]):
            pass


def _rounded(values: NDArray[np.floating], step: float) -> NDArray[np.floating]:
    """To the nearest multiples of a power of two."""
    out = values * values.dtype.type(1 / step)
    np.rint(out, out=out)
    out *= values.dtype.type(step)
    return out


def read_zarr(path: Path, voxel_um: float | None = None, dataset: str | None = None) -> Volume:
    """Read what `write_zarr` wrote, the finest level of an OME-Zarr image, or another 3-D array.

    Parameters
    ----------
    path
        Folder of the array or group, Zarr version 2 or 3.
    voxel_um
        Edge of the cubic voxel; needed where the store carries none, else checked against it.
    dataset
        Path of the array, or of the image, inside the group.

    Raises
    ------
    FileNotFoundError
        If there is no Zarr array or group at `path`.
    ValueError
        If the metadata are damaged; if no array, or more than one, is the volume; if it has
        several times or channels, is not a 3-D array of real numbers, lacks chunks, or holds NaN
        or infinity; if the voxel size is unknown or contradictory.
    """
    path = Path(path)
    if not any((path / mark).is_file() for mark in MARKS):
        raise FileNotFoundError(f"{path}: no Zarr array there ({' or '.join(MARKS)} is missing)")
    require_voxel_um(voxel_um)
    try:
        stored = _find(path, dataset)
        kept = _kept(stored)
        order = _order(path, stored, kept)
        shape = [stored.array.shape[kept[i]] for i in order]
        require_memory(path, shape, stored.array.dtype.itemsize)  # before its chunks are counted
        _require_chunks(path, stored.array)
        values = unpacked(_read(stored, kept, order), stored_scale(dict(stored.array.attrs)))
    except (ValueError, OSError) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # zarr has one for every part of damaged metadata
        raise ValueError(f"{path}: the Zarr metadata do not fit: {error}") from error
    steps = [stored.step_um[kept[i]] for i in order]
    known = [step for step in steps if step is not None]
    spacing = (known[0], known[1], known[2]) if len(known) == 3 else None
    if spacing is not None and not all(math.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f"{path}: its voxel size (z, y, x) {spacing} um is not positive")
    agreed = agreed_spacing(path, spacing, voxel_um)
    try:
        return Volume(values, agreed, stored.origin_um)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


# --------------------------------------------------------------------------------- ways to find it


def _find(path: Path, dataset: str | None) -> _Stored:
    node = _open(path)
    if dataset is not None and dataset.strip("/"):
        if _is_array(node):
            raise ValueError(f"dataset={dataset} is given, but this is an array, not a group")
        top, node = node, _member(node, dataset)
        if node is None:
            raise ValueError(f"no dataset {dataset}; there are {_listed(_arrays(top))}")
    if _is_array(node):
        return _plain(node)
    images = _ome(node).get("multiscales")
    if images:
        return _finest(path, node, images)
    arrays = _arrays(node)
    volumes = [a for a in arrays if squeezed(a.shape) is not None and a.dtype.kind in "iuf"]
    if len(volumes) == 1:
        return _plain(volumes[0])
    if volumes:
        raise ValueError(
            f"{len(volumes)} arrays could be meant: {_listed(volumes)}; say which by dataset=PATH"
        )
    raise ValueError(f"no 3-D array of numbers; there are {_listed(arrays)}")


def _open(path: Path) -> Any:
    import zarr

    try:
        return zarr.open(str(path), mode="r")
    except Exception as error:  # zarr raises what its parsers raise, of many kinds
        raise ValueError(f"the Zarr metadata cannot be read: {error}") from None


def _member(group: Any, name: str) -> Any:
    """An array or group inside a group, None if it is not there."""
    try:
        return group[name.strip("/")]
    except KeyError:
        return None
    except Exception as error:
        raise ValueError(f"the Zarr metadata of {name} cannot be read: {error}") from None


def _is_array(node: Any) -> bool:
    return hasattr(node, "shape")


def _arrays(group: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [group]
    while waiting:
        for _, member in sorted(waiting.pop(0).members(), key=lambda item: str(item[0])):
            (found if _is_array(member) else waiting).append(member)
    return found


def _listed(arrays: Sequence[Any]) -> str:
    return ", ".join(f"{a.name} {a.shape} {a.dtype}" for a in arrays[:SHOWN]) or "no arrays"


def _plain(array: Any) -> _Stored:
    """An array by itself: islet's own, or one with the names that others give."""
    attributes = dict(array.attrs)
    named = attributes.get("axes") or getattr(array.metadata, "dimension_names", None)
    axes = [str(name) for name in named] if named and len(named) == array.ndim else None
    steps: list[float | None] = [None] * array.ndim
    for name in ("spacing_um", "element_size_um", "voxel_size_um", "voxel_um"):
        if name in attributes:
            sizes = np.ravel(attributes[name])
            if sizes.dtype.kind not in "iuf" or sizes.size not in (1, array.ndim):
                raise ValueError(f"{name} needs a number for each axis; got {attributes[name]}")
            steps = [float(s) for s in np.broadcast_to(sizes, array.ndim)]
            break
    z, y, x = attributes.get("origin_um", (0.0, 0.0, 0.0))
    return _Stored(array, axes, steps, (z, y, x))


def _ome(group: Any) -> dict[str, Any]:
    """OME metadata: at the top up to version 0.4, under `ome` since 0.5."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def _finest(path: Path, group: Any, images: list[Any]) -> _Stored:
    """The first level of an OME-Zarr image: levels go from fine to coarse."""
    if len(images) > 1:
        log.info("%s: %d multiscale images, the first is taken", path, len(images))
    try:
        image = images[0]
        level = image["datasets"][0]
        name = str(level["path"])
        axes = [a if isinstance(a, dict) else {"name": a} for a in image.get("axes") or ()]
        scales = [
            transform["scale"]
            for transform in (
                *level.get("coordinateTransformations", ()),
                *image.get("coordinateTransformations", ()),
            )
            if transform["type"] == "scale"
        ]
        units = [um_per_unit(axis.get("unit", "")) for axis in axes]
        names = [str(axis["name"]) for axis in axes]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the OME-Zarr metadata lack {error}") from None
    array = _member(group, name)
    if array is None or not _is_array(array):
        raise ValueError(f"the level {name} that the OME-Zarr metadata name is missing")
    if not names:
        names, units = list(OLD_OME_AXES[-array.ndim :]), [None] * array.ndim
    if len(names) != array.ndim or any(len(scale) != array.ndim for scale in scales):
        raise ValueError(
            f"the OME-Zarr metadata describe {len(names)} axes, level {name} has shape "
            f"{array.shape}"
        )
    factors = [math.prod(float(scale[i]) for scale in scales) for i in range(array.ndim)]
    steps = [
        factor * unit if unit is not None and scales else None
        for factor, unit in zip(factors, units, strict=True)
    ]
    log.info("%s: level %s of an OME-Zarr image, axes (%s)", path, name, ", ".join(names))
    return _Stored(array, names, steps)


# ---------------------------------------------------------------------------------------- reading


def _kept(stored: _Stored) -> tuple[int, ...]:
    """The three axes that make the volume."""
    array, names = stored.array, stored.axes
    if math.prod(array.shape) == 0:
        raise ValueError(f"a volume needs at least one voxel; got shape {array.shape}")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"a volume holds integers or floats; got dtype {array.dtype}")
    if names is not None and {"z", "y", "x"} <= {name.lower() for name in names}:
        for name, n in zip(names, array.shape, strict=True):
            if name.lower() not in ("z", "y", "x") and n > 1:
                raise ValueError(f"one volume is needed; the axis {name} has a length of {n}")
        return tuple(i for i, name in enumerate(names) if name.lower() in ("z", "y", "x"))
    kept = squeezed(array.shape)
    if kept is None:
        raise ValueError(f"a 3-D volume (z, y, x) is needed; got shape {array.shape}")
    return kept


def _order(path: Path, stored: _Stored, kept: Sequence[int]) -> tuple[int, int, int]:
    named = [stored.axes[axis] for axis in kept] if stored.axes is not None else []
    order = zyx_order(named) if named else None
    if order is None:
        log.info("%s: axes are not named; taken as stored: (z, y, x)", path)
        return 0, 1, 2
    return order


def _require_chunks(path: Path, array: Any) -> None:
    """Look for the file of every chunk, or of every shard, where there are shards.

    Those that Blosc has compressed must be whole as well.
    """
    folder = Path(str(array.store.root)) / array.path
    grid = [-(-n // c) for n, c in zip(array.shape, array.shards or array.chunks, strict=True)]
    files = [
        folder / array.metadata.encode_chunk_key(place)
        for place in itertools.product(*map(range, grid))
    ]
    missing = sum(not file.is_file() or file.stat().st_size == 0 for file in files)
    if missing:
        what = "shards" if array.shards else "chunks"
        raise ValueError(
            f"{missing} of {math.prod(grid)} {what} missing; if they were left out because they "
            "hold the fill value only, write the array again with empty chunks"
        )
    if blosc.uses_blosc(array):
        for file in files:
            if blosc.damaged(file, array):
                raise ValueError(
                    f"a chunk is damaged and cannot be read: {file} is not as long as it says"
                )


def _read(stored: _Stored, kept: Sequence[int], order: tuple[int, int, int]) -> NDArray[Any]:
    array = stored.array
    index = tuple(slice(None) if axis in kept else 0 for axis in range(array.ndim))
    try:
        values = np.asarray(array[index])
    except Exception as error:  # every codec raises its own
        raise ValueError(f"a chunk is damaged and cannot be read: {error}") from None
    values = np.ascontiguousarray(values.transpose(order))
    return values.astype(values.dtype.newbyteorder("="), copy=False)
