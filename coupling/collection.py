"""Gather the jobs of a sweep into rows of one table, the failed ones too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coupling.config import NOT_IDENTITY
from coupling.results import RESULT, read_result

if TYPE_CHECKING:
    import pandas as pd

_NOT_INPUTS = (*NOT_IDENTITY, "libraries", "input_sha256")


def job_folders(sweep: Path, but: Path | None = None) -> list[Path]:
    """Return the folders of a sweep's jobs, in the order of their numbers.

    A folder is a job's if it holds a result, or the configuration or log that
    a job leaves that was stopped before it could write one. Tables collected
    earlier are not jobs, nor is the folder `but`, where one is being made.
    """
    folders = []
    for folder in sweep.iterdir():
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        if but is not None and folder.samefile(but):
            continue
        result = read_result(folder)
        collected = result is not None and result.verb == "collect"
        started = (folder / RESULT).exists() or (folder / "config.yaml").exists()
        if not collected and (started or any(folder.glob("*.log"))):
            folders.append(folder)
    return sorted(folders, key=lambda folder: _natural(folder.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sorting key by which job 10 follows job 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def sweep_rows(sweep: Path, but: Path | None = None) -> list[dict[str, Any]]:
    """Return one row per job: its folder, status and reason, what varied, its scalars.

    Raises
    ------
    ValueError
        If the folder holds no jobs.
    """
    folders = job_folders(sweep, but)
    if not folders:
        hint = ""
        if (sweep / RESULT).exists():
            hint = "; it is the folder of one run, give the folder of a sweep (islet VERB -m ...)"
        raise ValueError(f"sweep={sweep}: no jobs in this folder{hint}")
    heads: list[dict[str, Any]] = []
    inputs: list[dict[str, Any]] = []
    scalars: list[dict[str, Any]] = []
    for folder in folders:
        result = read_result(folder)
        if result is None:
            reason = f"no readable {RESULT}: stopped or still running"
            heads.append({"job": folder.name, "status": "unfinished", "reason": reason})
            inputs.append(_given(_composed(folder)))
            scalars.append({})
        else:
            heads.append({"job": folder.name, "status": result.status, "reason": result.reason})
            validated = "libraries" in result.inputs
            inputs.append(flat(result.inputs) if validated else _given(result.inputs))
            scalars.append(result.scalars)
    varying = varying_keys(inputs)
    return [
        head | {key: given[key] for key in varying if key in given} | dict(numbers)
        for head, given, numbers in zip(heads, inputs, scalars, strict=True)
    ]


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


def sweep_table(sweep: Path, but: Path | None = None) -> pd.DataFrame:
    """Return a sweep as a data frame, see `sweep_rows`."""
    import pandas as pd

    table = pd.DataFrame(sweep_rows(sweep, but))
    for name in table.columns:
        # Parquet has one type per column: what mixes types becomes text.
        if pd.api.types.infer_dtype(table[name], skipna=True).startswith("mixed"):
            table[name] = table[name].map(lambda value: None if value is None else str(value))
    return table


def write_table(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write a table as CSV and as Parquet; return the two files."""
    csv, parquet = folder / "table.csv", folder / "table.parquet"
    table.to_csv(csv, index=False)
    table.to_parquet(parquet, index=False)
    return [csv, parquet]
