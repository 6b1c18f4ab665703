"""One self-contained HTML page: verdict first, then evidence, then how it was made.

What the page shows is drawn by the browser from numbers inside it; nothing is fetched. Pictures
stand in on paper, and where scripts or WebGL are off.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.colors import to_hex
from omegaconf import OmegaConf

from coupling import report_words as words
from coupling.config import input_paths, job_fingerprint, plain
from coupling.figure_style import ABOVE, COPPER, LITHIUM, SIGMA1_MAP, SIGMA1_MAP_END
from coupling.packing import squeezed
from coupling.picture import DEFORMATION_SCALE
from coupling.report_cells import cells_content, prediction_words
from coupling.report_figure import figure
from coupling.report_islands import chosen_fields, commands, field_data, island_facts, shown
from coupling.report_map import map_picture, risk_colour
from coupling.report_scene import scene_data
from coupling.results import content_hash, islet_version, library_versions, write_atomic
from coupling.schema_run import RunConfig
from coupling.stress_figures import LEVELS, stress_norm
from imaging.assumptions import grouped
from mechanics.materials import PRESETS, Source, sources_of

if TYPE_CHECKING:
    from coupling.cells import Comparison
    from coupling.pipeline import Story

PICTURES = (
    "risk_map", "thickness_map", "worst_stress", "slices", "histogram", "z_profile",
    "lithium_3d", "risk_distribution", "uncertainty", "crack_profiles", "tall_and_flat",
    "prediction",
)  # fmt: skip
TABLE_ROWS = 30
"""Rows of the table of islands that stand open; the others fold out."""


def write_report(story: Story, folder: Path, comparison: Comparison | None = None) -> Path:
    """Write ``report.html`` with the pictures of a run's folder inside it.

    With a comparison, the story is that of the cell of most risk among several.
    """
    found = {name: story.folder / f"{name}.png" for name in PICTURES}
    pictures = {name: file for name, file in found.items() if file.is_file()}
    environment = Environment(
        loader=PackageLoader("coupling"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, any_number=_any_number, breakable=_breakable)
    environment.globals["picture"] = lambda name, alt, width="": figure(
        pictures.get(name), alt, width
    )
    content = _content(story, set(pictures))
    if comparison is not None:
        content["cells"] = cells_content(comparison)
        content["source"] = words.source(comparison.config)
        content["provenance"] = _provenance(comparison.config)
    return write_atomic(
        folder / "report.html", environment.get_template("report.html.j2").render(**content)
    )


def _content(story: Story, pictures: set[str]) -> dict[str, Any]:
    """Return what the template is filled with."""
    config, table, truth = story.config, story.electrode.table, story.truth
    live = _live(story)
    worst = float(table["risk_bulk"].max())  # NaN where nothing is known
    return {
        "source": words.source(config),
        "version": islet_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "at_risk": story.scalars["at_risk"],
        "verdict": words.verdict(story.scalars, table),
        "reading": words.reading(table),
        "rows": _records(table),
        "open_rows": TABLE_ROWS,
        "criterion": config.criterion(),
        "pictures": pictures,
        "map": map_picture(story.image, worst),
        "risk_colour": lambda risk: risk_colour(risk, worst),
        "islands": live["islands"],
        "fields": list(live["fields"]),
        "scene": live["scene"],
        "live": live,
        "stress_bar": _stress_bar(live["stress_scale"]),
        "deformation": DEFORMATION_SCALE,
        "plotly": _plotly() if live["scene"]["bodies"] else "",
        "scalars": story.scalars,
        "truth": _records(truth.table) if truth is not None else None,
        "truth_words": words.truth_words(truth),
        "assumptions": words.assumptions(config, story.image.decisions),
        "rests_on": grouped(story.rests_on),
        "decisions": story.image.decisions,
        "parameters": OmegaConf.to_yaml(OmegaConf.create(plain(config))),
        "sweeps": _sweep_figures(config),
        "sources": _sources(config),
        "provenance": _provenance(config),
        "folder": shown(story.folder),
        "cells": None,
        "prediction_words": prediction_words(story.prediction),
    }


def _live(story: Story) -> dict[str, Any]:
    """Return the numbers that the page's scripts draw from."""
    table, risks = story.electrode.table, story.electrode.risks
    facts = island_facts(table, story.image.islands, risks)
    for fact in facts:
        fact["commands"] = commands(fact, story.folder, story.config.stack.kind)
    drawn = {risk.label: risk.picture for risk in risks if risk.picture is not None}
    chosen = [label for label in chosen_fields(table) if label in drawn]
    reach = max((drawn[label].reach_um for label in chosen), default=0.0)
    fields = {label: field_data(drawn[label], reach) for label in chosen}
    return {
        "islands": facts,
        "fields": fields,
        "scene": scene_data(story.scene),
        "stress_scale": _stress_scale(),
    }


def _stress_scale() -> dict[str, Any]:
    """Return the colours of the printed stress fields."""
    norm = stress_norm()
    middles = 0.5 * (LEVELS[1:] + LEVELS[:-1])
    return {
        "lowest": float(LEVELS[0]),
        "highest": float(LEVELS[-1]),
        "colours": [to_hex(SIGMA1_MAP(norm(float(mpa)))) for mpa in middles],
        "under": SIGMA1_MAP_END,
        "over": ABOVE,
        "copper": COPPER,
        "lithium": LITHIUM,
    }


def _stress_bar(scale: dict[str, Any]) -> dict[str, Any]:
    span = scale["highest"] - scale["lowest"]
    values = np.arange(scale["lowest"], scale["highest"] + 1, 100)
    ticks = [(_number(v, 0), float((v - scale["lowest"]) / span)) for v in values]
    return {"colours": scale["colours"], "ticks": ticks}


def _sweep_figures(config: RunConfig) -> list[Markup]:
    """Return the figures of the sweep that the user has named."""
    if config.sweep is None:
        return []
    alt = "Crack risk and stresses against what was varied"
    files = [Path(config.sweep) / f"{name}.png" for name in ("sweep", "effects")]
    return [figure(file, alt) for file in files if file.is_file()]


def _plotly() -> str:
    """Return Plotly's script, compressed."""
    from plotly.offline import get_plotlyjs

    return squeezed(get_plotlyjs().encode())


def _sources(config: RunConfig) -> list[Source]:
    """Return the sources of the constants, if they are a preset's."""
    for name, preset in PRESETS.items():
        if config.material == preset:
            return sources_of(name)
    return [Source("constants given by the user", "not a preset", "see the parameters", "user")]


def _provenance(config: RunConfig) -> dict[str, str]:
    """Return what identifies job, code and inputs."""
    hashes = {key: content_hash(path) for key, path in input_paths(config).items()}
    mark = job_fingerprint("run", config, hashes)
    files = {f"{key} (SHA-256)": found for key, found in hashes.items()}
    return {"fingerprint": mark, "islet": islet_version(), **library_versions(), **files}


def _records(table: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = table.to_dict("records")
    return records


def _number(value: Any, digits: int) -> str:
    """Format a number; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    rounded = round(value, digits) + 0.0  # no minus before a zero
    return f"{rounded:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")


def _breakable(name: str) -> Markup:
    """Let a long key break after an underscore."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))


def _any_number(value: Any) -> str:
    """Format whatever is a number, and leave the rest as it is."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:.5g}" if math.isfinite(value) else "–"
