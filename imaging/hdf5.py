"""Tomograms from HDF5 and NeXus files, one array at a time.

HDF5 hands out fill values where nothing was written and where a file that a dataset is put
together from is gone, so completeness is checked before any voxel is used.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from imaging.grid import (
    ANGLES,
    VOXEL_TOLERANCE,
    agreed_spacing,
    require_voxel_um,
    squeezed,
    um_per_unit,
    zyx_order,
)
from imaging.hdf5_complete import require_complete
from imaging.hdf5_probe import require_sound
from imaging.memory import require_memory
from imaging.nexus import BrokenLinkError, Found, child, locate, signal, text, walk
from imaging.stored_scale import FACTOR, OFFSET, stored_scale, unpacked
from imaging.volume import Triple, Volume

log = logging.getLogger(__name__)

SLAB_BYTES = 64 << 20
#: Attributes, or datasets beside the data, that programs give the voxel size in.
SIZE_NAMES = (
    "element_size_um", "voxel_size_um", "voxel_um", "pixel_size_um", "spacing_um",
    "voxel_size", "pixel_size", "spacing",
)  # fmt: skip


@dataclass(frozen=True)
class _Axes:
    """The names of all stored axes, none if unknown, and the group that holds their positions."""

    group: h5py.Group
    names: list[str]


def read_hdf5(path: Path, voxel_um: float | None, dataset: str | None = None) -> Volume:
    """Read a volume from an HDF5 or NeXus file.

    Parameters
    ----------
    path
        The file.
    voxel_um
        Edge of the cubic voxel; needed where the file carries none, else checked against it.
    dataset
        Path of the data inside the file; found by NeXus conventions where it is not given.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not HDF5, truncated or damaged; if the dataset is missing, ambiguous,
        incomplete, behind a broken link, not a 3-D array of real numbers, empty, or holds NaN or
        infinity; if the voxel size is unknown or contradictory.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    require_voxel_um(voxel_um)
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path}: not an HDF5 file ({path.stat().st_size} bytes)")
    require_sound(path, dataset)
    with _opened(path) as file:
        found, kept, axes, spacing = _described(path, file, dataset)
        shape, kind = found.dataset.shape, found.dataset.dtype
        require_memory(path, [shape[axis] for axis in axes], kind.itemsize)
        try:
            values = unpacked(_read(found, kept, axes), _scale(found))
        except (ValueError, OSError) as error:
            raise ValueError(f"{path}: {error}") from None
    agreed = agreed_spacing(path, spacing, voxel_um)
    try:
        return Volume(values, agreed)
    except ValueError as error:
        raise ValueError(f"{path}: {found.path}: {error}") from None


def describe(path: Path | str, dataset: str | None) -> None:
    """Read all but the voxels.

    Raises
    ------
    ValueError
        Like `read_hdf5`.
    """
    with _opened(Path(path)) as file:
        _described(Path(path), file, dataset)


def _opened(path: Path) -> h5py.File:
    try:
        # A file system that cannot lock, as many of clusters, is no reason not to read.
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise ValueError(f"{path}: a truncated or damaged HDF5 file, or in use: {error}") from None


def _described(
    path: Path, file: h5py.File, dataset: str | None
) -> tuple[Found, tuple[int, ...], tuple[int, ...], Triple | None]:
    """Find the data: where they are, which stored axes are kept, and as z, y, x; voxel size."""
    try:
        found = locate(file, dataset)
        kept = _kept(found)
        require_complete(found)
        axes_found = _axes(found, file)
        order = _order(path, found, kept, axes_found.names)
        spacing = _spacing(path, found, file, axes_found, kept, order)
        return found, kept, tuple(kept[i] for i in order), spacing
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # h5py has one for every part of a damaged file
        raise ValueError(f"{path}: a damaged HDF5 file: {error}") from error


def _kept(found: Found) -> tuple[int, ...]:
    """The three stored axes that make the volume."""
    shape, dtype = found.dataset.shape, found.dataset.dtype
    if shape is None or math.prod(shape) == 0:
        raise ValueError(f"{found.path} is empty, shape {shape}")
    if dtype.kind not in "iuf":
        raise ValueError(f"{found.path} holds {dtype}, not real numbers")
    kept = squeezed(shape)
    if kept is None:
        raise ValueError(f"{found.path}: a 3-D volume (z, y, x) is needed; got shape {shape}")
    return kept


# ------------------------------------------------------------------------------------------- grid


