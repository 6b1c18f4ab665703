"""Crack risk of every measured island of an electrode, several at a time."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import pandas as pd
from tqdm import tqdm

from coupling.case import solve_case
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.stress_figures import Picture, picture_of
from mechanics.mesh import MeshError
from mechanics.profile import IslandProfile
from mechanics.solver import SolverError

log = logging.getLogger(__name__)

EXACT = "exact"
"""The island was solved by finite elements from its own measured profile."""
FAILED = "failed"
"""No solution converged: the island has no risk, and the table says so."""


@dataclass(frozen=True)
class IslandRisk:
    """What is known of one island after its solution."""

    label: int
    method: str
    scalars: dict[str, Scalar]
    """Empty where the solution failed."""
    picture: Picture | None
    reason: str = ""
    """Why there is no solution."""

    @property
    def risk_bulk(self) -> float:
        """Bulk risk R1; NaN where there is no solution."""
        value = self.scalars.get("risk_bulk")
        return float(value) if value is not None else math.nan


def solve_islands(
    profiles: dict[int, IslandProfile], config: MechanicsConfig, workers: int | None
) -> list[IslandRisk]:
    """Solve each island exactly, from its own meridian; failures are kept.

    Parameters
    ----------
    profiles
        Meridian of each island, by label.
    config
        Material, stack, load and criterion.
    workers
        Islands solved at the same time; one per core by default.

    Returns
    -------
    list of IslandRisk
        In the order of `profiles`.

    Raises
    ------
    SolverError
        If no island at all could be solved.
    """
    if not profiles:
        return []
    count = min(workers or os.cpu_count() or 1, len(profiles))
    if count == 1:
        found = [_solve_one(label, p, config) for label, p in _shown(profiles.items())]
    else:
        found = _solve_in_processes(profiles, config, count)
    for island in found:
        if island.method == FAILED:
            log.error("island %d has no solution: %s", island.label, island.reason)
    if all(island.method == FAILED for island in found):
        raise SolverError(f"none of {len(found)} islands could be solved: {found[0].reason}")
    order = list(profiles)
    return sorted(found, key=lambda island: order.index(island.label))


def _solve_in_processes(
    profiles: dict[int, IslandProfile], config: MechanicsConfig, count: int
) -> list[IslandRisk]:
    """Solve in fresh processes: gmsh is global to one, and forks of threaded ones hang."""
    with _one_thread_each(), ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        # the largest first, so that no core waits for a late long one
        jobs: list[Future[IslandRisk]] = [
            pool.submit(_solve_one, label, profiles[label], config)
            for label in sorted(profiles, key=lambda label: -profiles[label].volume_um3)
        ]
        return [job.result() for job in _shown(as_completed(jobs), len(jobs))]


def _shown[T](work: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Show progress on a terminal."""
    quiet = not sys.stderr.isatty()
    bar: Iterator[T] = tqdm(work, desc="islands", total=total, disable=quiet, leave=False)
    return bar


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep the workers' linear algebra from competing for the same cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _solve_one(label: int, profile: IslandProfile, config: MechanicsConfig) -> IslandRisk:
    """Solve one island; a failure becomes a row of the table, not an end of the others."""
    try:
        case = solve_case(profile, config)
    except (SolverError, MeshError, ValueError) as error:
        return IslandRisk(label, FAILED, {}, None, str(error))
    return IslandRisk(label, EXACT, case.scalars(), picture_of(case))


RISK_COLUMNS = (
    "risk_bulk",
    "risk_rim",
    "li_pressure_mpa",
    "apex_sigma1_mpa",
    "top_tension_fraction",
    "volume_above_200mpa_bulk_um3",
    "risk_volume_above_1_um3",
)


def risk_table(islands: pd.DataFrame, risks: list[IslandRisk]) -> pd.DataFrame:
    """Return the table of islands with their risk, the riskiest first."""
    rows = [
        {"label": risk.label}
        | {name: risk.scalars.get(name, math.nan) for name in RISK_COLUMNS}
        | {"method": risk.method, "reason": risk.reason}
        for risk in risks
    ]
    columns = ["label", *RISK_COLUMNS, "method", "reason"]
    solved = pd.DataFrame(rows, columns=columns).astype({"label": islands["label"].dtype})
    table = islands.merge(solved, on="label", how="left")
    return table.sort_values("risk_bulk", ascending=False, na_position="last", ignore_index=True)


def electrode_scalars(table: pd.DataFrame) -> dict[str, Scalar]:
    """Return the scalars of `risk`: how many islands, how many at risk, the worst."""
    solved = table.dropna(subset=["risk_bulk"])
    worst = solved.iloc[0] if len(solved) else None
    return {
        "islands": len(table),
        "islands_failed": int((table["method"] == FAILED).sum()) if len(table) else 0,
        "at_risk": int((solved["risk_bulk"] > 1).sum()),
        "worst_label": None if worst is None else int(worst["label"]),
        "worst_risk": None if worst is None else float(worst["risk_bulk"]),
        "worst_risk_rim": float(solved["risk_rim"].max()) if len(solved) else None,
    }
