"""Cells over time, with their truth: islands that grow and merge, drifting grey scales, cycles."""

import dataclasses
import gc
import math
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from imaging.electrochemistry import (
    Thickness,
    charge_from_current,
    efficiency_of_cycle,
    faraday_thickness_um,
    half_cycles,
    void_bound_um,
)
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.result import ImageResult
from imaging.series import SeriesResult, analyse_series
from imaging.series_rows import Role, SeriesRow
from imaging.tracking import Change
from imaging.volume import Volume
from imaging.workflow import (
    Drift,
    GreyOptions,
    ImageOptions,
    InterfaceOptions,
    SwappedScansError,
    analyse_pair,
)

GAIN, OFFSET = 1.015, 250.0
# y, x, contact diameter, height; field 179 um wide
SCENES = [
    [[60.0, 60.0, 36.0, 6.0], [120.0, 130.0, 34.0, 7.0]],
    [[60.0, 60.0, 44.0, 8.0], [62.0, 120.0, 30.0, 6.0], [120.0, 130.0, 30.0, 5.0]],
    [[60.0, 88.0, 90.0, 10.0]],
]


def cell(**changes: object) -> Phantom:
    base = {"shape": [92, 110, 110], "islands": IslandChoice.none, "grain_um": 14.0, "noise": 0.01}
    return make_phantom(PhantomOptions(**(base | changes)))  # type: ignore[arg-type]


def drifted(scan: Volume, gain: float = GAIN, offset: float = OFFSET) -> Volume:
    return scan.with_values((gain * scan.values + offset).astype(np.float32))


def cut(scan: Volume) -> Volume:
    """Without the counter electrode and its lithium foil."""
    return replace(scan, values=scan.values[:62])


@pytest.fixture(scope="module")
def plating() -> tuple[list[Phantom], SeriesResult, list[SeriesRow]]:
    """Three steps of plating; the grey scale of the second has drifted."""
    phantoms = [
        cell(
            islands=IslandChoice.listed,
            caps_um=caps,
            shift_um=[0.3 * i, -0.5 * i, 0.4],
            rotation_deg=[0.05 * i, 0.02, -0.02],
        )
        for i, caps in enumerate(SCENES)
    ]
    scans = [phantoms[0].before, *(p.after for p in phantoms)]
    scans[2] = drifted(scans[2])
    kept: list[SeriesRow] = []
    result = analyse_series(
        [lambda scan=scan: scan for scan in scans],  # type: ignore[misc]
        [0.0, 0.5, 1.0, 2.0],
        charge_from_current([0.0, 0.5, 1.0, 2.0], [0.1, 0.1, 0.2]),
        ImageOptions(grey=GreyOptions(drift=Drift.correct)),
        area_um2=3e4,
        keep=lambda row, image: kept.append(row),
    )
    return phantoms, result, kept


def test_every_scan_is_measured_against_the_first(
    plating: tuple[list[Phantom], SeriesResult, list[SeriesRow]],
) -> None:
    phantoms, result, kept = plating
    assert [row.scan for row in result.rows] == [0, 1, 2, 3]
    assert result.rows[0].role is Role.pristine
    assert kept == list(result.rows[1:])
    for row, phantom, caps in zip(result.rows[1:], phantoms, SCENES, strict=True):
        exact = sum(shape.volume_um3 for shape in phantom.truth.islands)
        assert row.island_count == len(caps)
        assert row.island_volume_um3 == pytest.approx(exact, rel=0.03)
        assert row.mean_thickness_um == pytest.approx(phantom.truth.thickness_um.mean(), abs=0.06)
        assert row.registration_residual is not None
    assert [row.charge_mah_cm2 for row in result.rows] == pytest.approx([0, 0.05, 0.1, 0.3])
    last = result.rows[-1]
    assert last.faraday_thickness_um == pytest.approx(faraday_thickness_um(0.3))
    assert last.faraday_volume_um3 == pytest.approx(faraday_thickness_um(0.3) * 3e4)
    assert result.cycles == ()  # never stripped


def test_drift_of_the_grey_scale_is_measured_and_corrected(
    plating: tuple[list[Phantom], SeriesResult, list[SeriesRow]],
) -> None:
    _, result, _ = plating
    gains = [row.grey_gain for row in result.rows[1:]]
    assert gains == pytest.approx([1.0, GAIN, 1.0], abs=1e-3)
    assert result.rows[2].grey_fake_thickness_um == pytest.approx(-0.8, abs=0.3)
    assert str(result.scan_decisions["scans[2]"]["grey_drift"]).startswith("corrected: gain 1.01")
    # Found once, kept: only alignment, drift and noise are a scan's own.
    assert "interface_z_um" in result.decisions
    assert all("interface_z_um" not in own for own in result.scan_decisions.values())


