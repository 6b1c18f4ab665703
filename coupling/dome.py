"""An island in three numbers, and how far its profile is from what they say.

Islands as they grow are nearly caps. A cap has two numbers; measured ones need a third,
for a flat top holds more lithium than a cap of the same diameter and height, a cone less.
The dome of contact diameter D, height H and volume V that stands for an island is

    z(r) = H (1 - (2 r / D)^2)^m,    m = 1/F - 1,    F = V / (pi D^2 H / 4),

a paraboloid (nearly a flat cap) at F = 1/2, half an ellipsoid at F = 2/3. An island is
cap-like if its profile keeps close to this dome: then the three numbers describe it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mechanics.profile import Floats, IslandProfile

OVERHANG = 1.001
"""Greatest radius over the contact line's beyond which an island overhangs: no dome does."""
_POINTS = 400


@dataclass(frozen=True)
class DomeShape:
    """What is taken for the shape of an island by the emulator of its stress."""

    contact_diameter_um: float
    aspect_ratio: float
    """Height over contact diameter."""
    fullness: float
    """Volume over that of the cylinder of the same diameter and height."""
    departure: float
    """RMS height difference of profile and dome over the contact area, as part of the height;
    infinite where the island overhangs."""

    @property
    def volume_um3(self) -> float:
        """Volume of the island."""
        return self.fullness * math.pi / 4 * self.contact_diameter_um**3 * self.aspect_ratio

    @property
    def coordinates(self) -> Floats:
        """Logarithms of diameter, aspect ratio and fullness, shape (3,)."""
        return np.log([self.contact_diameter_um, self.aspect_ratio, self.fullness])


def dome_shape(profile: IslandProfile) -> DomeShape:
    """Return the three numbers of an island, and how far its profile departs from them."""
    diameter, height = profile.contact_diameter_um, profile.height_um
    fullness = profile.volume_um3 / (math.pi / 4 * diameter**2 * height)
    return DomeShape(diameter, height / diameter, fullness, _departure(profile, fullness))


def _departure(profile: IslandProfile, fullness: float) -> float:
    """Return the area-weighted RMS of the height difference to the dome, over the height."""
    radius = float(profile.r_um[-1])
    falls = bool((np.diff(profile.r_um) > 0).all())
    if not falls or profile.max_radius_um > OVERHANG * radius or fullness >= 1:
        return math.inf
    # equal steps of area: the mean over them is the mean over the contact plane
    area = (np.arange(_POINTS) + 0.5) / _POINTS
    dome = (1 - area) ** (1 / fullness - 1)
    own = np.interp(np.sqrt(area) * radius, profile.r_um, profile.z_um) / profile.height_um
    return float(np.sqrt(np.mean((own - dome) ** 2)))
