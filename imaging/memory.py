"""Volumes that do not fit into memory are refused before they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

ANALYSIS_BYTES = 12
"""Bytes per voxel that the analysis of a pair takes beside its scans, and some more: the peak grows
by 8 (`tests/imaging/test_effort.py`); at paper size all that is held is 9.1, 10 with pictures."""
VARIABLE = "ISLET_MEMORY_GB"
"""Environment variable that says how much memory there is, where it is known better."""

_GB = 2**30
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def require_memory(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Refuse a volume that is too large to be analysed here.

    Parameters
    ----------
    path
        Its file, for the message.
    shape, itemsize
        Its voxels, and the bytes of each.

    Raises
    ------
    ValueError
        If the volume and what its analysis needs exceed the memory that is free.
    """
    available = available_bytes()
    voxels = math.prod(map(int, shape))
    needed = voxels * (itemsize + ANALYSIS_BYTES)
    if available is not None and needed > available:
        raise ValueError(
            f"{path}: {' x '.join(map(str, shape))} voxels need about {needed / _GB:.1f} GB of "
            f"memory to be analysed, {available / _GB:.1f} GB are free: cut out the slices about "
            f"the interface first, or set {VARIABLE} if there is more"
        )


def available_bytes() -> int | None:
    """Return how much memory this process may still take, None where the system does not tell.

    Raises
    ------
    ValueError
        If ISLET_MEMORY_GB is not a positive number.
    """
    told = os.environ.get(VARIABLE)
    if told is not None:
        try:
            gigabytes = float(told)
        except ValueError:
            gigabytes = math.nan
        if not (math.isfinite(gigabytes) and gigabytes > 0):
            raise ValueError(f"{VARIABLE} must be a positive number of GB, got {told!r}")
        return int(gigabytes * _GB)
    known = [free for free in (_free(_MEMINFO), _left_of_group(*_CGROUP)) if free is not None]
    return min(known, default=None)


def _free(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return 1024 * kilobytes[0] if kilobytes else None


def _left_of_group(own: Path, root: Path) -> int | None:
    """Return what the limit of a container or batch job leaves; pages of files can be dropped."""
    try:
        name = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
        folder = root / name.strip("/")
        limit = (folder / "memory.max").read_text().strip()
        rows = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        held = {row[0]: int(row[1]) for row in rows}
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    return None if limit == "max" else max(int(limit) - held.get("anon", 0), 0)
