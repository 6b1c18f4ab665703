"""Lithium islands of known shape: z(r, angle) = height * dome(r / outline(angle))."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from imaging.replace import renamed
from imaging.volume import FloatArray


class Dome(Enum):
    """How the height falls from the centre (rho = 0) to the outline (rho = 1)."""

    cap = "cap"
    """Spherical cap."""
    ellipsoid = "ellipsoid"
    """Half an ellipsoid: sqrt(1 - rho^2)."""
    flat = "flat"
    """Flat-topped superellipsoid: (1 - rho^4)^(1/4)."""


@dataclass(frozen=True)
class IslandShape:
    """One island: a dome over a plane outline about (y_um, x_um).

    The outline is r(angle) = a (1 + wobble cos(n angle + phase)), stretched by `elongation` along
    y' and shrunk across it, so that the area stays pi a^2 (1 + wobble^2 / 2).
    """

    y_um: float
    x_um: float
    diameter_um: float
    """2 a: twice the mean radius of the outline before stretching."""
    height_um: float
    dome: Dome = Dome.cap
    elongation: float = 1.0
    wobble: float = 0.0
    lobes: int = 3
    phase_deg: float = 0.0

    def thickness_um(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        """Height above the base at points of the base plane, 0 outside."""
        turn = math.radians(self.phase_deg)
        dy, dx = y_um - self.y_um, x_um - self.x_um
        stretch = math.sqrt(self.elongation)
        v = (dy * math.cos(turn) + dx * math.sin(turn)) / stretch
        u = (dx * math.cos(turn) - dy * math.sin(turn)) * stretch
        wave = 1 + self.wobble * np.cos(self.lobes * np.arctan2(v, u)) if self.wobble else 1.0
        outline = 0.5 * self.diameter_um * wave
        return self.height_um * self.profile(np.hypot(u, v) / outline)

    def profile(self, rho: FloatArray) -> FloatArray:
        """Relative height at the relative radius rho; 1 at rho = 0, 0 from rho = 1 on."""
        r = np.minimum(rho, 1.0)
        if self.dome is Dome.ellipsoid:
            return np.sqrt(1 - r**2)
        if self.dome is Dome.flat:
            return (1 - r**4) ** 0.25
        a, h = 0.5 * self.diameter_um, self.height_um
        sphere = (a**2 + h**2) / (2 * h)
        return (np.sqrt(sphere**2 - (a * r) ** 2) - (sphere - h)) / h

    @property
    def area_um2(self) -> float:
        """Area of the footprint."""
        return math.pi * (0.5 * self.diameter_um) ** 2 * (1 + 0.5 * self.wobble**2)

    @property
    def contact_diameter_um(self) -> float:
        """Diameter of the circle of the footprint's area."""
        return 2 * math.sqrt(self.area_um2 / math.pi)

    @property
    def volume_um3(self) -> float:
        """Exact volume."""
        if self.dome is Dome.ellipsoid:
            mean = 2 / 3
        elif self.dome is Dome.cap:
            # pi h (3 a^2 + h^2) / 6 over the base pi a^2 h
            mean = (3 + (2 * self.height_um / self.diameter_um) ** 2) / 6
        else:
            # integral of (1 - u^2)^(1/4) over 0 < u < 1, where u is the square of the radius
            mean = math.sqrt(math.pi) / 2 * math.gamma(5 / 4) / math.gamma(7 / 4)
        return self.area_um2 * self.height_um * mean


NARROW = (44.44, 20.0)
WIDE = (100.0, 5.0)


type Rows = list[tuple[tuple[float, float], dict[str, Any]]]
"""Diameter and height of islands, um, and what else `IslandShape` takes."""

MIXED: Rows = [
    (NARROW, {}),
    (WIDE, {}),
    ((60.0, 10.0), {}),
    ((70.0, 12.0), {"dome": Dome.ellipsoid, "elongation": 1.4, "phase_deg": 25.0}),
    ((68.0, 9.0), {"wobble": 0.1, "lobes": 3, "phase_deg": 40.0}),
    ((80.0, 6.0), {"dome": Dome.flat}),
    ((36.0, 7.0), {}),
    ((50.0, 4.0), {"wobble": 0.06, "lobes": 5}),
    ((90.0, 15.0), {"dome": Dome.ellipsoid}),
]
TALL: Rows = [
    (NARROW, {}),
    ((60.0, 18.0), {}),
    ((52.0, 16.0), {"wobble": 0.06, "lobes": 3, "phase_deg": 40.0}),
    ((40.0, 14.0), {}),
    ((36.0, 15.0), {}),
    ((30.0, 12.0), {}),
    ((48.0, 22.0), {}),
    ((62.0, 14.0), {"elongation": 1.3, "phase_deg": 25.0}),
    ((56.0, 10.0), {}),
]
FLAT: Rows = [
    (WIDE, {}),
    ((118.0, 6.0), {}),
    ((124.0, 6.0), {"wobble": 0.05, "lobes": 5}),
    ((108.0, 6.0), {}),
    ((90.0, 4.6), {}),
    ((106.0, 5.0), {"elongation": 1.2, "phase_deg": 60.0}),
]


