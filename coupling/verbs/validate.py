"""The published cases and the paper's checklist."""

from __future__ import annotations

import csv
from pathlib import Path

from coupling.case import Case, solve_case
from coupling.figure_style import written
from coupling.progress import counted
from coupling.published import (
    ASSUMED,
    INCONSISTENCIES,
    NARROW_UM,
    RESIDUALS,
    WIDE_UM,
    Row,
    checklist,
)
from coupling.results import Outcome, Scalar
from coupling.schema_figures import Figures
from coupling.schema_mechanics import MechanicsConfig, ValidateConfig
from coupling.stress_figures import pair_figure
from coupling.stress_picture import picture_of
from imaging.electrochemistry import coulombic_efficiency, faraday_thickness_um
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.replace import renamed
from imaging.workflow import analyse_pair
from mechanics.profile import cap
from mechanics.timing import Stopwatch

FIRST_PLATING_MAH_CM2 = 1.875
_SMALL_CELL = [96, 128, 128]


class ValidationError(RuntimeError):
    """A row of the checklist does not hold."""

    exit_code = 1


def run(config: ValidateConfig, folder: Path) -> Outcome:
    """Solve narrow and wide, strip synthetic cells, and print the paper's checklist.

    Raises
    ------
    ValidationError
        If a row does not hold; everything is written and printed before.
    """
    watch = Stopwatch()
    with watch.measure("islands"):
        mechanics = MechanicsConfig(mesh=config.mesh, solver=config.solver)
        shapes = counted((NARROW_UM, WIDE_UM), "islands", 2)
        narrow, wide = (solve_case(cap(*shape), mechanics) for shape in shapes)
    with watch.measure("stripping"):
        cells = counted(RESIDUALS.items(), "stripping", len(RESIDUALS))
        residuals = {cell: _residual(kept) for cell, kept in cells}
    rows = checklist(narrow, wide, residuals)
    files = [folder / "checklist.csv"]
    _write_rows(rows, files[0])
    if config.figures is not Figures.none:
        pictures = [("narrow", picture_of(narrow)), ("wide", picture_of(wide))]
        pair_figure(pictures, folder / "narrow_wide.png", config.figures.vector)
        files += written(folder / "narrow_wide.png", config.figures.vector)
    print(_as_text(rows))
    failed = [row.number for row in rows if not row.holds]
    if failed:
        raise ValidationError(f"rows {', '.join(failed)} of the checklist do not hold")
    return Outcome(_scalars(rows, narrow, wide), files, watch.seconds)


def _residual(kept: float) -> float:
    """Return the part of the plated lithium that the image chain finds after stripping.

    Two synthetic pairs: a uniform layer of the first plating, and the part of it that stays.
    """
    plated_um = faraday_thickness_um(FIRST_PLATING_MAH_CM2)
    found = []
    for layer_um in (plated_um, kept * plated_um):
        options = PhantomOptions(shape=_SMALL_CELL, islands=IslandChoice.none, layer_um=layer_um)
        phantom = make_phantom(options)
        image = analyse_pair(phantom.before, phantom.after, ImageOptions())
        found.append(image.scalars["mean_thickness_um"])
    return 1 - coulombic_efficiency(found[0], found[1])


def _write_rows(rows: list[Row], file: Path) -> None:
    with renamed(file) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["row", "kind", "quantity", "paper", "ours", "verdict"])
        for row in rows:
            cells = (row.number, row.kind.value, row.quantity, row.paper, row.ours, row.verdict)
            writer.writerow(cells)


def _as_text(rows: list[Row]) -> str:
    """Return the checklist as people read it on a terminal."""
    lines = ["The paper's checklist (Xu et al., Small 2026); only predictions validate.", ""]
    for row in rows:
        lines.append(f"{row.number:>4}  {row.verdict:<5} {row.kind.value:<10}  {row.quantity}")
        lines.append(f"{'':>4}  {'':<5} {'':<10}    paper: {row.paper}")
        lines.append(f"{'':>4}  {'':<5} {'':<10}    ours:  {row.ours}")
    predictions = [row for row in rows if row.kind.value == "prediction"]
    held = sum(row.holds for row in predictions)
    lines += ["", f"predictions that hold: {held} of {len(predictions)}"]
    lines += ["", "Inferred where the paper is silent:", *(f"  - {text}" for text in ASSUMED)]
    lines += ["", "What does not fit together in the text:"]
    lines += [f"  - {text}" for text in INCONSISTENCIES]
    return "\n".join(lines)


def _scalars(rows: list[Row], narrow: Case, wide: Case) -> dict[str, Scalar]:
    names = (
        "li_pressure_mpa", "apex_sigma1_mpa", "top_tension_fraction",
        "volume_above_200mpa_bulk_um3", "risk_bulk", "risk_rim",
    )  # fmt: skip
    scalars: dict[str, Scalar] = {"rows": len(rows), "rows_held": sum(row.holds for row in rows)}
    for label, case in (("narrow", narrow), ("wide", wide)):
        values = case.scalars()
        scalars |= {f"{label}_{name}": values[name] for name in names}
    return scalars
