"""All benchmarks by one entry.

    uv run --group benchmarks python benchmarks/run.py                  # their names
    uv run --group benchmarks python benchmarks/run.py imaging sweep    # some, or `all`
    uv run --group benchmarks python benchmarks/run.py --page           # docs/benchmarks.md again

Each measures in one run what a number is held against, prints their ratio, and writes
`results/NAME.json`; then the page is made again from all records. What follows `--` is handed to
the script of a single benchmark. `--quick` takes small sizes, to see whether everything works.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# this folder's mechanics.py and imaging.py must not hide the packages of those names
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p).resolve() != HERE)]

from benchmarks.record import (  # noqa: E402
    Line,
    Record,
    page,
    read_record,
    this_machine,
    versions,
)
from imaging.memory import ANALYSIS_BYTES  # noqa: E402

ENTRY = "uv run --group benchmarks python benchmarks/run.py"
PAGE = ROOT / "docs" / "benchmarks.md"
CORNER_LIMIT_VOXEL = 0.1
"""Beyond this `islet image` warns: a tenth of a voxel fakes 0.14 um of lithium."""
SCAN_BYTES = 2
"""Per voxel of a scan of 16 bits; the estimate by which volumes are refused has two of them."""


def mechanics_lines(found: Any) -> list[Line]:
    """A solution against CalculiX."""
    names = {"C1_narrow": "bonded", "A_narrow": "contact"}
    return [
        Line(f"{what}, {names[case['deck']]}", case[key], "s", "CalculiX", case["calculix_s"])
        for case in found
        for what, key in (("solve from Python", "library_s"), ("`islet solve`", "command_s"))
    ]


def imaging_lines(found: Any) -> list[Line]:
    """A pair of scans against the published chain in SciPy."""
    naive, lines = found["naive"], []
    crop = math.prod(naive["shape"])
    for run in found["runs"]:
        voxels = math.prod(run["shape"])
        what = f"`islet image`, {voxels / 1e6:.0f} million voxels"
        for kind, key in (("", "wall_s"), (", processor time", "cpu_s")):
            peer = naive[key] * voxels / crop
            lines.append(Line(what + kind, run[key], "s", "naive SciPy chain", peer))
    if len(found["runs"]) > 1:  # what processes need to start cancels out
        few, many = found["runs"][0], found["runs"][-1]
        grown = (many["peak_mib"] - few["peak_mib"]) * 2**20
        each = grown / (math.prod(many["shape"]) - math.prod(few["shape"]))
        estimate = 2 * SCAN_BYTES + ANALYSIS_BYTES
        lines.append(
            Line("memory, growth of the peak", each, "bytes / voxel", "estimate", estimate)
        )
    return lines


def registration_lines(found: Any) -> list[Line]:
    """The alignment against SimpleITK, and its error against a tenth of a voxel."""
    lines = []
    for own in (row for row in found if row["program"] == "islet"):
        for peer in (row for row in found if row["pair"] == own["pair"]):
            if peer is own:
                what, limit = f"{own['pair']}: error at the ROI's corners", CORNER_LIMIT_VOXEL
                lines.append(Line(what, own["error_voxel"], "voxel", "limit of the warning", limit))
                continue
            for kind, key, unit in (("time", "wall_s", "s"), ("error", "error_voxel", "voxel")):
                what = f"{own['pair']}: {kind}"
                lines.append(Line(what, own[key], unit, peer["program"], peer[key]))
    return lines


def sweep_lines(found: Any) -> list[Line]:
    """Islands a minute on several cores against one, and against as many times one."""
    one = found[0]
    return [
        Line(
            f"islands a minute, {many['cores']} cores",
            many["per_minute"],
            "/ min",
            what,
            factor * one["per_minute"],
            more_is_better=True,
        )
        for many in found[1:]
        for what, factor in (("1 core", 1), (f"limit: {many['cores']} x 1 core", many["cores"]))
    ]


def memory_lines(found: Any) -> list[Line]:
    """Peaks against the naive chain and CalculiX."""
    what = f"`islet image`, {found['voxels'] / 1e6:.0f} million voxels"
    lines = [Line(what, found["image"], "MiB", "naive SciPy chain", found["naive"])]
    if found["calculix"] is not None:
        lines.append(Line("`islet solve`", found["solve"], "MiB", "CalculiX", found["calculix"]))
    return lines


def electrode_lines(found: Any) -> list[Line]:
    """Ranking many islands against solving each, and errors against what was claimed."""
    if not found["error_over_claim"]:  # so few islands are all solved
        return []
    each = found["exact_cpu_s"]
    return [
        Line(
            f"{found['islands']} islands ranked, processor time", found["cpu_s"], "s",
            "each solved", each * found["islands"],
        ),
        Line("largest error", max(found["error_over_claim"]), "", "limit: what is claimed", 1.0),
    ]  # fmt: skip


@dataclass(frozen=True)
class Benchmark:
    """A script that writes what it measured to ``--out`` as JSON, or else a page."""

    title: str
    script: str
    quick: tuple[str, ...]
    """Arguments for the smallest size that shows whether it works."""
    lines: Callable[[Any], list[Line]] | None
    """Makes ratios of what was measured; None where the script writes a page of its own."""


BENCHMARKS = {
    "mechanics": Benchmark(
        "The published narrow island, whole processes of one thread in turns, medians.",
        "mechanics.py", ("--repeats", "1"), mechanics_lines,
    ),
    "imaging": Benchmark(
        "A pair of tomograms from two files to islands; the naive chain's time is scaled up from "
        "a crop, and neither aligns nor fits.",
        "imaging.py", ("--shape", "56", "240", "240", "--smaller", "--islands", "2"), imaging_lines,
    ),
    "registration": Benchmark(
        "The same scans, mask and cores for both; medians. Settings in the script.",
        "registration.py", ("--shape", "56", "112", "112", "--repeats", "1"), registration_lines,
    ),
    "sweep": Benchmark(
        "`islet solve -m` with all files and pictures, islands of one volume, canonical stack, "
        "starts of all processes counted.",
        "throughput.py",
        ("--islands", "2", "--cores", "1", "--given", "contact=bonded", "kinematics=small",
         "mesh.fine_um=4", "figures=none"),
        sweep_lines,
    ),
    "memory": Benchmark(
        "Most memory resident at a time, whole processes.",
        "memory.py", ("--shape", "56", "240", "240"), memory_lines,
    ),
    "electrode": Benchmark(
        "Some islands solved, the others interpolated; twenty of these solved afterwards.",
        "electrode.py", ("--islands", "3", "--workers", "1"), electrode_lines,
    ),
    "verification": Benchmark(
        "Solver against closed forms: docs/verification.md.",
        "verification.py", ("--only", "patch"), None,
    ),
    "accuracy": Benchmark(
        "Islands of another author's cells: docs/imaging_accuracy.md.",
        "imaging_accuracy.py", ("only cones",), None,
    ),
    "convergence": Benchmark(
        "240 cases with one set of settings: rows for docs/convergence.md.",
        "convergence_grid.py", ("--quick",), None,
    ),
}  # fmt: skip
OWN_PAGE = {
    "verification": ("--out", "docs/verification.md"),
    "accuracy": ("--out", "docs/imaging_accuracy.md"),
    "convergence": ("--out", "grid.csv"),
}
"""What the scripts that write pages of their own are told."""


def measure(name: str, given: list[str], folder: Path) -> None:
    """Run one benchmark, print its ratios, write its record."""
    benchmark = BENCHMARKS[name]
    command = [sys.executable, str(HERE / benchmark.script)]
    if benchmark.lines is None:
        subprocess.run([*command, *given, *([] if given else OWN_PAGE[name])], check=True)
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out.json"
        subprocess.run([*command, *given, "--out", str(out)], check=True)
        details = json.loads(out.read_text())
    told = " ".join(without_folders(given))
    typed = f"{ENTRY} {name}" + (f" -- {told}" if told else "")
    record = Record(
        name, benchmark.title, typed, f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        this_machine(), (round(before, 2), round(os.getloadavg()[0], 2)), versions(),
        benchmark.lines(details), details,
    )  # fmt: skip
    print(f"{name} (load {before:.1f} before):")
    for line in record.lines:
        print(
            f"  {line.what}: {line.value:.4g} {line.unit}; {line.against}: {line.reference:.4g} "
            f"{line.unit}; ratio {line.ratio:.2f}"
        )
    print(f"  {record.write(folder)}")


def without_folders(given: list[str]) -> list[str]:
    """Arguments that change what is measured, not where files are kept."""
    places = [i for i, word in enumerate(given) if word in ("--data", "--folder")]
    return [word for i, word in enumerate(given) if i not in places and i - 1 not in places]


def write_page(folder: Path, file: Path) -> None:
    """Make the page from the records that there are."""
    records = {name: folder / f"{name}.json" for name in BENCHMARKS}
    found = [read_record(record) for record in records.values() if record.is_file()]
    file.write_text(page(found, ENTRY))


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*BENCHMARKS, "all"]))
    parser.add_argument("--quick", action="store_true", help="small sizes; the page stays")
    parser.add_argument("--page", action="store_true", help="only make the page again")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    words = [*sys.argv[1:], "--"]
    at = words.index("--")
    chosen, given = parser.parse_args(words[:at]), words[at + 1 : -1]
    names = list(BENCHMARKS) if chosen.names == ["all"] else chosen.names
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if given and len(names) != 1:
        parser.error("arguments behind -- go with one benchmark")
    if not names and not chosen.page:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:13s} {benchmark.title}")
        return
    for name in names:
        measure(name, given or list(BENCHMARKS[name].quick if chosen.quick else ()), chosen.results)
    if not chosen.quick:
        write_page(chosen.results, PAGE)


if __name__ == "__main__":
    main()
