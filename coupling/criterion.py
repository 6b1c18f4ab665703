"""The strength criterion that turns a stress field into a crack risk."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVEL = 1.0
"""Risk R1 from which a crack is predicted."""


@dataclass(frozen=True)
class RiskCriterion:
    """Strength of the electrolyte averaged over a length, see `critical_length_um`."""

    k_ic_mpa_sqrt_m: float
    """Mode-I fracture toughness, MPa m^0.5."""
    strength_mpa: float
    """Tensile strength sigma_t, MPa."""
    length_um: float
    """Critical length l_c: radius of the ball over which the stress tensor is averaged, um."""
    rim_um: float
    """Sites nearer to the contact line than this count as rim, the others as bulk, um."""
    toughness_is_own: bool
    """Whether the toughness is the one measured on the body whose elastic constants are used.

    Where it is not, the criterion mixes two bodies, and every output says so.
    """


def critical_length_um(k_ic_mpa_sqrt_m: float, strength_mpa: float) -> float:
    """Return l_c = (1/pi) (K_IC / sigma_t)^2, in um.

    Examples
    --------
    >>> round(critical_length_um(0.17, 43.0), 2)
    4.98
    """
    return 1e6 / math.pi * (k_ic_mpa_sqrt_m / strength_mpa) ** 2


def strength_mpa(k_ic_mpa_sqrt_m: float, length_um: float) -> float:
    """Return the strength whose critical length is `length_um`, MPa."""
    return k_ic_mpa_sqrt_m / math.sqrt(math.pi * length_um * 1e-6)


def toughness_mpa_sqrt_m(strength_mpa: float, length_um: float) -> float:
    """Return the toughness whose critical length is `length_um`, MPa m^0.5."""
    return strength_mpa * math.sqrt(math.pi * length_um * 1e-6)
