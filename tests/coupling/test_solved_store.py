"""Islands solved before a run was stopped are taken as they are; what ends early costs itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from coarse import COARSE

from coupling.electrode import island_solver, solve_islands
from coupling.island_risk import EXACT, FAILED, IslandRisk
from coupling.results import Result, islet_version, write_result
from coupling.schema_mechanics import RiskOptions
from coupling.solved_store import FOLDER, SolvedStore
from mechanics.profile import IslandProfile, cap
from mechanics.stack import Loading

SHAPES = {1: cap(44.0, 20.0), 2: cap(50.0, 12.0), 3: cap(60.0, 9.0), 4: cap(70.0, 8.0)}


def test_what_was_solved_is_found_again_whole(tmp_path: Path) -> None:
    store = SolvedStore(tmp_path / FOLDER)
    solved = solve_islands({1: SHAPES[1]}, COARSE, 1, store)[0]
    found = store.find(5, SHAPES[1], COARSE)
    assert found is not None
    assert (found.label, found.method) == (5, EXACT)
    assert repr(found.scalars) == repr(solved.scalars)  # NaN among them
    assert found.picture is not None
    assert solved.picture is not None
    for name in ("copper", "lithium", "undeformed", "reach_um"):
        assert np.array_equal(getattr(found.picture, name), getattr(solved.picture, name))
    for name in ("points", "displacement", "sigma1_mpa", "triangles"):
        stored = getattr(found.picture, name)
        assert np.array_equal(stored, getattr(solved.picture, name))


def test_what_was_solved_for_another_job_is_not_taken(tmp_path: Path) -> None:
    store = SolvedStore(tmp_path / FOLDER)
    store.keep(SHAPES[1], COARSE, IslandRisk(1, EXACT, {"risk_bulk": 1.0}, None))
    assert store.find(1, SHAPES[2], COARSE) is None
    for other in (
        replace(COARSE, load=Loading(steps=3)),
        replace(COARSE, risk=RiskOptions(length_um=6.0)),
    ):
        assert store.find(1, SHAPES[1], other) is None


def test_a_damaged_file_counts_as_none_and_a_failure_is_kept(tmp_path: Path) -> None:
    store = SolvedStore(tmp_path / FOLDER)
    store.keep(SHAPES[1], COARSE, IslandRisk(1, FAILED, {}, None, "no equilibrium"))
    found = store.find(1, SHAPES[1], COARSE)
    assert found == IslandRisk(1, FAILED, {}, None, "no equilibrium")
    (file,) = store.folder.iterdir()
    whole = file.read_bytes()
    at = len(whole) // 2
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    for damaged in (whole[:at], b"", flipped):
        file.write_bytes(damaged)
        assert store.find(1, SHAPES[1], COARSE) is None


# ---- a process that crashes ----


@dataclass(frozen=True)
class Deadly(IslandProfile):
    """Ends the process that it is handed to."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


@pytest.mark.slow
def test_a_crashed_process_costs_one_island(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    store = SolvedStore(tmp_path / FOLDER)
    bad = SHAPES[3]
    profiles = {1: SHAPES[1], 2: Deadly(bad.r_um, bad.z_um), 3: SHAPES[2]}
    with island_solver(COARSE, 2, store) as solve_many:
        found = solve_many(profiles)
        # what has ended a process may be gone at the next run
        kept = [store.find(label, profile, COARSE) for label, profile in profiles.items()]
        assert [risk is not None for risk in kept] == [True, False, True]
        again = solve_many({4: SHAPES[4]})
    assert [risk.method for risk in found] == [EXACT, FAILED, EXACT]
    assert "ended early" in found[1].reason
    assert "solved one by one" in caplog.text
    assert again[0].method == EXACT


# ---- a run that is killed ----

QUICK = ["contact=bonded", "kinematics=small", "mesh.fine_um=2", "load.steps=4"]


def measured(folder: Path) -> Path:
    """Write islands as an `image` run leaves them."""
    (folder / "islands").mkdir(parents=True)
    rows = []
    for label in range(1, 11):
        profile = cap(40.0 + 3 * label, 16.0 - label)
        rows.append(
            {"label": label, "x_um": 90.0 * label, "y_um": 0.0, "volume_um3": profile.volume_um3}
            | {"contact_diameter_um": profile.contact_diameter_um, "height_um": profile.height_um}
            | {"aspect_ratio": profile.height_um / profile.contact_diameter_um}
        )
        points = pd.DataFrame({"r_um": profile.r_um, "z_um": profile.z_um})
        points.to_csv(folder / "islands" / f"{label}.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "islands.csv", index=False)
    write_result(folder, Result("ok", islet_version(), "image", "made", {}))
    return folder


def start(folder: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "coupling.cli", "risk", "image=image", *QUICK, "workers=2",
        f"hydra.run.dir={folder.name}",
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE, text=True)


def descendants(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    measured(tmp_path / "image")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    first = start(killed)
    wait_until(lambda: len(list((killed / FOLDER).glob("*.npz"))) >= 3, 120)
    workers = descendants(first.pid)
    assert len(workers) >= 2
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until(lambda: not any(map(alive, workers)), 20)  # none is left behind
    assert not (killed / "result.json").exists()
    kept = sorted((killed / FOLDER).glob("*.npz"))
    assert 3 <= len(kept) < 10
    # a mark on what is kept: it is in the table at the end only if nobody solves it again
    marks = {}
    for k, file in enumerate(kept):
        with np.load(file) as stored:
            content = {name: stored[name] for name in stored.files}
        text = str(content["told"])
        value = text.split('"li_pressure_mpa": ')[1].split(",")[0]
        marks[k] = 1000.0 + k
        content["told"] = np.array(
            text.replace(f'"li_pressure_mpa": {value}', f'"li_pressure_mpa": {marks[k]}')
        )
        np.savez(file, **content)
    second = start(killed)
    _, told = second.communicate(timeout=300)
    assert second.returncode == 0, told
    assert f"going on from {len(kept)} islands" in told
    assert not (killed / FOLDER).exists()
    table = pd.read_csv(killed / "risk.csv")
    assert len(table) == 10
    marked = table["li_pressure_mpa"] >= 1000
    assert set(table.loc[marked, "li_pressure_mpa"]) == set(marks.values())
    uninterrupted = start(whole)
    uninterrupted.communicate(timeout=300)
    reference = pd.read_csv(whole / "risk.csv")
    columns = [name for name in table.columns if name != "li_pressure_mpa"]
    pd.testing.assert_frame_equal(table[columns], reference[columns], rtol=1e-9)
    rest = table.loc[~marked, ["label", "li_pressure_mpa"]].merge(reference, on="label")
    assert rest["li_pressure_mpa_x"].to_numpy() == pytest.approx(rest["li_pressure_mpa_y"])
