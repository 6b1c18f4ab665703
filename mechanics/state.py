"""States of equilibrium along the loading path."""

from __future__ import annotations

from dataclasses import dataclass

from mechanics.contact import ContactState
from mechanics.kinematics import History
from mechanics.profile import Floats


@dataclass(frozen=True)
class Load:
    """One point of the loading path."""

    pressure_mpa: float
    growth: float
    """Linear strain of the island on each axis."""


@dataclass(frozen=True)
class State:
    """A converged equilibrium."""

    load: Load
    displacement: Floats
    """Degrees of freedom of the displacement, um."""
    stress: Floats
    """Cauchy stress at the quadrature points, shape (cells, q, 5), MPa."""
    history: History
    """Plastic history of the bodies that can yield."""
    contact: ContactState | None = None
    """Tractions and status of the surfaces in contact; None where the island is bonded."""


class NotConvergedError(Exception):
    """One load step failed; it can be tried again with a smaller one."""

    def __init__(self, message: str, iterations: int) -> None:
        super().__init__(message)
        self.iterations = iterations
