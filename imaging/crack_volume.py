"""Cracks as a volume, for pictures: the part of each voxel's electrolyte that a crack displaces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.crack_signal import SMOOTH_VOXEL, electrolyte_share
from imaging.cracks import CrackMap
from imaging.lvf import Interface
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

FULL = 255
"""Byte of the fraction 1."""
CLEAR_VOXEL = 2.5
"""Distance from the interface within which the blur of lithium at the collector would be drawn."""
BEYOND_UM = 8.0
"""Distance beyond the bottom of the farthest basin that is looked at."""
MARGIN_VOXEL = 8
"""Pixels around a crack that its smoothing and its electrolyte's contrast are taken from."""


def crack_fraction(
    lvf: Volume,
    interface: Interface,
    roi: BoolArray,
    before: Volume,
    grey_cc: float | FloatArray,
    grey_li: float,
    found: CrackMap,
    slices: slice,
) -> NDArray[np.uint8]:
    """Fraction of displaced electrolyte inside the footprints of cracks, smoothed as they are.

    Only the boxes around the cracks are computed, so that the cost is theirs and not the volume's.

    Parameters
    ----------
    lvf, interface, roi, before, grey_cc, grey_li
        As for `imaging.cracks.find_cracks`.
    found
        What that found.
    slices
        Slices that are handed back.

    Returns
    -------
    Shape (slices, y, x); 0 to 255 for 0 to 1; 0 outside the footprints.
    """
    out = np.zeros((len(range(*slices.indices(lvf.shape[0]))), *lvf.shape[1:]), np.uint8)
    first = slices.indices(lvf.shape[0])[0]
    zone = _zone(lvf, interface, found)
    if zone.size < 3:
        return out
    for label, box in enumerate(ndimage.find_objects(found.labels), start=1):
        if box is None:
            continue
        wide = tuple(slice(max(s.start - MARGIN_VOXEL, 0), s.stop + MARGIN_VOXEL) for s in box)
        fraction = _in_box(lvf, interface, roi, before, grey_cc, grey_li, zone, wide)
        inside = found.labels[wide] == label
        for k, part in zip(zone - first, fraction, strict=True):
            if 0 <= k < out.shape[0]:
                target = out[int(k)][wide]
                target[inside] = np.rint(FULL * part[inside].clip(0, 1)).astype(np.uint8)
    return out


def _zone(lvf: Volume, interface: Interface, found: CrackMap) -> IntArray:
    """Slices that cracks reach, the nearest to the interface first."""
    height = -interface.depth_um(lvf)
    low = CLEAR_VOXEL * lvf.spacing_um[0]
    high = max((crack.offset_max_um for crack in found.cracks), default=0.0) + BEYOND_UM
    inside = np.flatnonzero((height >= low) & (height <= high))
    return np.asarray(inside[np.argsort(height[inside])], dtype=np.int32)


def _in_box(
    lvf: Volume,
    interface: Interface,
    roi: BoolArray,
    before: Volume,
    grey_cc: float | FloatArray,
    grey_li: float,
    zone: IntArray,
    box: tuple[slice, ...],
) -> NDArray[np.float32]:
    """Smoothed fraction in the zone of one box, shape (zone, box)."""
    part = Volume(before.values[(slice(None), *box)], before.spacing_um, before.origin_um)
    inside = roi[box]
    cc = np.asarray(grey_cc, dtype=np.float64)
    contrast = (cc if cc.ndim == 0 else cc[box]) - grey_li
    share = electrolyte_share(part, interface, inside, zone, np.asarray(contrast), grey_li)
    values = lvf.values[(slice(None), *box)][zone]
    displaced = np.where(inside, values / share, 0).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(displaced, SMOOTH_VOXEL, mode="nearest"))