def _axes(found: Found, file: h5py.File) -> _Axes:
    ndim = found.dataset.ndim
    near = (found.group, *_own_group(found))
    for group in itertools.chain(near, _groups_with(found, file)):
        names = _listed(group.attrs.get("axes"))
        if len(names) == ndim:
            return _Axes(group, names)
    marked = _listed(found.dataset.attrs.get("axes"))
    labels = [dimension.label for dimension in found.dataset.dims]
    for names in (marked, labels):
        if len(names) == ndim and all(names):
            return _Axes(found.group, names)
    return _Axes(found.group, _by_length(found))


def _own_group(found: Found) -> list[h5py.Group]:
    """The group that holds the dataset itself, if an external link led to it."""
    try:
        return [found.dataset.parent]
    except KeyError:  # a soft link to an external one: its path is of the other file
        return []


def _groups_with(found: Found, file: h5py.File) -> Iterator[h5py.Group]:
    """Other NXdata groups that link to the dataset, if the axes are named only there."""
    for path, member in walk(file, ""):
        if isinstance(member, h5py.Group) and "axes" in member.attrs:
            try:
                shown = signal(member, path)
            except BrokenLinkError:
                continue
            if shown is not None and shown.identity == found.identity:
                yield member


def _listed(value: Any) -> list[str]:
    """A list of names as NeXus writes it: an array, or in older files "z:y:x" or "[z,y,x]"."""
    if value is None:
        return []
    if isinstance(value, np.ndarray) and value.size != 1:
        return [text(name) for name in value.ravel()]
    return [name.strip() for name in re.split(r"[:,]", text(value).strip("[] ")) if name.strip()]


def _by_length(found: Found) -> list[str]:
    """Axes by positions called z, y and x beside the data, if their lengths fit in some order."""
    lengths = {}
    for name in "zyx":
        positions = _positions(found.group, name)
        if positions is None:
            return []
        lengths[name] = len(positions)
    # Where two lengths are equal: as islet stores them, or else as NXtomoproc does.
    for names in ("zyx", "xyz", *map("".join, itertools.permutations("zyx"))):
        if tuple(lengths[n] for n in names) == found.dataset.shape:
            return list(names)
    return []


def _order(
    path: Path, found: Found, kept: Sequence[int], names: Sequence[str]
) -> tuple[int, int, int]:
    """Which of the kept axes are z, y and x."""
    named = [names[axis] for axis in kept] if names else []
    order = zyx_order(named) if named else None
    if order is None:
        for angle in ANGLES:
            turned = _positions(found.group, angle)
            if turned is not None and len(turned) == found.dataset.shape[kept[0]]:
                log.warning(
                    "%s: %s has a slice for each %s: are these projections?",
                    path, found.path, angle,
                )  # fmt: skip
        what = f"axes ({', '.join(named)}) say nothing" if named else "axes are not named"
        log.info("%s: %s: %s; taken as stored: (z, y, x)", path, found.path, what)
        return 0, 1, 2
    log.info("%s: %s: stored axes are (%s)", path, found.path, ", ".join(named))
    return order


def _spacing(
    path: Path,
    found: Found,
    file: h5py.File,
    axes: _Axes,
    kept: Sequence[int],
    order: tuple[int, int, int],
) -> Triple | None:
    """Voxel size (z, y, x) in um that the file states, or None."""
    stored: list[float | None] = [None]
    if axes.names:
        lengths = found.dataset.shape
        stored = [_step_um(axes.group, axes.names[axis], lengths[axis]) for axis in kept]
    if None in stored:
        stored = [*(_stated_um(path, found, file, kept) or ())]
    steps = [step for step in stored if step is not None]
    if len(steps) != 3:
        return None
    if not all(math.isfinite(s) and s > 0 for s in steps):
        raise ValueError(f"{found.path}: its voxel size {steps} um is not positive")
    z, y, x = (steps[i] for i in order)
    return z, y, x


def _positions(group: h5py.Group, name: str) -> NDArray[Any] | None:
    try:
        member = child(group, name)
    except BrokenLinkError:
        return None
    if isinstance(member, h5py.Dataset) and member.ndim == 1 and member.dtype.kind in "iuf":
        return np.asarray(member[:])
    return None


