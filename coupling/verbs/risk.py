"""Crack risk of every island that an image run has found."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_from_file
from coupling.electrode import electrode_scalars, risk_table
from coupling.island_risk import EXACT, IslandRisk
from coupling.prediction_output import is_synthetic, score
from coupling.ranking import Ranking, rank_islands
from coupling.results import Outcome, Scalar, write_atomic
from coupling.risk_pictures import RiskPictures
from coupling.schema_mechanics import ElectrodeConfig, RiskConfig
from coupling.series_folder import is_series
from coupling.series_risk import (
    MeasuredSeries,
    crossings,
    measured_series,
    series_risk_scalars,
)
from coupling.solved_store import SolvedStore, solved_store
from coupling.stress_picture import risk_title
from coupling.uncertainty import Uncertainty
from coupling.uncertainty_output import uncertain_electrode, write_uncertainty
from mechanics.profile import IslandProfile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ElectrodeRisk:
    """Every island of an electrode, ranked."""

    table: pd.DataFrame
    """One row per island, the riskiest first."""
    risks: list[IslandRisk]
    files: list[Path]
    scalars: dict[str, Scalar]


def run(config: RiskConfig, folder: Path) -> Outcome:
    """Find the risk of each island of an image run and rank them."""
    start = time.perf_counter()
    source = Path(config.image)
    if is_series(source):
        return _run_series(config, measured_series(source), folder)
    islands = measured_islands(source)
    profiles = {
        int(row.label): profile_from_file(source / "islands" / f"{row.label}.csv", row.volume_um3)
        for row in islands.itertuples()
    }
    electrode = rank(islands, profiles, config, folder)
    scored, files = score(
        electrode.table, source, folder, config.figures, synthetic=is_synthetic(source)
    )
    electrode.files.extend(files)
    if scored is not None:
        electrode.scalars.update(scored.scalars())
    timing = {"islands": time.perf_counter() - start}
    return Outcome(electrode.scalars, electrode.files, timing)


def _run_series(config: RiskConfig, series: MeasuredSeries, folder: Path) -> Outcome:
    """Find the risk of each island at each scan: one table and map per scan, and the course."""
    start = time.perf_counter()
    islands, scans = series.islands, series.scans
    if islands.empty:
        raise ValueError(f"{config.image}: no island was found in any scan, so there is no risk")
    log.info("a series: %d islands in %d scans", len(islands), islands["scan"].nunique())
    with solved_store(folder) as store:
        ranking = rank_islands(series.profiles, config, config.ranking, config.workers, store)
        table = risk_table(islands, ranking.risks)
        scalars = electrode_scalars(table) | ranking.scalars | series_risk_scalars(table, scans)
        table, uncertainty = _uncertain(table, ranking, series.profiles, config, store)
    names = {"label_in_scan": "label"}
    course = table.drop(columns="label").rename(columns=names).sort_values(["track", "scan"])
    first = ["track", "scan", "time_h", "charge_mah_cm2", "label"]
    course = course[[*first, *(name for name in course.columns if name not in first)]]
    scalars["worst_label"] = _label_in_scan(table)
    files = [folder / "risk_series.csv"]
    write_table(course, files[0])
    pictures = RiskPictures(config.figures)
    files += pictures.series(table, scans, crossings(table, scans), folder)
    files += pictures.distribution(table, folder)
    if uncertainty is not None:
        files += write_uncertainty(uncertainty, folder, config.figures)
        scalars |= uncertainty.scalars
    for scan in scans.itertuples():
        own = table[table["scan"] == scan.scan].drop(columns="label").rename(columns=names)
        if own.empty:
            continue
        place = folder / scan.folder
        place.mkdir(exist_ok=True)
        own = own[["label", *(name for name in own.columns if name != "label")]]
        write_table(own, place / "risk.csv")
        files += [place / "risk.csv", *pictures.map(own, place)]
        source = Path(config.image)
        scored, written = score(
            own, source / scan.folder, place, config.figures, synthetic=is_synthetic(source)
        )
        files += written
        if scored is not None:  # the last scan with cracks says it
            scalars |= scored.scalars() | {"prediction_scan": int(scan.scan)}
    worst = _worst_exact(table, ranking.risks)
    if worst is not None:
        row = table[table["label"] == worst.label].iloc[0]
        title = risk_title(int(row["label_in_scan"]), worst.scalars)
        files += pictures.worst(worst, f"scan {row['scan']}, {title}", folder)
    return Outcome(scalars, files, {"islands": time.perf_counter() - start})


def _uncertain(
    table: pd.DataFrame,
    ranking: Ranking,
    profiles: Mapping[int, IslandProfile],
    config: ElectrodeConfig,
    store: SolvedStore,
) -> tuple[pd.DataFrame, Uncertainty | None]:
    """Return the table with what uncertain inputs make of it, where that is asked for."""
    if not config.uncertainty.samples or table["risk_bulk"].isna().all():
        return table, None
    return uncertain_electrode(
        table, ranking.risks, profiles, config, config.uncertainty, config.workers, store
    )


def _label_in_scan(table: pd.DataFrame) -> int | None:
    """Return the label of the worst island in its own scan."""
    solved = table.dropna(subset=["risk_bulk"])
    return int(solved["label_in_scan"].iloc[0]) if len(solved) else None


def _worst_exact(table: pd.DataFrame, risks: list[IslandRisk]) -> IslandRisk | None:
    """Return the riskiest island that was solved, of a table that starts with the riskiest."""
    solved = table.loc[table["method"] == EXACT, "label"]
    if solved.empty:
        return None
    return next(risk for risk in risks if risk.label == int(solved.iloc[0]))


def rank(
    islands: pd.DataFrame,
    profiles: dict[int, IslandProfile],
    config: ElectrodeConfig,
    folder: Path,
) -> ElectrodeRisk:
    """Rank islands by risk, and write table, map, distribution and picture of the worst."""
    with solved_store(folder) as store:
        ranking = rank_islands(profiles, config, config.ranking, config.workers, store)
        table = risk_table(islands, ranking.risks)
        scalars = electrode_scalars(table) | ranking.scalars
        table, uncertainty = _uncertain(table, ranking, profiles, config, store)
    files = [folder / "risk.csv"]
    write_table(table, files[0])
    pictures = RiskPictures(config.figures)
    files += [*pictures.map(table, folder), *pictures.distribution(table, folder)]
    files += pictures.tall_and_flat(table, ranking.risks, folder)
    if uncertainty is not None:
        files += write_uncertainty(uncertainty, folder, config.figures)
        scalars |= uncertainty.scalars
    worst = _worst_exact(table, ranking.risks)
    if worst is not None:
        files += pictures.worst(worst, risk_title(worst.label, worst.scalars), folder)
    return ElectrodeRisk(table, ranking.risks, files, scalars)


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a table of risks as CSV."""
    write_atomic(file, table.to_csv(index=False, float_format="%.8g"))
