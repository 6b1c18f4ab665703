"""Cracks from the command line: found, followed over a series, kept out of the islands."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from coupling import cli, results

# y, x, contact diameter, height; y, x, diameter, offset, rim offset, opening
CAP = "caps_um=[[60,60,50,8]]"
BASINS = "cracks_um=[[140,140,80,14,8,6],[60,60,60,13,8,6]]"
# time, grown, residual, voids, cracks, foil: first no crack, then half open, then open
COURSE = "series=[[1,1,1,0,0,0],[2,1,1,0,0.5,0],[3,1,1,0,1,0]]"
PLAIN = ["figures=none", "render=false"]


def rows_of(file: str) -> list[dict[str, str]]:
    with Path(file).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_cracks_are_found_and_are_no_islands(workdir: Path) -> None:
    cell = ["shape=[92,130,130]", "grain_um=14", "noise=0.004", "shift_um=[0.3,-0.4,0.5]"]
    made = ["islands=listed", CAP, BASINS, COURSE, "hydra.run.dir=cell"]
    assert cli.run(["phantom", *cell, *made]) == 0
    series = [f"cell/series/scan_00{i}.tif" for i in (1, 2, 3)]
    scans = ["scans=[cell/before.tif," + ",".join(series) + "]", "times_h=[0,1,2,3]"]
    assert cli.run(["image", *PLAIN, *scans, "hydra.run.dir=found"]) == 0

    rows = rows_of("found/series.csv")
    assert [row["crack_count"] for row in rows] == ["0", "0", "2", "2"]
    true = [float(row["crack_volume_um3"]) for row in rows_of("cell/series/series.csv")]
    volumes = [float(row["crack_volume_um3"]) for row in rows[1:]]
    assert volumes == pytest.approx(true, rel=0.05)
    assert [row["island_count"] for row in rows[1:]] == ["1", "1", "1"]
    scalars = results.require_finished(Path("found"), "image").scalars
    assert scalars["crack_count"] == 2
    assert scalars["crack_volume_um3"] == pytest.approx(volumes[-1])

    assert Path("found/scan_01/cracks.csv").read_text().count("\n") == 1  # a header
    truth = rows_of("cell/series/truth/scan_003/cracks.csv")
    cracks = rows_of("found/scan_03/cracks.csv")
    assert len(cracks) == 2
    for crack, exact in zip(cracks, truth, strict=True):  # both the largest first
        for name, error in (("x_um", 2.0), ("y_um", 2.0)):
            assert float(crack[name]) == pytest.approx(float(exact[name]), abs=error)
        assert float(crack["volume_um3"]) == pytest.approx(float(exact["volume_um3"]), rel=0.05)
        assert float(crack["offset_um"]) == pytest.approx(float(exact["mean_offset_um"]), abs=0.5)
        area = 0.25 * np.pi * float(exact["diameter_um"]) ** 2
        assert float(crack["area_um2"]) == pytest.approx(area, rel=0.1)
    labels = tifffile.imread("found/scan_03/crack_labels.tif")
    assert labels[140 * 8 // 13, 140 * 8 // 13] == 1
    assert labels[60 * 8 // 13, 60 * 8 // 13] == 2
    assert labels[0, 0] == 0

    island = truth_volume("cell/series/truth/scan_003/islands.csv")
    assert truth_volume("found/scan_03/islands.csv") == pytest.approx(island, rel=0.01)
    ignored = ["before=cell/before.tif", f"after={series[-1]}", "cracks.find=false"]
    assert cli.run(["image", *PLAIN, *ignored, "hydra.run.dir=ignored"]) == 0
    assert len(rows_of("ignored/islands.csv")) == 2  # one of them is a crack
    assert not Path("ignored/cracks.csv").exists()
    said = results.require_finished(Path("ignored"), "image").inputs["decisions"]["cracks"]
    assert "cracks.find=false" in said


def truth_volume(file: str) -> float:
    """Volume of the island, the only one in a table."""
    (row,) = rows_of(file)
    return float(row["volume_um3"])
