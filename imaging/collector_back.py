"""Has the collector been pushed back as a whole? Its back face, on the die, tells.

Lithium that takes the place of collector leaves the collector's back where it is. Lithium that
pushes a thin collector away moves its back as far, and collector comes in the place of die: where
the region of interest reaches that far, the sum loses what the two differ by. Steel behind copper
hides a third of the lithium so.
"""

from __future__ import annotations

import logging

import numpy as np

from imaging.reductions import slice_means
from imaging.setup import Decisions, Setup, decide
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

log = logging.getLogger(__name__)

DIFFERENT = 0.05
"""Collector and die differ by this fraction of the contrast to lithium at least."""
FRONT_VOXEL = 6
"""Nearer to the electrolyte the blur and the roughness of the collector's front are no back."""
BLUR_VOXEL = 4
"""Slices on the near side of a back face that its blur reaches."""
FLAT = 3
"""Slices over which a back face is looked for, and of die behind it that tell its grey value."""
MISSING_UM = 0.1
SIGMA = 3.0


def missing_um(
    before: Volume,
    lvf: FloatArray,
    roi: BoolArray,
    setup: Setup,
    error_um: float,
    decisions: Decisions,
) -> float:
    """Thickness that the ROI's sum lacks because the collector's back has moved; warns of it.

    Parameters
    ----------
    before
        The earlier scan.
    lvf
        Mean LVF over the ROI of every slice, unclipped.
    roi
        Pixels (y, x).
    setup
        Interface, slices and contrast.
    error_um
        Standard error of the mean thickness by itself.

    Returns
    -------
    Zero where no back face is in the ROI, or where it has not moved.
    """
    order = _deeper(before, setup)
    if order.size == 0:
        return 0.0
    first = int(order.min())
    grey = slice_means(before.values[first : int(order.max()) + 1], roi)
    found = _back(grey[order - first], setup.contrast)
    if found is None:
        return 0.0
    index, different = found
    missing = -float(lvf[order][max(index - BLUR_VOXEL, 0) :].sum()) * before.spacing_um[0]
    depth_um = float(setup.place.interface.depth_um(before)[order[index]])
    moved_um = missing / different
    told = f"{depth_um:.0f} um below the interface, inside the ROI"
    # Lithium as deep as that reads the other way round.
    if moved_um < 0 or abs(missing) < max(MISSING_UM, SIGMA * error_um):
        decisions["collector_back"] = f"{told}, has not moved"
        return 0.0
    height_um = 2 * (depth_um - BLUR_VOXEL * before.spacing_um[0])
    decide(decisions, "collector_back", f"{told}, moved by {moved_um:.2f} um")
    log.warning(
        "the collector's back, %s, has moved by %.2f um: the collector was pushed as a whole, and "
        "the thickness lacks %.2f um that the die behind it hides; roi.height_um=%.0f ends the ROI "
        "inside the collector",
        told,
        moved_um,
        missing,
        height_um,
    )
    return missing


def _deeper(before: Volume, setup: Setup) -> IntArray:
    """Indices of the ROI's slices inside the collector, from its front downwards."""
    place = setup.place
    depth = place.interface.depth_um(before)[place.slices] / before.spacing_um[0]
    order = np.argsort(depth)
    return np.asarray(place.slices.start + order[depth[order] >= FRONT_VOXEL])


def _back(grey: FloatArray, contrast: float) -> tuple[int, float] | None:
    """Slice of the back face, and how far collector and die differ, as fraction of the contrast."""
    if grey.size < 2 * FLAT + 1 or not contrast > 0:
        return None
    steps = np.abs(grey[FLAT:] - grey[:-FLAT])
    index = int(np.argmax(steps)) + FLAT // 2 + 1
    near, far = grey[: max(index - 2, 1)], grey[-FLAT:]
    different = float(near.mean() - far.mean()) / contrast
    steep = steps.max() > 0.5 * abs(different) * contrast
    return (index, different) if abs(different) > DIFFERENT and steep else None
