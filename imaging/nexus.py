"""Where the volume lies in an HDF5 or NeXus file.

h5py's own walk (`visititems`) leaves out soft and external links, through which NeXus files reach
their data, so links are followed by hand here. The errors do not name the file: `imaging.hdf5`
does that for all of them.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from imaging.grid import squeezed

log = logging.getLogger(__name__)

#: Where programs put what they have reconstructed, the first that is there counts.
LAYOUTS = (
    ("entry*", "final_result_*", "data"),  # Savu
    ("processed", "result", "data"),  # DAWN
    ("entry*", "result", "data"),  # DAWN
    ("exchange", "recon"),  # Data Exchange
    ("exchange", "data"),  # Data Exchange, as TomoPy writes it
)
SHOWN = 10
DEEPEST_DEFAULT = 8


class BrokenLinkError(ValueError):
    """A link that leads nowhere."""


@dataclass(frozen=True)
class Found:
    """A dataset, by the path on which it was reached."""

    path: str
    """From the file's root, through links."""
    dataset: h5py.Dataset
    group: h5py.Group
    """The group on that path, whose attributes describe the dataset."""

    @property
    def identity(self) -> tuple[str, int]:
        """The same for every path that leads to this dataset."""
        return _identity(self.dataset)


def locate(file: h5py.File, wanted: str | None) -> Found:
    """The dataset that the user named, or the one that the file says is its volume.

    Without a name: the NeXus default; the place where Savu, DAWN or TomoPy put their result; the
    only 3-D signal of an NXdata group; the only 3-D dataset of numbers.

    Parameters
    ----------
    file
        An open file.
    wanted
        Path of a dataset, or of a group that holds it, from the file's root.

    Raises
    ------
    ValueError
        If there is no such dataset, if the link to it is broken, or if several would do.
    """
    if wanted is not None:
        return _named(file, wanted)
    for way in (_default(file), _by_layout(file), _only_signal(file)):
        if way is not None:
            return way
    return _only_volume(file, "", file)


