"""Tables and picture of uncertain crack risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coupling.electrode import island_solver, worker_count
from coupling.figure_style import ABOVE, DOUBLE_COLUMN_IN, figure, written
from coupling.island_risk import EXACT, IslandRisk
from coupling.results import Scalar, write_atomic
from coupling.schema_figures import Figures
from coupling.schema_mechanics import MechanicsConfig, SolveConfig
from coupling.schema_uncertainty import UncertaintyOptions
from coupling.solved_store import SolvedStore, solved_store
from coupling.uncertainty import (
    CONTACT_DIAMETER_STD,
    HEIGHT_STD,
    ShapeSpread,
    Uncertainty,
    uncertain_risk,
)
from mechanics.profile import IslandProfile

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
NAMES = {
    "se_youngs": "E of the electrolyte",
    "li_youngs": "E of lithium",
    "cu_yield": "yield stress of copper",
    "expansion": "growth",
    "contact_diameter": "contact diameter",
    "height": "height",
    "emulator": "emulator",
}


def uncertain_electrode(
    table: pd.DataFrame,
    risks: Sequence[IslandRisk],
    profiles: Mapping[int, IslandProfile],
    config: MechanicsConfig,
    options: UncertaintyOptions,
    workers: int | None,
    store: SolvedStore | None = None,
) -> tuple[pd.DataFrame, Uncertainty]:
    """Add what uncertain inputs make of the risk to the table of an electrode.

    Parameters
    ----------
    table
        As `coupling.electrode.risk_table`: the riskiest first.
    risks, profiles
        Of the same islands.
    store
        Where solved islands are kept until the run has ended.
    """
    spreads = {
        int(row["label"]): ShapeSpread(
            float(row.get(CONTACT_DIAMETER_STD, options.contact_diameter_std_um)),
            float(row.get(HEIGHT_STD, options.height_std_um)),
        )
        for row in table.to_dict("records")
    }
    by_label = {risk.label: risk for risk in risks}
    ranked = [by_label[int(label)] for label in table["label"]]
    with island_solver(config, worker_count(workers), store) as solve_many:
        found = uncertain_risk(ranked, profiles, spreads, config, options, solve_many)
    more = pd.DataFrame([{"label": island.label} | island.scalars for island in found.islands])
    return table.merge(more, on="label", how="left"), found


def island_uncertainty(
    scalars: dict[str, Scalar], config: SolveConfig, folder: Path
) -> tuple[dict[str, Scalar], list[Path]]:
    """Follow uncertain inputs to the risk of one solved island.

    Parameters
    ----------
    scalars
        Of the island at the configured inputs.
    folder
        Where table and picture go.

    Returns
    -------
    tuple
        Scalars of the uncertain risk, and the files that were written.
    """
    options = config.uncertainty
    risk = IslandRisk(0, EXACT, scalars, None)
    spread = ShapeSpread(options.contact_diameter_std_um, options.height_std_um)
    profiles = {0: config.island.profile()}
    workers = worker_count(config.workers)
    with solved_store(folder) as store, island_solver(config, workers, store) as solve_many:
        found = uncertain_risk([risk], profiles, {0: spread}, config, options, solve_many)
    overall = {
        name: value for name, value in found.scalars.items() if name.startswith("uncertainty")
    }
    return found.islands[0].scalars | overall, write_uncertainty(found, folder, config.figures)


def write_uncertainty(
    found: Uncertainty, folder: Path, figures: Figures = Figures.png
) -> list[Path]:
    """Write ``sensitivity.csv`` and ``uncertainty.png``; return the files."""
    rows = [
        {"label": island.label, "input": name, "first_order": first, "total": total}
        for island in found.islands
        if island.indices is not None
        for name, first, total in zip(
            found.inputs, island.indices.first_order, island.indices.total, strict=True
        )
    ]
    files = [folder / "sensitivity.csv"]
    columns = ["label", "input", "first_order", "total"]
    table = pd.DataFrame(rows, columns=columns)
    write_atomic(files[0], table.to_csv(index=False, float_format="%.5g"))
    if figures is not Figures.none:
        uncertainty_figure(found, folder / "uncertainty.png", figures.vector)
        files += written(folder / "uncertainty.png", figures.vector)
    return files


def uncertainty_figure(found: Uncertainty, file: Path, vector: str = "") -> None:
    """Draw the risk of the worst islands with its quantiles, and which input carries them."""
    islands = [island for island in found.islands if island.indices is not None]
    height = 1.5 + 0.22 * max(len(islands), 3)
    with figure(file, DOUBLE_COLUMN_IN, height, vector) as drawing:
        risk, share = drawing.subplots(1, 2, sharey=True, width_ratios=(1, 1.2))
        place = np.arange(len(islands))
        for y, island in zip(place, islands, strict=True):
            low, middle, high = (
                float(island.scalars[f"risk_bulk_{end}"] or 0.0) for end in ("p05", "p50", "p95")
            )
            risk.plot([low, high], [y, y], color="black", lw=1)
            risk.plot([middle], [y], color="black", marker="o", ms=3)
            risk.annotate(
                f"{100 * float(island.scalars['probability'] or 0.0):.0f} %",
                (high, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=6,
            )  # fmt: skip
        risk.axvline(1.0, color=ABOVE, lw=0.8, ls="--")
        risk.set_yticks(place, [str(island.label) if island.label else "" for island in islands])
        risk.set_xlabel("bulk crack risk R1 (–)")
        risk.set_ylabel("island" if any(island.label for island in islands) else "")
        risk.set_title("5, 50, 95 %; right: probability of R1 > 1", loc="left")
        left, right = risk.get_xlim()
        risk.set_xlim(left, right + 0.15 * (right - left))
        start = np.zeros(len(islands))
        for i, name in enumerate(found.inputs):
            shares = [
                max(float(island.indices.first_order[i]), 0.0)
                for island in islands
                if island.indices is not None
            ]
            colour = COLOURS[list(NAMES).index(name)]
            share.barh(place, shares, left=start, color=colour, label=NAMES[name], height=0.7)
            start += shares
        share.set_xlim(0, max(1.0, float(start.max(initial=0.0))))
        share.set_xlabel("first-order share of the variance of R1 (–)")
        share.set_ylim(max(len(islands), 3) - 0.5, -0.5)  # the worst on top
        share.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
