"""Crack risk of every measured island of an electrode, several at a time."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol

import pandas as pd
from tqdm import tqdm

from coupling.case import solve_case
from coupling.interpolation import ERROR_COLUMNS
from coupling.picture import Picture
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.stress_picture import picture_of
from mechanics.mesh import MeshError
from mechanics.profile import IslandProfile
from mechanics.solver import SolverError

log = logging.getLogger(__name__)

EXACT = "exact"
"""The island was solved by finite elements from its own measured profile."""
INTERPOLATED = "interpolated"
"""The island's numbers come from islands of like shape that were solved, see `coupling.ranking`."""
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


class SolveMany(Protocol):
    """Solves islands exactly, several at a time."""

    def __call__(
        self,
        profiles: Mapping[int, IslandProfile],
        configs: Mapping[int, MechanicsConfig] | None = None,
    ) -> list[IslandRisk]:
        """Return the islands' risks in the order of their meridians, given by label.

        Where `configs` are given, each island is solved under its own.
        """


def solve_islands(
    profiles: Mapping[int, IslandProfile], config: MechanicsConfig, workers: int | None
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
    with island_solver(config, min(worker_count(workers), max(len(profiles), 1))) as solve_many:
        found = solve_many(profiles)
    require_any_solved(found)
    return found


def worker_count(workers: int | None) -> int:
    """Return how many islands are solved at the same time: one per core unless said otherwise."""
    return workers or os.cpu_count() or 1


def require_any_solved(found: Sequence[IslandRisk]) -> None:
    """Raise SolverError if there are islands and none of them has a solution."""
    if found and all(island.method == FAILED for island in found):
        raise SolverError(f"none of {len(found)} islands could be solved: {found[0].reason}")


@contextmanager
def island_solver(config: MechanicsConfig, count: int) -> Iterator[SolveMany]:
    """Give a function that solves islands exactly, `count` at a time; its processes stay alive.

    They are fresh ones: gmsh is global to a process, and forks of threaded ones hang.
    """
    if count == 1:

        def solve_in_turn(
            profiles: Mapping[int, IslandProfile],
            configs: Mapping[int, MechanicsConfig] | None = None,
        ) -> list[IslandRisk]:
            return _told(
                [
                    _solve_one(label, profile, configs[label] if configs else config)
                    for label, profile in _shown(profiles.items(), len(profiles))
                ]
            )

        yield solve_in_turn
        return
    with _one_thread_each(), ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:

        def solve_at_once(
            profiles: Mapping[int, IslandProfile],
            configs: Mapping[int, MechanicsConfig] | None = None,
        ) -> list[IslandRisk]:
            # the largest first, so that no core waits for a late long one
            jobs: list[Future[IslandRisk]] = [
                pool.submit(
                    _solve_one, label, profiles[label], configs[label] if configs else config
                )
                for label in sorted(profiles, key=lambda label: -profiles[label].volume_um3)
            ]
            found = {
                job.result().label: job.result() for job in _shown(as_completed(jobs), len(jobs))
            }
            return _told([found[label] for label in profiles])

        yield solve_at_once


def _told(found: list[IslandRisk]) -> list[IslandRisk]:
    """Say which islands have no solution."""
    for island in found:
        if island.method == FAILED:
            log.error("island %d has no solution: %s", island.label, island.reason)
    return found


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
    "risk_above",
    "risk_beside",
    "li_pressure_mpa",
    "apex_sigma1_mpa",
    "top_tension_fraction",
    "volume_above_200mpa_bulk_um3",
    "risk_volume_above_1_um3",
)


def risk_table(islands: pd.DataFrame, risks: list[IslandRisk]) -> pd.DataFrame:
    """Return the table of islands with their risk, the riskiest first.

    The columns of errors are claims of the interpolation: 0 where the island was solved.
    """
    names = (*RISK_COLUMNS, *ERROR_COLUMNS)
    rows = [
        {"label": risk.label}
        | {name: risk.scalars.get(name, math.nan) for name in RISK_COLUMNS}
        | {"method": risk.method}
        | {name: _claim(risk, name) for name in ERROR_COLUMNS}
        | {"reason": risk.reason}
        for risk in risks
    ]
    columns = ["label", *RISK_COLUMNS, "method", *ERROR_COLUMNS, "reason"]
    solved = pd.DataFrame(rows, columns=columns).astype({"label": islands["label"].dtype})
    solved = solved.astype(dict.fromkeys(names, float))
    table = islands.merge(solved, on="label", how="left")
    return table.sort_values(
        ["risk_bulk", "label"], ascending=[False, True], na_position="last", ignore_index=True
    )


def _claim(risk: IslandRisk, name: str) -> float:
    """Return a claimed error: none where the island was solved, unknown where that failed."""
    if risk.method == EXACT:
        return 0.0
    value = risk.scalars.get(name)
    return math.nan if value is None else float(value)


def electrode_scalars(table: pd.DataFrame) -> dict[str, Scalar]:
    """Return the scalars of `risk`: how many islands, how many at risk, the worst."""
    solved = table.dropna(subset=["risk_bulk"])
    worst = solved.iloc[0] if len(solved) else None
    risk, error = solved["risk_bulk"], solved["error"]
    return {
        "islands": len(table),
        "islands_failed": int((table["method"] == FAILED).sum()) if len(table) else 0,
        "at_risk": int((risk > 1).sum()),
        "at_risk_at_least": int((risk - error > 1).sum()),
        "at_risk_at_most": int((risk + error > 1).sum()),
        "worst_label": None if worst is None else int(worst["label"]),
        "worst_risk": None if worst is None else float(worst["risk_bulk"]),
        "worst_risk_rim": float(solved["risk_rim"].max()) if len(solved) else None,
    }
