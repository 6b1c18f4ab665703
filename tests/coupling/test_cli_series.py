"""A series over time from the command line: tables, folders, figures, scalars, refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from coupling import cli, config, launcher, results
from coupling.schema_imaging import TomogramConfig
from coupling.schema_run import RunConfig
from imaging.electrochemistry import faraday_thickness_um
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.readers import write_tiff

CHARGE = 6.0 / faraday_thickness_um(1.0)


def rows_of(file: str) -> list[dict[str, str]]:
    with Path(file).open(newline="") as stream:
        return list(csv.DictReader(stream))


def write_scans() -> None:
    """A pristine cell, the same with 6 um of lithium, with 0.6 um left and one island."""
    states = {"plated": {"layer_um": 6.0}, "stripped": {"layer_um": 0.6}}
    for name, lithium in states.items():
        cell = {"shape": [92, 96, 96], "grain_um": 14.0, "noise": 0.01}
        phantom = make_phantom(PhantomOptions(**cell, islands=IslandChoice.none, **lithium))  # type: ignore[arg-type]
        write_tiff(Path("pristine.tif"), phantom.before)
        write_tiff(Path(f"{name}.tif"), phantom.after)


def test_a_cycle_from_scans_to_efficiency(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scans()
    scans = "scans=[pristine.tif,plated.tif,stripped.tif]"
    current = f"current_ma_cm2=[{CHARGE / 7.5:.9f},{-0.9 * CHARGE / 7.5:.9f}]"
    course = [scans, "times_h=[0,7.5,15]", current]
    assert cli.run(["image", *course, "grey.drift=correct", "hydra.run.dir=series"]) == 0
    result = results.require_finished(Path("series"), "image")
    scalars = result.scalars
    assert scalars["scans"] == 3
    assert scalars["max_mean_thickness_um"] == pytest.approx(6.0, rel=0.02)
    assert scalars["coulombic_efficiency"] == pytest.approx(0.9, abs=0.015)
    assert scalars["charge_efficiency"] == pytest.approx(0.9)
    assert scalars["inactive_thickness_um"] == pytest.approx(0.6, abs=0.08)
    assert scalars["void_max_um"] == pytest.approx(0.0, abs=0.08)
    assert result.inputs["decisions"]["cc_side"] == "low"
    assert "corrected" in result.inputs["decisions"]["scans[2]"]["grey_drift"]
    assert set(result.inputs["input_sha256"]) == {"scans[0]", "scans[1]", "scans[2]"}
    tables = {"series.csv", "cycles.csv", "tracks.csv", "events.csv", "series.png", "tracks.png"}
    tables |= {"evolution.png", "thickness_maps.png", "lithium_3d.gif"}
    names = ("thickness_um.tif", "slices.png", "lithium_3d.png")
    pairs = {f"scan_0{i}/{name}" for i in (1, 2) for name in names}
    assert tables | pairs <= set(result.files)
    rows = rows_of("series/series.csv")
    assert [row["role"] for row in rows] == ["pristine", "cycled", "cycled"]
    assert [float(row["time_h"]) for row in rows] == [0.0, 7.5, 15.0]
    assert float(rows[1]["faraday_thickness_um"]) == pytest.approx(6.0, rel=1e-6)
    assert rows[0]["registration_residual"] == ""

    capsys.readouterr()
    swapped = ["before=plated.tif", "after=pristine.tif", "hydra.run.dir=swapped"]
    assert cli.run(["image", *swapped]) == 2
    said = capsys.readouterr().err
    assert "the scans look swapped: the mean thickness is -" in said
    assert "give before=PRISTINE after=PLATED" in said

    null = ["scans=[pristine.tif,stripped.tif]", "null_scan=true", "hydra.run.dir=nothing"]
    null += ["figures=pdf", "render=false"]
    assert cli.run(["image", *null]) == 0
    nothing = results.require_finished(Path("nothing"), "image")
    assert {"slices.png", "slices.pdf", "histogram.pdf"} <= set(nothing.files)
    assert "lithium_3d.png" not in nothing.files
    limit = nothing.scalars
    assert limit["null_mean_um"] == limit["mean_thickness_um"]
    assert limit["detection_limit_um"] == pytest.approx(1.8, abs=0.2)


SERIES = "scans=[a.tif,b.tif,c.tif]"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([SERIES], "scans with 3 tomograms needs times_h=[...], one time for each"),
        ([SERIES, "times_h=[0,1]"], "times_h needs one time per scan, that is 3; got 2"),
        ([SERIES, "times_h=[0,2,1]"], "times_h must rise from scan to scan"),
        ([SERIES, "times_h=[0,1,inf]"], "times_h must be finite"),
        ([SERIES, "times_h=[0,1,2]", "current_ma_cm2=[1,2,3]"], "one value per interval"),
        ([SERIES, "times_h=[0,1,2]", "current_ma_cm2=[1,x]"], "current_ma_cm2 must be a number"),
        ([SERIES, "times_h=[0,1,2]", "charge_mah_cm2=1"], "until each of 3 scans, as a list"),
        ([SERIES, "times_h=[0,1,2]", "charge_mah_cm2=[1,2,3]"], "must be 0 at the pristine scan"),
        (
            [SERIES, "times_h=[0,1,2]", "charge_mah_cm2=[0,1,2]", "null_scan=true"],
            "0 at the pristine scans, the first 2",
        ),
        (["scans=[a.tif,b.tif]", "current_ma_cm2=1"], "current_ma_cm2 needs times_h"),
        (["lvf=a.zarr", "null_scan=true"], "null_scan needs tomograms"),
        ([SERIES, "times_h=[0,1,2]", "li_density_g_cm3=0"], "li_density_g_cm3 must be a positive"),
    ],
)
def test_bad_courses_are_named(given: list[str], message: str) -> None:
    node = config.without_hydra(launcher.compose("image", launcher.parse_arguments(given)))
    with pytest.raises(config.InputError) as caught:
        config.validated(node)
    assert message in str(caught.value)


def test_charge_of_a_course() -> None:
    scans = ["a.tif", "b.tif", "c.tif"]
    times = [0.0, 7.5, 15.0]
    constant = TomogramConfig(scans=scans, times_h=times, current_ma_cm2=0.25)
    assert constant.charges_mah_cm2 == [0.0, 1.875, 3.75]
    assert constant.is_series
    assert constant.pair is None
    given = TomogramConfig(scans=scans, times_h=times, charge_mah_cm2=[0, 1.875, 0.1])
    assert given.charges_mah_cm2 == [0.0, 1.875, 0.1]
    pair = TomogramConfig(before="a.tif", after="b.tif", charge_mah_cm2=1.875)
    assert pair.charges_mah_cm2 == [0.0, 1.875]
    timed = TomogramConfig(before="a.tif", after="b.tif", times_h=[0, 4], current_ma_cm2=[0.25])
    assert timed.charges_mah_cm2 == [0.0, 1.0]
    assert not timed.is_series


def test_the_report_takes_two_scans() -> None:
    with pytest.raises(ValueError, match="islet run takes two tomograms, got scans with 3"):
        RunConfig(scans=["a.tif", "b.tif", "c.tif"], times_h=[0, 1, 2])
