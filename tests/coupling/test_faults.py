"""Killed at any stage, full and read-only disks, clocks that jump: nothing half-done looks whole.

What a run leaves when it is killed has no ``result.json``; the files that stand there under their
own names are whole; and the same command line brings it to its end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coupling import cli
from coupling.job import is_disk_full
from coupling.results import RESULT, Outcome, damaged_files, read_result, write_result
from imaging import memory
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.readers import read_volume, write_tiff, write_zarr

ROOT = Path(__file__).parents[2]
type Verb = Callable[[Any, Path], Outcome]

COARSE = [
    "stack=canonical", "contact=bonded", "kinematics=small", "mesh.fine_um=6",
    "mesh.coarse_um=40", "load.steps=1",
]  # fmt: skip
PHANTOM = ["phantom", "islands=none", "layer_um=4", "shape=[80,32,32]"]
UNLIKE = re.compile(r"\.log$|^config\.yaml$|^result\.json$|\.(png|html|vtu|parquet)$|_grown")
"""Files that hold a time, or are written by others' libraries with one."""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def killed(folder: Path, count: int, line: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command line until it is about to touch its folder for the count-th time."""
    script = [sys.executable, str(Path(__file__).with_name("killing.py")), str(folder), str(count)]
    return subprocess.run(
        [*script, *line, f"hydra.run.dir={folder}"], cwd=folder.parent, env=environment(),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a run that are the same each time, by name; hidden ones left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not UNLIKE.search(path.name)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def survives(tmp_path: Path, line: list[str], stages: int) -> None:
    """Kill a run at stages spread over its whole course; finish it; compare with a whole one."""
    whole = tmp_path / "whole"
    done = killed(whole, 0, line)
    assert done.returncode == 0, done.stderr
    events = int(done.stdout.split()[-1])
    assert events > 5
    expected = contents(whole)
    scalars = json.loads((whole / RESULT).read_text())["scalars"]
    folder = tmp_path / "killed"
    for stage in sorted({1 + round(k * (events - 1) / (stages - 1)) for k in range(stages)}):
        dead = killed(folder, stage, line)
        assert dead.returncode == -9, f"stage {stage} of {events}: {dead.stderr}"
        result = read_result(folder)
        assert result is None or result.status != "ok", f"stage {stage} of {events}"
        for name, content in contents(folder).items():
            assert expected.get(name) == content, f"stage {stage} of {events} left half a {name}"
    again = killed(folder, 0, line)
    assert again.returncode == 0, again.stderr
    assert contents(folder) == expected
    finished = read_result(folder)
    assert finished is not None
    assert damaged_files(folder, finished) == []
    assert {k: v for k, v in finished.scalars.items() if "seconds" not in k} == scalars


@pytest.mark.slow
def test_a_phantom_killed_at_any_stage(tmp_path: Path) -> None:
    survives(tmp_path, PHANTOM, 3)


@pytest.mark.slow
def test_a_solution_killed_at_any_stage(tmp_path: Path) -> None:
    survives(tmp_path, ["solve", *COARSE], 4)


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair of tomograms with two islands."""
    folder = tmp_path_factory.mktemp("cell")
    made = make_phantom(
        PhantomOptions(
            shape=[110, 84, 96],
            islands=IslandChoice.listed,
            caps_um=[[45.0, 50.0, 40.0, 16.0], [95.0, 105.0, 50.0, 8.0]],
        )
    )
    write_tiff(folder / "before.tif", made.before)
    write_tiff(folder / "after.tif", made.after)
    return folder


@pytest.mark.slow
def test_an_analysis_killed_at_any_stage(tmp_path: Path, cell: Path) -> None:
    line = ["image", f"before={cell}/before.tif", f"after={cell}/after.tif", "render=false"]
    survives(tmp_path, line, 4)


@pytest.mark.slow
def test_the_whole_story_killed_at_any_stage(tmp_path: Path, cell: Path) -> None:
    line = ["run", f"before={cell}/before.tif", f"after={cell}/after.tif", *COARSE]
    survives(tmp_path, [*line, "render=false", "workers=1", "figures=none"], 4)


# ---- disks ----


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk in memory with some options; only root may."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        line = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(line, capture_output=True, check=False).returncode != 0:
            pytest.skip("no right to mount a disk")
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def one_line(text: str) -> str:
    """Return what a command says beside its notes, all of it."""
    lines = [line for line in text.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize("kilobytes", [40, 250, 400])
def test_a_full_disk(
    kilobytes: int, small_disk: Callable[[str], Path], capsys: pytest.CaptureFixture[str],
    workdir: Path,
) -> None:  # fmt: skip
    """One line, exit code 2, nothing half-written; with room the same command finishes."""
    disk = small_disk(f"size={kilobytes}k")
    line = [*PHANTOM, f"hydra.run.dir={disk}/cell"]
    assert cli.run(line) == 2
    assert "no space left" in one_line(capsys.readouterr().err)
    result = read_result(disk / "cell")
    assert result is None or result.status == "failed"
    for file in (disk / "cell").rglob("*.tif"):
        read_volume(file, None)
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    assert cli.run(line) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 120, 200, 400, 700])
def test_a_full_disk_while_solving(
    kilobytes: int, small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = small_disk(f"size={kilobytes}k")
    done = killed(disk / "island", 0, ["solve", *COARSE, "figures=none"])
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no space left" in one_line(done.stderr)
    assert read_result(disk / "island") is None or "ok" not in done.stdout
    files = {path.name for path in (disk / "island").rglob("*") if path.is_file()}
    if "mesh.msh" in files:
        assert (disk / "island" / "mesh.msh").read_text().endswith("$EndElements\n")
    for name in ("fields.vtu", "fields_pressed.vtu"):
        if name in files:
            assert (disk / "island" / name).read_bytes().rstrip().endswith(b"</VTKFile>")


def test_a_disk_that_cannot_be_written(
    small_disk: Callable[[str], Path], capsys: pytest.CaptureFixture[str], workdir: Path
) -> None:
    disk = small_disk("size=1m,ro")
    there = [f"hydra.run.dir={disk}"]  # a folder that exists: it is the log that cannot be made
    for line in ([], there, ["-m", "seed=1,2", f"hydra.sweep.dir={disk}/sweep"]):
        assert cli.run([*PHANTOM, *(line or [f"hydra.run.dir={disk}/cell"])]) == 2
        assert str(disk) in one_line(capsys.readouterr().err)


def test_words_for_a_full_disk() -> None:
    assert is_disk_full(OSError(28, "No space left on device"))
    assert is_disk_full(OSError("81920 requested and 61256 written"))
    assert not is_disk_full(OSError(5, "Input/output error"))
    assert not is_disk_full(ValueError("1 requested and 0 written"))


# ---- memory ----


@pytest.mark.parametrize("kind", ["tif", "folder", "zarr", "h5"])
def test_a_volume_too_large_is_refused_before_it_is_read(
    kind: str,
    tmp_path: Path,
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import h5py
    import tifffile

    scan = make_phantom(PhantomOptions(islands=IslandChoice.none, shape=[80, 32, 32])).before
    path = tmp_path / f"scan.{kind}"
    if kind == "tif":
        write_tiff(path, scan)
    elif kind == "folder":
        path.mkdir()
        for number, page in enumerate(scan.values):
            tifffile.imwrite(path / f"{number}.tif", page)
    elif kind == "zarr":
        write_zarr(path, scan, {})
    else:
        with h5py.File(path, "w") as file:
            file["data"] = scan.values
    line = ["image", f"before={path}", f"after={path}", "voxel_um=1.625", "hydra.run.dir=out"]
    monkeypatch.setenv(memory.VARIABLE, "0.001")
    assert cli.run(line) == 2
    said = one_line(capsys.readouterr().err)
    needed = 80 * 32 * 32 * (2 + memory.ANALYSIS_BYTES) / 2**30
    assert f"{path}: 80 x 32 x 32 voxels need about {needed:.1f} GB" in said
    assert {file.name for file in (workdir / "out").iterdir()} == {
        "config.yaml", "image.log", RESULT,
    }  # fmt: skip
    monkeypatch.setenv(memory.VARIABLE, "plenty")
    assert cli.run(line) == 2
    assert memory.VARIABLE in one_line(capsys.readouterr().err)


def test_free_memory_is_that_of_machine_and_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    machine = tmp_path / "meminfo"
    machine.write_text("MemTotal:  9 kB\nMemAvailable:    1000 kB\n")
    group = tmp_path / "root" / "job"
    group.mkdir(parents=True)
    (tmp_path / "cgroup").write_text("0::/job\n")
    (group / "memory.max").write_text("500000\n")
    (group / "memory.stat").write_text("anon 100000\nfile 7\n")
    monkeypatch.setattr(memory, "_MEMINFO", machine)
    monkeypatch.setattr(memory, "_CGROUP", (tmp_path / "cgroup", tmp_path / "root"))
    assert memory.available_bytes() == 400_000
    (group / "memory.max").write_text("max\n")
    assert memory.available_bytes() == 1000 * 1024
    machine.unlink()
    assert memory.available_bytes() is None
    memory.require_memory(tmp_path, [10**6] * 3, 2)  # nobody knows better


# ---- clocks and neighbours ----


def test_a_clock_that_jumps(
    workdir: Path, verb: Callable[[Verb], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year back in the middle of a job: times are still positive, the result is recognised."""
    now = time.time()

    def jump(config: Any, folder: Path) -> Outcome:
        (folder / "table.csv").write_text("x\n")
        os.utime(folder / "table.csv", (now - 3e7, now - 3e7))
        monkeypatch.setattr(time, "time", lambda: now - 3e7)
        return Outcome(files=[folder / "table.csv"])

    seen = verb(jump)
    for _ in range(2):
        assert cli.run(["solve", "hydra.run.dir=out"]) == 0
    assert len(seen) == 1
    result = read_result(workdir / "out")
    assert result is not None
    assert result.timing_s["total"] >= 0


def test_two_runs_in_the_same_second_do_not_mix(
    workdir: Path, verb: Callable[[Verb], list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a clock gives two jobs the same folder, the second is refused, not written over it."""
    verb(lambda config, folder: Outcome())
    assert cli.run(["solve", "hydra.run.dir=same"]) == 0
    before = (workdir / "same" / RESULT).read_bytes()
    assert cli.run(["solve", "load.steps=3", "hydra.run.dir=same"]) == 2
    assert "another job" in one_line(capsys.readouterr().err)
    assert (workdir / "same" / RESULT).read_bytes() == before


@pytest.mark.slow
def test_a_process_is_refused_a_folder_that_another_one_writes_into(tmp_path: Path) -> None:
    """Two real processes: the first stops on the way, holding its folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    hold = f"""
import sys, time
from pathlib import Path
from coupling.job import _locked
with _locked(Path({str(folder)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    first = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(), text=True,
    )  # fmt: skip
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    second = killed(folder, 0, PHANTOM)
    assert second.returncode == 2
    assert "another islet process is writing" in second.stderr
    first.kill()  # the lock goes with its process
    first.wait()
    assert killed(folder, 0, PHANTOM).returncode == 0


def test_a_result_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coupling.results import Result

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_result(tmp_path, Result("ok", "1", "solve", "f", {}))
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)
