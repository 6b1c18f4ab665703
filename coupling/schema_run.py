"""Schema of the whole story: tomograms to crack-risk report."""

from __future__ import annotations

from dataclasses import dataclass, field

from coupling.schema_imaging import Electrode, TomogramConfig
from coupling.schema_mechanics import ElectrodeConfig, require_workers
from imaging.phantom import PhantomOptions


@dataclass(frozen=True)
class RunConfig(ElectrodeConfig, TomogramConfig):
    """Everything but the island, which is measured; without tomograms the phantom is used."""

    phantom: PhantomOptions = field(default_factory=PhantomOptions)
    """The synthetic cell that stands in where no tomograms are given."""
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def __post_init__(self) -> None:
        TomogramConfig.__post_init__(self)
        if self.is_series:
            raise ValueError(
                f"islet run takes two tomograms, got scans with {self.tomograms}: give the series "
                "to islet image, and the pristine scan with one other to islet run"
            )
        if self.electrode is not Electrode.we:
            raise ValueError(
                "islet run looks at the islands of the working electrode: give electrode=ce to "
                "islet image"
            )
        require_workers(self.workers)

    @property
    def uses_phantom(self) -> bool:
        """Whether no tomograms are given."""
        return self.pair is None and self.lvf is None
