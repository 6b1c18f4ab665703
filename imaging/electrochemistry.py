"""Charge and lithium thickness: Faraday's law, coulombic efficiency, what voids may hide."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

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


def check_times(times_h: Sequence[float], scans: int) -> None:
    """Check that there is one time per scan, and that they rise.

    Raises
    ------
    ValueError
        If not, or if a time is not finite.
    """
    if len(times_h) != scans:
        raise ValueError(f"times_h needs one time per scan, that is {scans}; got {len(times_h)}")
    if not all(math.isfinite(t) for t in times_h):
        raise ValueError(f"times_h must be finite; got {list(times_h)}")
    if any(b <= a for a, b in itertools.pairwise(times_h)):
        raise ValueError(f"times_h must rise from scan to scan; got {list(times_h)}")


def check_charges(charge_mah_cm2: Sequence[float], scans: int, null_scan: bool) -> None:
    """Check that there is one charge per scan, none before plating.

    Raises
    ------
    ValueError
        If not, or if a charge is not finite.
    """
    if len(charge_mah_cm2) != scans:
        raise ValueError(
            f"charge_mah_cm2 needs the charge plated until each scan, {scans} values; "
            f"got {len(charge_mah_cm2)}"
        )
    if not all(math.isfinite(q) for q in charge_mah_cm2):
        raise ValueError(f"charge_mah_cm2 must be finite; got {list(charge_mah_cm2)}")
    pristine = 2 if null_scan else 1
    if any(q != 0 for q in charge_mah_cm2[:pristine]):
        raise ValueError(
            f"charge_mah_cm2 must be 0 at the pristine scan{'s' if null_scan else ''}, the first "
            f"{pristine}; got {list(charge_mah_cm2[:pristine])}"
        )


def charge_from_current(times_h: Sequence[float], current_ma_cm2: Sequence[float]) -> list[float]:
    """Charge per area that has been plated until each scan, mAh/cm2; 0 at the first.

    Parameters
    ----------
    times_h
        Times of the scans, h, shape (n,), rising.
    current_ma_cm2
        Mean current per area between a scan and the next, mA/cm2, shape (n - 1,), positive where
        lithium is plated; or (n,), the first one 0, each for the interval before its scan; or one
        value for all intervals.

    Raises
    ------
    ValueError
        If the lengths do not fit, or a value is not finite.
    """
    intervals = len(times_h) - 1
    current = list(current_ma_cm2)
    if not all(math.isfinite(value) for value in current):
        raise ValueError(f"current_ma_cm2 must be finite; got {current}")
    if len(current) == 1:
        current *= intervals
    elif len(current) == intervals + 1 and current[0] == 0:
        current = current[1:]
    if len(current) != intervals:
        raise ValueError(
            f"current_ma_cm2 needs one value per interval between {intervals + 1} scans, that is "
            f"{intervals} (or one more, the first of them 0); got {len(current_ma_cm2)}"
        )
    steps = [i * (b - a) for i, (a, b) in zip(current, itertools.pairwise(times_h), strict=True)]
    return list(itertools.accumulate(steps, initial=0.0))


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


@dataclass(frozen=True)
class Thickness:
    """A mean lithium thickness and its standard deviation."""

    mean_um: float
    std_um: float


@dataclass(frozen=True)
class Cycle:
    """One plating and the stripping after it."""

    plated: int
    """Number of the scan after plating."""
    stripped: int
    """Number of the scan after stripping."""
    plated_um: float
    """Lithium thickness gained by plating."""
    inactive_um: float
    """What is left of it after stripping: inactive lithium, and voids, which look the same."""
    inactive_std_um: float
    efficiency: float | None
    """Coulombic efficiency; None where the plated thickness is below the detection limit."""
    efficiency_std: float | None
    charge_efficiency: float | None
    """Charge stripped over charge plated; None where the charge is not known."""
    void_max_um: float | None
    """Most of `inactive_um` that may be void; None where the charge is not known."""


def efficiency_of_cycle(
    plated: Thickness, remaining: Thickness, start: Thickness | None = None
) -> tuple[float, float]:
    """Coulombic efficiency of plating and stripping, and its standard deviation.

    E = (plated - remaining) / (plated - start), with independent errors of the thicknesses. An
    error of the grey-value contrast cancels.

    Parameters
    ----------
    plated, remaining
        Mean thickness after plating and after stripping.
    start
        Mean thickness before plating; none on a pristine current collector.

    Raises
    ------
    ValueError
        If plating did not gain thickness, or a value is not finite.
    """
    zero = start or Thickness(0.0, 0.0)
    gained = plated.mean_um - zero.mean_um
    efficiency = coulombic_efficiency(gained, remaining.mean_um - zero.mean_um)
    by_plated = (1 - efficiency) * plated.std_um
    by_start = efficiency * zero.std_um
    return efficiency, math.hypot(by_plated, remaining.std_um, by_start) / gained


def void_bound_um(
    plated_um: float,
    remaining_um: float,
    stripped_charge_mah_cm2: float,
    plated_charge_mah_cm2: float | None = None,
    density_g_cm3: float = LI_DENSITY_G_CM3,
) -> float:
    """Most of the thickness left after stripping that may be void instead of lithium.

    Absorption cannot tell void from lithium. Stripping removes no more lithium than its charge
    allows, q / (capacity * density), so the remaining lithium is at least what was plated less
    that; the rest of what is seen may be void.

    Parameters
    ----------
    plated_um, remaining_um
        Mean thickness, as seen, after plating and after stripping.
    stripped_charge_mah_cm2
        Charge per area that stripping passed, positive.
    plated_charge_mah_cm2
        Charge per area that plating passed: bounds the lithium that was there.
    density_g_cm3
        Density of lithium.
    """
    there = plated_um
    if plated_charge_mah_cm2 is not None:
        there = min(there, faraday_thickness_um(plated_charge_mah_cm2, density_g_cm3))
    least = max(there - faraday_thickness_um(stripped_charge_mah_cm2, density_g_cm3), 0.0)
    return min(max(remaining_um - least, 0.0), max(remaining_um, 0.0))


def half_cycles(values: Sequence[float], tolerance: float) -> list[tuple[int, int, int]]:
    """Find plating and stripping in a course of charge or thickness.

    Parameters
    ----------
    values
        One per scan.
    tolerance
        Rises and falls up to this much count as none.

    Returns
    -------
    list of (start, plated, stripped)
        Numbers of the scans before plating, after it, and after the stripping that followed.
    """
    turns, rising = [0], True
    extreme = 0
    for i, value in enumerate(values):
        ahead = value - values[extreme] if rising else values[extreme] - value
        if ahead > 0:
            extreme = i
        elif ahead < -tolerance:
            turns.append(extreme)
            extreme, rising = i, not rising
    turns.append(extreme)
    # Turns alternate: low, high, low, ...
    return [
        (turns[k], turns[k + 1], turns[k + 2])
        for k in range(0, len(turns) - 2, 2)
        if values[turns[k + 1]] - values[turns[k]] > tolerance
    ]
