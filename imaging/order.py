"""Are the scans in the right order? A scan that lost lithium reads as negative lithium."""

from __future__ import annotations

import logging
import math

import numpy as np
from scipy import ndimage

from imaging.morphology import opened
from imaging.slabs import mapped
from imaging.thickness import SMOOTH_VOXEL, ThicknessMap, smoothed
from imaging.volume import BoolArray, FloatArray

log = logging.getLogger(__name__)

SIGMA = 10.0
"""Standard deviations of the noise below zero at which lithium is clearly negative."""
MEAN_UM = 1.0
"""Misalignment and a drifting grey scale fake a few tenths of a micrometre, never this much."""
PATCH_UM = 1.5
BALANCE = 10.0
"""Misplaced edges leave as much too much as too little: pits alone mean that lithium left."""
MIN_PIXELS = 20


class SwappedScansError(ValueError):
    """The later scan holds clearly less lithium than the earlier one."""

    exit_code = 2


def check_order(
    thickness: ThicknessMap, fake_um: float, allow_negative: bool, foil: bool = False
) -> None:
    """Refuse a pair of scans that shows clearly negative lithium.

    Two signs count: a mean far below zero, once the drift of the grey scale is taken out, and pits
    far deeper than the noise without hills to balance them. Voids that close at the interface
    of a poor contact look alike, on a small scale: neither reaches the bounds.

    Parameters
    ----------
    thickness
        Column sums over the pixels that both scans see.
    fake_um
        Mean thickness that the drift of the grey scale adds.
    allow_negative
        Warn, and go on.
    foil
        It is the counter electrode's foil, and `thickness` what it has lost.

    Raises
    ------
    SwappedScansError
        If the scans look swapped.
    """
    inside = thickness.inside
    values = thickness.values_um - fake_um
    mean = float(values[inside].mean())
    noise = float(np.nanmean(thickness.std_um))
    signs = []
    if mean < -max(MEAN_UM, SIGMA * noise / math.sqrt(inside.sum())):
        signs.append(f"the mean {'depletion' if foil else 'thickness'} is {mean:.2f} um")
    pits, hills, deepest = _patches(values, inside, noise)
    if pits > BALANCE * hills:
        signs.append(
            f"{'spots of the foil' if foil else 'islands'} are negative, down to {deepest:.1f} um"
        )
    if not signs:
        return
    message = (
        f"the scans look swapped: {' and '.join(signs)}, so the later scan holds "
        f"{'more' if foil else 'less'} lithium than the earlier one; "
        "give before=PRISTINE after=PLATED, or scans=[PRISTINE,PLATED,...]"
    )
    if not allow_negative:
        raise SwappedScansError(f"{message} (allow_negative=true goes on)")
    log.warning("%s", message)


def _patches(values: FloatArray, inside: BoolArray, noise: float) -> tuple[float, float, float]:
    """Sums over the patches far below zero and far above the median, and the lowest value.

    Pits lie below the median as well: an offset of the map is no pit. Nor is a bare place in a
    layer, which lies below the median alone.
    """
    smooth = smoothed(values, inside, SMOOTH_VOXEL)
    hill = np.where(inside, smooth - np.nanmedian(smooth), 0.0)
    pit = np.where(inside, -np.maximum(smooth, hill), 0.0)
    # White noise shrinks by 2 sqrt(pi) sigma under a 2-D Gaussian.
    bound = max(PATCH_UM, SIGMA * noise / (2 * math.sqrt(math.pi) * SMOOTH_VOXEL))
    pits, hills = mapped(lambda i: _patch_sum((pit, hill)[i.start], bound), 2, 1)
    return pits, hills, -float(pit.max())


def _patch_sum(excess: FloatArray, bound: float) -> float:
    """Sum over patches of a fair size; the opening removes seams along misplaced edges."""
    patches = opened(excess > bound, 2)
    labels, _ = ndimage.label(patches)
    sizes = np.bincount(labels.ravel())
    large = sizes >= MIN_PIXELS
    large[0] = False
    return float(excess[large[labels]].sum())
