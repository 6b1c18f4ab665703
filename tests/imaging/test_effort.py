"""Work and memory that a pair of scans takes, in counts that no busy machine changes."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
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


def pair(edge: int) -> Phantom:
    return make_phantom(
        PhantomOptions(shape=[110, edge, edge], islands=IslandChoice.listed, caps_um=CAPS_UM)
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
    scans = pair(140)
    counts.clear()
    found = analyse_pair(scans.before, scans.after, ImageOptions())
    assert found.transform is not None
    assert 1 <= counts["_computed"] <= MOST_PASSES
    assert 10 <= counts["alignment_sums"] <= MOST_SUMS


@pytest.mark.slow
def test_memory_per_voxel() -> None:
    """What is allocated beside the scans, as the growth of the peak: what `memory` counts on."""
    peaks = []
    for edge in (140, 200):
        scans = pair(edge)
        analyse_pair(scans.before, scans.after, ImageOptions())  # what is kept for good
        tracemalloc.start()
        analyse_pair(scans.before, scans.after, ImageOptions())
        peaks.append((math.prod(scans.before.shape), tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few, low), (many, high) = peaks
    per_voxel = (high - low) / (many - few)
    assert 0.5 * ANALYSIS_BYTES < per_voxel < ANALYSIS_BYTES
