"""Table, record and picture of predicted hot spots against cracks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from coupling.figure_style import ABOVE, CRACK, DOUBLE_COLUMN_IN, GREY, figure, written
from coupling.prediction import SCORED, Prediction, predict_cracks, record, roc_curve
from coupling.results import read_result, write_atomic
from coupling.schema_figures import Figures
from coupling.tables import read_table

PREDICTION_FILES = ("prediction.csv", "prediction.json")


def score(
    risks: pd.DataFrame, source: Path, folder: Path, figures: Figures, *, synthetic: bool
) -> tuple[Prediction | None, list[Path]]:
    """Score risks against the cracks of an image run, and write what was found; return the files.

    Where it has no cracks, or no risks, there is nothing to score.

    Parameters
    ----------
    risks
        Table of the islands' risk.
    source
        Folder with ``cracks.csv``.
    folder
        Where the outputs go.
    figures
        How the picture is written.
    synthetic
        Whether the scans are.
    """
    file = source / "cracks.csv"
    if not file.is_file():
        return None, []
    cracks = read_table(
        file, finite=("x_um", "y_um"), positive=("equivalent_diameter_um",), numbering=("label",)
    )
    found = predict_cracks(risks, cracks, synthetic=synthetic)
    if found is None:
        return None, []
    files = [folder / name for name in PREDICTION_FILES]
    write_atomic(files[0], found.table.to_csv(index=False, float_format="%.8g"))
    write_atomic(files[1], json.dumps(record(found), indent=2, default=_plain) + "\n")
    picture = folder / "prediction.png"
    if figures is not Figures.none:
        prediction_figure(found, picture, figures.vector)
        files += written(picture, figures.vector)
    return found, files


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in prediction.json")


def is_synthetic(image_folder: Path) -> bool:
    """Whether an image run has looked at scans that lie beside a phantom's truth, or made them."""
    result = read_result(image_folder)
    if result is None:
        return False
    given = result.inputs
    if result.verb == "run" and not any(given.get(key) for key in ("before", "scans", "lvf")):
        return True
    scans = [given.get("before"), given.get("after"), *(given.get("scans") or [])]
    return any((Path(scan).parent / "truth" / "transform.json").is_file() for scan in scans if scan)


def prediction_figure(found: Prediction, file: Path, vector: str = "") -> None:
    """Draw islands and cracks from above, and the ROC curve beside what chance gives."""
    with figure(file, DOUBLE_COLUMN_IN, 3.1, vector) as drawing:
        place, roc = drawing.subplots(1, 2, width_ratios=(1.15, 1))
        _draw_map(place, found)
        _draw_roc(roc, found)
        if found.synthetic:
            drawing.suptitle("synthetic scans: cracks placed by a rule", fontsize=8, color=GREY)


def _draw_map(axes: Axes, found: Prediction) -> None:
    for row in found.cracks.itertuples():
        at = (row.x_um, row.y_um)
        radius = row.equivalent_diameter_um / 2
        axes.add_patch(Circle(at, radius, fc=CRACK, ec=CRACK, alpha=0.35, lw=1.0))
    for row in found.table.itertuples():
        at, radius = (row.x_um, row.y_um), row.contact_diameter_um / 2
        colour = ABOVE if row.predicted else GREY
        axes.add_patch(Circle(at, radius, fill=False, ec=colour, lw=1.2 if row.predicted else 0.6))
        if len(found.table) <= 40 or row.predicted:
            axes.annotate(f"{row.risk_bulk:.1f}", at, ha="center", va="center", fontsize=6)
    both = pd.concat([found.table[["x_um", "y_um"]], found.cracks[["x_um", "y_um"]]])
    reach = 0.6 * max(
        found.table["contact_diameter_um"].max(), found.cracks["equivalent_diameter_um"].max()
    )
    axes.set_xlim(both["x_um"].min() - reach, both["x_um"].max() + reach)
    axes.set_ylim(both["y_um"].min() - reach, both["y_um"].max() + reach)
    axes.set_aspect("equal")
    axes.set_xlabel("x (µm)")
    axes.set_ylabel("y (µm)")
    axes.set_title("red: R1 > 1 predicted; purple: cracks found; number: R1", loc="left")


def _draw_roc(axes: Axes, found: Prediction) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.6, ls=":", label="chance")
    cracked = found.table["cracked"].to_numpy(bool)
    styles = {
        SCORED[0]: ("bulk risk R1", ABOVE, "-", 1.6),
        "height_um": ("height", "black", "--", 1),
    }
    for name, (label, colour, dashes, width) in styles.items():
        if name not in found.auc:
            continue
        false, true = roc_curve(found.table[name].to_numpy(float), cracked)
        text = f"{label}: area {found.auc[name].value:.2f}"
        axes.plot(false, true, color=colour, lw=width, ls=dashes, label=text)
    if not found.auc:
        axes.text(0.5, 0.5, "all islands are cracked, or none", ha="center", fontsize=7)
    else:
        own = found.auc[SCORED[0]]
        axes.set_title(
            f"chance: {own.low:.2f} to {own.high:.2f} (95 %), p = {own.p_value:.2g}", loc="left"
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_aspect("equal")
    axes.set_xlabel("uncracked islands above the threshold (share)")
    axes.set_ylabel("cracked islands above the threshold (share)")
    axes.legend(frameon=False, loc="lower right")
