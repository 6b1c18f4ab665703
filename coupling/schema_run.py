"""Schema of the whole story: tomograms to crack-risk report."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coupling.config import plain, schema_node, validated
from coupling.results import require_finished
from coupling.schema_imaging import Electrode, TomogramConfig
from coupling.schema_mechanics import ElectrodeConfig, require_workers
from imaging.phantom_cracks import CrackRule
from imaging.phantom_options import IslandChoice, PhantomOptions

PHANTOM_CELLS: dict[str, dict[str, Any]] = {
    "bare_cu": {"islands": IslandChoice.bare_cu, "crack_rule": CrackRule.above_tallest},
    "ag_cu": {"islands": IslandChoice.ag_cu},
}
"""The two synthetic cells, after the paper's: tall islands with cracks, and flat ones."""
_CONTENTS = (
    *("islands", "caps_um", "layer_um", "layer_rim_um", "deposit", "deposit_um"),
    *("residual_fraction", "void_fraction", "cracks_um", "crack_rule", "series"),
)
"""Keys that say what one synthetic cell holds."""
_NAME = re.compile(r"[A-Za-z0-9][\w-]*")


@dataclass(frozen=True)
class RunConfig(ElectrodeConfig, TomogramConfig):
    """Everything but the island, which is measured; without tomograms the phantom is used."""

    phantom: PhantomOptions = field(default_factory=PhantomOptions)
    """The synthetic cell that stands in where no tomograms are given."""
    cells: dict[str, Any] = field(default_factory=dict)
    """Several cells to compare: for each name its own tomograms, and whatever else of
    `TomogramConfig` differs from what is given for all."""
    phantom_cells: int | None = None
    """How many synthetic cells: 2, bare copper and silver-coated copper, or 1, as `phantom` says;
    None: 2, but 1 where `phantom` says what the cell holds."""
    sweep: str | None = None
    """Folder of a finished `collect`, whose figures go into the report."""
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
        if self.sweep is not None:
            require_finished(Path(self.sweep), "collect")
        if self.phantom_cells not in (None, 1, 2):
            raise ValueError(f"phantom_cells must be 1 or 2, got {self.phantom_cells}")
        if self.phantom_cells == 2 and self._phantom_contents:
            raise ValueError(
                f"phantom.{self._phantom_contents[0]} says what one synthetic cell holds: give "
                "phantom_cells=1 with it"
            )
        self._check_cells()

    def _check_cells(self) -> None:
        if not self.cells:
            return
        if self.pair is not None or self.lvf is not None:
            raise ValueError(
                "give either cells.NAME.before=FILE cells.NAME.after=FILE or before=FILE "
                "after=FILE, not both"
            )
        if len(self.cells) < 2:
            raise ValueError(
                f"cells needs two or more to compare, got {', '.join(self.cells)}; for one cell "
                "give before=FILE after=FILE"
            )
        for name, cell in self.cell_configs().items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"cells.{name}: a name is letters, digits, _ and -")
            if cell.uses_phantom:
                raise ValueError(
                    f"cells.{name} has no tomograms: give cells.{name}.before=FILE "
                    f"cells.{name}.after=FILE, or cells.{name}.lvf=FILE"
                )

    @property
    def uses_phantom(self) -> bool:
        """Whether no tomograms are given."""
        return self.pair is None and self.lvf is None and not self.cells

    @property
    def _phantom_contents(self) -> list[str]:
        """Keys by which the phantom says what the cell holds."""
        usual = PhantomOptions()
        return [n for n in _CONTENTS if getattr(self.phantom, n) != getattr(usual, n)]

    def cell_configs(self) -> dict[str, RunConfig]:
        """Return the configuration of each of several cells, by name; none where there is one."""
        one = dataclasses.replace(self, cells={}, phantom_cells=1)
        if self.cells:
            return {
                str(name): dataclasses.replace(one, **self._tomograms(str(name), given))
                for name, given in self.cells.items()
            }
        if not self.uses_phantom or self.phantom_cells == 1:
            return {}
        if self.phantom_cells is None and self._phantom_contents:
            return {}
        return {
            name: dataclasses.replace(
                one,
                phantom=dataclasses.replace(self.phantom, seed=self.phantom.seed + k, **contents),
            )
            for k, (name, contents) in enumerate(PHANTOM_CELLS.items())
        }

    def _tomograms(self, name: str, given: Any) -> dict[str, Any]:
        """Return what a cell's own keys make of those that all cells share, by field."""
        if not isinstance(given, dict):
            raise ValueError(
                f"cells.{name} must hold keys such as cells.{name}.before=FILE, got {given}"
            )
        fields = [one.name for one in dataclasses.fields(TomogramConfig)]
        shared = {field: plain(getattr(self, field)) for field in fields}
        try:
            node = OmegaConf.merge(schema_node(TomogramConfig), shared, given)
            found = validated(node)  # type: ignore[arg-type]
        except OmegaConfBaseException as error:
            raise ValueError(f"cells.{name}: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            raise ValueError(f"cells.{name}: {error}") from error
        return {field: getattr(found, field) for field in fields}

    def input_paths(self) -> dict[str, Path]:
        """Return what is read, of all cells, and the sweep that the report shows."""
        table = {} if self.sweep is None else {"sweep[table.csv]": Path(self.sweep) / "table.csv"}
        if not self.cells:
            return TomogramConfig.input_paths(self) | table
        tomograms = {
            f"cells.{name}.{key}": path
            for name, cell in self.cell_configs().items()
            for key, path in TomogramConfig.input_paths(cell).items()
        }
        return tomograms | table
