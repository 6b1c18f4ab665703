"""Schema of the verb that gathers a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from coupling.collection import job_folders
from coupling.results import RESULT


@dataclass(frozen=True)
class CollectConfig:
    """A sweep to be gathered."""

    sweep: str = MISSING
    """Folder of the sweep, with one subfolder per job."""
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def input_paths(self) -> dict[str, Path]:
        """Return the jobs' results: a sweep that has grown makes another table."""
        folder = Path(self.sweep)
        if not folder.is_dir():
            return {"sweep": folder}
        results = {f"sweep[{job.name}]": job / RESULT for job in job_folders(folder)}
        return {key: path for key, path in results.items() if path.exists()}
