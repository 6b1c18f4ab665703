"""Crack risk of tracked islands over a series: when does the first one reach R1 = 1?

The risk of an island at a scan is that of the shape that it has then, under the load of the
configuration. Between two scans it is taken as linear in time and charge; an island that is
already above 1 when it is seen first has crossed after the scan before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_from_file
from coupling.criterion import LEVEL
from coupling.results import Scalar
from coupling.tables import read_table
from mechanics.profile import IslandProfile


@dataclass(frozen=True)
class MeasuredSeries:
    """Every island of every scan of a series, numbered through."""

    islands: pd.DataFrame
    """Rows of the scans' tables of islands with ``track, scan, time_h, charge_mah_cm2`` (NaN where
    it is not known); ``label`` counts through the series, ``label_in_scan`` is the scan's own."""
    profiles: dict[int, IslandProfile]
    """By `label`."""
    scans: pd.DataFrame
    """One row per scan: ``scan, time_h, charge_mah_cm2, folder``."""


def measured_series(folder: Path) -> MeasuredSeries:
    """Read the islands of a series as its `image` run has written them.

    Raises
    ------
    FileNotFoundError
        If the folder of a scan with tracked islands is missing.
    ValueError
        If a table lacks a column, or the tracks name an island that its scan does not.
    """
    scans = read_table(folder / "series.csv", finite=("time_h",), numbering=("scan",))
    if "charge_mah_cm2" not in scans.columns:
        raise ValueError(f"{folder / 'series.csv'}: no column charge_mah_cm2")
    tracks = read_table(folder / "tracks.csv", numbering=("track", "scan", "label"))
    places = {int(path.name.split("_")[1]): path for path in folder.glob("scan_[0-9]*")}
    scans = scans[["scan", "time_h", "charge_mah_cm2"]].copy()
    scans["folder"] = [places[k].name if k in places else "" for k in scans["scan"]]
    parts: list[pd.DataFrame] = []
    profiles: dict[int, IslandProfile] = {}
    for scan in scans.itertuples():
        followed = tracks[tracks["scan"] == scan.scan]
        if followed.empty:
            continue
        if not scan.folder:
            raise FileNotFoundError(f"{folder}: no folder of scan {scan.scan}, whose islands are "
                                    f"in {folder / 'tracks.csv'}")  # fmt: skip
        place = folder / scan.folder
        own = measured_islands(place).merge(followed[["track", "label"]], on="label", how="inner")
        if len(own) != len(followed):
            raise ValueError(
                f"{folder / 'tracks.csv'} names {len(followed)} islands of scan {scan.scan}, of "
                f"which {place / 'islands.csv'} holds {len(own)}"
            )
        own = own.rename(columns={"label": "label_in_scan"})
        first = len(profiles) + 1
        own.insert(0, "label", range(first, first + len(own)))
        times = {"scan": scan.scan, "time_h": scan.time_h, "charge_mah_cm2": scan.charge_mah_cm2}
        parts.append(own.assign(**times))
        for row in own.itertuples():
            file = place / "islands" / f"{row.label_in_scan}.csv"
            profiles[int(row.label)] = profile_from_file(file, row.volume_um3)
    islands = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"label": []})
    return MeasuredSeries(islands, profiles, scans)


@dataclass(frozen=True)
class Crossing:
    """Where a track first reaches R1 = 1."""

    track: int
    scan: int
    """The first scan that shows it above."""
    after_h: float
    """Time of the scan before."""
    by_h: float
    """Time of `scan`."""
    time_h: float
    """Linear between the two; equal to `by_h` where the island was not there before."""
    after_mah_cm2: float
    by_mah_cm2: float
    charge_mah_cm2: float
    """Likewise; NaN where the charge is not known."""
    seen_before: bool
    """Whether the island was there at the scan before: only then is the place between known."""


def crossings(table: pd.DataFrame, scans: pd.DataFrame) -> list[Crossing]:
    """Return the first crossing of each track that has one, in the order of time.

    Parameters
    ----------
    table
        Columns ``track, scan, time_h, charge_mah_cm2, risk_bulk``; rows without a risk are
        passed over.
    scans
        As `MeasuredSeries.scans`.
    """
    found: list[Crossing] = []
    course = scans.set_index("scan").sort_index()
    for track, rows in table.dropna(subset=["risk_bulk"]).groupby("track"):
        rows = rows.sort_values("scan").set_index("scan")
        above = rows.index[rows["risk_bulk"] >= LEVEL]
        if above.empty:
            continue
        scan = int(above[0])
        before = int(course.index[course.index < scan].max())
        here, there = course.loc[scan], course.loc[before]
        seen = before in rows.index
        part = 1.0
        if seen:
            low, high = rows.loc[before, "risk_bulk"], rows.loc[scan, "risk_bulk"]
            part = float((LEVEL - low) / (high - low))
        at = {
            name: float(there[name] + part * (here[name] - there[name]))
            for name in ("time_h", "charge_mah_cm2")
        }
        found.append(
            Crossing(
                track=int(track),
                scan=scan,
                after_h=float(there["time_h"]),
                by_h=float(here["time_h"]),
                time_h=at["time_h"],
                after_mah_cm2=float(there["charge_mah_cm2"]),
                by_mah_cm2=float(here["charge_mah_cm2"]),
                charge_mah_cm2=at["charge_mah_cm2"],
                seen_before=seen,
            )
        )
    return sorted(found, key=lambda crossing: (crossing.time_h, crossing.track))


def series_risk_scalars(table: pd.DataFrame, scans: pd.DataFrame) -> dict[str, Scalar]:
    """Return the numbers that sum a series' risk up.

    The first scan above R1 = 1 is given thrice: as found, and with all claimed errors of the
    interpolation against it or for it.
    """
    solved = table.dropna(subset=["risk_bulk"])
    found = crossings(table, scans)
    bounds = {
        end: crossings(table.assign(risk_bulk=table["risk_bulk"] + sign * table["error"]), scans)
        for end, sign in (("earliest", 1), ("latest", -1))
    }
    first = found[0] if found else None
    worst = solved.loc[solved["risk_bulk"].idxmax()] if len(solved) else None
    scalars: dict[str, Scalar] = {
        "scans": len(scans),
        "tracks": int(table["track"].nunique()) if len(table) else 0,
        "tracks_at_risk": len(found),
        "worst_track": None if worst is None else int(worst["track"]),
        "worst_scan": None if worst is None else int(worst["scan"]),
    }
    for name in ("track", "scan", "time_h", "after_h", "by_h"):
        scalars[f"first_crossing_{name}"] = None if first is None else getattr(first, name)
    for name in ("charge_mah_cm2", "after_mah_cm2", "by_mah_cm2"):
        value = None if first is None else getattr(first, name)
        scalars[f"first_crossing_{name}"] = None if value is None or pd.isna(value) else value
    for end, others in bounds.items():
        scalars[f"first_crossing_scan_{end}"] = min((c.scan for c in others), default=None)
    return scalars
