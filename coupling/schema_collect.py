"""Schema of the verb that gathers a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from coupling.collection import job_folders
from coupling.results import RESULT
from coupling.schema_figures import Figures
from coupling.sweep import PLAN


@dataclass(frozen=True)
class CollectConfig:
    """A sweep to be gathered."""

    sweep: str = MISSING
    """Folder of the sweep, with one subfolder per job."""
    figures: Figures = Figures.png
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def input_paths(self) -> dict[str, Path]:
        """Return plan and results: a sweep that has got further makes another table."""
        folder = Path(self.sweep)
        if not folder.is_dir():
            return {"sweep": folder}
        read = [folder / PLAN]
        for job in job_folders(folder):
            # an unfinished job counts too: it has a row of its own
            left = (job / RESULT, job / "config.yaml", *sorted(job.glob("*.log")))
            read.append(next(path for path in left if path.exists()))
        return {
            f"sweep[{path.relative_to(folder).as_posix()}]": path for path in read if path.exists()
        }