def _step_um(group: h5py.Group, name: str, length: int) -> float | None:
    """Distance of the voxels along an axis, by the positions of their centres or edges, in um."""
    positions = _positions(group, name)
    if positions is None or len(positions) not in (length, length + 1) or len(positions) < 2:
        return None
    scale = um_per_unit(text(group[name].attrs.get("units", "")))
    if scale is None:
        return None
    steps = np.diff(positions.astype(np.float64))
    mean = float(steps.mean())
    rounding = np.finfo(positions.dtype).eps if positions.dtype.kind == "f" else 0.0
    tolerance = VOXEL_TOLERANCE * abs(mean) + 4 * rounding * float(np.abs(positions).max())
    if not float(np.abs(steps - mean).max()) <= tolerance:  # NaN fails too
        raise ValueError(f"the positions along the axis {name} are not evenly spaced")
    return abs(mean) * scale


def _stated_um(
    path: Path, found: Found, file: h5py.File, kept: Sequence[int]
) -> list[float] | None:
    """Voxel size along the kept axes by an attribute, or by a dataset beside the data, in um."""
    above = [file[str(group)] for group in PurePosixPath(found.path).parents]
    holders = (found.dataset, *_own_group(found), *above)
    for holder, name in itertools.product(holders, SIZE_NAMES):
        if name in holder.attrs:
            value, unit = holder.attrs[name], _unit_of(holder, name)
        elif isinstance(holder, h5py.Group) and isinstance(beside := _beside(holder, name), tuple):
            value, unit = beside
        else:
            continue
        sizes = np.asarray(value).ravel()
        if sizes.dtype.kind not in "iuf" or sizes.size not in (1, 3, found.dataset.ndim):
            continue
        scale = um_per_unit("um" if name.endswith("_um") else unit)
        if scale is None:
            log.warning("%s: %s has no unit of length (%r), not used", path, name, unit)
            continue
        if name == "element_size_um" and np.all(sizes == 1):
            continue  # what ImageJ's plug-ins write when they know nothing
        if sizes.size == found.dataset.ndim:
            sizes = sizes[list(kept)]
        return [float(s) * scale for s in np.broadcast_to(sizes, 3)]
    return None


def _unit_of(holder: Any, name: str) -> str:
    units = (f"{name}_units", f"{name}_unit")
    return next((text(holder.attrs[unit]) for unit in units if unit in holder.attrs), "")


def _beside(group: h5py.Group, name: str) -> tuple[Any, str] | None:
    try:
        member = child(group, name)
    except BrokenLinkError:
        return None
    if not isinstance(member, h5py.Dataset) or member.shape is None or member.size > 4:
        return None
    return member[()], text(member.attrs.get("units", ""))


# ---------------------------------------------------------------------------------------- reading


def _scale(found: Found) -> tuple[float, float]:
    """Factor and offset of the stored values: by attributes, or as NXdata has them, beside."""
    told: dict[str, Any] = {}
    for before in ("", f"{PurePosixPath(found.path).name}_"):
        for name, field in ((FACTOR, f"{before}scaling_factor"), (OFFSET, f"{before}offset")):
            beside = _beside(found.group, field)
            if beside is not None:
                told[name] = beside[0]
    return stored_scale({**told, **found.dataset.attrs})


def _read(found: Found, kept: Sequence[int], axes: Sequence[int]) -> NDArray[Any]:
    """Read slab by slab straight into an array (z, y, x): nothing is held twice."""
    dataset = found.dataset
    shape = tuple(dataset.shape[axis] for axis in axes)
    values = np.empty(shape, dataset.dtype.newbyteorder("="))
    as_stored = values.transpose([axes.index(axis) for axis in kept])
    chunks = dataset.chunks or (1,) * dataset.ndim
    # Across most chunks, so that a slab of whole chunks is thin.
    across = max(range(3), key=lambda i: -(-dataset.shape[kept[i]] // chunks[kept[i]]))
    if dataset.chunks is None:
        across = 0
    length, chunk = dataset.shape[kept[across]], chunks[kept[across]]
    chunk_bytes = values.nbytes // length * chunk
    step = chunk * max(1, SLAB_BYTES // max(1, chunk_bytes))
    stored: list[Any] = [slice(None) if axis in kept else 0 for axis in range(dataset.ndim)]
    target: list[Any] = [slice(None)] * 3
    for start in range(0, length, step):
        part = slice(start, min(start + step, length))
        stored[kept[across]] = target[across] = part
        try:
            as_stored[tuple(target)] = dataset[tuple(stored)]
        except OSError as error:
            raise ValueError(f"{found.path} is damaged and cannot be read: {error}") from None
    return values
