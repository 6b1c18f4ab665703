"""What is to be solved: the cell stack around one island, its load and its kinematics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from mechanics.profile import IslandProfile


class StackKind(Enum):
    """Which parts of the cell are modelled."""

    canonical = "canonical"
    """Solid electrolyte, copper and the island only, roller walls: the reference case."""
    roller = "roller"
    """Electrolyte and island on a rigid frictionless plane: for comparison with closed forms."""
    cell = "cell"
    """The whole cell: steel dies, copper, electrolyte, counter electrode, PEEK tube."""


class Contact(Enum):
    """How the island touches the electrolyte and the current collector."""

    bonded = "bonded"
    frictional = "frictional"


class Kinematics(Enum):
    """Small or finite strain."""

    small = "small"
    finite = "finite"


class ExpansionMeasure(Enum):
    """What the number `Loading.expansion` means."""

    linear = "linear"
    volumetric = "volumetric"


class UnavailableError(ValueError):
    """A model that the configuration can name but this version cannot solve."""


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless `value` is a finite number above zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, got {value}")


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

    def __post_init__(self) -> None:
        require_positive("stack.radius_um", self.radius_um)
        require_positive("stack.se_thickness_um", self.se_thickness_um)
        require_positive("stack.cu_thickness_um", self.cu_thickness_um)

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
class Friction:
    """Coulomb friction on the island's surface.

    Raises
    ------
    ValueError
        If a number is negative, or the cap is not positive.
    """

    mu_se_li: float = 0.2
    """Coefficient between electrolyte and lithium."""
    mu_cu_li: float = 0.2
    """Coefficient between current collector and lithium."""
    shear_cap_mpa: float = math.inf
    """Greatest shear traction that lithium carries, MPa (its yield stress over sqrt(3), say)."""

    def __post_init__(self) -> None:
        for name in ("mu_se_li", "mu_cu_li"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be zero or positive, got {value}")
        if not self.shear_cap_mpa > 0:
            raise ValueError(f"shear_cap_mpa must be positive, got {self.shear_cap_mpa}")


@dataclass(frozen=True)
class MeshSize:
    """Element sizes, um, and order of the displacement field."""

    fine_um: float = 1.0
    """Size at the island; a quarter of the island's height where that is smaller."""
    coarse_um: float = 10.0
    """Size around the island, and through the thickness of the layers."""
    far_um: float = 40.0
    """Size that the elements may reach far from the island (beyond `near_um` from its rim)."""
    near_um: float = 150.0
    """Distance from the island up to which elements are at most `coarse_um`."""
    growth: float = 0.12
    """Growth of the element size per distance from the island."""
    rim_fraction: float = 0.8
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

    relative_tolerance: float = 1e-8
    """Residual at convergence, relative to the norm of the internal nodal forces."""
    max_iterations: int = 20
    """Newton iterations before a step counts as failed."""
    max_cutbacks: int = 8
    """How often in a row a step may be halved before the solution is given up."""

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


def require_available(kind: StackKind, contact: Contact) -> None:
    """Raise UnavailableError for a model that the command cannot solve for every shape yet."""
    if kind is StackKind.cell:
        raise UnavailableError("stack=cell is not available yet: use stack=canonical")
    if contact is not Contact.bonded:
        raise UnavailableError(f"contact={contact.value} is not available yet: use contact=bonded")
