"""How many islands a minute does a sweep solve, on one core and on all?

    uv run python benchmarks/throughput.py [--islands 12] [--cores 1 2] [--given KEY=VALUE ...]

`islet solve -m` over aspect ratios of one volume on the canonical stack, whole processes as a user
runs them, with all files and pictures, each sweep into a fresh folder; `islet collect` afterwards.
A first solution, which is not timed, compiles and warms the caches. On n cores: the process is
given n of them, and runs n jobs side by side.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
SOLVE = [sys.executable, "-m", "coupling.cli", "solve", "stack=canonical"]
LEAST, MOST = 0.1, 0.45
"""Aspect ratios of the sweep."""


@dataclass(frozen=True)
class Sweep:
    """One sweep on some cores."""

    cores: int
    islands: int
    wall_s: float
    """Of the sweep alone."""
    cpu_s: float
    collect_s: float
    per_minute: float


def run(arguments: list[str], cores: int) -> tuple[float, float]:
    """Run a command on some cores; return its wall and processor time, s."""
    used = sorted(os.sched_getaffinity(0))[:cores]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        arguments, cwd=HOME, capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, used),
    )  # fmt: skip
    wall = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def sweep(cores: int, islands: int, given: list[str], folder: Path) -> Sweep:
    """Sweep on some cores, and look whether every island was solved."""
    step = (MOST - LEAST) / max(islands - 1, 1)
    ratios = ",".join(f"{LEAST + i * step:.4f}" for i in range(islands))
    place = folder / f"cores_{cores}"
    command = [*SOLVE, "-m", f"island.aspect_ratio={ratios}", *given, f"hydra.sweep.dir={place}"]
    if cores > 1:
        command += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={cores}"]
    wall, cpu = run(command, cores)
    collect = [sys.executable, "-m", "coupling.cli", "collect", f"sweep={place}"]
    collected, _ = run([*collect, f"hydra.run.dir={folder / f'table_{cores}'}"], cores)
    with (folder / f"table_{cores}" / "table.csv").open(newline="") as stream:
        solved = sum(row["status"] == "ok" for row in csv.DictReader(stream))
    if solved != islands:
        raise SystemExit(f"{solved} of {islands} islands were solved")
    return Sweep(cores, islands, wall, cpu, collected, 60 * islands / wall)


def main() -> None:
    """Sweep on each number of cores."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--islands", type=int, default=12)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    parser.add_argument("--given", nargs="+", default=[], help="further key=value of `islet solve`")
    chosen = parser.parse_args()
    have = len(os.sched_getaffinity(0))
    if max(chosen.cores) > have:
        raise SystemExit(f"--cores: {max(chosen.cores)} asked for, this process may use {have}")
    found: list[Sweep] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run([*SOLVE, *chosen.given, f"hydra.run.dir={folder / 'first'}"], 1)
        for cores in chosen.cores:
            found.append(sweep(cores, chosen.islands, chosen.given, folder))
            last = found[-1]
            print(
                f"{last.cores} cores: {last.islands} islands in {last.wall_s:.1f} s "
                f"({last.cpu_s:.1f} s of processor time), {last.per_minute:.1f} a minute, "
                f"{last.per_minute / found[0].per_minute:.2f} x; "
                f"collected in {last.collect_s:.1f} s",
                flush=True,
            )
    if chosen.out:
        chosen.out.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
