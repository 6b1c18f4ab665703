"""What is to be solved: the cell stack around one island, its load and its kinematics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from mechanics.interfaces import require_positive
from mechanics.profile import IslandProfile


class StackKind(Enum):
    """Which parts of the cell are modelled."""

    canonical = "canonical"
    """Solid electrolyte, copper and the island only, roller walls: the reference case."""
    roller = "roller"
    """Electrolyte and island on a rigid frictionless plane: for comparison with closed forms."""
    cell = "cell"
    """The whole cell: steel dies, copper, electrolyte, counter electrode, PEEK tube."""


class Kinematics(Enum):
    """Small or finite strain."""

    small = "small"
    finite = "finite"


class ExpansionMeasure(Enum):
    """What the number `Loading.expansion` means."""

    linear = "linear"
    volumetric = "volumetric"


@dataclass(frozen=True)
class StackGeometry:
    """Dimensions of the axisymmetric stack, um.

    Raises
    ------
    ValueError
        If a dimension is not positive; the message names it.
    """

    kind: StackKind = StackKind.canonical
    radius_um: float = 1500.0
    """Inner radius of the PEEK tube."""
    se_thickness_um: float = 500.0
    """Thickness of the solid electrolyte."""
    cu_thickness_um: float = 20.0
    """Thickness of the current collector."""
    die_thickness_um: float = 500.0
    """Thickness of each steel die (cell only); assumed, the paper gives none."""
    peek_thickness_um: float = 1000.0
    """Wall thickness of the PEEK tube (cell only); assumed, the paper gives none."""
    ce_thickness_um: float = 50.0
    """Thickness of the lithium counter electrode (cell only)."""
    ce_cu_thickness_um: float = 13.0
    """Thickness of the counter electrode's copper foil (cell only)."""
    ce_radius_um: float | None = None
    """Radius of the counter electrode (cell only); None for one that fills the tube."""

    def __post_init__(self) -> None:
        for name in (
            "radius_um",
            "se_thickness_um",
            "cu_thickness_um",
            "die_thickness_um",
            "peek_thickness_um",
            "ce_thickness_um",
            "ce_cu_thickness_um",
        ):
            require_positive(f"stack.{name}", getattr(self, name))
        if self.ce_radius_um is not None:
            require_positive("stack.ce_radius_um", self.ce_radius_um)
            if self.ce_radius_um > self.radius_um:
                raise ValueError(
                    f"stack.ce_radius_um={self.ce_radius_um:g} overlaps the tube: it must not "
                    f"exceed stack.radius_um={self.radius_um:g}"
                )

    @property
    def counter_electrode_radius_um(self) -> float:
        """Radius of the counter electrode."""
        return self.radius_um if self.ce_radius_um is None else self.ce_radius_um

    @property
    def counter_electrode_fills_the_tube(self) -> bool:
        """Whether the counter electrode touches the tube."""
        return self.counter_electrode_radius_um == self.radius_um

    def check_fits(self, island: IslandProfile) -> None:
        """Raise ValueError if the island does not fit inside the electrolyte.

        The wall and the top must stay at least one island size away, or the
        stack would no longer confine the island as a cell does.
        """
        if island.max_radius_um >= 0.9 * self.radius_um:
            raise ValueError(
                f"the island's radius {island.max_radius_um:g} um does not fit into the stack of "
                f"stack.radius_um={self.radius_um:g} (at most 90 % of it)"
            )
        if island.height_um >= 0.9 * self.se_thickness_um:
            raise ValueError(
                f"the island's height {island.height_um:g} um does not fit into the electrolyte of "
                f"stack.se_thickness_um={self.se_thickness_um:g} (at most 90 % of it)"
            )


