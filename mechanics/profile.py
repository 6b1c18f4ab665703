"""Shape of a lithium island: the meridian of a solid of revolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_TOLERANCE = 1e-3
"""Agreement (relative) asked of redundant shape parameters."""


@dataclass(frozen=True)
class IslandProfile:
    """Meridian of an island from the apex (r = 0, z = height) to the contact line (z = 0).

    Raises
    ------
    ValueError
        If the curve does not run from the axis down to z = 0, leaves the
        quadrant, repeats a point or crosses itself.
    """

    r_um: Floats
    """Radii, shape (n,), um; the first is 0."""
    z_um: Floats
    """Heights above the current collector, shape (n,), um; the last is 0."""

    def __post_init__(self) -> None:
        r = np.array(self.r_um, dtype=float)
        z = np.array(self.z_um, dtype=float)
        if r.ndim != 1 or r.shape != z.shape or len(r) < 3:
            raise ValueError(
                f"a profile needs two columns of equal length, at least 3 points; "
                f"got shapes {r.shape} and {z.shape}"
            )
        if not (np.isfinite(r).all() and np.isfinite(z).all()):
            raise ValueError("a profile must not hold NaN or infinite coordinates")
        scale = max(r.max(), z.max())
        if scale <= 0:
            raise ValueError("a profile must have a positive radius and height")
        if abs(r[0]) > 1e-6 * scale or abs(z[-1]) > 1e-6 * scale:
            raise ValueError(
                f"a profile must run from the apex at r = 0 to the contact line at z = 0; "
                f"it runs from ({r[0]:g}, {z[0]:g}) to ({r[-1]:g}, {z[-1]:g})"
            )
        r[0], z[-1] = 0.0, 0.0
        if (r[1:] <= 0).any() or (z[:-1] <= 0).any():
            raise ValueError("a profile must stay at r > 0 and z > 0 between its ends")
        if (np.hypot(np.diff(r), np.diff(z)) <= 1e-9 * scale).any():
            raise ValueError("a profile must not repeat a point")
        if _crosses_itself(r, z):
            raise ValueError("a profile must not cross itself")
        for array in (r, z):
            array.flags.writeable = False
        object.__setattr__(self, "r_um", r)
        object.__setattr__(self, "z_um", z)

    @property
    def contact_diameter_um(self) -> float:
        """Diameter of the contact line on the current collector."""
        return 2 * float(self.r_um[-1])

    @property
    def height_um(self) -> float:
        """Greatest height above the current collector."""
        return float(self.z_um.max())

    @property
    def max_radius_um(self) -> float:
        """Greatest radius; more than that of the contact line where the island overhangs."""
        return float(self.r_um.max())

    @property
    def aspect_ratio(self) -> float:
        """Height over contact diameter."""
        return self.height_um / self.contact_diameter_um

    @property
    def contact_angle_deg(self) -> float:
        """Angle inside the island of the spherical cap with the same diameter and height."""
        return math.degrees(2 * math.atan(2 * self.aspect_ratio))

    @property
    def arc_um(self) -> Floats:
        """Arc length from the apex at each point, shape (n,)."""
        steps = np.hypot(np.diff(self.r_um), np.diff(self.z_um))
        return np.concatenate(([0.0], np.cumsum(steps)))

    @property
    def volume_um3(self) -> float:
        """Volume of revolution, the meridian taken as straight between its points."""
        r0, r1 = self.r_um[:-1], self.r_um[1:]
        frusta = math.pi / 3 * (r0**2 + r0 * r1 + r1**2) * -np.diff(self.z_um)
        return float(frusta.sum())


def _crosses_itself(r: Floats, z: Floats) -> bool:
    """Whether any two segments of the open polyline that are not neighbours intersect."""
    p = np.column_stack((r, z))
    start, step = p[:-1], np.diff(p, axis=0)
    if (step > 0).all(axis=0).any() or (step < 0).all(axis=0).any():
        return False  # a curve over r or over z
    for i in range(len(start) - 2):
        other, along = start[i + 2 :], step[i + 2 :]
        gap = other - start[i]
        det = step[i, 0] * along[:, 1] - step[i, 1] * along[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (gap[:, 0] * along[:, 1] - gap[:, 1] * along[:, 0]) / det
            u = (gap[:, 0] * step[i, 1] - gap[:, 1] * step[i, 0]) / det
        if ((t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)).any():
            return True
    return False


def cap(contact_diameter_um: float, height_um: float, points: int = 400) -> IslandProfile:
    """Return a spherical cap of given contact diameter and height.

    A height above half the diameter gives a cap that overhangs its contact line.
    """
    a, h = contact_diameter_um / 2, height_um
    radius = (a * a + h * h) / (2 * h)
    half_angle = math.atan2(a, radius - h)
    angle = np.linspace(0.0, half_angle, points)
    r, z = radius * np.sin(angle), radius * np.cos(angle) - (radius - h)
    return IslandProfile(*_exact_ends(r, z, a, h))


def ellipsoid(contact_diameter_um: float, height_um: float, points: int = 400) -> IslandProfile:
    """Return half an ellipsoid of revolution on its equatorial plane."""
    a, h = contact_diameter_um / 2, height_um
    angle = np.linspace(0.0, math.pi / 2, points)
    return IslandProfile(*_exact_ends(a * np.sin(angle), h * np.cos(angle), a, h))


def _exact_ends(r: Floats, z: Floats, a: float, h: float) -> tuple[Floats, Floats]:
    r[0], r[-1], z[0], z[-1] = 0.0, a, h, 0.0
    return r, z


def cap_volume_um3(contact_diameter_um: float, height_um: float) -> float:
    """Return pi h (3 a^2 + h^2) / 6 with a = D/2."""
    a = contact_diameter_um / 2
    return math.pi * height_um * (3 * a * a + height_um**2) / 6


def ellipsoid_volume_um3(contact_diameter_um: float, height_um: float) -> float:
    """Return 2/3 pi a^2 h with a = D/2."""
    return 2 / 3 * math.pi * (contact_diameter_um / 2) ** 2 * height_um


VOLUME = {"cap": cap_volume_um3, "ellipsoid": ellipsoid_volume_um3}
SHAPE = {"cap": cap, "ellipsoid": ellipsoid}


def solve_diameter_height(
    kind: str,
    contact_diameter_um: float | None = None,
    height_um: float | None = None,
    volume_um3: float | None = None,
    aspect_ratio: float | None = None,
) -> tuple[float, float]:
    """Return contact diameter and height (um) from any two of the four shape parameters.

    Three or four are accepted if they agree within 0.1 %.

    Raises
    ------
    ValueError
        If a parameter is not positive, fewer than two are given, or they contradict.
    """
    volume_of = VOLUME[kind]
    given = {
        "contact_diameter_um": contact_diameter_um,
        "height_um": height_um,
        "volume_um3": volume_um3,
        "aspect_ratio": aspect_ratio,
    }
    known = {name: value for name, value in given.items() if value is not None}
    for name, value in known.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"island.{name} must be a positive number, got {value}")
    if len(known) < 2:
        raise ValueError(
            f"island={kind} needs two of {', '.join(given)}; got {list(known) or 'none'}"
        )
    if contact_diameter_um is not None and height_um is not None:
        diameter, height = contact_diameter_um, height_um
    elif contact_diameter_um is not None and aspect_ratio is not None:
        diameter, height = contact_diameter_um, aspect_ratio * contact_diameter_um
    elif height_um is not None and aspect_ratio is not None:
        diameter, height = height_um / aspect_ratio, height_um
    elif aspect_ratio is not None and volume_um3 is not None:
        diameter = math.cbrt(volume_um3 / volume_of(1.0, aspect_ratio))
        height = aspect_ratio * diameter
    elif contact_diameter_um is not None and volume_um3 is not None:
        diameter = contact_diameter_um
        height = _height_of_volume(kind, diameter, volume_um3)
    else:
        assert height_um is not None
        assert volume_um3 is not None
        diameter, height = _diameter_of_volume(kind, height_um, volume_um3), height_um
    found = {
        "contact_diameter_um": diameter,
        "height_um": height,
        "volume_um3": volume_of(diameter, height),
        "aspect_ratio": height / diameter,
    }
    for name, value in known.items():
        if abs(found[name] - value) > _TOLERANCE * value:
            raise ValueError(
                f"island.{name}={value:g} contradicts the other shape parameters, which give "
                f"{found[name]:g} (more than 0.1 % apart): give two of {', '.join(given)}"
            )
    return diameter, height


def _height_of_volume(kind: str, diameter: float, volume: float) -> float:
    """Invert the volume for the height."""
    a = diameter / 2
    if kind == "ellipsoid":
        return volume / (2 / 3 * math.pi * a * a)
    # the real root of h^3 + 3 a^2 h = 6 V / pi, by hyperbolic functions: exact for flat caps too
    return 2 * a * math.sinh(math.asinh(3 * volume / (math.pi * a**3)) / 3)


def _diameter_of_volume(kind: str, height: float, volume: float) -> float:
    """Invert the volume for the contact diameter."""
    least = VOLUME[kind](0.0, height)
    if volume <= least:
        raise ValueError(
            f"island.volume_um3={volume:g} is too small for island.height_um={height:g}: "
            f"a {kind} of that height holds more than {least:g} um3"
        )
    scale = VOLUME[kind](2.0, height) - least
    return 2 * math.sqrt((volume - least) / scale)


def from_points(r_um: ArrayLike, z_um: ArrayLike) -> IslandProfile:
    """Return the profile through measured points, from apex to contact line."""
    return IslandProfile(np.asarray(r_um, dtype=float), np.asarray(z_um, dtype=float))
