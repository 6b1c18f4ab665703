"""Gather the jobs of a sweep into rows of one table, those that failed or never started too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coupling.config import NOT_IDENTITY
from coupling.results import RESULT, Result, content_hash, read_result, write_atomic
from coupling.sweep import PlannedJob, SweepPlan, read_plan
from imaging.replace import renamed

if TYPE_CHECKING:
    import pandas as pd

_NOT_INPUTS = (*NOT_IDENTITY, "libraries", "input_sha256")

UNFINISHED = "unfinished"
"""Status of a job without a result that can be read: stopped, running, damaged or not started."""


@dataclass(frozen=True)
class JobRecord:
    """What is known of one job of a sweep."""

    name: str
    """Its folder below the sweep's."""
    status: str
    reason: str | None
    inputs: dict[str, Any]
    """Its inputs under dotted keys; only what was given where they were never validated."""
    result: Result | None
    swept: dict[str, str] = field(default_factory=dict)
    """What it was given for the keys that the sweep varies."""


@dataclass(frozen=True)
class SweepRecord:
    """All jobs of a sweep, in order, with its plan."""

    folder: Path
    plan: SweepPlan | None
    """None for sweeps of another origin."""
    jobs: list[JobRecord]

    @property
    def varying(self) -> list[str]:
        """Input keys whose values differ between jobs."""
        return varying_keys([job.inputs for job in self.jobs])

    @property
    def common(self) -> dict[str, Any]:
        """Inputs that all jobs share."""
        varying = set(self.varying)
        shared: dict[str, Any] = {}
        for job in self.jobs:
            shared |= {k: v for k, v in job.inputs.items() if k not in varying and k not in shared}
        return shared


def job_folders(sweep: Path, but: Path | None = None) -> list[Path]:
    """Return the folders of a sweep's jobs, in the order of their numbers.

    A folder is a job's if it holds a result, or the configuration or log that
    a job leaves that was stopped before it could write one. Tables collected
    earlier are not jobs, nor is the folder `but`, where one is being made.
    """
    plan = read_plan(sweep)
    planned = {sweep / job.folder for job in plan.jobs} if plan is not None else set()
    folders = []
    for folder in {*sweep.iterdir(), *planned}:
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        if but is not None and but.exists() and folder.samefile(but):
            continue
        result = read_result(folder)
        collected = (folder / "collect.log").exists()
        collected |= result is not None and result.verb == "collect"
        started = (folder / RESULT).exists() or (folder / "config.yaml").exists()
        if not collected and (started or any(folder.glob("*.log"))):
            folders.append(folder)
    return sorted(folders, key=lambda folder: _natural(_name(sweep, folder)))


def _name(sweep: Path, folder: Path) -> str:
    return folder.relative_to(sweep).as_posix()


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sorting key by which job 10 follows job 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_sweep(sweep: Path, but: Path | None = None) -> SweepRecord:
    """Return what a sweep's folder holds: jobs that are there, and those that are only planned.

    Raises
    ------
    ValueError
        If the folder holds no jobs.
    """
    plan = read_plan(sweep)
    planned = {job.folder: job for job in plan.jobs} if plan is not None else {}
    swept = plan.varied() if plan is not None else {}
    jobs = []
    for folder in job_folders(sweep, but):
        name = _name(sweep, folder)
        planned.pop(name, None)
        jobs.append(_record(name, folder, swept.get(name, {})))
    jobs += [
        JobRecord(name, UNFINISHED, "not started", _asked(job), None, swept[name])
        for name, job in planned.items()
    ]
    if not jobs:
        hint = ""
        if (sweep / RESULT).exists():
            hint = "; it is the folder of one run, give the folder of a sweep (islet VERB -m ...)"
        raise ValueError(f"sweep={sweep}: no jobs in this folder{hint}")
    return SweepRecord(sweep, plan, sorted(jobs, key=lambda job: _natural(job.name)))


def _record(name: str, folder: Path, swept: dict[str, str]) -> JobRecord:
    result = read_result(folder)
    if result is None:
        there = (folder / RESULT).exists()
        reason = f"{RESULT} is damaged" if there else f"no {RESULT}: stopped or still running"
        return JobRecord(name, UNFINISHED, reason, _given(_composed(folder)), None, swept)
    validated = "libraries" in result.inputs
    inputs = flat(result.inputs) if validated else _given(result.inputs)
    return JobRecord(name, result.status, result.reason, inputs, result, swept)


