"""Views of a 3-D picture: parallel projections, so that lengths can be read from scale bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imaging.volume import FloatArray

WINDOW = (1080, 660)
"""Pixels of a view, width and height."""
AZIMUTH_DEG, ELEVATION_DEG = -60.0, 35.0
MARGIN = 1.12
"""Field of a view over the projected size of what is drawn: the scale bars lie outside it."""


@dataclass(frozen=True, eq=False)
class View:
    """A parallel projection of a box; lengths in um, heights as large as they are drawn."""

    name: str
    title: str
    low: FloatArray
    """Corner (x, y, z) of the box, and the one across."""
    high: FloatArray
    to_camera: FloatArray
    """Unit vector."""
    up: FloatArray
    """Unit vector, upwards in the picture."""
    opacity: dict[str, float]

    @property
    def right(self) -> FloatArray:
        """Unit vector, to the right in the picture."""
        return np.cross(self.up, self.to_camera)

    @property
    def half_height(self) -> float:
        """Half the height of the field of view."""
        size = self.high - self.low
        wide, tall = (0.5 * float(np.abs(v * size).sum()) for v in (self.right, self.up))
        return MARGIN * max(tall, wide * WINDOW[1] / WINDOW[0])

    def pixel(self, point: Sequence[float] | FloatArray) -> tuple[float, float]:
        """Column and row at which a point (x, y, z) is seen."""
        away = np.asarray(point) - 0.5 * (self.low + self.high)
        per_um = 0.5 * WINDOW[1] / self.half_height
        column = 0.5 * WINDOW[0] + per_um * float(away @ self.right)
        return column, 0.5 * WINDOW[1] - per_um * float(away @ self.up)

    def asked(self) -> dict[str, Any]:
        """What the drawing process needs to know."""
        focus = 0.5 * (self.low + self.high)
        far = 2 * float(np.linalg.norm(self.high - self.low))
        return {
            "name": self.name,
            "position": (focus + far * self.to_camera).tolist(),
            "focus": focus.tolist(),
            "up": self.up.tolist(),
            "half_height": self.half_height,
            "opacity": self.opacity,
        }


def views_of(low: FloatArray, high: FloatArray, collector: bool) -> tuple[View, View]:
    """Return the two views of a box: on the electrolyte's side, and turned over.

    Lithium takes the place of collector: from the electrolyte's side contact areas are seen, from
    the other one, through the collector, how deep it reaches.
    """
    above = _direction(AZIMUTH_DEG, ELEVATION_DEG)
    below = _direction(AZIMUTH_DEG, -ELEVATION_DEG)
    # Where only the LVF is known, so is no more than the axis.
    side, through = "from high z", "from low z"
    if collector:
        side, through = "from the electrolyte", "through the collector"
    return (
        View(
            "top", f"(a) seen {side}", low, high, above, _up(above, 1.0),
            {"collector": 1.0, "lithium": 1.0, "cracks": 1.0},
        ),
        View(
            "back", f"(b) turned over, seen {through}", low, high, below, _up(below, -1.0),
            {"collector": 0.15, "lithium": 1.0, "cracks": 1.0},
        ),
    )  # fmt: skip


def _direction(azimuth_deg: float, elevation_deg: float) -> FloatArray:
    a, e = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def _up(to_camera: FloatArray, sign: float) -> FloatArray:
    right = np.cross([0.0, 0.0, sign], to_camera)
    up = np.cross(to_camera, right)
    return np.asarray(up / np.linalg.norm(up))
