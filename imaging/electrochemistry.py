"""Charge and lithium thickness: Faraday's law and the coulombic efficiency."""

from __future__ import annotations

import math

LI_DENSITY_G_CM3 = 0.534
LI_CAPACITY_MAH_G = 3860.0
#: The scale used throughout Xu et al., Small 2026: 8.1 um for 1.875 mAh/cm2. It is 11 % below
#: Faraday's law for dense lithium (4.85), as if 11 % of the charge were lost.
PAPER_UM_PER_MAH_CM2 = 4.32


def faraday_thickness_um(
    areal_charge_mah_cm2: float,
    density_g_cm3: float = LI_DENSITY_G_CM3,
    capacity_mah_g: float = LI_CAPACITY_MAH_G,
) -> float:
    """Thickness of dense lithium that a charge per area deposits.

    h = q / (capacity * density); 4.85 um per mAh/cm2 with the defaults (bulk lithium).

    Raises
    ------
    ValueError
        If the density or the capacity is not positive, or the charge is not finite.
    """
    for name, value in (("density_g_cm3", density_g_cm3), ("capacity_mah_g", capacity_mah_g)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive; got {value}")
    if not math.isfinite(areal_charge_mah_cm2):
        raise ValueError(f"areal_charge_mah_cm2 must be finite; got {areal_charge_mah_cm2}")
    return 1e4 * areal_charge_mah_cm2 / (capacity_mah_g * density_g_cm3)


def paper_thickness_um(areal_charge_mah_cm2: float) -> float:
    """The same on the paper's scale (Xu et al., Small 2026): 4.32 um per mAh/cm2."""
    return PAPER_UM_PER_MAH_CM2 * areal_charge_mah_cm2


def coulombic_efficiency(plated_um: float, remaining_um: float) -> float:
    """Fraction of the plated thickness that stripping has removed: 1 - remaining / plated.

    (Xu et al., Small 2026, section 2.3.) May leave [0, 1] by noise; nothing is clipped.

    Raises
    ------
    ValueError
        If `plated_um` is not positive or a thickness is not finite.
    """
    if not (math.isfinite(plated_um) and plated_um > 0):
        raise ValueError(f"plated_um must be positive; got {plated_um}")
    if not math.isfinite(remaining_um):
        raise ValueError(f"remaining_um must be finite; got {remaining_um}")
    return 1.0 - remaining_um / plated_um
