"""Tables of a series: scans, cycles, tracks of islands and their events."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from imaging.electrochemistry import Cycle
from imaging.replace import renamed
from imaging.series import SeriesResult
from imaging.series_rows import SeriesRow
from imaging.tracking import Change, TrackEvent, TrackRow


def write_series_result(result: SeriesResult, folder: Path) -> list[Path]:
    """Write series.csv, cycles.csv, tracks.csv and events.csv; returns the files.

    What is not known is left empty.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    track_rows = sorted(result.track_rows, key=lambda row: (row.track, row.scan))
    tables: list[tuple[str, type, Sequence[object]]] = [
        ("series.csv", SeriesRow, result.rows),
        ("cycles.csv", Cycle, result.cycles),
        ("tracks.csv", TrackRow, track_rows),
        ("events.csv", TrackEvent, result.events),
    ]
    return [_write(folder / name, kind, rows) for name, kind, rows in tables]


def series_scalars(result: SeriesResult) -> dict[str, float]:
    """Return the numbers that sum a series up; those of an efficiency are the first cycle's."""
    last = result.rows[-1]
    thickest = max(result.rows, key=lambda row: row.mean_thickness_um)
    counts = dict.fromkeys((change.value for change in Change), 0)
    for event in result.events:
        counts[event.change.value] += 1
    scalars: dict[str, float | None] = {
        "scans": len(result.rows),
        "mean_thickness_um": last.mean_thickness_um,
        "std_thickness_um": last.std_thickness_um,
        "li_volume_um3": last.li_volume_um3,
        "coverage_fraction": last.coverage_fraction,
        "island_count": last.island_count,
        "island_volume_um3": last.island_volume_um3,
        "faraday_thickness_um": last.faraday_thickness_um,
        "max_mean_thickness_um": thickest.mean_thickness_um,
        "max_mean_thickness_scan": thickest.scan,
        "max_registration_residual": max(row.registration_residual or 0.0 for row in result.rows),
        "max_grey_fake_thickness_um": max(
            (row.grey_fake_thickness_um or 0.0 for row in result.rows), key=abs
        ),
        "crack_count": last.crack_count,
        "crack_volume_um3": last.crack_volume_um3,
        "max_crack_volume_um3": max(
            (row.crack_volume_um3 for row in result.rows if row.crack_volume_um3 is not None),
            default=None,
        ),
        "cycles": len(result.cycles),
        "tracks": len({row.track for row in result.track_rows}),
        **{f"tracks_{name}": count for name, count in counts.items()},
    }
    if result.cycles:
        cycle = result.cycles[0]
        scalars |= {
            "plated_thickness_um": cycle.plated_um,
            "inactive_thickness_um": cycle.inactive_um,
            "inactive_thickness_std_um": cycle.inactive_std_um,
            "coulombic_efficiency": cycle.efficiency,
            "coulombic_efficiency_std": cycle.efficiency_std,
            "charge_efficiency": cycle.charge_efficiency,
            "void_max_um": cycle.void_max_um,
        }
    if result.null is not None:
        scalars |= result.null.scalars()
    return {name: float(value) for name, value in scalars.items() if value is not None}


def _write(file: Path, kind: type, rows: Sequence[object]) -> Path:
    names = [field.name for field in dataclasses.fields(kind)]
    with renamed(file) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows([[_cell(getattr(row, name)) for name in names] for row in rows])
    return file


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return value.value
    return f"{value:.8g}" if isinstance(value, float) else value
