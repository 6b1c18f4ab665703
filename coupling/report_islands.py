"""What the report tells of each island when it is pointed at: numbers, profile, stress field."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coupling.island_risk import EXACT, IslandRisk
from coupling.packing import packed, packed_indices
from coupling.picture import Picture
from imaging.islands import Island
from mechanics.profile import Floats
from mechanics.stack import StackKind
from mechanics.summary import TOP_MARGIN_UM

FIELDS = 12
"""Islands whose stress field goes into the report: the riskiest, and the flattest beside them."""
PROFILE_POINTS = 60
_STRESS_STEP_MPA = 0.25
_ABOVE, _BESIDE = 1.0, 1.1
"""Part of the field that is kept, above the island and beside it, over the picture's reach."""


def island_facts(
    table: pd.DataFrame, islands: list[Island], risks: list[IslandRisk]
) -> list[dict[str, Any]]:
    """Return numbers and profile of each island, in the order of the table."""
    meridians = {island.label: island for island in islands}
    pictures = {risk.label: risk.picture for risk in risks}
    facts = []
    for row in table.to_dict("records"):
        label = int(row["label"])
        names = (
            "x_um", "y_um", "contact_diameter_um", "height_um", "volume_um3", "aspect_ratio",
            "contact_angle_deg", "risk_bulk", "risk_above", "risk_beside", "risk_rim", "error",
            "li_pressure_mpa", "apex_sigma1_mpa", "top_tension_fraction",
        )  # fmt: skip
        picture = pictures.get(label)
        facts.append(
            {"label": label, "method": row["method"], "reason": row["reason"] or ""}
            | {"edge": bool(row["touches_edge"])}
            | {name: _finite(row[name]) for name in names}
            | {"profile": _profile(meridians[label])}
            | {"arc": None if picture is None else _line(_without_rim(picture.arc))}
        )
    return facts


def _profile(island: Island) -> list[list[float]]:
    return _line(np.column_stack((island.profile_r_um, island.profile_z_um)))


def _without_rim(arc: Floats) -> Floats:
    """Return the stress along the surface without the contact line, where it has no bound."""
    kept = arc[:, 0] <= max(arc[-1, 0] - TOP_MARGIN_UM, 0.9 * arc[-1, 0])
    line: Floats = arc[kept]
    return line


def _line(points: Floats) -> list[list[float]]:
    """Return a line as two short lists of numbers."""
    rows = np.unique(np.linspace(0, len(points) - 1, PROFILE_POINTS).round().astype(int))
    return [[round(float(v), 3) for v in column] for column in points[rows].T]


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def chosen_fields(table: pd.DataFrame) -> list[int]:
    """Return the islands whose field is shown: the riskiest that were solved, and the flattest."""
    solved = table[table["method"] == EXACT]
    labels = [int(label) for label in solved["label"][:FIELDS]]
    if len(solved) > FIELDS:
        labels[-1] = int(solved.loc[solved["aspect_ratio"].idxmin(), "label"])
    return labels


def field_data(picture: Picture, reach: float) -> dict[str, Any]:
    """Return the mesh, displacements and stress of a picture, packed for the page.

    Parameters
    ----------
    picture
        Of a solved island.
    reach
        Distance from the axis up to which it may be shown, beside larger islands, um.
    """
    lowest = picture.points[picture.triangles].min(axis=1)
    shown = (lowest[:, 0] < _BESIDE * reach) & (lowest[:, 1] < _ABOVE * reach)
    used, triangles = np.unique(picture.triangles[shown], return_inverse=True)
    top = np.iinfo(np.int16).max * _STRESS_STEP_MPA
    lines = {
        name: {"points": packed(points), "displacement": packed(displacement)}
        for name, (points, displacement) in picture.outlines.items()
    }
    return {
        "reach": picture.reach_um,
        "points": packed(picture.points[used]),
        "displacement": packed(picture.displacement[used]),
        "sigma1": packed(np.clip(picture.sigma1_mpa[used], -top, top), _STRESS_STEP_MPA),
        "triangles": packed_indices(triangles),
        "undeformed": packed(picture.undeformed),
        **lines,
    }


def commands(fact: Mapping[str, Any], folder: Path, stack: StackKind) -> list[tuple[str, str]]:
    """Return what to type next about an island: what it does, and the line."""
    label = fact["label"]
    # uv sets it: who has typed `uv run islet` finds no bare `islet`
    islet = "uv run islet" if "UV_RUN_RECURSION_DEPTH" in os.environ else "islet"
    file = folder / "islands" / f"{label}.csv"
    solve = f"{islet} solve {override('island', 'profile')} {override('island.file', shown(file))}"
    same = override("stack", stack.value)
    shapes = "island.aspect_ratio=0.05,0.1,0.2,0.3,0.45"
    volume = f"island.volume_um3={fact['volume_um3']:.0f}"
    return [
        (
            "its fields and profiles, for ParaView",
            f"{solve} {same} hydra.run.dir=island_{label}",
        ),
        (
            "the same island in another electrolyte",
            f"{solve} {same} material=pellet hydra.run.dir=island_{label}_pellet",
        ),
        (
            "its volume in other shapes",
            f"{islet} solve -m {volume} {shapes} {same} hydra/launcher=joblib "
            f"hydra.sweep.dir=sweep_{label}",
        ),
        ("their table and figures", f"{islet} collect sweep=sweep_{label}"),
    ]


def shown(file: Path) -> str:
    """Return a path as it is typed: from the working directory, where it lies below it."""
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


def override(key: str, value: str) -> str:
    """Return ``key=value`` as a shell hands it to Hydra, whatever letters the value holds."""
    if not re.fullmatch(r"[\w./+-]+", value):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        value = f'"{escaped}"'
    return shlex.quote(f"{key}={value}")