def test_islands_are_followed(
    plating: tuple[list[Phantom], SeriesResult, list[SeriesRow]],
) -> None:
    _, result, _ = plating
    told = [(e.scan, e.change) for e in result.events]
    assert told[:3] == [(1, Change.birth), (1, Change.birth), (2, Change.birth)]
    assert sorted(e.change.value for e in result.events if e.scan == 3) == ["death", "merging"]
    merged = next(e for e in result.events if e.change is Change.merging)
    big = [row for row in result.track_rows if row.track == merged.other]
    assert [row.scan for row in big] == [1, 2, 3]
    assert all(row.growth_um3_per_h and row.growth_um3_per_h > 0 for row in big[1:])
    assert abs(big[0].x_um - 60.0) < 2
    shrinking = next(e.track for e in result.events if e.change is Change.death)
    falls = [row.growth_um3_per_h for row in result.track_rows if row.track == shrinking]
    assert falls[0] is None
    assert falls[1] is not None
    assert falls[1] < 0


@pytest.fixture(scope="module")
def cycled() -> SeriesResult:
    """A pristine pair, 6 um plated and 0.6 um left, of which a third is void."""
    still = {"shift_um": [0.2, 0.5, -0.4], "rotation_deg": [0.03, 0.0, 0.02]}
    null, full, rest = (cell(layer_um=h, **still) for h in (0.0, 6.0, 0.6))
    scans = [null.before, null.after, full.after, rest.after]
    charge = 6.0 / faraday_thickness_um(1.0)
    return analyse_series(
        [lambda scan=scan: scan for scan in scans],  # type: ignore[misc]
        [0.0, 0.1, 7.5, 15.0],
        [0.0, 0.0, charge, charge * (1 - 5.6 / 6.0)],
        ImageOptions(),
        null_scan=True,
    )


def test_coulombic_efficiency_inactive_lithium_and_voids(cycled: SeriesResult) -> None:
    (cycle,) = cycled.cycles
    assert (cycle.plated, cycle.stripped) == (2, 3)
    assert cycle.plated_um == pytest.approx(6.0, rel=0.015)
    assert cycle.inactive_um == pytest.approx(0.6, abs=0.05)
    assert cycle.efficiency == pytest.approx(0.9, abs=0.01)
    assert cycle.efficiency_std is not None
    assert 0 < cycle.efficiency_std < 0.03
    assert cycle.charge_efficiency == pytest.approx(5.6 / 6.0)
    # The charge took 5.6 um: 0.4 um of lithium are left at least, 0.2 um of the 0.6 may be void.
    assert cycle.void_max_um == pytest.approx(0.2, abs=0.1)
    assert "cannot tell them apart" in str(cycled.decisions["voids"])


def test_null_scan_gives_the_detection_limit(cycled: SeriesResult) -> None:
    assert cycled.null is not None
    row = cycled.rows[1]
    assert row.role is Role.null
    assert cycled.null.mean_um == row.mean_thickness_um
    assert abs(cycled.null.mean_um) < 0.06
    assert cycled.null.std_um == pytest.approx(0.13, abs=0.06)
    assert cycled.null.limit_um >= 3 * abs(cycled.null.mean_um)
    # Two scans of nothing may agree by chance: the limit is not below what a pair can be sure of.
    assert row.mean_error_um >= cycled.null.mean_error_um > 0.002
    assert cycled.null.limit_um >= 3 * cycled.null.mean_error_um
    lucky = dataclasses.replace(cycled.null, mean_um=1e-4)
    assert lucky.limit_um == 3 * cycled.null.mean_error_um
    assert cycled.rows[2].mean_error_um >= cycled.null.sigma_um
    assert "scans[1] shows without lithium" in str(cycled.decisions["detection_limit"])
    ratio = cycled.rows[2].edge_centre_ratio
    assert ratio == pytest.approx(1.0, abs=0.02)
    assert row.edge_centre_ratio is None
    assert "centre within" in str(cycled.decisions["edge_centre_radii_um"])


@pytest.mark.parametrize("charged", [True, False])
def test_without_a_foil_the_fullest_scan_tells_the_grey_value_of_lithium(charged: bool) -> None:
    """The first pair alone would be refused: its lithium is thinner than the blur."""
    still = {"shift_um": [0.2, 0.5, -0.4], "rotation_deg": [0.03, 0.0, 0.02]}
    plated_um = [0.0, 1.5, 10.0, 3.0]
    cells = [cell(layer_um=h, **still) for h in plated_um[1:]]
    scans = [cut(scan) for scan in (cells[0].before, *(c.after for c in cells))]
    with pytest.raises(ValueError, match="no lithium foil in view"):
        analyse_pair(scans[0], scans[1], ImageOptions())
    charge = [h / faraday_thickness_um(1.0) for h in plated_um]
    result = analyse_series(
        [lambda scan=scan: scan for scan in scans],  # type: ignore[misc]
        [0.0, 1.0, 8.0, 15.0],
        charge if charged else None,
        ImageOptions(),
    )
    found = [row.mean_thickness_um for row in result.rows]
    assert found[1] == pytest.approx(1.5, abs=0.05)
    assert found[2:] == pytest.approx(plated_um[2:], rel=0.015)
    assert "scans[2]" in str(result.decisions["grey_li_scan"])


