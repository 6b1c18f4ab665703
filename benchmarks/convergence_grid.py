"""Does every shape converge with one set of settings?

    uv run python benchmarks/convergence_grid.py [--quick] [--workers 2] [--out grid.csv]
    uv run python benchmarks/convergence_grid.py --table grid.csv > docs/convergence.md

Spherical caps with height/diameter 0.03 to 0.6 (above 0.5 a cap overhangs) and diameters 20 to
250 um, coefficients of friction 0 to 0.5 on all interfaces, element sizes 2 and 1 um at the
island (height/4 where that is smaller), the canonical stack and the whole cell: all at finite
strain, 20 MPa of stack pressure, then 5 % of growth in 10 steps. One row per case; exit code 1
if any fails. With ``--table`` nothing is solved: such rows are summed up as a page.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

# this folder's mechanics.py must not hide the package of that name
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

RATIOS = (0.03, 0.1, 0.25, 0.45, 0.6)
DIAMETERS_UM = (20.0, 70.0, 250.0)
FRICTIONS = (0.0, 0.05, 0.2, 0.5)
FINE_UM = (2.0, 1.0)
STACKS = ("canonical", "cell")


@dataclass(frozen=True)
class Row:
    """One case of the grid with what became of it."""

    aspect_ratio: float
    diameter_um: float
    mu: float
    fine_um: float
    stack: str
    converged: bool
    li_pressure_mpa: float
    apex_sigma1_mpa: float
    open_fraction: float
    newton_iterations: int
    cutbacks: int
    dofs: int
    seconds: float
    message: str


def solve_case(case: tuple[float, float, float, float, str]) -> Row:
    """Solve one case with the default settings."""
    from mechanics.interfaces import ContactOptions
    from mechanics.materials import MaterialSet
    from mechanics.mesh import MeshError, build_mesh
    from mechanics.profile import cap
    from mechanics.solver import SolverError, solve
    from mechanics.stack import Loading, MeshSize, SolverOptions, StackGeometry, StackKind
    from mechanics.stress import ElectrolyteStress
    from mechanics.summary import summarise

    ratio, diameter, mu, fine, stack = case
    start = time.perf_counter()
    nan = float("nan")
    try:
        mesh = build_mesh(
            cap(diameter, ratio * diameter),
            StackGeometry(StackKind(stack)),
            MeshSize(fine_um=fine),
            ContactOptions(mu=mu),
        )
        solution = solve(mesh, MaterialSet(), Loading(), SolverOptions())
    except (MeshError, SolverError) as error:
        took = time.perf_counter() - start
        return Row(*case, False, nan, nan, nan, 0, 0, 0, round(took, 2), str(error))
    took = time.perf_counter() - start
    found = summarise(solution, ElectrolyteStress(solution))
    return Row(
        *case, True, round(found.li_pressure_mpa, 2), round(found.apex_sigma1_mpa, 2),
        round(found.contact_open_fraction, 4), found.newton_iterations, found.cutbacks,
        found.dofs, round(took, 2), "",
    )  # fmt: skip


def page(file: Path) -> str:
    """Return a page of Markdown that sums up the rows of a finished grid."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    done = [row for row in rows if row["converged"] == "True"]
    halved = sum(row["cutbacks"] != "0" for row in done)
    lines = [
        "# Convergence",
        "",
        "Made by `uv run python benchmarks/convergence_grid.py`, with one set of settings: "
        f"**{len(done)} of {len(rows)}** cases converge, {halved} of them with a step cut back. "
        "Caps under 20 MPa, then 5 % of growth in 10 steps, finite strain, every interface in "
        f"contact, friction {', '.join(f'{mu:g}' for mu in FRICTIONS)}, elements of "
        f"{' and '.join(f'{size:g}' for size in FINE_UM)} um at the island (height/4 where that "
        "is smaller). Ranges run over friction and size; times are of one thread.",
        "",
        "| height/diameter | diameter, um | stack | converged | Newton iterations | cut-backs | "
        "displacement components | time, s | pressure in the island, MPa |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for ratio, diameter, stack in itertools.product(RATIOS, DIAMETERS_UM, STACKS):
        found = [
            row
            for row in rows
            if (float(row["aspect_ratio"]), float(row["diameter_um"]), row["stack"])
            == (ratio, diameter, stack)
        ]
        good = [row for row in found if row["converged"] == "True"]
        spans = [
            _span([float(row[name]) for row in good])
            for name in ("newton_iterations", "cutbacks", "dofs", "seconds", "li_pressure_mpa")
        ]
        cells = [f"{ratio:g}", f"{diameter:g}", stack, f"{len(good)} of {len(found)}", *spans]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _span(values: list[float]) -> str:
    """Return the least and the greatest of some numbers."""
    if not values:
        return ""
    low, high = (f"{round(x):,}" for x in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def main() -> int:
    """Run the grid and write its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="elements of 2 um only")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("grid.csv"))
    parser.add_argument("--table", type=Path, help="sum up the rows of a finished grid")
    options = parser.parse_args()
    if options.table is not None:
        print(page(options.table), end="")
        return 0
    sizes = FINE_UM[:1] if options.quick else FINE_UM
    cases = list(itertools.product(RATIOS, DIAMETERS_UM, FRICTIONS, sizes, STACKS))
    rows: dict[tuple[float, float, float, float, str], Row] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        running = {pool.submit(solve_case, case): case for case in cases}
        for done in as_completed(running):
            row = done.result()
            rows[running[done]] = row
            state = "ok" if row.converged else f"FAILS: {row.message}"
            print(f"{len(rows):4d}/{len(cases)}", astuple(row)[:5], row.newton_iterations,
                  row.cutbacks, f"{row.seconds:.1f} s", state, flush=True)  # fmt: skip
            with options.out.open("w", newline="") as stream:
                table = csv.DictWriter(stream, [field.name for field in fields(Row)])
                table.writeheader()
                table.writerows(asdict(rows[case]) for case in cases if case in rows)
    failed = [row for row in rows.values() if not row.converged]
    hard = sum(row.cutbacks > 0 for row in rows.values())
    print(f"{len(rows) - len(failed)} of {len(rows)} converged, {hard} with a step cut back")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
