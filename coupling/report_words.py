"""What the report says in sentences: the verdict, what carries it, what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coupling.results import Scalar
from coupling.schema_run import RunConfig
from coupling.truth import TruthCheck


def source(config: RunConfig) -> str:
    """Say what was looked at."""
    if config.uses_phantom:
        if names := list(config.cell_configs()):
            return f"synthetic cells {' and '.join(names)}"
        return f"synthetic cell (phantom, seed {config.phantom.seed})"
    if config.cells:
        return f"cells {', '.join(config.cells)}"
    if config.pair is not None:
        return " → ".join(path.name for path in config.pair)
    return Path(str(config.lvf)).name


def verdict(scalars: Mapping[str, Scalar], table: pd.DataFrame) -> str:
    """Say in one or two sentences what the electrode is in for.

    Parameters
    ----------
    scalars
        `islands`, `at_risk` and `islands_failed` of the run.
    table
        The islands, the riskiest first.
    """
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
    worst = table.iloc[0]
    above = int((table["risk_above"] > 1).sum())
    return (
        f"Around {at_risk} of {count} islands the electrolyte's strength is exceeded beyond the "
        f"rim (R1 > 1), so a crack is predicted there{where_at_risk(int(at_risk), above)}. "
        f"The riskiest is island "
        f"{worst['label']:.0f}, {worst['contact_diameter_um']:.0f} µm wide and "
        f"{worst['height_um']:.1f} µm tall: the stress averaged over the critical length is "
        f"{worst['risk_bulk']:.1f} times the strength.{left_out}"
    )


def where_at_risk(at_risk: int, above: int) -> str:
    """Say around which part of the islands at risk the risk lies: a clause that ends a sentence."""
    if not at_risk:
        return ""
    if above == at_risk:
        return ", above " + ("each of them" if at_risk > 1 else "it")
    if not above:
        return ", beside " + ("them" if at_risk > 1 else "it") + " only, not above"
    others = at_risk - above
    return f", above {above} of them, only beside the other {others if others > 1 else 'one'}"


def reading(table: pd.DataFrame) -> str:
    """Say what kind of islands carry the risk."""
    table = table.dropna(subset=["risk_bulk"])
    if len(table) < 2:
        return ""
    pulled = table["apex_sigma1_mpa"] > 0
    parts = []
    for name, group in (("tension", table[pulled]), ("compression", table[~pulled])):
        if len(group):
            ratios = group["aspect_ratio"]
            low, high = (f"{end:.2f}" for end in (ratios.min(), ratios.max()))
            parts.append(
                f"{len(group)} of the islands (height over diameter "
                f"{low if low == high else f'{low} to {high}'}) "
                f"put{'' if len(group) > 1 else 's'} the electrolyte above the apex in {name}"
            )
    return "; ".join(parts) + "."


def truth_words(truth: TruthCheck | None) -> str:
    """Say how well a phantom was measured; nothing of real scans."""
    if truth is None:
        return ""
    s = truth.scalars()
    words = (
        f"{s['truth_islands_found']} of {s['truth_islands']} islands were found. Largest errors: "
        f"volume {s['truth_volume_error_max_percent']:.1f} %, contact diameter "
        f"{s['truth_diameter_error_max_voxel']:.2f} voxel, height "
        f"{s['truth_height_error_max_um']:.2f} µm"
    )
    error = s["truth_registration_error_voxel"]
    aligned = "" if error is None else f"; alignment at the volume's corners {error:.3f} voxel"
    return words + aligned + "."


def assumptions(config: RunConfig, decisions: Any) -> list[str]:
    """Say what the verdict rests on."""
    criterion, load = config.criterion(), config.load
    lines = [
        "Lithium takes the place of current collector: where it displaces electrolyte instead, "
        "next to nothing of it is seen. Absorption cannot tell lithium from void."
        if "assumption" in decisions
        else "The lithium volume fraction was given ready-made.",
        "Each island is taken for a solid of revolution with the contact diameter, volume and "
        "radial profile that were measured, alone in its stack, inside the electrolyte; of very "
        "many, some are solved and the others interpolated between them.",
        f"Stack '{config.stack.kind.value}', contact '{config.contact.kind.value}', "
        f"{config.kinematics.value} strain; where electrolyte and current collector meet, the two "
        f"are {config.contact.se_cu.value}.",
        f"Stack pressure {load.pressure_mpa:g} MPa, then an expansion of {load.expansion:g} "
        f"({load.expansion_measure.value}); the paper's 5 % is read as linear, an inference.",
    ]
    if not criterion.toughness_is_own:
        lines.append(
            f"The toughness {criterion.k_ic_mpa_sqrt_m:g} MPa √m is that of a cold-pressed "
            "pellet while the elastic constants are of another body: a mixture. "
            "material=pellet is the consistent set."
        )
    return lines