def test_a_scan_that_does_not_fit_is_named_before_the_fullest_is_chosen() -> None:
    scans = [cut(cell(layer_um=h).after) for h in (0.0, 1.5, 3.0)]
    scans[2] = replace(scans[2], values=scans[2].values[:, :-4])
    with pytest.raises(ValueError, match=r"scans\[2\] at 8 h against scans\[0\]: .*shape"):
        analyse_series(
            [lambda scan=scan: scan for scan in scans],  # type: ignore[misc]
            [0.0, 1.0, 8.0],
            None,
            ImageOptions(),
        )


def test_edge_biased_plating_shows_in_the_ratio() -> None:
    p = cell(layer_um=2.0, layer_rim_um=4.0)
    result = analyse_series([lambda: p.before, lambda: p.after], [0, 1], None, ImageOptions())
    ratio = result.rows[1].edge_centre_ratio
    map_um = p.truth.thickness_um
    y, x = (np.arange(n) - (n - 1) / 2 for n in map_um.shape)
    r = np.hypot(y[:, None], x) / math.sqrt(map_um.size / math.pi)
    exact = map_um[r > 0.8].mean() / map_um[r < 0.5].mean()
    assert ratio == pytest.approx(exact, rel=0.04)
    assert "not measured" in str(result.decisions["detection_limit"])
    assert result.rows[1].charge_mah_cm2 is None


def test_two_scans_are_in_memory_at_a_time() -> None:
    rng = np.random.default_rng(0)
    profile = np.where(np.arange(60) < 24, 100.0, 20.0)[:, None, None]
    alive: list[weakref.ref[Volume]] = []
    most = 0

    def read() -> Volume:
        nonlocal most
        gc.collect()
        values = profile + rng.standard_normal((60, 40, 40))
        volume = Volume(values.astype(np.float32), (1.6, 1.6, 1.6))
        alive.append(weakref.ref(volume))
        most = max(most, sum(ref() is not None for ref in alive))
        return volume

    options = ImageOptions(
        register=False, interface=InterfaceOptions(z_um=37.6), grey=GreyOptions(li=0.0)
    )
    seen: list[tuple[int, ...]] = []

    def keep(row: SeriesRow, result: ImageResult) -> None:
        seen.append(result.lvf.shape)

    analyse_series([read] * 6, range(6), None, options, keep=keep)
    assert len(seen) == 5
    assert most == 2


# ---------------------------------------------------------------------------- scans out of order


@pytest.mark.parametrize(
    ("lithium", "sign"),
    [
        ({"layer_um": 4.0}, "mean thickness is -4"),
        (
            {"islands": IslandChoice.listed, "caps_um": [[60.0, 60.0, 44.4, 20.0]]},
            "islands are negative",
        ),
        (
            {"islands": IslandChoice.listed, "caps_um": [[90.0, 90.0, 50.0, 4.0]]},
            "islands are negative",
        ),
    ],
)
def test_swapped_scans_are_refused(lithium: dict[str, object], sign: str) -> None:
    p = cell(**lithium)
    with pytest.raises(SwappedScansError, match="the scans look swapped") as caught:
        analyse_pair(p.after, p.before, ImageOptions())
    assert sign in str(caught.value)
    assert "give before=PRISTINE after=PLATED" in str(caught.value)
    told = ImageOptions(allow_negative=True)
    assert analyse_pair(p.after, p.before, told).scalars["mean_thickness_um"] < 0.3


def test_a_bare_place_or_a_drift_is_no_swap() -> None:
    # A tube in view leaves a bare rim around a layer.
    tube = cell(layer_um=3.0, peek_radius_um=75.0)
    result = analyse_pair(tube.before, tube.after, ImageOptions())
    assert result.scalars["mean_thickness_um"] == pytest.approx(3.0, abs=0.08)
    null = cell()
    for gain, offset in ((1.03, 500.0), (0.97, -300.0)):
        result = analyse_pair(null.before, drifted(null.after, gain, offset), ImageOptions())
        assert abs(result.scalars["grey_fake_thickness_um"]) > 1
        assert abs(result.drift.gain - gain) < 1e-3  # type: ignore[union-attr]


