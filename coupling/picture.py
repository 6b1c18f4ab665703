"""What is drawn of a solved island: plain arrays, for a process that loads nothing of mechanics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

DEFORMATION_SCALE = 5
"""Magnification of the displacements, the paper's."""
RED_MPA = 200.0
"""The paper marks the electrolyte above this largest principal stress in red."""


@dataclass(frozen=True)
class Picture:
    """What is drawn of a solved island; small enough to be handed between processes."""

    points: Floats
    """Nodes of the electrolyte around the island, undeformed, shape (n, 2), um."""
    displacement: Floats
    """Their displacements, shape (n, 2), um."""
    triangles: NDArray[np.int64]
    """Rows of `points`, shape (m, 3)."""
    sigma1_mpa: Floats
    """Largest principal stress there, shape (n,)."""
    copper: Floats
    """Outline of the undeformed current collector under the island, shape (n, 2), um; empty where
    there is none."""
    copper_displacement: Floats
    """Shape (n, 2), um."""
    lithium: Floats
    """Outline of the undeformed island, shape (n, 2), um."""
    lithium_displacement: Floats
    """Shape (n, 2), um."""
    undeformed: Floats
    """Meridian of the undeformed island, shape (n, 2), um."""
    reach_um: float
    arc: Floats
    """Largest principal stress along the island's upper surface, from the apex to the contact
    line: distance in um and stress in MPa, shape (n, 2)."""

    @property
    def outlines(self) -> dict[str, tuple[Floats, Floats]]:
        """Points and displacements around the current collector and the island."""
        return {
            "copper": (self.copper, self.copper_displacement),
            "lithium": (self.lithium, self.lithium_displacement),
        }
