"""Cracks of a pair of scans, and the lithium volume fraction without them."""

from __future__ import annotations

import logging

import numpy as np
from scipy import ndimage

from imaging.crack_signal import NoElectrolyteContrastError
from imaging.cracks import APERTURE_VOXEL, CrackMap, find_cracks
from imaging.lvf import Interface
from imaging.options import ImageOptions
from imaging.reductions import slice_means
from imaging.setup import Decisions, Setup, decide
from imaging.volume import BoolArray, Volume

log = logging.getLogger(__name__)


def search_cracks(
    lvf: Volume,
    before: Volume,
    roi: BoolArray,
    interface: Interface,
    setup: Setup,
    options: ImageOptions,
    decisions: Decisions,
) -> CrackMap | None:
    """Look for cracks beside an interface, and say so; None where they cannot be seen."""
    if not options.cracks.find:
        decisions["cracks"] = "not looked for (cracks.find=false)"
        return None
    try:
        found = find_cracks(
            lvf, interface, roi, before, setup.grey_cc, setup.grey_li, options.cracks
        )
    except NoElectrolyteContrastError as error:
        decisions["cracks"] = f"not looked for: {error}"
        log.warning("no cracks are looked for: %s", error)
        return None
    if found.zone.size < 3:
        decide(decisions, "cracks", "not looked for: fewer than 3 slices of electrolyte in view")
        return None
    dz = before.spacing_um[0]
    clear = options.cracks.clear_voxel * dz
    reach = max(abs(before.coordinates_um(0)[found.zone] - interface.z_um))
    note = f"looked for {clear:.1f} to {reach:.1f} um from the interface"
    if found.cracks and interface == setup.place.interface:
        note += "; what they displace counts neither as plated lithium nor as islands"
    decide(decisions, "cracks", note)
    return found


def without_cracks(lvf: Volume, cracks: CrackMap | None) -> Volume:
    """Return the LVF without what cracks displace, for sums and islands on the collector.

    Only slices in which cracks are looked for are cleared, and only in and around the cracks'
    footprints: the lithium below a crack stays.
    """
    if cracks is None or not cracks.cracks:
        return lvf
    around = ndimage.binary_dilation(cracks.labels > 0, iterations=APERTURE_VOXEL[1])
    y, x = np.nonzero(around)
    values = lvf.values.copy()
    values[cracks.zone[:, None], y, x] = 0
    return lvf.with_values(values)


def corrected_cracks(
    cracks: CrackMap | None, before: Volume, roi: BoolArray, guess: float, grey_li: float
) -> CrackMap | None:
    """Return the cracks as they are if lithium has another grey value than was thought.

    The fraction of displaced electrolyte is the fall of its grey value over its own contrast to
    lithium, which is small: where lithium was guessed too dark, cracks came out too thin.

    Parameters
    ----------
    cracks
        As found.
    before, roi
        Where they were looked for.
    guess, grey_li
        Grey value of lithium then, and now.
    """
    if cracks is None or not cracks.cracks:
        return cracks
    zone = slice(int(cracks.zone.min()), int(cracks.zone.max()) + 1)
    electrolyte = float(slice_means(before.values[zone], roi).mean())
    return cracks.thicker((electrolyte - guess) / (electrolyte - grey_li))
