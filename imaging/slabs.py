"""Run filters over a volume slab by slab: bounded memory, every core, the same result.

A filter reaches beyond the voxel it computes, by its halo. A slab is read with the halos of all
steps; each step computes just the rows that the next ones need, so no row is computed wrong, and
few are computed twice.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SLAB_VOXELS = 2**22
"""Small enough for a few slabs to be no burden, large enough for halos to cost little."""

type Progress = Callable[[float], None]


class Sliceable(Protocol):
    """A 3-D array that gives NumPy arrays when sliced: NumPy, memory map, zarr, HDF5."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class Rows:
    """Where the arrays that a step is given lie in the volume, and what it has to return."""

    axis: int
    """Axis of the volume (0: z, 1: y) that is cut."""
    have: slice
    """Rows of the volume in the arrays given."""
    keep: slice
    """Rows of the volume to return."""

    @property
    def box(self) -> tuple[slice, slice]:
        """What to return as (z, y) slices of the arrays given."""
        inner = slice(self.keep.start - self.have.start, self.keep.stop - self.have.start)
        return (inner, slice(None)) if self.axis == 0 else (slice(None), inner)


@dataclass(frozen=True)
class Step:
    """One filter of a chain.

    The first step is given a part of every source, each later one the result of the step before.
    """

    run: Callable[[Sequence[NDArray[Any]], Rows], NDArray[Any]]
    """Returns the rows to keep; must not change the arrays it is given."""
    halo: int = 0
    """How many rows away a voxel is looked at."""


def stream(
    steps: Sequence[Step],
    sources: Sequence[Sliceable],
    out: Any,
    *,
    axis: int = 1,
    thickness: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Run a chain of steps over slabs, one core each, and write the result.

    Sources are read and `progress` is called from the calling thread only; so is `out` written,
    unless it is a NumPy array, whose slabs are written by the threads that compute them.

    Parameters
    ----------
    steps
        The chain; the result of the last one is written.
    sources
        Volumes (z, y, x) of one shape.
    out
        Takes the result by assignment to slices; of the sources' shape.
    axis
        0: slabs along z, 1: along y.
    thickness
        Rows of a slab, without halos; None: about four million voxels, and no less than four
        times the halos.
    progress
        Called with the fraction done, rising to 1.

    Raises
    ------
    ValueError
        If there is no step or no source, shapes differ, a source is not 3-D, a halo is negative,
        `axis` is not 0 or 1, or `thickness` is less than 1.
    """
    shape = _checked(steps, sources, out, axis)
    halo = sum(step.halo for step in steps)
    size = shape[axis]
    if thickness is None:
        row = max(math.prod(shape) // size, 1)
        # Not so few slabs that cores stand idle.
        thickness = max(min(SLAB_VOXELS // row, math.ceil(size / (2 * _cores()))), 4 * halo, 1)
    if thickness < 1:
        raise ValueError(f"thickness must be >= 1; got {thickness}")
    side_by_side = isinstance(out, np.ndarray)

    def run(plan: Sequence[Rows], parts: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
        part = _run(steps, plan, parts)
        if not side_by_side:
            return part
        out[(slice(None),) * axis + (plan[-1].keep,)] = part
        return None

    for keep, part in _computed(run, steps, sources, axis, thickness, size):
        if part is not None:
            out[(slice(None),) * axis + (keep,)] = part
        if progress is not None:
            progress(keep.stop / size)


def _computed(
    run: Callable[[Sequence[Rows], Sequence[NDArray[Any]]], NDArray[Any] | None],
    steps: Sequence[Step],
    sources: Sequence[Sliceable],
    axis: int,
    thickness: int,
    size: int,
) -> Iterator[tuple[slice, NDArray[Any] | None]]:
    """What `run` returns for the slabs, in order; one more than there are cores is in memory."""
    waiting: deque[tuple[slice, Future[NDArray[Any] | None]]] = deque()
    with ThreadPoolExecutor(min(_cores(), math.ceil(size / thickness))) as pool:
        try:
            for start in range(0, size, thickness):
                keep = slice(start, min(start + thickness, size))
                plan = _plan(steps, axis, keep, size)
                where = (slice(None),) * axis + (plan[0].have,)
                parts = [np.asarray(source[where]) for source in sources]
                waiting.append((keep, pool.submit(run, plan, parts)))
                del parts
                if len(waiting) > _cores():
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def mapped[T](function: Callable[[slice], T], size: int, thickness: int) -> Iterator[T]:
    """Results of a function of ranges of rows that make up `size`, in order, one core each.

    Parameters
    ----------
    function
        Called with slices `start:stop`, from several threads.
    size
        Number of rows.
    thickness
        Rows of a range; the last one may have fewer.
    """
    ranges = [slice(a, min(a + thickness, size)) for a in range(0, size, thickness)]
    workers = min(_cores(), len(ranges))
    if workers < 2:
        yield from map(function, ranges)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, ranges)


def _plan(steps: Sequence[Step], axis: int, keep: slice, size: int) -> list[Rows]:
    """Rows for every step, found from the last one backwards."""
    plan: list[Rows] = []
    for step in reversed(steps):
        have = slice(max(keep.start - step.halo, 0), min(keep.stop + step.halo, size))
        plan.append(Rows(axis, have, keep))
        keep = have
    return plan[::-1]


def _run(
    steps: Sequence[Step], plan: Sequence[Rows], parts: Sequence[NDArray[Any]]
) -> NDArray[Any]:
    for step, rows in zip(steps, plan, strict=True):
        parts = [step.run(parts, rows)]
    return parts[0]


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(
    steps: Sequence[Step], sources: Sequence[Sliceable], out: Any, axis: int
) -> tuple[int, ...]:
    if not steps:
        raise ValueError("steps must hold at least one step")
    if not sources:
        raise ValueError("sources must hold at least one volume")
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 (z) or 1 (y); got {axis}")
    shapes = [tuple(array.shape) for array in (*sources, out)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 3:
        raise ValueError(f"sources and out must be 3-D and of one shape; got {shapes}")
    for step in steps:
        if step.halo < 0:
            raise ValueError(f"halo must be >= 0; got {step.halo}")
    return shapes[0]
