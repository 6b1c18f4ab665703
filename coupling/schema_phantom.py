"""Schema of the verb that writes a synthetic cell."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from imaging.phantom_options import PhantomOptions


@dataclass(frozen=True)
class PhantomConfig(PhantomOptions):
    """A synthetic pair of tomograms."""

    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def options(self) -> PhantomOptions:
        """Return what the imaging side is asked for."""
        names = [field.name for field in dataclasses.fields(PhantomOptions)]
        return PhantomOptions(**{name: getattr(self, name) for name in names})
