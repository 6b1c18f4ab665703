"""A sweep around its jobs: what is planned, how far it is, and what is left when it is stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coupling.config import NOT_IDENTITY, InputError
from coupling.job import JobReport
from coupling.results import RESULT, read_result, write_atomic

PLAN = "sweep.json"
"""Name of the plan in a sweep's folder."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LONGEST_NAME = 120
"""Longest folder name made of overrides; file systems end at 255."""


@dataclass(frozen=True)
class PlannedJob:
    """One job of a sweep, before it starts."""

    folder: str
    """Its folder below the sweep's."""
    overrides: list[str]
    """Its ``key=value`` arguments, but for Hydra's own."""


@dataclass(frozen=True)
class SweepPlan:
    """Content of a ``sweep.json``: what a sweep is to do, written before its first job starts."""

    verb: str
    study: str | None
    """The ready sweep that was asked for."""
    launcher: str
    jobs: list[PlannedJob]

    def varied(self) -> dict[str, dict[str, str]]:
        """Return what each job, by its folder, was given for the keys that the sweep varies."""
        given = {
            job.folder: dict(o.lstrip("+").split("=", 1) for o in job.overrides)
            for job in self.jobs
        }
        keys = {key for values in given.values() for key in values}
        fixed = {key for key in keys if len({values.get(key) for values in given.values()}) == 1}
        return {
            folder: {key: value for key, value in values.items() if key not in fixed}
            for folder, values in given.items()
        }


def write_plan(folder: Path, plan: SweepPlan) -> Path:
    """Write a sweep's plan, whole or not at all."""
    return write_atomic(folder / PLAN, json.dumps(dataclasses.asdict(plan), indent=2) + "\n")


def read_plan(folder: Path) -> SweepPlan | None:
    """Return a sweep's plan, or None where there is none that can be read."""
    try:
        content = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        jobs = [PlannedJob(**job) for job in content.pop("jobs")]
        return SweepPlan(**content, jobs=jobs)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def study_folder(verb: str, study: str, overrides: Sequence[str]) -> str:
    """Return the folder of a study: the same command line resumes in the same one.

    Its name needs no quotes on a command line, Hydra's or the shell's.

    Examples
    --------
    >>> study_folder("solve", "size", ["stack=cell", "study=size", "force=true"])
    'outputs/solve/size_stack-cell'
    """
    besides = ("study", *NOT_IDENTITY)
    others = sorted(given for given in overrides if given.split("=")[0] not in besides)
    name = "_".join([study, *(given.replace("=", "-").replace(",", "+") for given in others)])
    name = re.sub(r"[^\w.+-]", "", name)
    if len(name) > _LONGEST_NAME:
        mark = hashlib.sha256(name.encode()).hexdigest()[:12]
        name = f"{name[:_LONGEST_NAME]}_{mark}"
    return f"outputs/{verb}/{name}"


def require_launcher(launcher: str | None) -> None:
    """Refuse a launcher whose queue is not there.

    Raises
    ------
    InputError
        If Slurm is asked for and its commands are missing.
    """
    missing = [name for name in ("sbatch", "srun") if not shutil.which(name)]
    if launcher == "submitit_slurm" and missing:
        raise InputError(
            f"hydra/launcher=submitit_slurm: no command {' and '.join(missing)} on this machine; "
            "start it where Slurm's are, or take hydra/launcher=joblib"
        )


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Give each job's linear algebra one thread, unless the environment says otherwise.

    Jobs that run side by side would compete for the same cores, and sums would
    be taken in another order on machines with other numbers of them.
    """
    missing = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def progress_of(folder: Path, jobs: Sequence[PlannedJob], *, shown: bool) -> Iterator[None]:
    """Show on a terminal how many jobs of a sweep have a result, wherever they run."""
    if not shown or not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm

    over = threading.Event()
    with tqdm(total=len(jobs), desc="jobs", leave=False) as bar:

        def watch() -> None:
            while not over.wait(1.0):
                done = sum((folder / job.folder / RESULT).exists() for job in jobs)
                bar.update(done - bar.n)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


_STOPPED = {"UncompletedJobError", "BrokenProcessPool", "TerminatedWorkerError"}
"""Exceptions of submitit and joblib for a job whose process ended before it could report."""


def is_stopped_job(error: BaseException) -> bool:
    """Whether a launcher says that the process of a job was ended from outside.

    Raises
    ------
    InputError
        If Slurm did not take the jobs in the first place.
    """
    if str(error).lstrip().startswith("sbatch:"):
        raise InputError(" ".join(str(error).split())) from error
    return any(kind.__name__ in _STOPPED for kind in type(error).__mro__)


def stopped_reports(
    folder: Path, jobs: Sequence[PlannedJob], error: BaseException
) -> list[JobReport]:
    """Return a report per job of a sweep that lost one: what the folders say, what is missing."""
    reports = []
    for job in jobs:
        own = (folder / job.folder).absolute()
        result = read_result(own)
        if result is None:
            why = "stopped before its end, or still running or waiting in the queue"
            with contextlib.suppress(IndexError):
                why += f" ({str(error).strip().splitlines()[0]})"
            reports.append(JobReport(str(own), 3, f"{why}; the same command goes on from here"))
        else:
            reports.append(JobReport(str(own), result.exit_code, result.reason or "done"))
    return reports