def mixed_islands(width_um: tuple[float, float]) -> list[IslandShape]:
    """Nine islands on a 3 x 3 grid, the paper's narrow and wide cap among them.

    Raises
    ------
    ValueError
        If the field is too small to keep them 12 um apart (about 480 um).
    """
    return _on_grid(MIXED, width_um)


def tall_islands(width_um: tuple[float, float]) -> list[IslandShape]:
    """Nine tall islands, the narrow cap among them; see `mixed_islands`."""
    return _on_grid(TALL, width_um)


def flat_islands(width_um: tuple[float, float]) -> list[IslandShape]:
    """Six flat islands that hold as much as `tall_islands`, the wide cap among them."""
    return _on_grid(FLAT, width_um)


def _on_grid(rows: Rows, width_um: tuple[float, float]) -> list[IslandShape]:
    if min(width_um) < 480.0:
        raise ValueError(
            "nine islands need a field (shape times voxel_um) of at least 480 um; got "
            f"{width_um} um"
        )
    # Off the grid by fractions of a voxel, each by its own.
    jitter = np.random.default_rng(7).uniform(-6.0, 6.0, (9, 2))
    shapes = []
    for i, ((diameter, height), extra) in enumerate(rows):
        y = (0.5 + (i // 3 - 1) * 0.3) * width_um[0] + jitter[i, 0]
        x = (0.5 + (i % 3 - 1) * 0.3) * width_um[1] + jitter[i, 1]
        shapes.append(IslandShape(y, x, diameter, height, **extra))
    return shapes


TRUTH_COLUMNS = (
    *("label", "x_um", "y_um", "contact_diameter_um", "contact_area_um2", "height_um"),
    *("volume_um3", "aspect_ratio", "contact_angle_deg", "dome"),
)


def write_shapes(path: Path, islands: tuple[IslandShape, ...]) -> None:
    """Write the exact metrics of islands, the largest first, in the columns of the results."""
    ordered = sorted(islands, key=lambda s: -s.volume_um3)
    with renamed(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TRUTH_COLUMNS)
        for label, s in enumerate(ordered, start=1):
            ratio = s.height_um / s.contact_diameter_um
            numbers = [s.x_um, s.y_um, s.contact_diameter_um, s.area_um2, s.height_um]
            numbers += [s.volume_um3, ratio, 2 * math.degrees(math.atan(2 * ratio))]
            writer.writerow([label, *(f"{n:.6g}" for n in numbers), s.dome.value])


# ------------------------------------------------------------------------------------- cracks


@dataclass(frozen=True)
class BasinCrack:
    """One basin-shaped spallation crack: a bowl in the electrolyte, open towards the collector.

    Its mid-surface lies at rim + (offset - rim) (1 - rho^2) above the SE|CC interface, its opening
    is that of a penny, opening * sqrt(1 - rho^2), with rho the distance from the axis over the
    radius.

    Raises
    ------
    ValueError
        If a size is not positive, the rim lies farther off than the centre, or a face of the crack
        would reach the interface.
    """

    y_um: float
    x_um: float
    diameter_um: float
    offset_um: float
    """Distance of the mid-surface from the interface at the axis."""
    rim_um: float
    """The same at the rim."""
    opening_um: float
    """Distance of the faces along z, at the axis."""

    def __post_init__(self) -> None:
        if min(self.diameter_um, self.opening_um, self.rim_um) <= 0:
            raise ValueError(f"a crack's diameter, rim offset and opening are positive; got {self}")
        if self.rim_um > self.offset_um:
            raise ValueError(
                f"a crack's rim is no farther from the interface than its axis: {self}"
            )
        middle, opening = self.faces_um(np.linspace(0.0, 1.0, 101))
        if float((middle - 0.5 * opening).min()) < 0:
            raise ValueError(f"a crack lies in the electrolyte: too near the interface: {self}")

    def faces_um(self, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mid-surface's distance from the interface, and opening (0 from rho = 1 on)."""
        inside = np.clip(1 - rho**2, 0.0, None)
        return self.rim_um + (self.offset_um - self.rim_um) * inside, self.opening_um * np.sqrt(
            inside
        )

    def rho(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        """Relative distance of points from the axis."""
        return np.asarray(np.hypot(y_um - self.y_um, x_um - self.x_um) / (0.5 * self.diameter_um))

    @property
    def volume_um3(self) -> float:
        """Exact volume."""
        return 2 / 3 * math.pi * (0.5 * self.diameter_um) ** 2 * self.opening_um

    @property
    def mean_offset_um(self) -> float:
        """Mean distance of the crack's volume from the interface."""
        return self.rim_um + 0.6 * (self.offset_um - self.rim_um)


CRACK_COLUMNS = (
    *("label", "x_um", "y_um", "diameter_um", "offset_um", "rim_offset_um", "opening_um"),
    *("mean_offset_um", "volume_um3", "fill"),
)


def write_cracks(path: Path, cracks: tuple[BasinCrack, ...], fill: str) -> None:
    """Write the exact metrics of cracks, the largest first."""
    with renamed(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CRACK_COLUMNS)
        for label, c in enumerate(sorted(cracks, key=lambda c: -c.volume_um3), start=1):
            numbers = [c.x_um, c.y_um, c.diameter_um, c.offset_um, c.rim_um, c.opening_um]
            numbers += [c.mean_offset_um, c.volume_um3]
            writer.writerow([label, *(f"{n:.6g}" for n in numbers), fill])
