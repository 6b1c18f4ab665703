"""The same command gives the same numbers, and every output says what made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from coupling.cli import run as islet
from coupling.results import content_hash, islet_version, library_versions
from imaging.phantom import CrackRule, IslandChoice, PhantomOptions, write_phantom

pytestmark = pytest.mark.slow

QUICK = ["contact=bonded", "kinematics=small", "mesh.fine_um=4", "load.steps=2"]
UNSURE = ["uncertainty.samples=64", "uncertainty.solutions=36"]
CAPS = [[90.0, 90.0, 44.44, 20.0], [90.0, 230.0, 60.0, 10.0], [230.0, 90.0, 36.0, 14.0]]


@pytest.fixture
def scans(workdir: Path) -> list[str]:
    """A small cell with cracks above two of three islands."""
    options = PhantomOptions(
        shape=[96, 200, 200], islands=IslandChoice.listed, caps_um=CAPS,
        crack_rule=CrackRule.above_tallest, crack_count=2, seed=3,
    )  # fmt: skip
    write_phantom(options, workdir / "scans")
    return ["before=scans/before.tif", "after=scans/after.tif", "render=false"]


def outcome(folder: str) -> dict[str, Any]:
    """Return what a run's folder holds that must not change: scalars and all tables."""
    place = Path(folder)
    result: dict[str, Any] = json.loads((place / "result.json").read_text())
    tables = {
        str(file.relative_to(place)): file.read_bytes()
        for kind in ("*.csv", "prediction.json")
        for file in sorted(place.rglob(kind))
    }
    return {"scalars": result["scalars"], "fingerprint": result["fingerprint"], "tables": tables}


def test_two_runs_are_identical_and_can_be_traced(scans: list[str]) -> None:
    for folder in ("one", "two"):
        command = ["run", *scans, *QUICK, *UNSURE, "workers=2", f"hydra.run.dir={folder}"]
        assert islet(command) == 0
    first, second = outcome("one"), outcome("two")
    assert {"risk.csv", "sensitivity.csv", "prediction.csv", "islands.csv"} <= set(first["tables"])
    for name, content in first["tables"].items():
        assert second["tables"][name] == content, name
    assert second == first
    # what made them
    result = json.loads(Path("one/result.json").read_text())
    inputs = result["inputs"]
    for name in ("before", "after"):
        assert inputs["input_sha256"][name] == content_hash(Path(f"scans/{name}.tif"))
    assert result["version"] == islet_version()
    assert inputs["libraries"] == library_versions()
    assert inputs["uncertainty"]["seed"] == 0
    assert inputs["decisions"]["interface_z_um"]
    page = Path("one/report.html").read_text()
    traces = [result["fingerprint"], *inputs["input_sha256"].values(), islet_version()]
    assert all(trace in page for trace in traces)
    for key in ("samples: 64", "fine_um: 4.0", "youngs_mpa: 22100.0"):
        assert key in page


def test_risk_is_the_same_again_and_another_seed_changes_only_the_uncertainty(
    scans: list[str],
) -> None:
    assert islet(["image", *scans, "hydra.run.dir=image"]) == 0
    for folder, seed in (("one", 0), ("two", 0), ("other", 1)):
        more = [*QUICK, *UNSURE, f"uncertainty.seed={seed}", "workers=2"]
        assert islet(["risk", "image=image", *more, f"hydra.run.dir={folder}"]) == 0
    first, other = outcome("one"), outcome("other")
    assert outcome("two") == first
    assert other["fingerprint"] != first["fingerprint"]
    tables = [pd.read_csv(f"{folder}/risk.csv") for folder in ("one", "other")]
    assert tables[0]["risk_bulk"].equals(tables[1]["risk_bulk"])
    assert not tables[0]["risk_bulk_p95"].equals(tables[1]["risk_bulk_p95"])
    assert first["scalars"]["prediction_cracked"] == 2
    assert json.loads(Path("one/prediction.json").read_text())["synthetic"] is True