def test_tube_in_view_helps_to_measure_the_drift() -> None:
    p = cell(layer_um=3.0, peek_radius_um=62.0)
    corrected = ImageOptions(grey=GreyOptions(drift=Drift.correct))
    result = analyse_pair(p.before, drifted(p.after), corrected)
    assert result.drift is not None
    assert result.drift.regions == ("bulk electrolyte", "tube", "die")
    assert result.scalars["mean_thickness_um"] == pytest.approx(3.0, abs=0.08)
    # Gain and offset are free in the alignment: its expected error knows nothing of them.
    steady = analyse_pair(p.before, p.after, corrected).scalars
    assert result.scalars["registration_corner_error_voxel"] == pytest.approx(
        steady["registration_corner_error_voxel"], rel=0.02
    )


def test_a_swapped_scan_of_a_series_is_named() -> None:
    p = cell(layer_um=4.0)
    scans: list[Callable[[], Volume]] = [lambda: p.after, lambda: p.before]
    with pytest.raises(SwappedScansError, match=r"scans\[1\] at 2 h against scans\[0\]: .*swapped"):
        analyse_series(scans, [0, 2], None, ImageOptions())


@pytest.mark.parametrize(
    ("times", "charge", "message"),
    [
        ([0.0, 1.0], None, "times_h needs one time per scan, that is 3; got 2"),
        ([0.0, 2.0, 1.0], None, "times_h must rise"),
        ([0.0, 1.0, 1.0], None, "times_h must rise"),
        ([0.0, 1.0, math.nan], None, "times_h must be finite"),
        ([0.0, 1.0, 2.0], [0.0, 1.0], "3 values; got 2"),
        ([0.0, 1.0, 2.0], [1.0, 1.0, 2.0], "0 at the pristine scan"),
        ([0.0, 1.0, 2.0], [0.0, math.inf, 2.0], "charge_mah_cm2 must be finite"),
    ],
)
def test_bad_courses_are_refused_before_anything_is_read(
    times: list[float], charge: list[float] | None, message: str
) -> None:
    def never() -> Volume:
        raise AssertionError("was read")

    with pytest.raises(ValueError, match=message):
        analyse_series([never] * 3, times, charge, ImageOptions())


# ------------------------------------------------------------------------------- closed forms


def test_charge_from_current() -> None:
    times = [0.0, 7.5, 15.0]
    assert charge_from_current(times, [0.25, -0.25]) == [0.0, 1.875, 0.0]
    assert charge_from_current(times, [0.0, 0.25, -0.25]) == [0.0, 1.875, 0.0]
    assert charge_from_current(times, [0.25]) == [0.0, 1.875, 3.75]
    with pytest.raises(ValueError, match="one value per interval between 3 scans, that is 2"):
        charge_from_current(times, [0.1] * 4)
    with pytest.raises(ValueError, match="first of them 0"):
        charge_from_current(times, [0.25, 0.25, -0.25])


def test_error_of_the_efficiency_matches_sampling() -> None:
    rng = np.random.default_rng(3)
    start, top, rest = Thickness(0.4, 0.05), Thickness(8.0, 0.08), Thickness(1.0, 0.06)
    h = [rng.normal(t.mean_um, t.std_um, 200_000) for t in (start, top, rest)]
    sampled = (h[1] - h[2]) / (h[1] - h[0])
    efficiency, std = efficiency_of_cycle(top, rest, start)
    assert efficiency == pytest.approx(sampled.mean(), abs=1e-4)
    assert std == pytest.approx(sampled.std(), rel=0.02)
    with pytest.raises(ValueError, match="plated_um"):
        efficiency_of_cycle(Thickness(0.0, 0.1), rest)


def test_void_is_bounded_by_the_charge() -> None:
    per_um = 1 / faraday_thickness_um(1.0)
    # 1 um of lithium and 2 um of void read 3 um: the charge took 7 of 8 um.
    assert void_bound_um(8.0, 3.0, 7 * per_um) == pytest.approx(2.0)
    assert void_bound_um(8.0, 3.0, 9 * per_um) == pytest.approx(3.0)  # all of it may be void
    assert void_bound_um(8.0, 1.0, 7 * per_um) == pytest.approx(0.0)
    assert void_bound_um(9.0, 3.0, 7 * per_um, 8 * per_um) == pytest.approx(2.0)


def test_cycles_are_found_in_a_course() -> None:
    assert half_cycles([0, 1, 2, 1, 0.2, 0.3, 3, 2], 0.0) == [(0, 2, 4), (4, 6, 7)]
    assert half_cycles([0, 1, 2], 0.0) == []
    assert half_cycles([0, 0.05, 6, 5.98, 6.01, 0.6], 0.1) == [(0, 4, 5)]
