"""The whole story as a user runs it: the phantom's tomograms to the report."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

ISLET = [sys.executable, "-m", "coupling.cli"]


def islet(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run([*ISLET, *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`islet run` on one synthetic cell of islands of all shapes."""
    folder = tmp_path_factory.mktemp("story")
    done = islet("run", "phantom_cells=1", "hydra.run.dir=out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^report: .*out/report\.html$", done.stdout, re.MULTILINE)
    return folder / "out"


@pytest.fixture(scope="module")
def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text())


def test_each_island_is_found_and_measured(run: Path, result: dict) -> None:
    assert result["scalars"]["crack_count"] == 0  # there is none
    check = pd.read_csv(run / "truth_check.csv")
    assert len(check) == result["scalars"]["truth_islands"] >= 8
    assert check["found_label"].notna().all()
    assert check["found_label"].is_unique
    assert (check["volume_error_percent"].abs() < 5).all()
    assert (check["diameter_error_voxel"].abs() < 2).all()
    assert result["scalars"]["island_count"] == len(check)


def test_the_drift_is_recovered(run: Path, result: dict) -> None:
    assert result["scalars"]["truth_registration_error_voxel"] < 0.1
    facts = json.loads((run / "phantom/truth/transform.json").read_text())
    for axis, shift in zip("zyx", facts["shift_um"], strict=True):
        found = result["scalars"][f"registration_shift_{axis}_um"]
        assert found == pytest.approx(shift, abs=0.1 * 1.625)


def test_each_island_has_its_risk(run: Path, result: dict) -> None:
    risk = pd.read_csv(run / "risk.csv")
    assert len(risk) == result["scalars"]["islands"] == result["scalars"]["island_count"]
    assert np.isfinite(risk[["risk_bulk", "risk_rim", "li_pressure_mpa", "apex_sigma1_mpa"]]).all(
        axis=None
    )
    assert (risk["method"] == "exact").all()
    assert risk["risk_bulk"].is_monotonic_decreasing
    assert result["scalars"]["at_risk"] == (risk["risk_bulk"] > 1).sum()
    assert result["scalars"]["worst_label"] == risk["label"][0]
    # the published pair is among the islands, and stands as the paper has it
    narrow = risk.iloc[(risk["aspect_ratio"] - 0.45).abs().argmin()]
    wide = risk.iloc[(risk["aspect_ratio"] - 0.05).abs().argmin()]
    assert narrow["apex_sigma1_mpa"] > 200
    assert wide["apex_sigma1_mpa"] < 0
    assert narrow["risk_bulk"] > 2 * wide["risk_bulk"]


def test_the_report_holds_everything_and_needs_no_network(run: Path, result: dict) -> None:
    page = (run / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    for picture in run.glob("*.png"):
        if picture.stem != "risk_distribution":  # it is for many islands
            assert base64.b64encode(picture.read_bytes()).decode() in page, picture.name
    for label in range(1, int(result["scalars"]["islands"]) + 1):
        assert f'<tr data-label="{label}">' in page
    for words in ("Assumptions", "youngs_mpa: 22100.0", "interface_z_um", "mixture", "10.1149/"):
        assert words in page.replace("<wbr>", "")  # where a key may break


def test_every_file_that_is_listed_is_there(run: Path, result: dict) -> None:
    assert result["status"] == "ok"
    for name in result["files"]:
        assert (run / name).exists(), name
    for picture in run.glob("*.png"):
        pixels = image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.02, f"{picture.name} is blank"
    assert not list(run.rglob("*.part"))


def test_running_again_returns_at_once(run: Path) -> None:
    before = (run / "result.json").stat().st_mtime_ns
    again = islet("run", "phantom_cells=1", "hydra.run.dir=out", cwd=run.parent)
    assert again.returncode == 0
    assert "already done" in again.stderr
    assert (run / "result.json").stat().st_mtime_ns == before


def test_risk_from_an_lvf_volume_alone(run: Path, tmp_path: Path) -> None:
    """`image` and then `risk` do in two commands what `run` does in one."""
    lvf = run / "lvf.zarr"
    image_run = islet("image", f"lvf={lvf}", "hydra.run.dir=image", cwd=tmp_path)
    assert image_run.returncode == 0, image_run.stderr
    islands = pd.read_csv(tmp_path / "image/islands.csv")
    assert len(islands) == len(pd.read_csv(run / "islands.csv"))
    coarse = ["mesh.fine_um=3", "load.steps=2", "contact=bonded", "workers=2"]
    risk_run = islet("risk", "image=image", *coarse, "hydra.run.dir=risk", cwd=tmp_path)
    assert risk_run.returncode == 0, risk_run.stderr
    risk = pd.read_csv(tmp_path / "risk/risk.csv")
    reference = pd.read_csv(run / "risk.csv")
    merged = risk.merge(reference, on="label", suffixes=("", "_run"))
    assert merged["risk_bulk"].to_numpy() == pytest.approx(
        merged["risk_bulk_run"].to_numpy(), rel=0.1
    )
    assert (tmp_path / "risk/risk_map.png").exists()
    assert (tmp_path / "risk/worst_stress.png").exists()