def sweep_rows(record: SweepRecord) -> list[dict[str, Any]]:
    """Return one row per job: its folder, status and reason, what varied, scalars, fingerprint."""
    varying = record.varying
    return [
        {"job": job.name, "status": job.status, "reason": job.reason}
        | {key: job.inputs[key] for key in varying if key in job.inputs}
        | dict(job.result.scalars if job.result is not None else {})
        | {"fingerprint": job.result.fingerprint if job.result is not None else None}
        for job in record.jobs
    ]


def _asked(job: PlannedJob) -> dict[str, Any]:
    """Return the inputs of a job that never started, as far as its overrides name keys."""
    from omegaconf import OmegaConf

    keys = [given.lstrip("+") for given in job.overrides if "." in given.split("=")[0]]
    asked: Any = OmegaConf.to_container(OmegaConf.from_dotlist(keys))
    return _given(asked)


def _composed(folder: Path) -> dict[str, Any]:
    """Return the configuration that an unfinished job started from, as far as it is there."""
    from omegaconf import OmegaConf

    path = folder / "config.yaml"
    loaded: Any = OmegaConf.to_container(OmegaConf.load(path)) if path.exists() else {}
    return loaded if isinstance(loaded, dict) else {}


def _given(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return composed inputs without nulls, which validation would have filled in."""
    return {key: value for key, value in flat(inputs).items() if value is not None}


def flat(inputs: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested inputs under dotted keys, lists as JSON, without what is no input."""
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        if not prefix and name in _NOT_INPUTS:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return found


def varying_keys(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose values differ between jobs, in the order of the configuration.

    A job that has no value at all (it failed before it was filled in) does not
    make a key vary.
    """
    values: dict[str, set[Any]] = {}
    for given in inputs:
        for key, value in given.items():
            values.setdefault(key, set())
            if value is not None:
                values[key].add(value)
    absent = {key for key in values if any(key in i and i[key] is None for i in inputs)}
    return [k for k, seen in values.items() if len(seen) > 1 or (seen and k in absent)]


def sweep_table(record: SweepRecord) -> pd.DataFrame:
    """Return a sweep as a data frame, see `sweep_rows`."""
    import pandas as pd

    table = pd.DataFrame(sweep_rows(record))
    last = ["fingerprint"]
    table = table[[name for name in table if name not in last] + last]
    for name in table.columns:
        # Parquet has one type per column: what mixes types becomes text.
        if pd.api.types.infer_dtype(table[name], skipna=True).startswith("mixed"):
            table[name] = table[name].map(lambda value: None if value is None else str(value))
    return table


def write_table(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write a table as CSV and as Parquet; return the two files."""
    csv, parquet = folder / "table.csv", folder / "table.parquet"
    with renamed(csv) as part:
        table.to_csv(part, index=False)
    with renamed(parquet) as part:
        table.to_parquet(part, index=False)
    return [csv, parquet]


def write_origin(record: SweepRecord, folder: Path) -> Path:
    """Write what each row of a table comes from: parameters, versions, fingerprints, checksums."""
    plan = record.plan
    jobs = []
    for job in record.jobs:
        result = job.result
        entry: dict[str, Any] = {"job": job.name, "status": job.status, "reason": job.reason}
        entry["inputs"] = {k: job.inputs[k] for k in record.varying if k in job.inputs}
        if result is not None:
            entry |= {
                "verb": result.verb,
                "version": result.version,
                "fingerprint": result.fingerprint,
                "libraries": result.inputs.get("libraries", {}),
                "input_sha256": result.inputs.get("input_sha256", {}),
                "result_sha256": content_hash(record.folder / job.name / RESULT),
                "exit_code": result.exit_code,
                "timing_s": result.timing_s,
            }
        jobs.append(entry)
    origin = {
        "sweep": str(record.folder),
        "study": plan.study if plan is not None else None,
        "launcher": plan.launcher if plan is not None else None,
        "common_inputs": record.common,
        "jobs": jobs,
    }
    return write_atomic(folder / "table.json", json.dumps(origin, indent=2) + "\n")
