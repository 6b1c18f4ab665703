"""The counter electrode, the baseline and the assumptions from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from coupling import cli, config, launcher, results
from imaging.electrochemistry import faraday_thickness_um

CHARGE = 6.0 / faraday_thickness_um(1.0)
PLAIN = ["figures=none", "render=false"]


def rows_of(file: str) -> list[dict[str, str]]:
    with Path(file).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_foil_that_is_depleted_and_recovers(workdir: Path) -> None:
    cell = ["shape=[96,110,110]", "grain_um=14", "noise=0.01", "islands=none", "layer_um=3"]
    foil = ["foil_depletion_um=6", "foil_spots_um=[[90,90,60]]"]
    course = ["series=[[1,1,1,0,0,1],[2,1,0.2,0,0,0.5]]", "hydra.run.dir=cell"]
    assert cli.run(["phantom", *cell, *foil, *course]) == 0
    scans = "scans=[cell/before.tif,cell/series/scan_001.tif,cell/series/scan_002.tif]"
    charge = f"charge_mah_cm2=[0,{CHARGE:.9f},{CHARGE / 2:.9f}]"
    given = ["image", scans, "times_h=[0,1,2]", charge, "electrode=ce", "hydra.run.dir=foil"]
    assert cli.run(given) == 0
    rows = rows_of("foil/foil_series.csv")
    true = [
        tifffile.imread(f"cell/series/truth/scan_00{i}/foil_loss_um.tif").mean() for i in (1, 2)
    ]
    found = [float(row["mean_depletion_um"]) for row in rows]
    assert found == pytest.approx([0.0, *true], abs=0.3)
    assert [row["bare_spot_count"] for row in rows] == ["0", "1", "1"]
    assert [row["crack_count"] for row in rows] == ["0", "0", "0"]
    assert float(rows[1]["faraday_depletion_um"]) == pytest.approx(6.0)
    assert float(rows[0]["void_max_um"]) == 0.0
    spots = rows_of("foil/scan_01/bare_spots.csv")
    assert float(spots[0]["equivalent_diameter_um"]) == pytest.approx(60.0, abs=2.5)
    result = results.require_finished(Path("foil"), "image")
    assert result.scalars["mean_depletion_um"] == pytest.approx(found[-1])
    assert result.scalars["max_mean_depletion_um"] == pytest.approx(found[1])
    ratio = result.scalars["depletion_over_faraday"]
    assert ratio == pytest.approx(found[-1] / 3.0, rel=1e-6)
    maps = {f"scan_02/{n}" for n in ("depletion_um.tif", "bare_spots.tif", "depletion_map.png")}
    assert maps | {"scan_01/foil_left_um.tif", "scan_01/lost.zarr/zarr.json"} <= {
        name.as_posix().removeprefix("foil/") for name in Path("foil").rglob("*")
    }
    stated = " ".join(result.assumptions["mean_depletion_um"])
    assert "collector follows" in stated
    assert "Void left in the foil" in stated
    assert "Faraday's law" in " ".join(result.assumptions["faraday_depletion_um"])


def test_subtraction_beats_a_threshold_on_grey_values(workdir: Path) -> None:
    cell = ["shape=[92,130,130]", "grain_um=14", "noise=0.01", "islands=listed"]
    caps = "caps_um=[[60,60,50,14],[150,150,60,6]]"
    assert cli.run(["phantom", *cell, caps, "hydra.run.dir=cell"]) == 0
    pair = ["before=cell/before.tif", "after=cell/after.tif"]
    assert cli.run(["image", *PLAIN, *pair, "baseline=true", "hydra.run.dir=found"]) == 0
    true = {
        round(float(r["x_um"])): float(r["volume_um3"]) for r in rows_of("cell/truth/islands.csv")
    }
    rows = rows_of("found/baseline.csv")
    assert len(rows) == len(true) == 2
    for row in rows:
        volume = min(true.items(), key=lambda item: abs(item[0] - float(row["x_um"])))[1]
        ours, theirs = (float(row[n]) / volume - 1 for n in ("volume_um3", "baseline_volume_um3"))
        assert abs(ours) < 0.03
        assert theirs < -0.5  # the blur brightens what is not much thicker than itself
    scalars = results.require_finished(Path("found"), "image").scalars
    total = sum(true.values())
    assert scalars["island_volume_um3"] == pytest.approx(total, rel=0.03)
    assert scalars["baseline_in_electrolyte_um3"] < 0.01 * total
    # A threshold that sees more of it: porous electrolyte passes for lithium.
    higher = ["baseline_threshold=3300", "cracks.find=false", "hydra.run.dir=higher"]
    assert cli.run(["image", *PLAIN, *pair, "baseline=true", *higher]) == 0
    worse = results.require_finished(Path("higher"), "image").scalars
    assert worse["baseline_island_volume_um3"] > scalars["baseline_island_volume_um3"]
    assert worse["baseline_in_electrolyte_um3"] > 5 * total
    assert worse["island_volume_um3"] == pytest.approx(total, rel=0.03)
    lithium = tifffile.imread("found/baseline_lithium.tif")
    thickness = tifffile.imread("found/baseline_thickness_um.tif")
    assert set(np.unique(lithium)) == {0, 1}
    assert lithium.sum() * 1.625 == pytest.approx(np.nansum(thickness), rel=1e-4)


def test_every_amount_says_what_it_rests_on(workdir: Path) -> None:
    cell = ["shape=[92,96,96]", "islands=none", "layer_um=4", "hydra.run.dir=cell"]
    assert cli.run(["phantom", *cell]) == 0
    pair = ["before=cell/before.tif", "after=cell/after.tif", "charge_mah_cm2=1"]
    assert cli.run(["image", *PLAIN, *pair, "hydra.run.dir=pair"]) == 0
    content = json.loads(Path("pair/result.json").read_text())
    amounts = {
        name
        for name in content["scalars"]
        if name.endswith(("thickness_um", "volume_um3", "charge_mah_cm2", "_fraction", "_count"))
    } - {"grey_fake_thickness_um"}
    assert amounts <= set(content["assumptions"])
    assert all(lines and all(lines) for lines in content["assumptions"].values())
    words = {name: " ".join(lines) for name, lines in content["assumptions"].items()}
    for name in ("mean_thickness_um", "li_volume_um3", "coverage_fraction", "thickness_um.tif"):
        assert "takes the place of current collector" in words[name]
        assert "Void counts as lithium" in words[name]
        assert "grey_cc, grey_li" in words[name]
    assert "Faraday's law" in words["faraday_thickness_um"]
    assert "4.32" in words["paper_scale_thickness_um"]
    assert cli.run(["image", *PLAIN, "lvf=pair/lvf.zarr", "hydra.run.dir=lvf"]) == 0
    from_lvf = results.require_finished(Path("lvf"), "image").assumptions
    assert "given ready-made" in " ".join(from_lvf["mean_thickness_um"])


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("image", ["lvf=a.tif", "electrode=ce"], "electrode=ce needs tomograms"),
        ("image", ["lvf=a.tif", "baseline=true"], "baseline=true needs tomograms"),
        ("image", ["before=a.tif", "after=b.tif", "foil.area_cm2=1"], "electrode_area_cm2 beside"),
        ("image", ["before=a.tif", "after=b.tif", "foil.bare_um=-1"], "foil.bare_um must be"),
        ("image", ["before=a.tif", "after=b.tif", "cracks.threshold=0"], "cracks.threshold must"),
        (
            "image",
            ["scans=[a.tif,b.tif]", "electrode=ce", "null_scan=true"],
            "null_scan=true is for",
        ),
        ("image", ["scans=[a.tif,b.tif]", "baseline_threshold=9"], "needs baseline=true beside"),
        ("run", ["electrode=ce"], "give electrode=ce to islet image"),
    ],
)
def test_what_does_not_go_together_is_named(verb: str, given: list[str], message: str) -> None:
    node = config.without_hydra(launcher.compose(verb, launcher.parse_arguments(given)))
    with pytest.raises(config.InputError) as caught:
        config.validated(node)
    assert message in str(caught.value)