@dataclass(frozen=True)
class Loading:
    """Stack pressure first, then the expansion of the island in equal steps.

    Raises
    ------
    ValueError
        If a number is out of range; the message names it.
    """

    pressure_mpa: float = 20.0
    """Stack pressure on the outer face of the electrolyte, MPa, compression positive."""
    expansion: float = 0.05
    """Stress-free growth of the island; negative for stripping."""
    expansion_measure: ExpansionMeasure = ExpansionMeasure.linear
    """Whether `expansion` is the strain on each axis or the relative volume change."""
    steps: int = 10
    """Equal steps of the expansion; a step that does not converge is cut back."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pressure_mpa) and self.pressure_mpa >= 0):
            raise ValueError(f"load.pressure_mpa must be zero or positive, got {self.pressure_mpa}")
        if not (math.isfinite(self.expansion) and -0.5 < self.expansion <= 1.0):
            raise ValueError(f"load.expansion must lie in (-0.5, 1], got {self.expansion}")
        if self.steps < 1:
            raise ValueError(f"load.steps must be at least 1, got {self.steps}")

    def linear_expansion(self, kinematics: Kinematics) -> float:
        """Return the growth strain on each axis.

        A volumetric expansion e is e/3 on each axis at small strain, and
        (1 + e)^(1/3) - 1 at finite strain.
        """
        if self.expansion_measure is ExpansionMeasure.linear:
            return self.expansion
        if kinematics is Kinematics.small:
            return self.expansion / 3
        return math.cbrt(1 + self.expansion) - 1


@dataclass(frozen=True)
class MeshSize:
    """Element sizes, um, and order of the displacement field."""

    fine_um: float = 1.0
    """Size at the island; a quarter of the island's height where that is smaller."""
    coarse_um: float = 10.0
    """Size around the island, and through the thickness of the layers."""
    far_um: float = 80.0
    """Size that the elements may reach far from the island (beyond `near_um` from its rim)."""
    near_um: float = 150.0
    """Distance from the island up to which elements are at most `coarse_um`."""
    growth: float = 0.12
    """Growth of the element size per distance from the island."""
    rim_fraction: float = 0.6
    """Element size at the contact line over that at the island: the stress is singular there."""
    rim_growth: float = 0.1
    """Growth of the element size per distance from the contact line."""
    order: int = 2
    """Polynomial order of the displacements and of the geometry."""

    def __post_init__(self) -> None:
        for name in (
            "fine_um",
            "coarse_um",
            "far_um",
            "near_um",
            "growth",
            "rim_fraction",
            "rim_growth",
        ):
            require_positive(f"mesh.{name}", getattr(self, name))
        if self.fine_um > self.coarse_um:
            raise ValueError(
                f"mesh.fine_um={self.fine_um:g} must not exceed mesh.coarse_um={self.coarse_um:g}"
            )
        if self.order != 2:
            raise ValueError(f"mesh.order must be 2 (9-node quadrilaterals), got {self.order}")

    def at_island_um(self, height_um: float) -> float:
        """Return the element size at an island of this height."""
        return min(self.fine_um, height_um / 4)


@dataclass(frozen=True)
class SolverOptions:
    """Newton's method and cut-back of load steps."""

    relative_tolerance: float = 1e-4
    """Residual at convergence over the forces of the island, in the norm of nodal forces."""
    max_iterations: int = 20
    """Newton iterations before a step counts as failed."""
    reuse_factors: bool = True
    """Whether iterations near the solution may reuse the last factorised matrix."""
    max_cutbacks: int = 8
    """How often a load step may be halved before the solution is given up."""

    def __post_init__(self) -> None:
        require_positive("solver.relative_tolerance", self.relative_tolerance)
        if self.relative_tolerance > 1e-3:
            raise ValueError(
                f"solver.relative_tolerance must not exceed 1e-3, got {self.relative_tolerance}"
            )
        if self.max_iterations < 2:
            raise ValueError(f"solver.max_iterations must be at least 2, got {self.max_iterations}")
        if self.max_cutbacks < 0:
            raise ValueError(f"solver.max_cutbacks must not be negative, got {self.max_cutbacks}")
