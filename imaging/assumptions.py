"""Which assumption each number of an image analysis rests on, in words, by the number's name."""

from __future__ import annotations

from collections.abc import Iterable

REPLACED = (
    "Lithium takes the place of current collector. Where it displaces electrolyte instead, next to "
    "nothing of it is seen; where the collector moves as a whole, maps do not hold, and totals "
    "only if the ROI ends inside the collector (collector_back, roi.height_um)."
)
VOID_IS_LITHIUM = (
    "Void counts as lithium: absorption cannot tell them apart, 1 um of lithium under 2 um of void "
    "reads 3 um. Where the charge of plating and stripping is known, void_max_um bounds the void."
)
CONTRAST = (
    "Scaled by the grey values of collector and lithium (grey_cc, grey_li): an error of 10 % of "
    "their difference is one of 10 % here."
)
ERROR = (
    "One standard deviation, from voxel noise, alignment, drift of the grey scale that is left in "
    "and a collector seen to be pushed back; the scale itself and the assumptions named for the "
    "quantity come on top."
)
GIVEN_LVF = "The lithium volume fraction was given ready-made and is taken as it is."
BESIDE = (
    "Measured against the surroundings (background_um): a layer that covers everything is not part "
    "of it."
)
DOME = (
    "Diameter and height are those of a dome convolved with a blur, both fitted to the column "
    "sums; the blur is expected to be like the one along z at the interface of the earlier scan."
)
RIGID = "The bulk electrolyte is rigid between the scans: they are aligned on it."
FARADAY = (
    "Faraday's law: all charge moves lithium, 3860 mAh/g at li_density_g_cm3, evenly over the area "
    "that the charge refers to (electrode_area_cm2, or the ROI)."
)
PAPER_SCALE = (
    "The scale of Xu et al. (Small 2026), 4.32 um per mAh/cm2: 11 % below Faraday's law for dense "
    "lithium."
)
CRACK = (
    "A crack displaces all electrolyte in its opening; whether it holds lithium or nothing cannot "
    "be told. Its lithium is counted neither as thickness nor as islands. What of it lies nearer "
    "to the interface than cracks.clear_voxel is not seen, so a basin whose rim comes down so far "
    "reads some per cent too small; volume_std_um3 is of the voxels' noise alone."
)
EFFICIENCY = (
    "One minus the thickness left over the thickness plated, both as seen: void that stripping "
    "leaves counts as inactive lithium and lowers it. An error of the contrast cancels."
)
CHARGE = "From the charge given alone, not from the scans."
FOLLOWS = (
    "The foil's collector follows a foil that gets thinner, as stack pressure makes it: depletion "
    "is the collector that has come in the place of lithium. Positive where lithium was lost."
)
FOIL_VOID = (
    "Void left in the foil counts as lithium that is still there, so this is the least that was "
    "lost (and the most that is left); what Faraday's law expects beyond it is void_max_um."
)
FOIL_FRONT = (
    "Electrolyte that moves into the foil is not part of it: electrolyte_advance_um is its mean."
)
FOIL_CONTRAST = (
    "Scaled by the grey values of lithium and of the collector or die that has moved in (grey_li, "
    "grey_cc): an error of 10 % of their difference is one of 10 % here."
)
FOIL_THICKNESS = (
    "From the grey values of the scan before alone: what of a column is neither electrolyte nor "
    "collector. The electrolyte's face is smoothed over 6 pixels."
)
BARE = (
    "Bare: no more than bare_um of the foil is left. Spots narrower than the blur are not seen; "
    "sharp outlines are corrected for it."
)
FOIL_FARADAY = (
    "Faraday's law: all charge takes lithium out of the foil, 3860 mAh/g at li_density_g_cm3, "
    "evenly over its area (foil.area_cm2, or that which the charge refers to)."
)
ADVANCE = (
    "Measured by the electrolyte's own contrast to lithium, a few per cent of the collector's: a "
    "misalignment along z appears in it in full."
)
BASELINE = (
    "Voxels of the later scan alone, darker than baseline_grey_threshold, are lithium: what the "
    "blur brightens is missed, and with a higher threshold porous electrolyte is taken for it."
)

