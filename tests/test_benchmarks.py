"""The benchmarks by their one entry, at small sizes; what they are held against may be missing."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parents[1]
ENTRY = HOME / "benchmarks" / "run.py"


def script(name: str) -> Any:
    """Load a file of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ENTRY.with_stem(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record() -> Any:
    return script("record")


def test_ratios_above_one_are_good(record: Any) -> None:
    assert record.Line("time", 2.0, "s", "peer", 10.0).ratio == 5.0
    assert record.Line("islands", 20.0, "/ min", "peer", 10.0, more_is_better=True).ratio == 2.0
    assert record.Line("error", 0.0, "", "limit", 1.0).ratio == float("inf")


def test_a_record_is_read_back_and_shown(record: Any, tmp_path: Path) -> None:
    lines = [record.Line("time", 2.0, "s", "peer", 10.0), record.Line("peak", 1e3, "MiB", "b", 2e3)]
    made = record.Record(
        "name", "Title.", "python x", "2026-01-01", record.this_machine(), (0.5, 1.5),
        record.versions(), lines, {"wall_s": 2.0},
    )  # fmt: skip
    file = made.write(tmp_path)
    assert file == tmp_path / "name.json"
    assert json.loads(file.read_text())["lines"][0]["ratio"] == 5.0
    assert record.read_record(file) == made
    page = record.page([made], "python run")
    assert "| [name](#name) | time | 2 s | peer | 10 s | 5 |" in page
    assert "| peak | 1,000 MiB | b | 2,000 MiB | 2 |" in page
    assert "0.5, 1.5 |" in page
    assert "    python x\n" in page
    assert [path.name for path in tmp_path.iterdir()] == ["name.json"]


def run(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PATH": path} if path else {})
    return subprocess.run(
        [sys.executable, str(ENTRY), *arguments], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip


def test_names_are_listed_and_unknown_ones_refused() -> None:
    listed = run()
    assert listed.returncode == 0
    for name in ("mechanics", "imaging", "registration", "sweep", "memory", "electrode"):
        assert f"\n{name} " in f"\n{listed.stdout}"
    refused = run("speed")
    assert refused.returncode == 2
    assert "no benchmark speed; there are mechanics" in refused.stderr
    assert run("sweep", "memory", "--", "--out", "x").returncode == 2


def test_the_page_is_that_of_the_records(record: Any) -> None:
    """The page in the documentation is made from the records beside it, not by hand."""
    entry = script("run")
    files = [HOME / "benchmarks" / "results" / f"{name}.json" for name in entry.BENCHMARKS]
    found = [record.read_record(file) for file in files if file.is_file()]
    assert len(found) >= 6
    assert record.page(found, entry.ENTRY) == (HOME / "docs" / "benchmarks.md").read_text()


def quick(name: str, folder: Path, path: str = "") -> dict[str, Any]:
    """Run a benchmark at its small size, and return its record."""
    page = (HOME / "docs" / "benchmarks.md").read_bytes()
    done = run(name, "--quick", "--results", str(folder), path=path)
    assert done.returncode == 0, done.stderr
    assert (HOME / "docs" / "benchmarks.md").read_bytes() == page
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    for line in found["lines"]:
        assert line["value"] > 0
        assert line["reference"] > 0
        assert f"{line['what']}: {line['value']:.4g}" in done.stdout
    return found


@pytest.fixture
def with_ccx(tmp_path: Path) -> str:
    """A search path with something in the place of CalculiX, which takes a minute a deck."""
    program = tmp_path / "bin" / "ccx"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ntest -s "$1.inp" && sleep 0.1 && echo "Job finished"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


@pytest.mark.slow
def test_imaging(tmp_path: Path) -> None:
    found = quick("imaging", tmp_path)
    assert [line["against"] for line in found["lines"]] == ["naive SciPy chain"] * 2
    (one,) = found["details"]["runs"]
    assert one["shape"] == [56, 240, 240]
    assert one["islands_found"] == one["islands_true"] == 2
    assert abs(one["li_volume_error"]) < 0.03
    assert 100 < one["peak_mib"] < 2000
    assert found["details"]["naive"]["steps_s"]["median_filter"] > 0


@pytest.mark.slow
def test_registration(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    found = quick("registration", tmp_path)
    errors = {(row["pair"], row["program"]): row["error_voxel"] for row in found["details"]}
    assert errors["other author's cell", "islet"] < 0.1
    assert errors["other author's cell", "SimpleITK, all voxels"] < 0.2
    assert len(errors) == 6
    assert len(found["lines"]) == 10


@pytest.mark.slow
def test_sweep(tmp_path: Path) -> None:
    (one,) = quick("sweep", tmp_path)["details"]
    assert (one["cores"], one["islands"]) == (1, 2)
    assert one["per_minute"] == pytest.approx(120 / one["wall_s"])


@pytest.mark.slow
def test_memory(tmp_path: Path, with_ccx: str) -> None:
    found = quick("memory", tmp_path, with_ccx)["details"]
    assert found["calculix"] < 20 < found["image_start"] < found["image"] < 1000
    assert 100 < found["naive"] < 1000
    assert 100 < found["solve"] < 1000


@pytest.mark.slow
def test_mechanics(tmp_path: Path, with_ccx: str) -> None:
    cases = quick("mechanics", tmp_path, with_ccx)["details"]
    assert [case["deck"] for case in cases] == ["C1_narrow", "A_narrow"]
    for case in cases:
        assert 0.1 < case["calculix_s"] < 2
        assert case["parts"]["li_pressure_mpa"] == pytest.approx(580.5, rel=0.01)


@pytest.mark.slow
def test_electrode(tmp_path: Path) -> None:
    found = quick("electrode", tmp_path)["details"]
    assert found["islands"] == 3
    assert found["worst_exact"]
