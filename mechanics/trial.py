"""What Newton's method is given, tries and keeps in mind within one load step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mechanics.contact import Touch
from mechanics.materials import MaterialSet
from mechanics.mesh import StackMesh
from mechanics.mortar import Points
from mechanics.profile import Floats
from mechanics.stack import Kinematics, SolverOptions
from mechanics.state import Load, State

DAMPED_BELOW, LEAST_SHARE = 0.1, 1e-2
"""Fraction of a correction that is left by the line search, below which the next one is damped,
and the least damping."""


@dataclass(frozen=True)
class Problem:
    """What is to be solved, but for its load."""

    stack: StackMesh
    materials: MaterialSet
    options: SolverOptions
    kinematics: Kinematics


class Damping:
    """Share of the elastic shear stiffness that the island's tangent is given.

    Lithium that flows under pressures far above its hardening resists some motions so little
    that corrections overshoot a hundredfold. What they come to does not depend on this share.
    """

    def __init__(self) -> None:
        self.share = 0.0

    def went(self, fraction: float) -> None:
        """Take note of how much of a correction was good."""
        if fraction < DAMPED_BELOW:
            self.share = min(max(10 * self.share, LEAST_SHARE), 1.0)
        elif fraction == 1.0:
            self.share = 0.0 if self.share <= LEAST_SHARE else self.share / 10


@dataclass(frozen=True)
class Step:
    """What stays the same in all iterations of one load step."""

    start: State
    load: Load
    points: Points | None
    """Where the faces in contact are integrated; None where all is bonded."""


@dataclass(frozen=True)
class Trial:
    """A displacement with all that follows from it."""

    state: State
    stiffness: Callable[[], Floats]
    internal: Floats
    """Nodal forces of the bodies less the applied ones, shape (dofs,), uN."""
    residual: Floats
    """The same less the forces of contact."""
    scale: float
    touch: Touch | None
    """Contact; None where all is bonded."""

    @property
    def norm(self) -> float:
        """Norm of the residual, uN."""
        return float(np.linalg.norm(self.residual))

    @property
    def relative(self) -> float:
        """Residual against the forces of the island; see `Newton._scale`."""
        return self.norm / self.scale