def text(value: object) -> str:
    """An attribute as text: h5py hands out str, bytes, or arrays that hold one of them."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def child(group: h5py.Group, name: str) -> Any:
    """What a group holds under a name, None if there is no such name.

    Raises
    ------
    BrokenLinkError
        If the name is a link that leads nowhere.
    """
    if name in ("", "."):  # NeXus's name of an axis without positions
        return None
    link = group.get(name, getlink=True)
    if link is None:
        return None
    try:
        return group[name]
    except (KeyError, OSError, RuntimeError) as error:
        where = getattr(link, "path", "?")
        if isinstance(link, h5py.ExternalLink):
            where = f"{where} in the file {link.filename}"
        raise BrokenLinkError(f"{name} is a broken link to {where} ({text(error)})") from None


def is_volume(dataset: h5py.Dataset) -> bool:
    """Whether a dataset holds real numbers on three axes, not counting axes of length 1."""
    shape = dataset.shape
    return dataset.dtype.kind in "iuf" and shape is not None and squeezed(shape) is not None


def signal(group: h5py.Group, path: str) -> Found | None:
    """The signal of an NXdata group, named by the group or, as of old, marked itself.

    Raises
    ------
    BrokenLinkError
        If the group names a signal and the link to it is broken.
    """
    if "signal" in group.attrs:
        name = text(group.attrs["signal"])
        named = child(group, name)
        if isinstance(named, h5py.Dataset):
            return Found(f"{path}/{name}", named, group)
    for name, member in _members(group):
        if isinstance(member, h5py.Dataset) and text(member.attrs.get("signal", "")) == "1":
            return Found(f"{path}/{name}", member, group)
    return None


def walk(top: h5py.Group, path: str) -> Iterator[tuple[str, Any]]:
    """Every group and dataset below a group with its path, nearest first, each group once."""
    seen = {_identity(top)}
    waiting = [(path, top)]
    while waiting:
        above, group = waiting.pop(0)
        yield above, group
        for name, member in _members(group):
            if not isinstance(member, h5py.Group):
                yield f"{above}/{name}", member
            elif _identity(member) not in seen:  # links may lead back up
                seen.add(_identity(member))
                waiting.append((f"{above}/{name}", member))


# ------------------------------------------------------------------------------- ways to find it


def _named(file: h5py.File, wanted: str) -> Found:
    path, group, member = "", file, file
    for name in filter(None, wanted.split("/")):
        group = member
        member = child(group, name) if isinstance(group, h5py.Group) else None
        if member is None:
            raise ValueError(f"no dataset {wanted}{_nearest(file, wanted)}")
        path += f"/{name}"
    if isinstance(member, h5py.Dataset):
        return Found(path, member, group)
    if not isinstance(member, h5py.Group):
        raise ValueError(f"{path} is no dataset")
    return signal(member, path) or _default(member, path) or _only_volume(member, path, file)


def _default(top: h5py.Group, path: str = "") -> Found | None:
    """The end of the chain of `default` attributes, from the top or from the one entry with one."""
    starts = [(path, top)]
    if "default" not in top.attrs:
        starts = [
            (f"{path}/{name}", member)
            for name, member in _members(top)
            if isinstance(member, h5py.Group) and "default" in member.attrs
        ]
    if len(starts) != 1:
        return None
    at, group = starts[0]
    for _ in range(DEEPEST_DEFAULT):  # a default may name its own group
        if "default" not in group.attrs:
            break
        for name in filter(None, text(group.attrs["default"]).split("/")):
            group = child(group, name) if name != "." else group
            if isinstance(group, h5py.Dataset) or group is None:
                return None
            at += f"/{name}"
    found = signal(group, at)
    return found if found is not None and is_volume(found.dataset) else None


def _by_layout(file: h5py.File) -> Found | None:
    for layout in LAYOUTS:
        found = [f for f in _matches(file, "", layout) if is_volume(f.dataset)]
        if len({f.identity for f in found}) > 1:
            raise ValueError(_several(found))
        if found:
            return found[0]
    return None


def _matches(group: h5py.Group, path: str, layout: tuple[str, ...]) -> Iterator[Found]:
    for name in group:
        if not fnmatchcase(name, layout[0]):
            continue
        if len(layout) > 1:
            if isinstance(inner := child(group, name), h5py.Group):
                yield from _matches(inner, f"{path}/{name}", layout[1:])
        elif isinstance(dataset := child(group, name), h5py.Dataset):
            yield Found(f"{path}/{name}", dataset, group)


def _only_signal(file: h5py.File) -> Found | None:
    found: dict[tuple[str, int], Found] = {}
    for path, member in walk(file, ""):
        if isinstance(member, h5py.Group):
            try:
                one = signal(member, path)
            except BrokenLinkError as error:  # often the raw data, left at the beamline
                log.debug("%s: %s", path, error)
                continue
            if one is not None and is_volume(one.dataset):
                found.setdefault(one.identity, one)
    return next(iter(found.values())) if len(found) == 1 else None


def _only_volume(top: h5py.Group, path: str, file: h5py.File) -> Found:
    volumes = _volumes(top, path)
    if len(volumes) == 1:
        return volumes[0]
    if volumes:
        raise ValueError(_several(volumes))
    broken = [
        f"{at}/{error}"
        for at, member in walk(top, path)
        if isinstance(member, h5py.Group)
        for error in _broken(member)
    ]
    others = [
        f"{at} {member.shape} {member.dtype}"
        for at, member in walk(top, path)
        if isinstance(member, h5py.Dataset)
    ]
    there = broken or others
    shown = f"; there are {', '.join(there[:SHOWN])}" if there else "; it holds no dataset"
    raise ValueError(f"no 3-D dataset of numbers{' in ' + path if path else ''}{shown}")


def _broken(group: h5py.Group) -> Iterator[str]:
    for name in group:
        try:
            child(group, name)
        except BrokenLinkError as error:
            yield str(error)


def _volumes(top: h5py.Group, path: str) -> list[Found]:
    found: dict[tuple[str, int], Found] = {}
    groups = {path: top}
    for at, member in walk(top, path):
        if isinstance(member, h5py.Group):
            groups[at] = member
        elif isinstance(member, h5py.Dataset) and is_volume(member):
            one = Found(at, member, groups[at.rpartition("/")[0]])
            found.setdefault(one.identity, one)
    return list(found.values())


# ---------------------------------------------------------------------------------------- helpers


def _members(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """What a group holds, broken links left out."""
    for name in group:
        try:
            yield name, child(group, name)
        except BrokenLinkError:
            continue


def _identity(member: Any) -> tuple[str, int]:
    return str(Path(member.file.filename).resolve()), h5py.h5o.get_info(member.id).addr


def _several(found: list[Found]) -> str:
    shown = ", ".join(f"{f.path} {f.dataset.shape}" for f in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{len(found)} datasets could be meant: {shown}{more}; say which by dataset=PATH"


def _nearest(file: h5py.File, wanted: str) -> str:
    there = {at: m for at, m in walk(file, "") if isinstance(m, h5py.Dataset)}
    by_name = {at.rpartition("/")[2]: at for at in reversed(there)}
    near = difflib.get_close_matches("/" + wanted.strip("/"), there, n=3, cutoff=0.7)
    if not near:
        last = wanted.rpartition("/")[2]
        near = [by_name[n] for n in difflib.get_close_matches(last, by_name, n=3, cutoff=0.7)]
    if near:
        return f"; did you mean {' or '.join(near)}?"
    shown = ", ".join(f"{at} {m.shape}" for at, m in list(there.items())[:SHOWN])
    return f"; there are {shown}" if shown else "; the file holds no dataset"
