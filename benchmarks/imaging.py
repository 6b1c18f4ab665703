"""How fast is a pair of tomograms of paper size, against the same chain in plain SciPy?

    uv run python benchmarks/imaging.py [--shape 60 1840 1840] [--islands 40] [--data FOLDER]
    uv run python benchmarks/imaging.py --shape 60 1840 1840 --smaller 920 460 --out imaging.json
    uv run python benchmarks/imaging.py --page docs/imaging_speed.md

A phantom pair (uint16, BigTIFF) is written slice by slice, then `islet image` runs on the files as
a user runs it: a fresh process, from two files to the LVF volume, the thickness map and the
islands; with `--pictures` to the figures and the 3-D rendering as well. Its wall time, processor
time and peak memory are measured from outside; where the time goes is what its `result.json`
says. In the same run the published chain, written in SciPy as one would at first (`naive`), works
on a crop; its time per voxel is scaled up. It neither aligns the scans nor measures islands one by
one. `--smaller` adds pairs of smaller sides.

Writing the phantom takes minutes at paper size; `--data FOLDER` keeps the files and uses them
again. The load of the machine is printed, because the times depend on it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# this folder's mechanics.py and imaging.py must not hide the packages of those names
HERE = Path(__file__).resolve().parent
sys.path[:] = [p for p in sys.path if Path(p).resolve() != HERE]
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from scipy import ndimage  # noqa: E402

from benchmarks.process import ran  # noqa: E402
from imaging.phantom import write_phantom  # noqa: E402
from imaging.phantom_options import IslandChoice, PhantomOptions  # noqa: E402

VOXEL_UM = 1.625
COLLECTOR_UM = 35.0
ROI_RADIUS_UM = 1495.0
NAIVE_VOXELS = 6_000_000
RUN = "import sys; from coupling.cli import run; sys.exit(run(sys.argv[1:]))"


@dataclass(frozen=True)
class Run:
    """One run of `islet image`, seen from outside."""

    shape: tuple[int, ...]
    wall_s: float
    cpu_s: float
    """Processor time of all threads."""
    peak_mib: float
    """Most memory resident at a time."""
    load: float
    """Processes that wanted a core, averaged over a minute, when the run ended."""
    steps_s: dict[str, float]
    islands_found: int
    islands_true: int
    li_volume_error: float
    """Relative error of the islands' volume."""

    @property
    def voxels(self) -> int:
        """Voxels of one scan."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Naive:
    """The published chain in SciPy on a crop."""

    shape: tuple[int, ...]
    wall_s: float
    cpu_s: float
    steps_s: dict[str, float]

    @property
    def cpu_per_voxel_s(self) -> float:
        """It uses one core."""
        return self.cpu_s / math.prod(self.shape)

    @property
    def per_voxel_s(self) -> float:
        """Wall time per voxel."""
        return self.wall_s / math.prod(self.shape)


def options(shape: tuple[int, int, int], islands: int) -> PhantomOptions:
    """Return a cell cut to its ROI as in the paper: collector below, bulk electrolyte above."""
    nz, ny, nx = shape
    if nz * VOXEL_UM < COLLECTOR_UM + 32 * VOXEL_UM:
        raise SystemExit(f"--shape: at least 54 slices are needed to align the scans, got {nz}")
    return PhantomOptions(
        shape=[nz, ny, nx],
        islands=IslandChoice.listed,
        caps_um=caps(ny * VOXEL_UM, nx * VOXEL_UM, islands),
        die_um=0.0,
        cu_um=COLLECTOR_UM,
        li_foil_um=0.0,
        # Upwards everywhere: nothing that lies below the field comes into view.
        shift_um=[2.0, -0.7, 1.3],
    )


def caps(height_um: float, width_um: float, count: int) -> list[list[float]]:
    """Return caps of 40 to 150 um, at least 40 um apart, from a fixed seed."""
    rng = np.random.default_rng(7)
    radius = min(0.5 * min(height_um, width_um), ROI_RADIUS_UM)
    found: list[list[float]] = []
    for _ in range(100_000):
        if len(found) == count:
            return found
        diameter = float(rng.uniform(40, 150))
        top = float(min(diameter * rng.uniform(0.08, 0.4), 24.0))
        reach = (radius - diameter / 2 - 30) * math.sqrt(rng.random())
        turn = 2 * math.pi * rng.random()
        y = 0.5 * height_um + reach * math.sin(turn)
        x = 0.5 * width_um + reach * math.cos(turn)
        if reach > 0 and all(
            math.hypot(y - cap[0], x - cap[1]) > 0.5 * (diameter + cap[2]) + 40 for cap in found
        ):
            found.append([y, x, diameter, top])
    raise SystemExit(f"--islands: only {len(found)} of {count} fit into {width_um:.0f} um")


def pair(folder: Path, shape: tuple[int, int, int], islands: int) -> Path:
    """Write a phantom pair unless the folder holds it; return its folder."""
    place = folder / "x".join(map(str, (*shape, islands)))
    done = place / "done"
    if not done.exists():
        start = time.perf_counter()
        print(f"writing a phantom of {shape} into {place} ...", flush=True)
        write_phantom(options(shape, islands), place, stream=True)
        done.touch()
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)
    return place


def measured(place: Path, out: Path, pictures: bool) -> Run:
    """Run `islet image` on a pair in a fresh process."""
    command = [sys.executable, "-c", RUN, "image", f"before={place / 'before.tif'}"]
    command += [f"after={place / 'after.tif'}", f"hydra.run.dir={out}", "force=true"]
    command += [] if pictures else ["figures=none", "render=false"]
    start = time.perf_counter()
    usage = ran(command, HERE.parent)  # from the home of the packages: -c puts its folder first
    wall = time.perf_counter() - start
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    truth = json.loads((place / "truth" / "transform.json").read_text())
    with tifffile.TiffFile(place / "before.tif") as file:
        shape = file.series[0].shape
    scalars = result["scalars"]
    return Run(
        shape=tuple(shape),
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
        load=os.getloadavg()[0],
        steps_s=result["timing_s"],
        islands_found=int(scalars["island_count"]),
        islands_true=len(truth["options"]["caps_um"]),
        li_volume_error=scalars["island_volume_um3"] / truth["li_volume_um3"] - 1,
    )


def naive(place: Path, grey_cc: float, grey_li: float) -> Naive:
    """Do what the paper says in plain SciPy, on a crop from the middle: one core, no alignment."""
    before, after = (tifffile.imread(place / f"{name}.tif") for name in ("before", "after"))
    nz, ny, nx = before.shape
    side = min(ny, nx, math.isqrt(NAIVE_VOXELS // nz))
    y, x = (ny - side) // 2, (nx - side) // 2
    crop = (slice(None), slice(y, y + side), slice(x, x + side))
    before, after = before[crop].copy(), after[crop].copy()
    steps: dict[str, float] = {}
    clock = time.perf_counter()
    start, start_cpu = clock, time.process_time()

    def lap(name: str) -> None:
        nonlocal clock
        steps[name], clock = time.perf_counter() - clock, time.perf_counter()

    smooth_before = ndimage.gaussian_filter(before.astype(np.float64), 1.0)
    smooth_after = ndimage.gaussian_filter(after.astype(np.float64), 1.0)
    lap("gaussian_filter")
    lvf = (smooth_before - smooth_after) / (grey_cc - grey_li)
    lap("difference")
    grid = np.ogrid[-3:4, -3:4, -3:4]
    lvf = ndimage.median_filter(lvf, footprint=sum(g**2 for g in grid) <= 9)
    lap("median_filter")
    thickness_um = lvf.sum(axis=0) * VOXEL_UM
    np.histogram(thickness_um, bins=500, range=(0, 45))
    lap("sum")
    labels, count = ndimage.label(lvf > 0.2)
    ndimage.sum_labels(lvf, labels, np.arange(1, count + 1))
    lap("label")
    return Naive(before.shape, time.perf_counter() - start, time.process_time() - start_cpu, steps)


def say(run: Run, chain: Naive) -> None:
    """Print one run and its ratio to the naive chain."""
    million = run.voxels / 1e6
    scaled, scaled_cpu = chain.per_voxel_s * run.voxels, chain.cpu_per_voxel_s * run.voxels
    print(
        f"\n{' x '.join(map(str, run.shape))} ({million:.1f} Mvoxel): {run.wall_s:.1f} s, "
        f"{run.cpu_s:.1f} s of processor time on {os.cpu_count()} cores (load {run.load:.1f}), "
        f"peak {run.peak_mib / 1024:.2f} GiB"
    )
    print(
        f"  {1e9 * run.cpu_s / run.voxels:.0f} ns of processor time per voxel; {run.islands_found} "
        f"of {run.islands_true} islands, their volume off by {100 * run.li_volume_error:+.2f} %"
    )
    print(
        f"  naive chain, scaled up: {scaled:.0f} s, {scaled / run.wall_s:.1f} x as long "
        f"({scaled_cpu:.0f} s of processor time, {scaled_cpu / run.cpu_s:.1f} x)"
    )
    print("  " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.steps_s.items()))


def page(runs: list[Run], chain: Naive, repeats: int) -> str:
    """The same as a page of the documentation."""
    lines = [
        "# Speed of imaging",
        "",
        "Made by `uv run python benchmarks/imaging.py --page docs/imaging_speed.md`",
        "",
        "`islet image figures=none render=false` in a fresh process, from two TIFF files (16 bits) "
        "to the lithium volume fraction on disk, the thickness map and the islands, on "
        f"{os.cpu_count()} cores; the best of {repeats}. The naive chain is the published one in "
        "plain SciPy on one core, "
        f"timed in the same session on {chain.shape[0]} x {chain.shape[1]} x {chain.shape[2]} "
        "voxels and scaled up; it neither aligns the scans nor fits islands.",
        "",
        "| voxels | million | time, s | processor time, s | load | peak memory, GiB | ns of "
        "processor time per voxel | naive chain, s | ratio | ratio of processor times | islands | "
        "their volume, % |",
        "|" + "---|" * 12,
    ]
    for run in runs:
        naive_s, naive_cpu = chain.per_voxel_s * run.voxels, chain.cpu_per_voxel_s * run.voxels
        cells = [
            " x ".join(map(str, run.shape)),
            f"{run.voxels / 1e6:.1f}",
            f"{run.wall_s:.1f}",
            f"{run.cpu_s:.1f}",
            f"{run.load:.1f}",
            f"{run.peak_mib / 1024:.2f}",
            f"{1e9 * run.cpu_s / run.voxels:.0f}",
            f"{naive_s:.0f}",
            f"{naive_s / run.wall_s:.1f}",
            f"{naive_cpu / run.cpu_s:.1f}",
            f"{run.islands_found} of {run.islands_true}",
            f"{100 * run.li_volume_error:+.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Load: processes that wanted a core, over the last minute of the run.", ""]
    steps = {name.removeprefix("analyse."): s for name, s in runs[-1].steps_s.items()}
    lines += ["Where the time of the largest goes:", "", "| step | s |", "|---|---|"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in steps.items()]
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the phantoms, measure, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[60, 1840, 1840])
    parser.add_argument(
        "--smaller", type=int, nargs="*", default=[920, 460], help="sides of smaller pairs"
    )
    parser.add_argument("--islands", type=int, default=40, help="on the largest; fewer on others")
    parser.add_argument("--data", type=Path, help="keep the phantoms here, and use them again")
    parser.add_argument("--pictures", action="store_true", help="draw the pictures as well")
    parser.add_argument("--repeats", type=int, default=1, help="runs per size; the best counts")
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    parser.add_argument("--page", type=Path, help="write the result as a page too")
    chosen = parser.parse_args()
    nz, ny, nx = chosen.shape
    found: list[Run] = []
    with tempfile.TemporaryDirectory() as temporary:
        data = chosen.data or Path(temporary)
        for side in [*sorted(chosen.smaller), None]:
            shape = (nz, ny, nx) if side is None else (nz, side, side)
            share = shape[1] * shape[2] / (ny * nx)
            place = pair(data, shape, max(round(chosen.islands * share), 1))
            if not found:  # compiles the loops, fills the caches of the disk
                measured(place, Path(temporary) / "out", chosen.pictures)
            runs = [
                measured(place, Path(temporary) / "out", chosen.pictures)
                for _ in range(chosen.repeats)
            ]
            found.append(min(runs, key=lambda run: run.wall_s))
        truth = json.loads((place / "truth" / "transform.json").read_text())
        chain = naive(place, truth["grey_cc"], truth["grey_li"])
    print(
        f"naive chain on {chain.shape}: {chain.wall_s:.1f} s, "
        f"{chain.cpu_s:.1f} s of processor time: "
        + ", ".join(f"{name} {seconds:.2f}" for name, seconds in chain.steps_s.items())
    )
    for run in found:
        say(run, chain)
    if chosen.page:
        chosen.page.write_text(page(found, chain, chosen.repeats))
    if chosen.out:
        record = {"naive": asdict(chain), "runs": [asdict(run) for run in found]}
        chosen.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
