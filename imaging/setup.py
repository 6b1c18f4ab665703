"""What the analysis of a pair of scans is not told, it finds here: where, and which grey values."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np

from imaging.lithium_scale import Scale
from imaging.lvf import (
    Interface,
    cc_variation,
    collector_pixels,
    electrolyte_slab_um,
    find_grey_cc,
    find_grey_li,
    find_interface,
    radial_cc,
    sample,
)
from imaging.options import (
    CcSide,
    GreyOptions,
    ImageOptions,
    InterfaceOptions,
    Normalisation,
    RoiOptions,
)
from imaging.reductions import slice_means
from imaging.volume import BoolArray, FloatArray, Volume, disc_mask, slab

log = logging.getLogger(__name__)

type Decisions = dict[str, str | float]

CONTRAST_SAID, CONTRAST_REFUSED = (0.95, 3.0), (0.5, 10.0)
"""Given contrast of collector and lithium over that of collector and electrolyte: 1.02 for copper
and argyrodite at 28 keV, more for a denser electrolyte; never less than 1."""
LEAST_HEIGHT = 4
"""Voxels of the ROI's height at least."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where in the before scan lithium is looked for."""

    interface: Interface
    disc: BoolArray
    """The ROI's pixels (y, x) as they were asked for."""
    roi: BoolArray
    """Those of them under which there is current collector."""
    slices: slice
    """Slices that are summed."""
    electrolyte_um: tuple[float, float]
    """Bulk solid electrolyte, from - to along z."""


@dataclass(frozen=True, eq=False)
class Setup:
    """What one pair of scans has decided, for later scans of the same cell to keep."""

    place: Place
    grey_cc: float | FloatArray
    """Grey value of the current collector, or its map (y, x)."""
    grey_li: float
    decisions: Decisions

    @property
    def contrast(self) -> float:
        """Grey value of current collector less that of lithium."""
        return float(np.mean(self.grey_cc)) - self.grey_li


def find_place(before: Volume, options: ImageOptions, decisions: Decisions) -> Place:
    """Find interface, region of interest and bulk electrolyte in the before scan.

    Raises
    ------
    ValueError
        If a given value does not fit the scan, or the interface cannot be told.
    """
    disc = find_roi(before, options.roi, decisions)
    interface = _interface(before, disc, options.interface, decisions)
    roi = collector_pixels(before, interface, disc)
    if roi.sum() < disc.sum():
        share = 100 * (1 - roi.sum() / disc.sum())
        decide(decisions, "roi_cell", f"{share:.0f} % of the ROI without collector left out")
    slices = find_slices(before, interface.z_um, options.roi, decisions)
    slab_um = electrolyte_slab_um(before, interface, roi, options.register_margin_voxel)
    return Place(interface, disc, roi, slices, slab_um)


def find_greys(
    before: Volume,
    aligned: Volume,
    place: Place,
    roi: BoolArray,
    options: ImageOptions,
    decisions: Decisions,
) -> Setup:
    """Find the grey values of current collector and lithium over some pixels of the ROI.

    Raises
    ------
    ValueError
        If a given value does not fit the scans.
    """
    grey_cc = _grey_cc(before, place.interface, roi, options, decisions)
    grey_li = _grey_li(before, aligned, place.interface, roi, options.grey, decisions)
    given = options.grey
    if any(v is not None for v in (given.cc, given.li, given.cc_region, given.li_region)):
        _check_contrast(before, place, roi, grey_cc, grey_li)
    return Setup(place, grey_cc, grey_li, dict(decisions))


def rescaled(setup: Setup, scale: Scale) -> Setup:
    """The grey value of lithium by which the LVF is what islands tell."""
    decisions = dict(setup.decisions)
    value = setup.grey_li - (scale.value - 1) * setup.contrast
    decide(decisions, "grey_li", value)
    source = f"{decisions['grey_li_source']}, corrected by how islands are spread along z"
    decide(decisions, "grey_li_source", source)
    decide(decisions, "grey_li_correction", f"{scale.value:.4f} +- {scale.std:.4f} of the contrast")
    return replace(setup, grey_li=value, decisions=decisions)


def decide(decisions: Decisions, name: str, value: str | float) -> None:
    """Note a decision and say it in the log."""
    decisions[name] = value
    log.info("%s: %s", name, value if isinstance(value, str) else f"{value:.6g}")


def find_roi(volume: Volume, options: RoiOptions, decisions: Decisions) -> BoolArray:
    """Pixels (y, x) of the ROI; what lies beyond the volume is cut."""
    if options.centre_um is None:
        centre = volume.centre_um[1:]
        decide(decisions, "roi_centre_um", f"y {centre[0]:.2f}, x {centre[1]:.2f}")
    else:
        centre = (options.centre_um[0], options.centre_um[1])
    roi = disc_mask(volume, centre, options.radius_um)
    if not roi.any():
        raise ValueError(
            f"no voxel of {volume.spacing_um[1]:g} um lies within roi.radius_um = "
            f"{options.radius_um:g} of roi.centre_um = [{centre[0]:g}, {centre[1]:g}]: it lies "
            "outside the volume, or the radius is too small"
        )
    for axis in (1, 2):
        c = volume.coordinates_um(axis)
        half = 0.5 * volume.spacing_um[axis]
        if centre[axis - 1] - options.radius_um < c[0] - half or (
            centre[axis - 1] + options.radius_um > c[-1] + half
        ):
            decide(
                decisions,
                "roi",
                f"radius {options.radius_um:g} um exceeds the volume: cut at its edge",
            )
            break
    return roi


