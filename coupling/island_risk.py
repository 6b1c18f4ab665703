"""What is known of the crack risk of one island."""

from __future__ import annotations

import math
from dataclasses import dataclass

from coupling.picture import Picture
from coupling.results import Scalar

EXACT = "exact"
"""The island was solved by finite elements from its own measured profile."""
INTERPOLATED = "interpolated"
"""The island's numbers come from islands of like shape that were solved, see `coupling.ranking`."""
FAILED = "failed"
"""No solution converged: the island has no risk, and the table says so."""


@dataclass(frozen=True)
class IslandRisk:
    """What is known of one island after its solution."""

    label: int
    method: str
    scalars: dict[str, Scalar]
    """Empty where the solution failed."""
    picture: Picture | None
    reason: str = ""
    """Why there is no solution."""

    @property
    def risk_bulk(self) -> float:
        """Bulk risk R1; NaN where there is no solution."""
        value = self.scalars.get("risk_bulk")
        return float(value) if value is not None else math.nan
