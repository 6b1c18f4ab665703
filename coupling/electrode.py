"""Crack risk of every measured island of an electrode, several at a time."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Protocol

import pandas as pd

from coupling.case import solve_case
from coupling.interpolation import ERROR_COLUMNS
from coupling.island_risk import EXACT, FAILED, IslandRisk
from coupling.progress import counted
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.solved_store import SolvedStore
from coupling.stress_picture import picture_of
from mechanics.mesh import MeshError
from mechanics.profile import IslandProfile
from mechanics.solver import SolverError

ENDED_EARLY = "the process that solved it ended early"
log = logging.getLogger(__name__)


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
    profiles: Mapping[int, IslandProfile],
    config: MechanicsConfig,
    workers: int | None,
    store: SolvedStore | None = None,
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
    store
        Where solved islands are kept until the run has ended.

    Returns
    -------
    list of IslandRisk
        In the order of `profiles`.

    Raises
    ------
    SolverError
        If no island at all could be solved.
    """
    count = min(worker_count(workers), max(len(profiles), 1))
    with island_solver(config, count, store) as solve_many:
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
def island_solver(
    config: MechanicsConfig, count: int, store: SolvedStore | None = None
) -> Iterator[SolveMany]:
    """Give a function that solves islands exactly, `count` at a time; its processes stay alive.

    With a store every island is kept as soon as it is solved, and not solved again.
    """
    with _crew(count) as solve_all:

        def solve_many(
            profiles: Mapping[int, IslandProfile],
            configs: Mapping[int, MechanicsConfig] | None = None,
        ) -> list[IslandRisk]:
            jobs = {
                label: (profile, configs[label] if configs else config)
                for label, profile in profiles.items()
            }
            found: dict[int, IslandRisk] = {}
            if store is not None:
                known = (store.find(label, *job) for label, job in jobs.items())
                found = {risk.label: risk for risk in known if risk is not None}
            rest = {label: job for label, job in jobs.items() if label not in found}
            for risk in counted(solve_all(rest), "islands", len(rest)):
                found[risk.label] = risk
                # a process that was ended says nothing of its island: the next run tries again
                if store is not None and risk.reason != ENDED_EARLY:
                    store.keep(*jobs[risk.label], risk)
            return _told([found[label] for label in profiles])

        yield solve_many


type Jobs = Mapping[int, tuple[IslandProfile, MechanicsConfig]]
"""What is solved under which configuration, by label."""


@contextmanager
def _crew(count: int) -> Iterator[Callable[[Jobs], Iterator[IslandRisk]]]:
    """Give a function that solves islands here, or `count` at a time in processes of their own."""
    if count == 1:
        yield lambda jobs: (_solve_one(label, *job) for label, job in jobs.items())
        return
    with _one_thread_each():
        workers = _Workers(count)
        try:
            yield workers.solve_all
        finally:
            workers.pool.shutdown()


class _Workers:
    """Processes that solve islands.

    They are fresh ones: gmsh is global to a process, and forks of threaded ones hang. Where one of
    them is lost (the memory was full, say), each island that was not done is solved by a process
    of its own, so that only the one that does it has no solution.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.pool = _pool(count)

    def solve_all(self, jobs: Jobs) -> Iterator[IslandRisk]:
        """Solve islands; they come as they are done."""
        rest = dict(jobs)
        try:
            # the flattest first, which take the longest, so that no core waits for a late one
            order = sorted(jobs, key=lambda label: _flatness(jobs[label][0]))
            futures = [self.pool.submit(_solve_one, label, *jobs[label]) for label in order]
            for future in as_completed(futures):
                risk = future.result()
                del rest[risk.label]
                yield risk
        except BrokenProcessPool:
            log.warning(
                "a process that solves islands was ended from outside, or crashed: %d islands are "
                "solved one by one",
                len(rest),
            )
            for label, job in rest.items():
                yield _solve_alone(label, *job)
            self.pool = _pool(self.count)


def _flatness(profile: IslandProfile) -> float:
    return profile.height_um / profile.contact_diameter_um


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this process when the one that started it is killed, instead of waiting for ever."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _solve_alone(label: int, profile: IslandProfile, config: MechanicsConfig) -> IslandRisk:
    """Solve one island in a process of its own, which it may bring down."""
    with _pool(1) as pool:
        try:
            return pool.submit(_solve_one, label, profile, config).result()
        except BrokenProcessPool:
            return IslandRisk(label, FAILED, {}, None, ENDED_EARLY)


def _told(found: list[IslandRisk]) -> list[IslandRisk]:
    """Say which islands have no solution."""
    for island in found:
        if island.method == FAILED:
            log.error("island %d has no solution: %s", island.label, island.reason)
    return found


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
    except Exception as error:  # of gmsh or PETSc, say: no reason to lose all other islands
        log.debug("island %d", label, exc_info=True)
        return IslandRisk(label, FAILED, {}, None, f"{type(error).__name__}: {error}")
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
