"""The counter electrode's foil over time: every scan against the first, in which it is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imaging.counter import FoilResult, FoilSetup, analyse_foil
from imaging.electrochemistry import (
    LI_DENSITY_G_CM3,
    check_charges,
    check_times,
    faraday_thickness_um,
)
from imaging.options import ImageOptions
from imaging.order import SwappedScansError
from imaging.registration import RegistrationError
from imaging.volume import Volume


@dataclass(frozen=True)
class FoilCharge:
    """How charge becomes depletion."""

    density_g_cm3: float = LI_DENSITY_G_CM3
    area_ratio: float = 1.0
    """Area that the charge refers to, over the foil's."""

    def scalars(self, charge_mah_cm2: float, depletion_um: float) -> dict[str, float]:
        """Compare a depletion with what the charge takes out of the foil by Faraday's law.

        Lithium that leaves a void behind is not seen, for void looks like lithium: what the
        depletion falls short by is the most that may be void.
        """
        expected = self.area_ratio * faraday_thickness_um(charge_mah_cm2, self.density_g_cm3)
        scalars = {
            "charge_mah_cm2": charge_mah_cm2,
            "faraday_depletion_um": expected,
            "void_max_um": max(expected - depletion_um, 0.0),
        }
        if expected != 0:
            scalars["depletion_over_faraday"] = depletion_um / expected
        return scalars


@dataclass(frozen=True)
class FoilRow:
    """One scan of the foil."""

    scan: int
    """Number of the scan, 0 for the pristine one."""
    time_h: float
    charge_mah_cm2: float | None
    """Charge per area plated onto the working electrode until then; None where not known."""
    faraday_depletion_um: float | None
    """Depletion that the charge takes."""
    mean_depletion_um: float
    mean_depletion_error_um: float
    """Standard deviation of the mean: pixel noise, a usual misalignment, drift of the grey scale
    that is not corrected."""
    std_depletion_um: float
    """Scatter over the foil, its own and noise."""
    void_max_um: float | None
    """Most of the foil's thickness that may be void."""
    lost_volume_um3: float
    foil_left_um: float
    bare_spot_count: int
    bare_area_um2: float
    crack_count: int | None
    """None where cracks were not looked for."""
    crack_volume_um3: float | None
    registration_residual: float | None


def analyse_foil_series(
    scans: Sequence[Callable[[], Volume]],
    times_h: Sequence[float],
    charge_mah_cm2: Sequence[float] | None,
    options: ImageOptions,
    charge: FoilCharge,
    keep: Callable[[FoilRow, FoilResult], None],
) -> tuple[list[FoilRow], FoilSetup]:
    """Analyse every scan of a series against the first one; two scans are in memory at a time.

    Parameters
    ----------
    scans
        Functions that read a scan, in the order of time.
    times_h
        Times of the scans, h, rising.
    charge_mah_cm2
        Charge per area plated until each scan, 0 at the first; None where it is not known.
    options
        As for a pair.
    charge
        How charge becomes depletion.
    keep
        Called with each scan's row and whole result while it is in memory.

    Raises
    ------
    ValueError, SwappedScansError, RegistrationError
        As `analyse_foil`, naming the scan.
    """
    check_times(times_h, len(scans))
    if charge_mah_cm2 is not None:
        check_charges(charge_mah_cm2, len(scans), False)
    charges: Sequence[float | None] = charge_mah_cm2 or [None] * len(scans)
    before = scans[0]()
    rows: list[FoilRow] = []
    known: FoilSetup | None = None
    for k in range(1, len(scans)):
        where = f"scans[{k}] at {times_h[k]:g} h against scans[0]"
        try:
            result = analyse_foil(before, scans[k](), options, known)
        except (SwappedScansError, RegistrationError) as error:
            raise type(error)(f"{where}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if known is None:
            rows.append(_pristine_row(times_h[0], charges[0], result))
        known = result.setup
        rows.append(_row(k, times_h[k], charges[k], charge, result))
        keep(rows[-1], result)
        del result
    assert known is not None
    return rows, known


def _pristine_row(time_h: float, charge: float | None, first: FoilResult) -> FoilRow:
    searched = first.cracks is not None
    return FoilRow(
        scan=0,
        time_h=time_h,
        charge_mah_cm2=charge,
        faraday_depletion_um=None if charge is None else 0.0,
        mean_depletion_um=0.0,
        mean_depletion_error_um=0.0,
        std_depletion_um=0.0,
        void_max_um=None if charge is None else 0.0,
        lost_volume_um3=0.0,
        foil_left_um=first.scalars["foil_thickness_um"],
        bare_spot_count=0,
        bare_area_um2=0.0,
        crack_count=0 if searched else None,
        crack_volume_um3=0.0 if searched else None,
        registration_residual=None,
    )


def _row(
    k: int, time_h: float, charge: float | None, law: FoilCharge, result: FoilResult
) -> FoilRow:
    s = result.scalars
    expected = {} if charge is None else law.scalars(charge, s["mean_depletion_um"])
    return FoilRow(
        scan=k,
        time_h=time_h,
        charge_mah_cm2=charge,
        faraday_depletion_um=expected.get("faraday_depletion_um"),
        mean_depletion_um=s["mean_depletion_um"],
        mean_depletion_error_um=s["mean_depletion_error_um"],
        std_depletion_um=s["std_depletion_um"],
        void_max_um=expected.get("void_max_um"),
        lost_volume_um3=s["lost_volume_um3"],
        foil_left_um=s["foil_left_um"],
        bare_spot_count=len(result.bare_spots),
        bare_area_um2=s["bare_area_um2"],
        crack_count=None if result.cracks is None else len(result.cracks.cracks),
        crack_volume_um3=s.get("crack_volume_um3"),
        registration_residual=s.get("registration_residual"),
    )