_SEEN = (REPLACED, VOID_IS_LITHIUM, CONTRAST)
_AMOUNT = (*_SEEN, RIGID)
IMAGE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("mean_thickness_um", "std_thickness_um", "li_volume_um3", "coverage_fraction"),
            *("max_mean_thickness_um", "thickness_um.tif"),
            *("plated_thickness_um", "inactive_thickness_um", "null_mean_um"),
        ),
        _AMOUNT,
    ),
    **dict.fromkeys(("mean_thickness_error_um", "li_volume_error_um3"), (ERROR,)),
    "detection_limit_um": (CONTRAST, RIGID),
    "island_volume_um3": (*_SEEN, BESIDE),
    "island_count": (*_SEEN, BESIDE),
    "islands.csv": (*_SEEN, BESIDE, DOME),
    **dict.fromkeys(
        ("faraday_thickness_um", "faraday_volume_um3", "charge_mah_cm2"), (CHARGE, FARADAY)
    ),
    "paper_scale_thickness_um": (CHARGE, PAPER_SCALE),
    "coulombic_efficiency": (EFFICIENCY, REPLACED, RIGID),
    "charge_efficiency": (CHARGE,),
    "void_max_um": (*_SEEN, FARADAY),
    **dict.fromkeys(
        (
            *("crack_count", "crack_volume_um3", "crack_area_um2", "crack_mean_offset_um"),
            *("max_crack_volume_um3", "cracks.csv"),
        ),
        (CRACK, RIGID),
    ),
    **dict.fromkeys(
        (
            *("baseline_mean_thickness_um", "baseline_li_volume_um3"),
            *("baseline_in_electrolyte_um3", "baseline_island_volume_um3", "baseline.csv"),
        ),
        (BASELINE,),
    ),
}
"""Quantities of the working electrode."""

_LOST = (FOLLOWS, FOIL_VOID, FOIL_FRONT, FOIL_CONTRAST, RIGID)
FOIL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("mean_depletion_um", "std_depletion_um", "lost_volume_um3", "depletion_um.tif"),
            "max_mean_depletion_um",
        ),
        _LOST,
    ),
    "foil_thickness_um": (FOIL_THICKNESS,),
    "foil_left_um": (FOIL_THICKNESS, *_LOST),
    **dict.fromkeys(
        ("bare_spot_count", "bare_area_um2", "bare_fraction", "bare_spots.csv"),
        (BARE, FOIL_THICKNESS, *_LOST),
    ),
    "electrolyte_advance_um": (ADVANCE, RIGID),
    **dict.fromkeys(("charge_mah_cm2", "faraday_depletion_um"), (CHARGE, FOIL_FARADAY)),
    "depletion_over_faraday": (FOIL_FARADAY, *_LOST),
    "void_max_um": (FOIL_FARADAY, FOLLOWS, FOIL_CONTRAST),
    **{name: IMAGE[name] for name in ("crack_count", "crack_volume_um3", "crack_area_um2")},
    **{name: IMAGE[name] for name in ("crack_mean_offset_um", "cracks.csv")},
}
"""Quantities of the counter electrode."""


def image_assumptions(
    scalars: Iterable[str], files: Iterable[str] = (), ready_lvf: bool = False
) -> dict[str, list[str]]:
    """Return the assumptions of the working electrode's numbers, by scalar or file.

    Parameters
    ----------
    scalars, files
        Names of what a run has found.
    ready_lvf
        The LVF was given; there were no scans to align or to scale.
    """
    found = _chosen(IMAGE, scalars, files)
    if not ready_lvf:
        return found
    swapped = {CONTRAST: GIVEN_LVF, RIGID: ""}
    return {
        name: [line for line in (swapped.get(old, old) for old in lines) if line]
        for name, lines in found.items()
    }


def foil_assumptions(scalars: Iterable[str], files: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return the assumptions of the counter electrode's numbers, by scalar or file."""
    return _chosen(FOIL, scalars, files)


def grouped(assumptions: dict[str, list[str]]) -> list[tuple[list[str], list[str]]]:
    """Quantities that rest on the same assumptions, together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, lines in assumptions.items():
        groups.setdefault(tuple(lines), []).append(name)
    return [(names, list(lines)) for lines, names in groups.items()]


def _chosen(
    table: dict[str, tuple[str, ...]], scalars: Iterable[str], files: Iterable[str]
) -> dict[str, list[str]]:
    given = {*scalars, *files}
    return {name: list(lines) for name, lines in table.items() if name in given}
