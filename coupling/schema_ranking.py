"""Schema of the keys that say which islands of an electrode are solved, and which interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

FEWEST_NODES = 12
"""Fewest solutions to interpolate from: three per coordinate, and some that may fail."""


@dataclass(frozen=True)
class RankingOptions:
    """How many islands of an electrode are solved exactly.

    Raises
    ------
    ValueError
        If a number is out of range; the message names it.
    """

    exact: int | None = 10
    """The worst so many islands are solved exactly; None for all islands."""
    nodes: int = 24
    """Solutions that the interpolation starts from."""
    max_nodes: int = 80
    """Solutions that it may take to reach its tolerance."""
    tolerance: float = 0.04
    """RMS error of the bulk risk, in cross-validation, at which no more are added: of R1 where R1
    is small, relative where it is large."""
    check: int = 20
    """Islands taken at random and solved, to test the claimed errors before they are used."""
    departure: float = 0.05
    """RMS height difference to the dome of equal diameter, height and volume, as part of the
    height, above which an island is not cap-like."""
    max_irregular: int = 30
    """So many of the islands that are not cap-like are solved exactly, those of the most risk."""

    def __post_init__(self) -> None:
        least = {"check": 0, "max_irregular": 1, "nodes": FEWEST_NODES, "max_nodes": self.nodes}
        if self.exact is not None:
            least["exact"] = 1
        for name, limit in least.items():
            if getattr(self, name) < limit:
                why = " (ranking.nodes)" if name == "max_nodes" else ""
                raise ValueError(
                    f"ranking.{name} must be at least {limit}{why}, got {getattr(self, name)}"
                )
        for name in ("tolerance", "departure"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"ranking.{name} must be a positive number, got {value}")
