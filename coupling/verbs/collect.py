"""A sweep's results as one table."""

from __future__ import annotations

import logging
from pathlib import Path

from coupling.collection import sweep_table, write_table
from coupling.results import Outcome
from coupling.risk_figures import SWEEP_COLUMNS, sweep_figure
from coupling.schema_collect import CollectConfig

log = logging.getLogger("islet.collect")


def run(config: CollectConfig, folder: Path) -> Outcome:
    """Write ``table.csv`` and ``table.parquet``: one row per job, the failed ones too."""
    table = sweep_table(Path(config.sweep), but=folder)
    done = int((table["status"] == "ok").sum())
    for row in table[table["status"] != "ok"].itertuples():
        log.warning("job %s %s: %s", row.job, row.status, row.reason)
    files = write_table(table, folder)
    if set(SWEEP_COLUMNS) <= set(table) and table["risk_bulk"].notna().any():
        files.append(folder / "sweep.png")
        sweep_figure(table, files[-1])
    return Outcome({"jobs": len(table), "jobs_ok": done, "jobs_failed": len(table) - done}, files)
