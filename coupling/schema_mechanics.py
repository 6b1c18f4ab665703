"""Schema of the keys that say what is solved: crack risk, and the verbs that use them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from coupling.criterion import (
    RiskCriterion,
    critical_length_um,
    strength_mpa,
    toughness_mpa_sqrt_m,
)
from coupling.results import require_finished
from coupling.schema_figures import Figures
from coupling.schema_island import IslandConfig
from coupling.schema_ranking import RankingOptions
from coupling.schema_uncertainty import UncertaintyOptions
from coupling.series_folder import is_series, series_inputs
from mechanics.interfaces import ContactOptions, require_positive
from mechanics.materials import PRESETS, Electrolyte, MaterialSet
from mechanics.stack import (
    Kinematics,
    Loading,
    MeshSize,
    SolverOptions,
    StackGeometry,
    StackKind,
)

DEFAULT_LENGTH_UM = 5.0
"""Critical length: the size of the powder's grains, 3 to 5 um."""

_AGREEMENT = 1e-3
"""Agreement (relative) asked of redundant numbers."""


@dataclass(frozen=True)
class RiskOptions:
    """The strength criterion as a user states it: any two of toughness, strength and length.

    What is missing is completed in this order: the toughness by the
    electrolyte's own, or by the pellet's where it has none (a mixture of two
    bodies, which is flagged); then the length by `DEFAULT_LENGTH_UM`.
    """

    k_ic_mpa_sqrt_m: float | None = None
    """Mode-I fracture toughness, MPa m^0.5."""
    strength_mpa: float | None = None
    """Tensile strength, MPa."""
    length_um: float | None = None
    """Critical length, um."""
    rim_um: float | None = None
    """Distance from the contact line that counts as rim, um; None for twice the length."""

    def __post_init__(self) -> None:
        for name in ("k_ic_mpa_sqrt_m", "strength_mpa", "length_um", "rim_um"):
            value = getattr(self, name)
            if value is not None:
                require_positive(f"risk.{name}", value)
        if self.k_ic_mpa_sqrt_m and self.strength_mpa and self.length_um:
            implied = critical_length_um(self.k_ic_mpa_sqrt_m, self.strength_mpa)
            if not math.isclose(implied, self.length_um, rel_tol=_AGREEMENT):
                raise ValueError(
                    f"risk.length_um={self.length_um:g} contradicts "
                    f"risk.k_ic_mpa_sqrt_m={self.k_ic_mpa_sqrt_m:g} and "
                    f"risk.strength_mpa={self.strength_mpa:g}, which give {implied:.4g} um "
                    "(more than 0.1 % apart): give two of the three"
                )

    def criterion(self, electrolyte: Electrolyte) -> RiskCriterion:
        """Return the complete criterion for an electrolyte."""
        own = electrolyte.k_ic_mpa_sqrt_m
        k_ic, strength, length = self.k_ic_mpa_sqrt_m, self.strength_mpa, self.length_um
        if k_ic is None:
            if strength is not None and length is not None:
                k_ic = toughness_mpa_sqrt_m(strength, length)
            else:
                k_ic = own if own is not None else _pellet_toughness()
        if strength is None:
            length = DEFAULT_LENGTH_UM if length is None else length
            strength = strength_mpa(k_ic, length)
        elif length is None:
            length = critical_length_um(k_ic, strength)
        return RiskCriterion(
            k_ic_mpa_sqrt_m=k_ic,
            strength_mpa=strength,
            length_um=length,
            rim_um=2 * length if self.rim_um is None else self.rim_um,
            toughness_is_own=own is not None and math.isclose(k_ic, own, rel_tol=_AGREEMENT),
        )


def _pellet_toughness() -> float:
    k_ic = PRESETS["pellet"].se.k_ic_mpa_sqrt_m
    assert k_ic is not None
    return k_ic


@dataclass(frozen=True)
class MechanicsConfig:
    """What `solve`, `risk` and `run` share: everything but the island."""

    material: MaterialSet = field(default_factory=MaterialSet)
    stack: StackGeometry = field(default_factory=lambda: StackGeometry(StackKind.cell))
    load: Loading = field(default_factory=Loading)
    contact: ContactOptions = field(default_factory=ContactOptions)
    kinematics: Kinematics = Kinematics.finite
    mesh: MeshSize = field(default_factory=MeshSize)
    risk: RiskOptions = field(default_factory=RiskOptions)
    solver: SolverOptions = field(default_factory=SolverOptions)

    def criterion(self) -> RiskCriterion:
        """Return the strength criterion of this electrolyte."""
        return self.risk.criterion(self.material.se)


@dataclass(frozen=True)
class SolveConfig(MechanicsConfig):
    """One island: from its shape to its stress field and crack risk."""

    island: IslandConfig = field(default_factory=IslandConfig)
    uncertainty: UncertaintyOptions = field(default_factory=UncertaintyOptions)
    workers: int | None = None
    """Solutions at the same time, where uncertainty asks for many; None for one per core."""
    figures: Figures = Figures.png
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def __post_init__(self) -> None:
        require_workers(self.workers)


@dataclass(frozen=True)
class ElectrodeConfig(MechanicsConfig):
    """What `risk` and `run` share: the mechanics of many islands."""

    ranking: RankingOptions = field(default_factory=RankingOptions)
    uncertainty: UncertaintyOptions = field(default_factory=UncertaintyOptions)
    workers: int | None = None
    """Islands solved at the same time; None for one per core."""
    figures: Figures = Figures.png

    def __post_init__(self) -> None:
        require_workers(self.workers)


@dataclass(frozen=True)
class RiskConfig(ElectrodeConfig):
    """Every island that an `image` run has found."""

    image: str = MISSING
    """Folder of a finished `image` run."""
    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def input_paths(self) -> dict[str, Path]:
        """Return what is read of the image run: tables of islands and cracks, and the profiles.

        Raises
        ------
        ValueError
            If the folder holds no finished run that found islands.
        """
        folder = Path(self.image)
        require_finished(folder, "image", "run")
        names = (
            series_inputs(folder) if is_series(folder) else ["islands.csv", "islands", "cracks.csv"]
        )
        parts = {f"image[{name}]": folder / name for name in names}
        return {key: path for key, path in parts.items() if path.exists()}


@dataclass(frozen=True)
class ValidateConfig:
    """The published cases."""

    mesh: MeshSize = field(default_factory=MeshSize)
    solver: SolverOptions = field(default_factory=SolverOptions)
    figures: Figures = Figures.png
    force: bool = False
    """Repeat a finished job, or replace another job's result."""


def require_workers(workers: int | None) -> None:
    """Raise ValueError unless `workers` is None or at least one."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, or null for one per core; got {workers}")
