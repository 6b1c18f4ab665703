"""What a sweep's figures show: which quantity it varies, in which groups, beside which law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from coupling.collection import SweepRecord
from mechanics.analytic import fluid_island_pressure_mpa, spheroid_cavity
from mechanics.materials import Material
from mechanics.profile import Floats

QUANTITIES = ("risk_bulk", "risk_rim", "apex_sigma1_mpa", "li_pressure_mpa")
"""Scalars of a job that the figures show."""

ASPECT_RATIO = "aspect_ratio"

_LABELS = {
    ASPECT_RATIO: "height / contact diameter (–)",
    "contact_diameter_um": "contact diameter (µm)",
    "height_um": "height (µm)",
    "volume_um3": "volume (µm³)",
    "material.se.youngs_mpa": "SE Young's modulus (MPa)",
    "material.cu.yield_mpa": "Cu yield stress (MPa)",
    "material.li.youngs_mpa": "Li Young's modulus (MPa)",
    "load.pressure_mpa": "stack pressure (MPa)",
    "load.expansion": "growth of Li (–)",
}


def label_of(key: str) -> str:
    """Return the label of an axis: name and unit."""
    return _LABELS.get(key.removeprefix("island."), key)


@dataclass(frozen=True)
class SweepView:
    """A sweep's jobs as the figures draw them."""

    table: pd.DataFrame
    """One row per job."""
    numbers: dict[str, Floats]
    """What varies by number: values of each job, NaN where unknown, by key."""
    names: dict[str, list[str]]
    """What varies otherwise (material=..., island=...): values of each job, by key."""
    common: Mapping[str, Any]
    """Inputs that all jobs share, under dotted keys."""

    @property
    def main(self) -> str:
        """The key with most values, which lies on the horizontal axis."""
        return max(self.numbers, key=lambda key: len(np.unique(_known(self.numbers[key]))))

    def groups(self, but: str) -> list[str]:
        """Return what each job was given for every key but one, as the name of its line."""
        keys = [key for key in self.numbers if key != but]
        return [
            ", ".join(
                [names[i] for names in self.names.values()]
                + [f"{_short(key)} = {self.numbers[key][i]:g}" for key in keys]
            )
            for i in range(len(self.table))
        ]


def _short(key: str) -> str:
    """Return a key's name without its group, for a legend."""
    name = key.rpartition(".")[2]
    return "height/diameter" if name == ASPECT_RATIO else name


def _known(values: Floats) -> Floats:
    known: Floats = values[np.isfinite(values)]
    return known


def view_of(record: SweepRecord, table: pd.DataFrame) -> SweepView | None:
    """Return what can be drawn of a sweep; None where nothing varies or nothing was solved."""
    if not set(QUANTITIES) <= set(table) or not table["risk_bulk"].notna().any():
        return None
    swept = pd.DataFrame([job.swept for job in record.jobs])
    numbers: dict[str, Floats] = {}
    names: dict[str, list[str]] = {}
    for key in swept:
        values = pd.to_numeric(swept[key], errors="coerce").to_numpy(dtype=float)
        if np.isfinite(values).all():
            numbers[str(key)] = values
        else:
            names[str(key)] = list(swept[key].astype(str))
    if "island.aspect_ratio" in numbers:
        numbers = {ASPECT_RATIO: numbers.pop("island.aspect_ratio"), **numbers}
    if not numbers and table[ASPECT_RATIO].nunique() > 1:
        # not planned here, or islands by name: the shape that the jobs report
        numbers = {ASPECT_RATIO: _reported_shape(table)}
        names.pop("island", None)
    return SweepView(table, numbers, names, record.common) if numbers else None


def _reported_shape(table: pd.DataFrame) -> Floats:
    shape = table[ASPECT_RATIO]
    if "island.aspect_ratio" in table:  # what failed reports nothing, but was asked for something
        shape = shape.fillna(pd.to_numeric(table["island.aspect_ratio"], errors="coerce"))
    values: Floats = shape.to_numpy(dtype=float)
    return values


def sign_change(view: SweepView) -> float | None:
    """Return the aspect ratio at which the stress at the apex changes its sign, if it does once.

    Interpolated linearly between the two nearest shapes; None for sweeps of more than the shape.
    """
    if list(view.numbers) != [ASPECT_RATIO] or view.names:
        return None
    stress = view.table["apex_sigma1_mpa"].to_numpy(dtype=float)
    ratio = view.numbers[ASPECT_RATIO]
    order = np.argsort(ratio)
    order = order[np.isfinite(stress[order])]
    x, y = ratio[order], stress[order]
    crossing = np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)
    if len(crossing) != 1:
        return None
    i = crossing[0]
    return float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))


@dataclass(frozen=True)
class HalfSpheroidLaw:
    """Half a spheroid of fluid-like lithium that grows on a frictionless plane."""

    pressure_mpa: Floats
    pole_mpa: Floats
    """Tangential stress in the electrolyte above the apex."""


def half_spheroid_law(common: Mapping[str, Any], aspect_ratio: Floats) -> HalfSpheroidLaw | None:
    """Return the closed-form pressure and apex stress against height over diameter.

    p = 3 K eps / (1 + K beta) from the growth alone, see `spheroid_cavity`; the stack pressure,
    the current collector and the strength of lithium are left out. None where the jobs do not
    share what it needs.
    """
    try:
        lithium, electrolyte = (
            Material(
                youngs_mpa=float(common[f"material.{body}.youngs_mpa"]),
                poisson=float(common[f"material.{body}.poisson"]),
            )
            for body in ("li", "se")
        )
        growth = float(common["load.expansion"])
        if common["load.expansion_measure"] == "volumetric":
            growth /= 3
    except KeyError:
        return None
    cavities = [spheroid_cavity(2 * ratio, electrolyte.poisson) for ratio in aspect_ratio]
    pressure = np.array(
        [
            fluid_island_pressure_mpa(
                lithium.bulk_mpa, growth, cavity.compliance_mu / electrolyte.shear_mpa
            )
            for cavity in cavities
        ]
    )
    return HalfSpheroidLaw(pressure, pressure * np.array([cavity.pole for cavity in cavities]))
