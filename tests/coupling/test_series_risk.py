"""Risk over a series: tables joined, the first crossing, what the command writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import image as picture

from coupling import cli
from coupling.results import Result, islet_version, write_result
from coupling.series_folder import is_series, series_inputs
from coupling.series_risk import crossings, measured_series, series_risk_scalars
from coupling.series_risk_figures import risk_series_figure
from mechanics.profile import cap

SCANS = pd.DataFrame(
    {"scan": [0, 1, 2, 3], "time_h": [0.0, 1.0, 2.0, 4.0], "charge_mah_cm2": [0.0, 0.5, 1.0, 2.0]}
)


def course(risks: dict[int, dict[int, float]], error: float = 0.0) -> pd.DataFrame:
    """Rows of tracks: risk by scan."""
    rows = [
        {"track": track, "scan": scan, "risk_bulk": risk, "error": error}
        for track, by_scan in risks.items()
        for scan, risk in by_scan.items()
    ]
    return pd.DataFrame(rows).merge(SCANS, on="scan")


def test_the_crossing_is_linear_between_scans() -> None:
    first, second = crossings(
        course({7: {1: 0.2, 2: 0.6, 3: 1.4}, 3: {1: 0.5, 2: 1.5}, 9: {1: 0.1}}), SCANS
    )
    assert (first.track, first.scan, first.seen_before) == (3, 2, True)
    assert first.time_h == pytest.approx(1.5)
    assert first.charge_mah_cm2 == pytest.approx(0.75)
    assert (second.track, second.after_h, second.by_h) == (7, 2.0, 4.0)
    assert second.time_h == pytest.approx(3.0)
    assert second.charge_mah_cm2 == pytest.approx(1.5)


def test_an_island_born_above_has_crossed_in_between() -> None:
    (only,) = crossings(course({1: {2: 1.3, 3: 0.4}}), SCANS)
    assert not only.seen_before
    assert (only.after_h, only.by_h, only.time_h) == (1.0, 2.0, 2.0)


def test_a_scan_without_risk_is_passed_over() -> None:
    (only,) = crossings(course({1: {1: 0.5, 2: np.nan, 3: 1.5}}), SCANS)
    assert (only.scan, only.after_h, only.seen_before) == (3, 2.0, False)
    assert crossings(course({1: {1: 0.5}}), SCANS) == []


def test_claimed_errors_move_the_first_crossing() -> None:
    scalars = series_risk_scalars(course({1: {1: 0.9, 2: 1.1, 3: 2.0}}, error=0.2), SCANS)
    assert scalars["first_crossing_scan"] == 2
    assert scalars["first_crossing_scan_earliest"] == 1
    assert scalars["first_crossing_scan_latest"] == 3
    assert scalars["first_crossing_charge_mah_cm2"] == pytest.approx(0.75)
    assert (scalars["tracks"], scalars["tracks_at_risk"], scalars["worst_scan"]) == (1, 1, 3)
    none = series_risk_scalars(course({1: {1: 0.1}}), SCANS)
    assert none["first_crossing_scan"] is None
    assert none["first_crossing_scan_latest"] is None


@pytest.mark.parametrize("charge", [[0, 0.5, 1, 2], [0, 1, 2, 0.1], [np.nan] * 4])
def test_the_figure_shows_a_course(charge: Sequence[float], tmp_path: Path) -> None:
    scans = SCANS.assign(charge_mah_cm2=charge)
    table = course({k: {1: 0.1 * k, 2: 0.2 * k, 3: 0.3 * k} for k in range(1, 11)}, 0.02)
    table = table.drop(columns="charge_mah_cm2").merge(scans[["scan", "charge_mah_cm2"]], on="scan")
    risk_series_figure(table, scans, crossings(table, scans), tmp_path / "a.png")
    assert picture.imread(tmp_path / "a.png")[..., :3].std() > 0.02


# ------------------------------------------------------------------------------ from a folder

SIZES = {1: [(30.0, 6.0)], 2: [(36.0, 9.0), (20.0, 2.0)], 3: [(44.0, 20.0), (24.0, 3.0)]}
"""Diameter and height of the caps of each scan, um; the first of each scan is one track."""


def write_series(folder: Path) -> None:
    """Lay down what an `image` run on four scans leaves: the second track is born in scan 2."""
    tracks = []
    for scan, caps in SIZES.items():
        place = folder / f"scan_{scan:02d}"
        (place / "islands").mkdir(parents=True)
        rows = []
        for track, (diameter, height) in enumerate(caps, start=1):
            label = len(caps) + 1 - track  # a scan's labels are not the tracks' numbers
            shape = cap(diameter, height)
            points = np.column_stack((shape.r_um, shape.z_um))
            file = place / "islands" / f"{label}.csv"
            np.savetxt(file, points, delimiter=",", header="r_um,z_um", comments="")
            rows.append([label, 100.0 * track, 50.0, diameter, height, shape.volume_um3])
            tracks.append([track, scan, label])
        names = ["label", "x_um", "y_um", "contact_diameter_um", "height_um", "volume_um3"]
        table = pd.DataFrame(rows, columns=names)
        table["aspect_ratio"] = table["height_um"] / table["contact_diameter_um"]
        table.to_csv(place / "islands.csv", index=False)
    pd.DataFrame(tracks, columns=["track", "scan", "label"]).to_csv(folder / "tracks.csv")
    SCANS.to_csv(folder / "series.csv", index=False)
    write_result(folder, Result("ok", islet_version(), "image", "by hand", {}))


def test_a_series_is_read_by_track(tmp_path: Path) -> None:
    write_series(tmp_path)
    assert is_series(tmp_path)
    assert not is_series(tmp_path / "scan_01")
    inputs = series_inputs(tmp_path)
    assert {"series.csv", "tracks.csv", "scan_02/islands.csv", "scan_02/islands"} < set(inputs)
    series = measured_series(tmp_path)
    assert len(series.islands) == len(series.profiles) == 5
    grown = series.islands[series.islands["track"] == 1].sort_values("scan")
    assert list(grown["contact_diameter_um"]) == [30.0, 36.0, 44.0]
    assert list(grown["charge_mah_cm2"]) == [0.5, 1.0, 2.0]
    assert list(grown["label_in_scan"]) == [1, 2, 2]
    for row in series.islands.itertuples():
        assert series.profiles[row.label].contact_diameter_um == row.contact_diameter_um


def test_tracks_that_do_not_fit_their_scan_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path)
    tracks = pd.read_csv(tmp_path / "tracks.csv")
    tracks.assign(label=7).to_csv(tmp_path / "tracks.csv", index=False)
    with pytest.raises(ValueError, match=r"names 1 islands of scan 1, of which .* holds 0"):
        measured_series(tmp_path)
    tracks.drop(columns="track").to_csv(tmp_path / "tracks.csv", index=False)
    with pytest.raises(ValueError, match=r"tracks\.csv: no column track"):
        measured_series(tmp_path)


def test_risk_of_a_series_from_the_command_line(workdir: Path) -> None:
    write_series(workdir / "image")
    coarse = ["mesh.fine_um=3", "load.steps=2", "contact=bonded", "kinematics=small", "workers=1"]
    assert cli.run(["risk", "image=image", *coarse, "hydra.run.dir=risk"]) == 0
    result = json.loads(Path("risk/result.json").read_text())
    hashes = result["inputs"]["input_sha256"]
    assert {"image[series.csv]", "image[scan_03/islands]"} <= set(hashes)
    table = pd.read_csv("risk/risk_series.csv")
    assert list(table["track"]) == [1, 1, 1, 2, 2]
    assert list(table["scan"]) == [1, 2, 3, 2, 3]
    growing = table[table["track"] == 1]["risk_bulk"]
    assert growing.is_monotonic_increasing
    scalars = result["scalars"]
    low, high = growing.iloc[1:]  # below and above 1
    assert low < 1 < high or growing.iloc[0] < 1 < low
    assert scalars["first_crossing_track"] == 1
    assert scalars["worst_scan"] == 3
    assert scalars["worst_label"] == 2
    assert scalars["tracks"] == 2
    by_scan = growing.set_axis([0.5, 1.0, 2.0])
    at = np.interp(1.0, by_scan, by_scan.index)
    assert scalars["first_crossing_charge_mah_cm2"] == pytest.approx(at)
    own = pd.read_csv("risk/scan_03/risk.csv")
    assert list(own["label"]) == [2, 1]
    files = {"risk_series.csv", "risk_series.png", "scan_02/risk_map.png", "worst_stress.png"}
    assert files <= set(result["files"])
