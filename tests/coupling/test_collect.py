"""Sweeps gathered into one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from coupling import cli, collection, results
from coupling.results import RESULT, Result
from coupling.sweep import PlannedJob, SweepPlan, write_plan


def job(
    folder: Path, scalars: dict[str, Any] | None, reason: str | None = None, **inputs: Any
) -> None:
    """Write what one job of a sweep leaves."""
    folder.mkdir(parents=True)
    status = "ok" if reason is None else "failed"
    given = {"island": {"kind": "cap", **inputs}, "scans": ["a", "b"], "libraries": {"numpy": "2"}}
    results.write_result(
        folder, Result(status, "1", "solve", folder.name, given, scalars or {}, reason=reason)
    )


@pytest.fixture
def sweep(workdir: Path) -> Path:
    """Twelve jobs; one failed, one killed, one with a damaged result."""
    folder = workdir / "sweep"
    for i in range(12):
        job(folder / str(i), {"risk_bulk": 0.1 * i, "method": "solved"}, height_um=float(i))
    results.write_result(
        folder / "3",
        Result("failed", "1", "solve", "3", {"island": {"height_um": 3.0}}, reason="step 4"),
    )
    (folder / "5" / RESULT).write_text('{"status": "o')
    (folder / "5" / "config.yaml").write_text("island:\n  kind: cap\n  height_um: 5.0\n")
    (folder / "7" / RESULT).unlink()
    (folder / "7" / "solve.log").write_text("")
    (folder / "multirun.yaml").write_text("")
    return folder


def test_one_row_per_job_in_order_failed_and_unfinished_too(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["collect", f"sweep={sweep}", "hydra.run.dir=table"]) == 0
    table = pd.read_csv("table/table.csv")
    assert list(table["job"]) == list(range(12))
    assert list(table.columns) == [
        "job",
        "status",
        "reason",
        "island.height_um",
        "risk_bulk",
        "method",
        "fingerprint",
    ]
    assert list(table["status"][[2, 3, 5, 7]]) == ["ok", "failed", "unfinished", "unfinished"]
    assert table["reason"][3] == "step 4"
    assert list(table["island.height_um"][:7]) == [0, 1, 2, 3, 4, 5, 6]
    assert table["risk_bulk"][11] == pytest.approx(1.1)
    assert table["risk_bulk"].isna().sum() == 3
    parquet = pd.read_parquet("table/table.parquet")
    assert list(parquet.columns) == list(table.columns)
    assert parquet["risk_bulk"].dtype == float
    found = results.read_result(Path("table"))
    assert found is not None
    assert found.scalars == {"jobs": 12, "jobs_ok": 9, "jobs_failed": 3}
    assert found.files == ["table.csv", "table.parquet", "table.json"]
    assert "job 3 failed: step 4" in capsys.readouterr().err


def test_a_sweep_that_has_changed_is_another_job(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect = ["collect", f"sweep={sweep}", f"hydra.run.dir={sweep}/table"]
    assert cli.run(collect) == 0
    assert cli.run(collect) == 0  # the table inside the sweep is no job of it
    assert "already done" in capsys.readouterr().err
    job(sweep / "12", {"risk_bulk": 2.0}, height_um=12.0)
    assert cli.run(collect) == 2
    assert cli.run([*collect, "force=true"]) == 0
    assert len(pd.read_csv(sweep / "table" / "table.csv")) == 13


def test_what_is_no_sweep_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["collect", "sweep=nowhere"]) == 2
    assert "sweep=nowhere: no such file or folder" in capsys.readouterr().err
    job(workdir / "single", {})
    assert cli.run(["collect", "sweep=single"]) == 2
    assert "it is the folder of one run" in capsys.readouterr().err


def test_keys_vary_by_value_and_by_being_set() -> None:
    inputs = [{"a": 1, "b": 2, "c": None, "d": 0}, {"a": 1, "b": 3, "c": 5, "d": 0}, {"a": 1}]
    assert collection.varying_keys(inputs) == ["b", "c"]


def test_a_column_of_mixed_types_becomes_text(workdir: Path) -> None:
    job(workdir / "s" / "0", {"x": 1.0})
    job(workdir / "s" / "1", {"x": "many"})
    table = collection.sweep_table(collection.read_sweep(workdir / "s"))
    assert list(table["x"]) == ["1.0", "many"]
    collection.write_table(table, workdir)
    assert list(pd.read_parquet(workdir / "table.parquet")["x"]) == ["1.0", "many"]


def test_every_row_has_an_origin(sweep: Path) -> None:
    assert cli.run(["collect", f"sweep={sweep}", "hydra.run.dir=table"]) == 0
    origin = json.loads(Path("table/table.json").read_text())
    assert origin["common_inputs"] == {"island.kind": "cap", "scans": '["a", "b"]'}
    rows = origin["jobs"]
    assert [row["job"] for row in rows] == [str(i) for i in range(12)]
    assert rows[2]["inputs"] == {"island.height_um": 2.0}
    assert rows[2]["libraries"] == {"numpy": "2"}
    assert (rows[2]["version"], rows[2]["fingerprint"]) == ("1", "2")
    assert rows[2]["result_sha256"] == results.content_hash(sweep / "2" / RESULT)
    assert (rows[3]["status"], rows[3]["reason"]) == ("failed", "step 4")
    assert "fingerprint" not in rows[7]
    table = pd.read_csv("table/table.csv")
    assert list(table["fingerprint"][:3]) == [0, 1, 2]


def test_collecting_twice_gives_the_same_files(sweep: Path) -> None:
    for folder in ("one", "two"):
        assert cli.run(["collect", f"sweep={sweep}", f"hydra.run.dir={folder}"]) == 0
    for name in ("table.csv", "table.json", "table.parquet"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name


def test_jobs_that_never_started_have_a_row(sweep: Path) -> None:
    jobs = [PlannedJob(str(i), [f"island.height_um={i}.0", "stack=cell"]) for i in range(14)]
    write_plan(sweep, SweepPlan("solve", None, "basic", jobs))
    assert cli.run(["collect", f"sweep={sweep}", "hydra.run.dir=table"]) == 0
    table = pd.read_csv("table/table.csv")
    assert list(table["job"]) == list(range(14))
    assert list(table["status"][11:]) == ["ok", "unfinished", "unfinished"]
    assert list(table["reason"][12:]) == ["not started"] * 2
    assert list(table["island.height_um"][11:]) == [11, 12, 13]
