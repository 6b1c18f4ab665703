"""Schema of the verb that gathers a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING


@dataclass(frozen=True)
class CollectConfig:
    """A sweep to be gathered."""

    sweep: str = MISSING
    """Folder of the sweep, with one subfolder per job."""
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def input_paths(self) -> dict[str, Path]:
        """Return what is read."""
        return {"sweep": Path(self.sweep)}
