"""Sweeps in processes of their own: killed and restarted, and the same on every launcher."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from coupling.results import RESULT

ROOT = Path(__file__).parents[2]
PAIR = ["island.aspect_ratio=0.1,0.45"]
QUICK = [
    "stack=canonical", "mesh.fine_um=4", "mesh.coarse_um=20", "mesh.near_um=60",
    "mesh.growth=0.3", "load.steps=2",
]  # fmt: skip
SOLVED = "toughness"
"""What the log of a job says once for each time that it was solved to its end."""

pytestmark = pytest.mark.slow


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "coupling.cli", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def islet(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(), capture_output=True, text=True,
        timeout=900, check=False,
    )  # fmt: skip


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return islet("solve", "-m", *QUICK, *arguments, f"hydra.sweep.dir={folder}", cwd=folder.parent)


def scalars(folder: Path, jobs: int) -> list[dict[str, Any]]:
    results = [json.loads((folder / str(i) / RESULT).read_text()) for i in range(jobs)]
    assert [result["status"] for result in results] == ["ok"] * jobs
    return [result["scalars"] for result in results]


# ---- killed and restarted ----

SHAPES = "island.aspect_ratio=0.08,0.15,0.2,0.3,0.45,0.6"


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path, launcher: str) -> None:
    """No finished case is solved twice, none is lost, the table is whole."""
    line = ["solve", "-m", *QUICK, SHAPES, f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep"]
    line += ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    first = subprocess.Popen(
        command(*line), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while len(list(tmp_path.glob(f"sweep/*/{RESULT}"))) < 2:
        assert first.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)  # workers of joblib are left to themselves
    first.wait()
    assert islet("collect", "sweep=sweep", "hydra.run.dir=before", cwd=tmp_path).returncode == 0
    before = pd.read_csv(tmp_path / "before" / "table.csv")
    assert len(before) == 6  # those that had not started have a row too
    assert {"ok", "unfinished"} == set(before["status"])

    finished = {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in tmp_path.glob(f"sweep/*/{RESULT}")
    }
    again = islet(*line, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "6 of 6 jobs done" in again.stdout
    for path, was in finished.items():
        assert (path.stat().st_mtime_ns, path.read_bytes()) == was, path
    for i in range(6):
        log = (tmp_path / "sweep" / str(i) / "solve.log").read_text()
        assert log.count(SOLVED) == 1, f"job {i} was solved {log.count(SOLVED)} times:\n{log}"
    assert islet("collect", "sweep=sweep", "hydra.run.dir=after", cwd=tmp_path).returncode == 0
    after = pd.read_csv(tmp_path / "after" / "table.csv")
    assert list(after["status"]) == ["ok"] * 6
    assert after["risk_bulk"].notna().all()
    assert list(after["aspect_ratio"]) == pytest.approx([0.08, 0.15, 0.2, 0.3, 0.45, 0.6])
    assert len(list((tmp_path / "sweep").glob("*/"))) == 6


def workers_of(process: int) -> list[int]:
    """Return the processes that joblib started for another one."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [
        c for c in map(int, children) if b"popen_loky" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]


def test_a_worker_that_is_killed_costs_its_job_only(tmp_path: Path) -> None:
    """Exit 3 without a traceback, a row in the table, and the same line goes on."""
    line = ["solve", "-m", *QUICK, *PAIR, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    line.append("hydra.sweep.dir=sweep")
    running = subprocess.Popen(
        command(*line), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (tmp_path / "sweep" / "1" / "solve.log").exists():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(workers_of(running.pid)[0], signal.SIGKILL)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 3, err
    assert "Traceback" not in err
    assert "stopped before its end" in err
    assert islet("collect", "sweep=sweep", "hydra.run.dir=table", cwd=tmp_path).returncode == 0
    table = pd.read_csv(tmp_path / "table" / "table.csv")
    assert len(table) == 2
    assert "unfinished" in set(table["status"])
    again = islet(*line, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 of 2 jobs done" in again.stdout


# ---- the same on every launcher ----


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Scalars of two shapes, solved one after the other in one process."""
    folder = tmp_path_factory.mktemp("basic") / "sweep"
    done = sweep(folder, *PAIR)
    assert done.returncode == 0, done.stderr
    return scalars(folder, 2)


def test_a_sweep_repeats_itself(tmp_path: Path, one_by_one: list[dict[str, Any]]) -> None:
    assert sweep(tmp_path / "again", *PAIR).returncode == 0
    assert scalars(tmp_path / "again", 2) == one_by_one


@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=15"],
    ],
    ids=["joblib", "submitit_local"],
)
def test_processes_side_by_side_find_the_same_numbers(
    tmp_path: Path, one_by_one: list[dict[str, Any]], launcher: list[str]
) -> None:
    done = sweep(tmp_path / "sweep", *PAIR, *launcher)
    assert done.returncode == 0, done.stderr
    assert scalars(tmp_path / "sweep", 2) == one_by_one


def slurm_answers() -> bool:
    if not all(shutil.which(name) for name in ("sbatch", "srun", "sinfo")):
        return False
    return subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def slurm() -> list[str]:
    """Arguments that put jobs into Slurm's queue; CI sets ISLET_REQUIRE_SLURM, users need none."""
    if not slurm_answers():
        if os.environ.get("ISLET_REQUIRE_SLURM") == "1":
            pytest.fail("ISLET_REQUIRE_SLURM=1, but no Slurm answers")
        pytest.skip("no Slurm on this machine")
    queue = ["timeout_min=15", "cpus_per_task=1", "mem_gb=1"]
    return ["hydra/launcher=submitit_slurm", *(f"hydra.launcher.{option}" for option in queue)]


def test_slurm_finds_the_same_numbers(
    tmp_path: Path, one_by_one: list[dict[str, Any]], slurm: list[str]
) -> None:
    done = sweep(tmp_path / "sweep", *PAIR, *slurm)
    assert done.returncode == 0, done.stderr
    assert scalars(tmp_path / "sweep", 2) == one_by_one
    scripts = list((tmp_path / "sweep" / ".submitit").glob("*/*_submission.sh"))
    assert scripts, "nothing went through sbatch"
