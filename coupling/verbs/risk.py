"""Crack risk of every island that an image run has found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_from_file
from coupling.electrode import IslandRisk, electrode_scalars, risk_table, solve_islands
from coupling.results import Outcome
from coupling.risk_figures import risk_map_figure
from coupling.schema_mechanics import MechanicsConfig, RiskConfig
from coupling.stress_figures import draw_picture, risk_title
from mechanics.profile import IslandProfile


@dataclass(frozen=True)
class ElectrodeRisk:
    """Every island of an electrode, solved and ranked."""

    table: pd.DataFrame
    """One row per island, the riskiest first."""
    risks: list[IslandRisk]
    files: list[Path]

    def of(self, label: int) -> IslandRisk:
        """Return one island's solution."""
        return next(risk for risk in self.risks if risk.label == label)


def run(config: RiskConfig, folder: Path) -> Outcome:
    """Solve each island of an image run and rank them."""
    start = time.perf_counter()
    source = Path(config.image)
    islands = measured_islands(source)
    profiles = {
        int(row.label): profile_from_file(source / "islands" / f"{row.label}.csv", row.volume_um3)
        for row in islands.itertuples()
    }
    electrode = rank(islands, profiles, config, config.workers, folder)
    timing = {"islands": time.perf_counter() - start}
    return Outcome(electrode_scalars(electrode.table), electrode.files, timing)


def rank(
    islands: pd.DataFrame,
    profiles: dict[int, IslandProfile],
    config: MechanicsConfig,
    workers: int | None,
    folder: Path,
) -> ElectrodeRisk:
    """Solve islands, rank them, and write table, map and picture of the worst."""
    risks = solve_islands(profiles, config, workers)
    table = risk_table(islands, risks)
    files = [folder / "risk.csv", folder / "risk_map.png"]
    table.to_csv(files[0], index=False, float_format="%.8g")
    risk_map_figure(table, files[1])
    electrode = ElectrodeRisk(table, risks, files)
    worst = electrode_scalars(table)["worst_label"]
    if isinstance(worst, int):
        picture = electrode.of(worst).picture
        assert picture is not None
        files.append(folder / "worst_stress.png")
        draw_picture(picture, files[-1], risk_title(worst, electrode.of(worst).scalars))
    return electrode
