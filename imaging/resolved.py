"""Can the darkest voxels stand for lithium, or is none of it thick enough to be seen unmixed?"""

from __future__ import annotations

import numpy as np

from imaging.setup import Decisions
from imaging.thickness import SMOOTH_VOXEL, ThicknessMap, smoothed

LEAST_VOXEL, SURE_VOXEL = 3.0, 4.5
"""Lithium thinner than the first is nowhere unmixed under a blur of a voxel (13 % of its
neighbours at least), that of the second is (2.5 %)."""
NOTHING_UM = 0.25
"""So little that a wrong scale does not matter: a pristine pair."""
ADVICE = (
    "give grey.li=VALUE, the mean grey value of lithium in the same reconstruction: of the foil or "
    "a thick island elsewhere in the cell, or of air or a void, several voxels wide, which differs "
    "from it by 0.1 % of the contrast to copper; grey.li_region=[z0,z1,y0,y1,x0,x1] takes the mean "
    "of a box of voxels of the earlier scan"
)


def is_guessed(decisions: Decisions) -> bool:
    """Whether the darkest voxels stand for lithium."""
    return str(decisions.get("grey_li_source", "")).startswith("darkest")


def check_resolved(thickness: ThicknessMap, voxel_um: float, decisions: Decisions) -> str:
    """Refuse grey values of lithium sampled where no lithium is thick enough for it.

    Parameters
    ----------
    thickness
        Column sums, computed with the grey value in question: too thick, if anything.
    voxel_um
        Voxel size along z.
    decisions
        Among them the origin of that grey value.

    Returns
    -------
    A warning, where lithium is thin and islands do not tell its grey value; or nothing.

    Raises
    ------
    ValueError
        If there is lithium, but none of it thicker than `LEAST_VOXEL`.
    """
    if not is_guessed(decisions):
        return ""
    smooth = smoothed(thickness.values_um, thickness.inside, SMOOTH_VOXEL)
    thickest = float(np.nanquantile(smooth, 0.999))
    noise = float(np.nanmean(thickness.std_um)) / (2 * np.sqrt(np.pi) * SMOOTH_VOXEL)
    if thickest < NOTHING_UM + 5 * noise:
        return ""
    message = (
        f"no lithium foil in view, and the thickest lithium reads {thickest:.1f} um, "
        f"{thickest / voxel_um:.1f} voxels: the blur mixes its grey value with its neighbours'"
    )
    if thickest < LEAST_VOXEL * voxel_um:
        raise ValueError(f"{message}, and every thickness would be too large; {ADVICE}")
    if thickest < SURE_VOXEL * voxel_um:
        return f"{message}, and thicknesses may be some per cent too large; {ADVICE}"
    return ""
