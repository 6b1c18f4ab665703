"""One self-contained HTML page: verdict first, then evidence, then how it was made."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from omegaconf import OmegaConf

from coupling.config import input_paths, job_fingerprint, plain
from coupling.report_cells import cells_content, prediction_words
from coupling.results import content_hash, islet_version, library_versions, write_atomic
from coupling.schema_run import RunConfig
from imaging.assumptions import grouped
from mechanics.materials import PRESETS, Source, sources_of

if TYPE_CHECKING:
    from coupling.cells import Comparison
    from coupling.pipeline import Story

PICTURES = (
    "risk_map.png", "thickness_map.png", "worst_stress.png", "slices.png",
    "histogram.png", "z_profile.png", "lithium_3d.png", "risk_distribution.png",
    "uncertainty.png", "prediction.png",
)  # fmt: skip


def write_report(story: Story, folder: Path, comparison: Comparison | None = None) -> Path:
    """Write ``report.html`` with the pictures of a run's folder inside it.

    With a comparison, the story is that of the cell of most risk among several.
    """
    pictures = {name: story.folder / name for name in PICTURES if (story.folder / name).is_file()}
    environment = Environment(
        loader=PackageLoader("coupling"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters.update(number=_number, any_number=_any_number)
    environment.globals["picture"] = lambda name, alt, caption, width="": _figure(
        pictures.get(name), alt, caption, width
    )
    content = _content(story, set(pictures))
    content["cells"] = None
    if comparison is not None:
        content["cells"] = cells_content(comparison)
        content["provenance"] = _provenance(comparison.config)
    content["prediction_words"] = prediction_words(story.prediction)
    page = environment.get_template("report.html.j2").render(**content)
    return write_atomic(folder / "report.html", page)


def _content(story: Story, pictures: set[str]) -> dict[str, Any]:
    config, table = story.config, story.electrode.table
    truth = story.truth
    return {
        "source": _source(config),
        "version": islet_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "at_risk": story.scalars["at_risk"],
        "verdict": _verdict(story),
        "reading": _reading(story),
        "rows": _records(table),
        "criterion": config.criterion(),
        "pictures": pictures,
        "scalars": story.scalars,
        "truth": _records(truth.table) if truth is not None else None,
        "truth_words": _truth_words(story),
        "assumptions": _assumptions(config, story.image.decisions),
        "rests_on": grouped(story.rests_on),
        "decisions": story.image.decisions,
        "parameters": OmegaConf.to_yaml(OmegaConf.create(plain(config))),
        "sources": _sources(config),
        "provenance": _provenance(config),
    }


def _source(config: RunConfig) -> str:
    """Say what was looked at."""
    if config.uses_phantom:
        return f"synthetic cell (phantom, seed {config.phantom.seed})"
    if config.pair is not None:
        return " → ".join(path.name for path in config.pair)
    return Path(str(config.lvf)).name


def _verdict(story: Story) -> str:
    """Say in one or two sentences what the electrode is in for."""
    scalars = story.scalars
    count, at_risk = scalars["islands"], scalars["at_risk"]
    if not count:
        return "No lithium island was found, so no crack risk was computed."
    failed = scalars["islands_failed"]
    left_out = f" {failed} could not be solved and have no verdict." if failed else ""
    if not at_risk:
        return (
            f"Around none of {count} islands is the electrolyte's strength exceeded beyond the rim "
            f"(R1 < 1 everywhere in the bulk).{left_out}"
        )
    worst = story.electrode.table.iloc[0]
    return (
        f"Around {at_risk} of {count} islands the electrolyte's strength is exceeded beyond the "
        f"rim (R1 > 1), so a crack is predicted there. The riskiest is island "
        f"{worst['label']:.0f}, {worst['contact_diameter_um']:.0f} µm wide and "
        f"{worst['height_um']:.1f} µm tall: the stress averaged over the critical length is "
        f"{worst['risk_bulk']:.1f} times the strength.{left_out}"
    )


def _reading(story: Story) -> str:
    """Say what kind of islands carry the risk."""
    table = story.electrode.table.dropna(subset=["risk_bulk"])
    if len(table) < 2:
        return ""
    pulled = table["apex_sigma1_mpa"] > 0
    parts = []
    for name, group in (("tension", table[pulled]), ("compression", table[~pulled])):
        if len(group):
            ratios = group["aspect_ratio"]
            parts.append(
                f"{len(group)} of the islands (height over diameter {ratios.min():.2f} to "
                f"{ratios.max():.2f}) put{'' if len(group) > 1 else 's'} the electrolyte above "
                f"the apex in {name}"
            )
    return "; ".join(parts) + "."


def _truth_words(story: Story) -> str:
    if story.truth is None:
        return ""
    s = story.truth.scalars()
    words = (
        f"{s['truth_islands_found']} of {s['truth_islands']} islands were found. Largest errors: "
        f"volume {s['truth_volume_error_max_percent']:.1f} %, contact diameter "
        f"{s['truth_diameter_error_max_voxel']:.2f} voxel, height "
        f"{s['truth_height_error_max_um']:.2f} µm"
    )
    error = s["truth_registration_error_voxel"]
    aligned = "" if error is None else f"; alignment at the volume's corners {error:.3f} voxel"
    return words + aligned + "."


def _assumptions(config: RunConfig, decisions: Any) -> list[str]:
    criterion, load = config.criterion(), config.load
    lines = [
        "Lithium takes the place of current collector: where it displaces electrolyte instead, "
        "totals hold but maps do not. Absorption cannot tell lithium from void."
        if "assumption" in decisions
        else "The lithium volume fraction was given ready-made.",
        "Each island is taken for a solid of revolution with the contact diameter, volume and "
        "radial profile that were measured, alone in its stack, inside the electrolyte; of very "
        "many, some are solved and the others interpolated between them.",
        f"Stack '{config.stack.kind.value}', contact '{config.contact.kind.value}', "
        f"{config.kinematics.value} strain: the current collector and the electrolyte share the "
        "island's surface without slip or opening.",
        f"Stack pressure {load.pressure_mpa:g} MPa, then an expansion of {load.expansion:g} "
        f"({load.expansion_measure.value}); the paper's 5 % is read as linear, an inference.",
    ]
    if not criterion.toughness_is_own:
        lines.append(
            f"The toughness {criterion.k_ic_mpa_sqrt_m:g} MPa m^0.5 is that of a cold-pressed "
            "pellet while the elastic constants are of another body: a mixture. "
            "material=pellet is the consistent set."
        )
    return lines


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


def _figure(file: Path | None, alt: str, caption: str, width: str) -> Markup:
    """Return a figure element with the picture inside it; nothing where there is none."""
    if file is None:
        return Markup("")
    data = base64.b64encode(file.read_bytes()).decode()
    return Markup(
        '<figure class="{}"><img alt="{}" src="data:image/png;base64,{}">'
        "<figcaption>{}</figcaption></figure>"
    ).format(width, alt, data, caption)


def _number(value: Any, digits: int) -> str:
    """Format a number; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    rounded = round(value, digits) + 0.0  # no minus before a zero
    return f"{rounded:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")


def _any_number(value: Any) -> str:
    """Format whatever is a number, and leave the rest as it is."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:.5g}" if math.isfinite(value) else "–"
