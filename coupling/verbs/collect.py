"""A sweep's results as one table, its origin and its figures."""

from __future__ import annotations

import logging
from pathlib import Path

from coupling.collection import read_sweep, sweep_table, write_origin, write_table
from coupling.results import Outcome, Scalar
from coupling.schema_collect import CollectConfig
from coupling.schema_figures import Figures
from coupling.sweep_axes import sign_change, view_of
from coupling.sweep_figures import write_sweep_figures

log = logging.getLogger("islet.collect")


def run(config: CollectConfig, folder: Path) -> Outcome:
    """Write ``table.csv`` and ``table.parquet``: one row per job, the failed ones too."""
    record = read_sweep(Path(config.sweep), but=folder)
    for job in record.jobs:
        if job.status != "ok":
            log.warning("job %s %s: %s", job.name, job.status, job.reason)
    table = sweep_table(record)
    files = [*write_table(table, folder), write_origin(record, folder)]
    done = int((table["status"] == "ok").sum())
    scalars: dict[str, Scalar] = {
        "jobs": len(table),
        "jobs_ok": done,
        "jobs_failed": len(table) - done,
    }
    view = view_of(record, table)
    if view is not None:
        if config.figures is not Figures.none:
            files += write_sweep_figures(view, folder, config.figures.vector)
        change = sign_change(view)
        if change is not None:
            scalars["apex_sign_change_aspect_ratio"] = change
    return Outcome(scalars, files)
