"""Work and memory that a pair of scans takes, in counts that no busy machine changes."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from imaging import registration, slabs
from imaging.memory import ANALYSIS_BYTES
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.workflow import analyse_pair

CAPS_UM = [[70.0, 80.0, 40.0, 16.0], [140.0, 150.0, 50.0, 9.0]]
MOST_PASSES = 2
"""Filters run over the whole volume, of a pair that is aligned."""
MOST_SUMS = 30
"""Evaluations of the alignment, on all levels of the pyramid together."""


def pair(ny: int, nx: int) -> Phantom:
    return make_phantom(
        PhantomOptions(shape=[110, ny, nx], islands=IslandChoice.listed, caps_um=CAPS_UM)
    )


def test_passes_over_the_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        true = getattr(owner, name)

        def count(*given: Any, **named: Any) -> Any:
            counts[name] += 1
            return true(*given, **named)

        monkeypatch.setattr(owner, name, count)

    counted(slabs, "_computed")
    counted(registration, "alignment_sums")
    scans = pair(140, 140)
    counts.clear()
    found = analyse_pair(scans.before, scans.after, ImageOptions())
    assert found.transform is not None
    assert 1 <= counts["_computed"] <= MOST_PASSES
    assert 10 <= counts["alignment_sums"] <= MOST_SUMS


class InTurn(Executor):
    """Does each piece of work when it is given: what is in memory together is always the same."""

    def __init__(self, workers: int) -> None: ...

    def submit[**P, T](
        self, work: Callable[P, T], /, *given: P.args, **named: P.kwargs
    ) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(work(*given, **named))
        return future


@pytest.mark.slow
def test_memory_per_voxel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is allocated beside the scans, as the growth of the peak: what `memory` counts on.

    Slabs are thin, of one size in both volumes, and follow one another.
    """
    monkeypatch.setattr(slabs, "ThreadPoolExecutor", InTurn)
    monkeypatch.setattr(slabs, "_cores", lambda: 1)
    monkeypatch.setattr(slabs, "SLAB_VOXELS", 2**20)
    peaks = []
    for ny in (400, 600):  # in smaller ones the peak is elsewhere
        scans = pair(ny, 200)
        analyse_pair(scans.before, scans.after, ImageOptions())  # what is kept for good
        tracemalloc.start()
        analyse_pair(scans.before, scans.after, ImageOptions())
        peaks.append((math.prod(scans.before.shape), tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few, low), (many, high) = peaks
    per_voxel = (high - low) / (many - few)
    assert 0.5 * ANALYSIS_BYTES < per_voxel < ANALYSIS_BYTES
