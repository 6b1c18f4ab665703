"""Islands followed through label maps that are drawn by hand."""

import numpy as np
import pytest

from imaging.islands import Island
from imaging.tracking import Change, Step, TrackEvent, Tracks, follow

Disc = tuple[float, float, float]


def islands_of(discs: list[Disc], edge: set[int] | None = None) -> tuple[list[Island], np.ndarray]:
    """Discs (y, x, radius in pixels), the largest first, as islands one micrometre high."""
    labels = np.zeros((80, 120), dtype=np.int32)
    y, x = np.mgrid[:80, :120]
    found = []
    for label, (cy, cx, r) in enumerate(discs, start=1):
        labels[np.hypot(y - cy, x - cx) <= r] = label
        area = float(np.pi * r**2)
        found.append(
            Island(
                label=label,
                x_um=cx,
                y_um=cy,
                contact_diameter_um=2 * r,
                contact_area_um2=area,
                height_um=1.0,
                volume_um3=area,
                touches_edge=label in (edge or set()),
                cap_residual_um=0.0,
                axisymmetry_error=0.0,
                sphericity=0.5,
                blur_voxel=1.0,
                fit_residual_um=0.0,
                contact_diameter_std_um=0.1,
                height_std_um=0.1,
                profile_r_um=np.array([0.0, r]),
                profile_z_um=np.array([1.0, 0.0]),
            )
        )
    return found, labels


def walk(scenes: list[list[Disc]], covered: np.ndarray | None = None) -> list[Step]:
    tracks, steps = Tracks(), []
    for scan, discs in enumerate(scenes, start=1):
        steps.append(follow(tracks, scan, 0.5 * scan, *islands_of(discs), covered))
        tracks = steps[-1].tracks
    return steps


def said(events: tuple[TrackEvent, ...]) -> list[tuple[Change, int, int | None]]:
    return [(event.change, event.track, event.other) for event in events]


def test_birth_growth_and_death() -> None:
    steps = walk([[(20, 20, 8)], [(21, 20, 10), (50, 90, 5)], [(50, 90, 6)]])
    assert said(steps[0].events) == [(Change.birth, 1, None)]
    assert said(steps[1].events) == [(Change.birth, 2, None)]
    assert said(steps[2].events) == [(Change.death, 1, None)]
    assert steps[2].events[0].volume_um3 == pytest.approx(np.pi * 100)  # before it went
    assert [row.track for row in steps[1].rows] == [1, 2]
    growth = np.pi * (10**2 - 8**2) / 0.5
    assert steps[1].rows[0].growth_um3_per_h == pytest.approx(growth)
    assert steps[1].rows[1].growth_um3_per_h is None
    assert [(row.track, row.label, row.scan, row.time_h) for row in steps[2].rows] == [
        (2, 1, 3, 1.5)
    ]


def test_the_largest_footprint_goes_on_after_a_merging() -> None:
    apart: list[Disc] = [(40, 60, 14), (40, 30, 9), (40, 88, 7)]
    steps = walk([apart, [(40, 56, 38)]])
    assert [row.track for row in steps[1].rows] == [1]
    assert said(steps[1].events) == [(Change.merging, 2, 1), (Change.merging, 3, 1)]


def test_the_largest_part_goes_on_after_a_splitting() -> None:
    steps = walk([[(40, 56, 38)], [(40, 62, 14), (40, 30, 9)], [(40, 62, 14), (40, 30, 9)]])
    assert [row.track for row in steps[1].rows] == [1, 2]
    assert said(steps[1].events) == [(Change.splitting, 2, 1)]
    assert steps[2].events == ()


def test_a_part_that_comes_off_may_join_another_island() -> None:
    # Of 1 the larger part stays where it was, the smaller one is taken in by the growing 2.
    steps = walk([[(40, 40, 20), (40, 75, 12)], [(40, 76, 22), (40, 33, 14)]])
    assert [row.track for row in steps[1].rows] == [2, 1]
    assert steps[1].events == ()


def test_an_island_under_a_layer_has_not_gone() -> None:
    everywhere = np.ones((80, 120), dtype=bool)
    assert said(walk([[(20, 20, 8)], []], everywhere)[1].events) == [(Change.absorbed, 1, None)]
    assert said(walk([[(20, 20, 8)], []], ~everywhere)[1].events) == [(Change.death, 1, None)]


def test_a_slight_touch_is_no_link() -> None:
    steps = walk([[(40, 30, 10)], [(40, 48, 10)]])
    assert said(steps[1].events) == [(Change.birth, 2, None), (Change.death, 1, None)]


def test_islands_at_the_edge_are_flagged() -> None:
    islands, labels = islands_of([(20, 20, 8), (50, 90, 5)], edge={2})
    step = follow(Tracks(), 1, 1.0, islands, labels)
    assert [row.touches_edge for row in step.rows] == [False, True]
    assert [event.touches_edge for event in step.events] == [False, True]


def test_maps_of_another_shape_are_refused() -> None:
    islands, labels = islands_of([(20, 20, 8)])
    step = follow(Tracks(), 1, 1.0, islands, labels)
    with pytest.raises(ValueError, match=r"shape \(40, 120\)"):
        follow(step.tracks, 2, 2.0, islands, labels[:40])
