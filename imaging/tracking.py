"""Islands followed over time: born, grown, merged, split, gone.

Two islands of successive scans are the same if their footprints overlap. Scans of one series are
aligned to its first, so label maps can be laid on each other. Only the last map is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from imaging.islands import Island
from imaging.volume import BoolArray, IntArray

OVERLAP = 0.3
"""Part of the smaller footprint that must be shared for two islands to be linked."""
COVERED = 0.5
"""An island that is no longer told apart but still covered by this much has not gone."""


class Change(Enum):
    """What may happen to a track between two scans."""

    birth = "birth"
    """An island where there was none."""
    merging = "merging"
    """The island has become part of another track."""
    splitting = "splitting"
    """The island has come off another track."""
    absorbed = "absorbed"
    """No longer told apart, but its place is still covered: part of a layer."""
    death = "death"
    """Gone."""


@dataclass(frozen=True)
class TrackRow:
    """One island at one time."""

    track: int
    """Number of the track, from 1, in the order of birth; within one scan the largest first."""
    scan: int
    """Number of the scan."""
    time_h: float
    label: int
    """Of the island in that scan's own table."""
    x_um: float
    y_um: float
    contact_diameter_um: float
    height_um: float
    volume_um3: float
    growth_um3_per_h: float | None
    """Since the last scan; None at birth. A merging counts as growth of the one that goes on."""
    touches_edge: bool
    """Cut by the edge of the ROI: volume and growth are those of the part in view."""


@dataclass(frozen=True)
class TrackEvent:
    """One change of one track."""

    scan: int
    """Number of the scan that shows it first."""
    time_h: float
    change: Change
    track: int
    other: int | None
    """The track merged into, or come off from."""
    volume_um3: float
    """Of the track: after a birth or splitting, before anything else."""
    touches_edge: bool


@dataclass(frozen=True, eq=False)
class Tracks:
    """What tracking needs to know of the scans so far."""

    labels: IntArray | None = None
    """Label map of the last scan, shape (y, x)."""
    rows: tuple[TrackRow, ...] = ()
    """Of the last scan, in the order of its labels."""
    born: int = 0
    """Tracks so far."""


@dataclass(frozen=True, eq=False)
class Step:
    """What one scan adds."""

    tracks: Tracks
    rows: tuple[TrackRow, ...] = ()
    events: tuple[TrackEvent, ...] = field(default=())


def follow(
    tracks: Tracks,
    scan: int,
    time_h: float,
    islands: Sequence[Island],
    labels: IntArray,
    covered: BoolArray | None = None,
) -> Step:
    """Link the islands of one scan to the tracks so far.

    The links with the largest shared area come first: of islands that merge, the one with the
    largest footprint goes on; of the parts of one that splits, the largest keeps its number.

    Parameters
    ----------
    tracks
        As the scan before has left them; `Tracks()` to begin.
    scan, time_h
        Number and time of the scan.
    islands
        Its islands.
    labels
        Their footprints, shape (y, x), 0 beside them.
    covered
        Pixels that hold lithium, shape (y, x), to tell islands that have gone from those that have
        become part of a layer.

    Raises
    ------
    ValueError
        If the maps of two scans have different shapes.
    """
    if tracks.labels is not None and tracks.labels.shape != labels.shape:
        raise ValueError(
            f"scan {scan} has a label map of shape {labels.shape}, the one before "
            f"{tracks.labels.shape}: must be equal"
        )
    old = {row.label: row for row in tracks.rows}
    new = {island.label: island for island in islands}
    links = _links(tracks.labels, labels, old, new)
    heir: dict[int, int] = {}  # old label: the new one that goes on as the same track
    origin: dict[int, int] = {}
    for a, b in links:
        if a not in heir and b not in origin:
            heir[a], origin[b] = b, a
    born, number = tracks.born, {b: old[a].track for b, a in origin.items()}
    events, rows = [], []
    for label, island in new.items():
        parent = next((a for a, b in links if b == label), None)
        if label not in origin:
            born += 1
            number[label] = born
            change = Change.birth if parent is None else Change.splitting
            other = None if parent is None else old[parent].track
            volume, edge = island.volume_um3, island.touches_edge
            events.append(TrackEvent(scan, time_h, change, born, other, volume, edge))
        rows.append(_row(number[label], scan, time_h, island, old.get(origin.get(label, 0))))
    for label, row in old.items():
        if label in heir:
            continue
        child = next((b for a, b in links if a == label), None)
        if child is not None:
            change, other = Change.merging, number[child]
        else:
            stays = covered is not None and _covered_part(tracks.labels, label, covered) > COVERED
            change, other = (Change.absorbed if stays else Change.death), None
        volume, edge = row.volume_um3, row.touches_edge
        events.append(TrackEvent(scan, time_h, change, row.track, other, volume, edge))
    return Step(Tracks(labels, tuple(rows), born), tuple(rows), tuple(events))


def _links(
    before: IntArray | None, after: IntArray, old: dict[int, TrackRow], new: dict[int, Island]
) -> list[tuple[int, int]]:
    """Pairs of labels (before, after) that share enough area, the largest share first."""
    if before is None or not old or not new:
        return []
    shared = np.zeros((max(old) + 1, max(new) + 1), dtype=np.int64)
    both = (before > 0) & (after > 0)
    np.add.at(shared, (before[both], after[both]), 1)
    area_before = np.bincount(before.ravel(), minlength=shared.shape[0])
    area_after = np.bincount(after.ravel(), minlength=shared.shape[1])
    smaller = np.minimum(area_before[:, None], area_after[None, :])
    pairs = np.argwhere((shared > 0) & (shared >= OVERLAP * smaller))
    ranked = sorted(pairs.tolist(), key=lambda pair: -int(shared[pair[0], pair[1]]))
    return [(a, b) for a, b in ranked]


def _covered_part(labels: IntArray | None, label: int, covered: BoolArray) -> float:
    place = labels == label
    return float(covered[place].mean()) if np.any(place) else 0.0


def _row(
    track: int, scan: int, time_h: float, island: Island, earlier: TrackRow | None
) -> TrackRow:
    growth = None
    if earlier is not None:
        growth = (island.volume_um3 - earlier.volume_um3) / (time_h - earlier.time_h)
    return TrackRow(
        track=track,
        scan=scan,
        time_h=time_h,
        label=island.label,
        x_um=island.x_um,
        y_um=island.y_um,
        contact_diameter_um=island.contact_diameter_um,
        height_um=island.height_um,
        volume_um3=island.volume_um3,
        growth_um3_per_h=growth,
        touches_edge=island.touches_edge,
    )
