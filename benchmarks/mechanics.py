"""How fast is a solution, against CalculiX on the same island?

    apt-get install calculix-ccx
    uv run python benchmarks/mechanics.py [--repeats 3]

Both programs solve the published narrow island on the canonical stack at finite strain, whole
processes, one thread, in turns: bonded (`data/C1_narrow.inp.gz`) and in frictional contact
(`data/A_narrow.inp.gz`). A run of CalculiX counts only if it says that its job finished.
Medians, ratios, and where our time goes; the same as JSON with ``--out``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
CASES = {"C1_narrow": "bonded", "A_narrow": "frictional"}
"""Decks, and how the island touches its neighbours in them."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

LIBRARY = """
import json, resource, sys, time
start = time.perf_counter()
from mechanics.interfaces import Contact, ContactOptions
from mechanics.materials import MaterialSet
from mechanics.mesh import build_mesh
from mechanics.profile import cap
from mechanics.solver import solve
from mechanics.stack import Loading, MeshSize, SolverOptions, StackGeometry
from mechanics.stress import ElectrolyteStress
from mechanics.summary import summarise
from mechanics.timing import Stopwatch
watch = Stopwatch()
watch.seconds["import"] = time.perf_counter() - start
with watch.measure("mesh"):
    contact = ContactOptions(kind=Contact(sys.argv[1]))
    mesh = build_mesh(cap(44.44098, 20.0), StackGeometry(), MeshSize(), contact)
with watch.measure("solve"):
    solution = solve(mesh, MaterialSet(), Loading(), SolverOptions(), watch=watch)
with watch.measure("evaluate"):
    summary = summarise(solution, ElectrolyteStress(solution))
watch.seconds["memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
watch.seconds["li_pressure_mpa"] = summary.li_pressure_mpa
print(json.dumps(watch.seconds))
"""


@dataclass(frozen=True)
class Timing:
    """Medians of one case, s."""

    deck: str
    calculix_s: float
    library_s: float
    """Import, mesh, solution and scalars in a fresh process."""
    command_s: float
    """`islet solve`, with all its files and its picture."""
    ratio_library: float
    ratio_command: float
    parts: dict[str, float]
    """Where the library's time goes, with its memory and the pressure found."""


def run(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a command and return its wall time and what it printed."""
    # Python keeps what it compiles, as on any user's machine: else each start compiles all again
    environment = os.environ | ONE_THREAD
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    took = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return took, done.stdout


def calculix(deck: str, folder: Path) -> float:
    """Solve a deck with CalculiX and return its wall time."""
    (folder / f"{deck}.inp").write_bytes(gzip.decompress((DATA / f"{deck}.inp.gz").read_bytes()))
    took, said = run(["ccx", deck], folder)
    if "Job finished" not in said:
        raise SystemExit(f"CalculiX did not finish {deck}:\n{said[-2000:]}")
    return took


def measure(deck: str, contact: str, repeats: int, folder: Path) -> Timing:
    """Run all programs in turns."""
    library = [sys.executable, "-c", LIBRARY, contact]
    command = [str(Path(sys.executable).with_name("islet")), "solve", "island=narrow"]
    command += ["stack=canonical", f"contact={contact}", f"hydra.run.dir={folder / 'out'}"]
    command += ["force=true"]
    home = Path(__file__).parents[1]
    run(library, home)
    run(command, home)  # compiles the element loops, fills the caches of the disk
    took: dict[str, list[float]] = {"calculix": [], "library": [], "command": []}
    parts: list[dict[str, float]] = []
    for _ in range(repeats):
        took["calculix"].append(calculix(deck, folder))
        seconds, said = run(library, home)
        took["library"].append(seconds)
        parts.append(json.loads(said))
        took["command"].append(run(command, home)[0])
    median = {name: statistics.median(values) for name, values in took.items()}
    return Timing(
        deck, median["calculix"], median["library"], median["command"],
        median["calculix"] / median["library"], median["calculix"] / median["command"],
        {name: round(statistics.median(p[name] for p in parts), 3) for name in parts[0]},
    )  # fmt: skip


def main() -> None:
    """Measure both cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    options = parser.parse_args()
    if shutil.which("ccx") is None:
        raise SystemExit("CalculiX is not installed: apt-get install calculix-ccx")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for deck, contact in CASES.items():
            timing = measure(deck, contact, options.repeats, Path(folder))
            found.append(asdict(timing))
            print(
                f"{deck} ({contact}): CalculiX {timing.calculix_s:.1f} s, library "
                f"{timing.library_s:.1f} s ({timing.ratio_library:.1f} x), islet solve "
                f"{timing.command_s:.1f} s ({timing.ratio_command:.1f} x)"
            )
            print("   ", ", ".join(f"{name} {value:g}" for name, value in timing.parts.items()))
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
