"""One cell over time: every scan against the first, pristine one.

Only the first scan and the one that is looked at are held in memory; what is kept of a scan is a
row of numbers and the footprints of its islands, and those only until the next scan.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imaging.electrochemistry import LI_DENSITY_G_CM3, Cycle, check_charges, check_times
from imaging.lvf import foil_grey
from imaging.options import ImageOptions
from imaging.pair import require_one_grid
from imaging.readers import read_volume
from imaging.reductions import slice_means
from imaging.registration import RegistrationError
from imaging.result import ImageResult
from imaging.series_rows import (
    ALIGNMENT_VOXEL,
    CENTRE,
    EDGE,
    SIGNIFICANT,
    Balance,
    NullTest,
    Role,
    SeriesRow,
    cycles_of,
    null_test,
    pristine_row,
    series_row,
)
from imaging.setup import Decisions, Setup, find_place
from imaging.thickness import ThicknessMap, covered
from imaging.tracking import TrackEvent, TrackRow, Tracks, follow
from imaging.volume import Volume
from imaging.workflow import SwappedScansError, analyse_pair

log = logging.getLogger(__name__)

type Scan = Path | Callable[[], Volume]


@dataclass(frozen=True, eq=False)
class SeriesResult:
    """A cell over time."""

    rows: tuple[SeriesRow, ...]
    cycles: tuple[Cycle, ...]
    track_rows: tuple[TrackRow, ...]
    events: tuple[TrackEvent, ...]
    null: NullTest | None
    decisions: Decisions
    """What the first pair decided for all, and what the numbers rest on."""
    scan_decisions: dict[str, Decisions]
    """What differs from scan to scan."""


def analyse_series(
    scans: Sequence[Scan],
    times_h: Sequence[float],
    charge_mah_cm2: Sequence[float] | None,
    options: ImageOptions,
    *,
    density_g_cm3: float = LI_DENSITY_G_CM3,
    area_um2: float | None = None,
    null_scan: bool = False,
    keep: Callable[[SeriesRow, ImageResult], None] | None = None,
) -> SeriesResult:
    """Analyse every scan of a series against the first one, and follow the islands.

    Interface, ROI and grey values are found on the first pair and hold for the others; alignment
    and drift of the grey scale are each scan's own. Without a foil in view or a grey value given,
    the scan with most lithium is analysed before all others, and its lithium's grey value holds.
    Where a scan's field of view cuts the ROI, its numbers stand for the part in view.

    Parameters
    ----------
    scans
        Functions that read a scan, or files, in the order of time; each is read when it is
        needed. The first one is pristine. Shape (n,).
    times_h
        Times of the scans, h, rising, shape (n,).
    charge_mah_cm2
        Charge per area plated until each scan, mAh/cm2, shape (n,), 0 at the first
        (`imaging.electrochemistry.charge_from_current`); None where it is not known.
    options
        As for a pair.
    density_g_cm3
        Density of lithium, for Faraday's law.
    area_um2
        Area that the charge refers to; the ROI's if not given.
    null_scan
        The second scan is pristine too: its mean thickness and scatter are the detection limit.
    keep
        Called with each scan's row and whole result while it is in memory, to write it to disk.

    Raises
    ------
    ValueError
        If numbers of scans, times and charges differ, times do not rise, or the scans do not fit
        each other.
    SwappedScansError
        If a scan holds clearly less lithium than the first.
    RegistrationError
        If a scan cannot be aligned to the first.
    """
    _check(len(scans), times_h, charge_mah_cm2, null_scan)
    for name, value in (("density_g_cm3", density_g_cm3), ("area_um2", area_um2)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive; got {value}")
    before = _read(scans[0])
    charges = list(charge_mah_cm2) if charge_mah_cm2 is not None else [None] * len(scans)
    balance = Balance(density_g_cm3, area_um2)
    rows: list[SeriesRow] = []
    track_rows: list[TrackRow] = []
    events: list[TrackEvent] = []
    per_scan: dict[str, Decisions] = {}
    setup = _setup(before, scans, times_h, charge_mah_cm2, options, null_scan)
    null: NullTest | None = None
    tracks = Tracks()
    for k in range(1, len(scans)):
        role = Role.null if null_scan and k == 1 else Role.cycled
        result = _pair(before, scans[k], options, setup, k, times_h[k])
        setup = result.setup
        assert setup is not None
        if k == 1:
            rows.append(pristine_row(times_h[0], charges[0], balance, result))
        if role is Role.null:
            null = null_test(result)
        row = series_row(k, role, times_h[k], charges[k], balance, result, options, null)
        if role is Role.cycled:
            map_um = ThicknessMap(result.thickness_um, result.thickness_std_um, slice(0))
            step = follow(
                tracks, k, times_h[k], result.islands, result.island_labels, covered(map_um)
            )
            tracks = step.tracks
            track_rows += step.rows
            events += step.events
        rows.append(row)
        per_scan[f"scans[{k}]"] = _own(result.decisions, setup.decisions)
        if keep is not None:
            keep(row, result)
        del result  # or it would stay in memory beside the next one
    assert setup is not None
    decisions = dict(setup.decisions)
    _note(decisions, rows, null, balance)
    return SeriesResult(
        rows=tuple(rows),
        cycles=tuple(cycles_of(rows, density_g_cm3)),
        track_rows=tuple(track_rows),
        events=tuple(events),
        null=null,
        decisions=decisions,
        scan_decisions=per_scan,
    )


# --------------------------------------------------------------------------------------- inputs


def _check(
    scans: int, times_h: Sequence[float], charge: Sequence[float] | None, null_scan: bool
) -> None:
    if scans < 2:
        raise ValueError(f"a series needs at least two scans; got {scans}")
    check_times(times_h, scans)
    if charge is not None:
        check_charges(charge, scans, null_scan)


def _read(scan: Scan) -> Volume:
    return read_volume(scan, None) if isinstance(scan, Path) else scan()


def _pair(
    before: Volume, scan: Scan, options: ImageOptions, setup: Setup | None, k: int, time_h: float
) -> ImageResult:
    with _named(k, time_h):
        return analyse_pair(before, _read(scan), options, setup)


@contextmanager
def _named(k: int, time_h: float) -> Iterator[None]:
    """Errors say which scan it was."""
    try:
        yield
    except (ValueError, RegistrationError) as error:
        told = isinstance(error, (SwappedScansError, RegistrationError))
        kind = type(error) if told else ValueError
        raise kind(f"scans[{k}] at {time_h:g} h against scans[0]: {error}") from error


def _setup(
    before: Volume,
    scans: Sequence[Scan],
    times_h: Sequence[float],
    charge_mah_cm2: Sequence[float] | None,
    options: ImageOptions,
    null_scan: bool,
) -> Setup | None:
    """What the fullest scan decides for all; None if the first pair can as well."""
    if options.grey.li is not None or options.grey.li_region is not None:
        return None
    place = find_place(before, options, {})
    if foil_grey(before, place.interface, place.roi) is not None:
        return None
    numbers = range(2 if null_scan else 1, len(scans))
    if not numbers:
        raise ValueError(
            "no lithium foil in view, and none in two pristine scans: give grey.li with null_scan"
        )

    def darkness(k: int) -> float:
        with _named(k, times_h[k]):
            scan = _read(scans[k])
            require_one_grid(before, scan)
        return -float(slice_means(scan.values[place.slices], place.roi).mean())

    # Lithium is darker than the collector whose place it takes.
    fullest = max(numbers, key=darkness if charge_mah_cm2 is None else charge_mah_cm2.__getitem__)
    log.warning(
        "no lithium foil in view: scans[%d], which holds most lithium, tells its grey value for "
        "all; or give grey.li",
        fullest,
    )
    setup = _pair(before, scans[fullest], options, None, fullest, times_h[fullest]).setup
    assert setup is not None
    setup.decisions["grey_li_scan"] = f"scans[{fullest}], which holds most lithium"
    return setup


# ------------------------------------------------------------------------------------ decisions


def _own(decisions: Decisions, shared: Decisions) -> Decisions:
    return {k: v for k, v in decisions.items() if shared.get(k) != v}


def _note(
    decisions: Decisions, rows: Sequence[SeriesRow], null: NullTest | None, balance: Balance
) -> None:
    """Say what the numbers of the series rest on."""
    radius = math.sqrt(rows[0].roi_area_um2 / math.pi)
    decisions["series"] = "interface, ROI and grey values found on one pair of scans hold for all"
    decisions["edge_centre_radii_um"] = (
        f"centre within {CENTRE * radius:.0f} um, edge beyond {EDGE * radius:.0f} um"
    )
    if null is None:
        decisions["detection_limit"] = (
            "not measured (null_scan=true with a second pristine scan measures it): errors of mean "
            f"thicknesses take an alignment within {ALIGNMENT_VOXEL:g} voxel for granted"
        )
    else:
        decisions["detection_limit"] = (
            f"{null.limit_um:.3f} um for mean thicknesses: {SIGNIFICANT:g} standard deviations of "
            f"what scans[1] shows without lithium, {null.mean_um:.3f} um"
        )
    decisions["voids"] = (
        "read as lithium: absorption cannot tell them apart; the charge, where known, bounds them"
    )
    decisions["li_density_g_cm3"] = balance.density_g_cm3
    decisions["electrode_area"] = (
        "that of the ROI" if balance.area_um2 is None else f"{balance.area_um2 * 1e-8:g} cm2"
    )