def find_slices(volume: Volume, z_um: float, options: RoiOptions, decisions: Decisions) -> slice:
    """Slices of the ROI about z; what lies beyond the volume is cut."""
    half = 0.5 * options.height_um
    if options.height_um < LEAST_HEIGHT * volume.spacing_um[0]:
        raise ValueError(
            f"roi.height_um = {options.height_um:g} is less than {LEAST_HEIGHT} voxels of "
            f"{volume.spacing_um[0]:g} um: the blur alone spreads lithium further"
        )
    slices = slab(volume, z_um - half, z_um + half)
    if slices.stop <= slices.start:
        z = volume.coordinates_um(0)
        raise ValueError(
            f"interface.z_um = {z_um:g} is outside the volume ({z[0]:g} to {z[-1]:g} um)"
        )
    if slices.stop - slices.start < math.floor(options.height_um / volume.spacing_um[0]) - 1:
        decide(
            decisions,
            "roi_height",
            f"{options.height_um:g} um about z = {z_um:.2f} um exceeds the volume: cut at its end",
        )
    return slices


def _interface(
    before: Volume, roi: BoolArray, options: InterfaceOptions, decisions: Decisions
) -> Interface:
    known = None if options.cc_side is None else options.cc_side is CcSide.low
    if options.z_um is not None and known is not None:
        return Interface(options.z_um, known)
    if options.z_um is not None:
        interface = Interface(options.z_um, _brighter_is_low(before, roi, options.z_um))
    else:
        interface = find_interface(before, roi, known)
        decide(decisions, "interface_z_um", interface.z_um)
    if known is None:
        decide(decisions, "cc_side", "low" if interface.cc_is_low else "high")
    return interface


def _brighter_is_low(before: Volume, roi: BoolArray, z_um: float) -> bool:
    """Which side of a given interface is the brighter."""
    reach = 12 * before.spacing_um[0]
    low, high = slab(before, z_um - reach, z_um), slab(before, z_um, z_um + reach)
    if low.stop <= low.start or high.stop <= high.start:
        z = before.coordinates_um(0)
        raise ValueError(
            f"interface.z_um = {z_um:g} is at or beyond the end of the volume "
            f"({z[0]:g} to {z[-1]:g} um)"
        )
    sides = [float(slice_means(before.values[part], roi).mean()) for part in (low, high)]
    return sides[0] > sides[1]


def _grey_cc(
    before: Volume,
    interface: Interface,
    roi: BoolArray,
    options: ImageOptions,
    decisions: Decisions,
) -> float | FloatArray:
    grey, radial = options.grey, options.normalisation is Normalisation.radial
    decisions["normalisation"] = options.normalisation.value
    if not radial and grey.cc is not None:
        return grey.cc
    if not radial and grey.cc_region is not None:
        value = sample(before, grey.cc_region, "grey.cc_region")
        decide(decisions, "grey_cc", value)
        return value
    if radial and (grey.cc is not None or grey.cc_region is not None):
        raise ValueError("normalisation=radial finds grey.cc by itself: do not give it as well")
    centre = options.roi.centre_um or list(before.centre_um[1:])
    cc_map = radial_cc(before, interface, roi, (centre[0], centre[1]))
    decide(decisions, "cc_variation_over_roi", cc_variation(cc_map, roi))
    value = find_grey_cc(before, interface, roi)
    decide(decisions, "grey_cc", value)
    return cc_map if radial else value


def _check_contrast(
    before: Volume, place: Place, roi: BoolArray, grey_cc: float | FloatArray, grey_li: float
) -> None:
    """Lithium is the darkest phase: compare a given contrast with what the electrolyte tells.

    Raises
    ------
    ValueError
        If the grey values cannot be of this reconstruction.
    """
    electrolyte = slab(before, *place.electrolyte_um)
    if electrolyte.stop <= electrolyte.start:
        return
    collector = find_grey_cc(before, place.interface, roi)
    dark = float(slice_means(before.values[electrolyte], roi).mean())
    contrast = float(np.mean(grey_cc)) - grey_li
    if not (collector > dark and contrast > 0):
        return  # nothing to compare, or refused where it is divided by
    ratio = contrast / (collector - dark)
    seen = (
        f"the contrast of the grey values given, collector {np.mean(grey_cc):g} less lithium "
        f"{grey_li:g}, is {ratio:.3g} times that of collector ({collector:g}) and bulk electrolyte "
        f"({dark:g}) in the earlier scan; lithium is darker than electrolyte"
    )
    if not CONTRAST_REFUSED[0] < ratio < CONTRAST_REFUSED[1]:
        raise ValueError(f"{seen}: they are of another reconstruction (grey.cc, grey.li)")
    if not CONTRAST_SAID[0] < ratio < CONTRAST_SAID[1]:
        log.warning("%s, and every thickness is divided by it (grey.cc, grey.li)", seen)


def _grey_li(
    before: Volume,
    after: Volume,
    interface: Interface,
    roi: BoolArray,
    grey: GreyOptions,
    decisions: Decisions,
) -> float:
    if grey.li is not None:
        return grey.li
    if grey.li_region is not None:
        value = sample(before, grey.li_region, "grey.li_region")
    else:
        value, source = find_grey_li(before, after, interface, roi)
        decide(decisions, "grey_li_source", source)
    decide(decisions, "grey_li", value)
    return value
