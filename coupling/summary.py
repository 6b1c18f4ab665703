"""What an image analysis has found, in a few lines for the terminal, and what each rests on."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

from coupling.results import Result, Scalar

NUMBERS = (
    ("mean thickness", "mean_thickness_um", "mean_thickness_error_um", "um"),
    ("most mean thickness", "max_mean_thickness_um", "", "um"),
    ("lithium volume", "li_volume_um3", "li_volume_error_um3", "um3"),
    ("islands", "island_count", "", ""),
    ("coulombic efficiency", "coulombic_efficiency", "", ""),
    ("inactive lithium", "inactive_thickness_um", "", "um"),
    ("depletion of the foil", "mean_depletion_um", "mean_depletion_error_um", "um"),
    ("most depletion of the foil", "max_mean_depletion_um", "", "um"),
    ("bare spots", "bare_spot_count", "", ""),
    ("cracks", "crack_count", "", ""),
)
"""Words, scalar, the scalar that is its standard error, unit."""
WRAPPED = textwrap.TextWrapper(width=100, initial_indent="  ", subsequent_indent="    ")


def summary(result: Result) -> list[str]:
    """Return a line per main number, then one per assumption with the numbers that rest on it."""
    scalars = result.scalars
    shown = {words: name for words, name, _, _ in NUMBERS if scalars.get(name) is not None}
    lines = [
        f"{words}: {_number(scalars, name, error)} {unit}".rstrip()
        for words, name, error, unit in NUMBERS
        if words in shown
    ]
    decisions = result.inputs.get("decisions", {})
    if "grey_li" in decisions:
        source = decisions.get("grey_li_source", "a box that was given")
        lines.append(f"grey value of lithium: {decisions['grey_li']:.5g}, {source}")
    resting: dict[str, list[str]] = {}
    for words, name in shown.items():
        for statement in result.assumptions.get(name, ()):
            resting.setdefault(statement, []).append(words)
    rests = [f"{', '.join(words)}: {text}" for text, words in resting.items()]
    return lines + [WRAPPED.fill(line) for line in rests]


def _number(scalars: Mapping[str, Scalar], name: str, error: str) -> str:
    value, std = scalars[name], scalars.get(error)
    if not isinstance(value, float | int) or not isinstance(std, float | int) or not std > 0:
        return f"{value:.6g}"
    digits = max(1 - math.floor(math.log10(std)), 0)
    return f"{value:.{digits}f} +- {std:.{digits}f}"
