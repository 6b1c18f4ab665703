"""Crack risk of every island that an image run has found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_from_file
from coupling.electrode import EXACT, IslandRisk, electrode_scalars, risk_table
from coupling.ranking import rank_islands
from coupling.results import Outcome, Scalar, write_atomic
from coupling.risk_figures import distribution_figure, risk_map_figure
from coupling.schema_mechanics import MechanicsConfig, RiskConfig
from coupling.schema_ranking import RankingOptions
from coupling.stress_figures import draw_picture, risk_title
from mechanics.profile import IslandProfile


@dataclass(frozen=True)
class ElectrodeRisk:
    """Every island of an electrode, ranked."""

    table: pd.DataFrame
    """One row per island, the riskiest first."""
    risks: list[IslandRisk]
    files: list[Path]
    scalars: dict[str, Scalar]

    def of(self, label: int) -> IslandRisk:
        """Return what is known of one island."""
        return next(risk for risk in self.risks if risk.label == label)


def run(config: RiskConfig, folder: Path) -> Outcome:
    """Find the risk of each island of an image run and rank them."""
    start = time.perf_counter()
    source = Path(config.image)
    islands = measured_islands(source)
    profiles = {
        int(row.label): profile_from_file(source / "islands" / f"{row.label}.csv", row.volume_um3)
        for row in islands.itertuples()
    }
    electrode = rank(islands, profiles, config, config.ranking, config.workers, folder)
    timing = {"islands": time.perf_counter() - start}
    return Outcome(electrode.scalars, electrode.files, timing)


def rank(
    islands: pd.DataFrame,
    profiles: dict[int, IslandProfile],
    config: MechanicsConfig,
    options: RankingOptions,
    workers: int | None,
    folder: Path,
) -> ElectrodeRisk:
    """Rank islands by risk, and write table, map, distribution and picture of the worst."""
    ranking = rank_islands(profiles, config, options, workers)
    table = risk_table(islands, ranking.risks)
    names = ("risk.csv", "risk_map.png", "risk_distribution.png")
    files = [folder / name for name in names]
    write_table(table, files[0])
    risk_map_figure(table, files[1])
    distribution_figure(table, files[2])
    scalars = electrode_scalars(table) | ranking.scalars
    electrode = ElectrodeRisk(table, ranking.risks, files, scalars)
    solved = table[table["method"] == EXACT]
    if len(solved):
        worst = electrode.of(int(solved["label"].iloc[0]))
        assert worst.picture is not None
        files.append(folder / "worst_stress.png")
        draw_picture(worst.picture, files[-1], risk_title(worst.label, worst.scalars))
    return electrode


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a table of risks as CSV."""
    write_atomic(file, table.to_csv(index=False, float_format="%.8g"))
