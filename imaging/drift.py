"""Drift of the grey scale between two scans, measured where nothing happens, and taken out.

after = gain * before + offset holds in every place that neither plating nor stripping reaches:
the bulk of the solid electrolyte, the tube around the cell, the dies beyond the region of
interest. Electrolyte and tube (the check of Xu et al., Small 2026) are both dark beside copper:
they fix the offset. Only bright places tell how far off the gain is: the dies, or, in scans cut
so close that no die is left, the collector below the lithium.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.lvf import WALL_PIXELS, collector_pixels
from imaging.reductions import slice_means
from imaging.setup import Decisions, Setup, decide
from imaging.volume import BoolArray, FloatArray, Volume, slab

log = logging.getLogger(__name__)

WARNING_UM = 0.1
"""Thickness faked by a change of the grey scale that is worth a warning."""
SPAN = 0.2
"""Grey values this far apart, as fraction of the contrast, tell a gain from an offset."""
CLEAR_VOXEL = 3
"""Slices left out at the ends of the volume, which drift into and out of view, and beside the
region of interest."""
MIN_TUBE_PIXELS = 400
LARGEST_CHANGE = 0.1
"""Change of the gain, and of the electrolyte as fraction of the contrast, that may still be drift:
beyond it the scans were reconstructed, or converted to integers, in different ways."""
LARGEST_TEXTURE = 10.0
"""Ratio of the electrolyte's scatter in the two scans that noise and blur can still explain."""
ONE_MATERIAL = 0.02
"""Slices of a die whose means differ by more of the contrast are not of one material."""
QUIET_SLICES = 3
"""Deepest slices of the ROI that must have changed alike to tell the gain."""
QUIET = 0.002
"""Changes that differ by less, as fraction of the contrast, are alike: as much of a gain adds
0.07 um of lithium to a collector 20 slices deep."""
LARGEST_GAIN = 0.15
"""Relative change of the bright grey values beyond which something else has come in their place."""
GAIN_UNKNOWN = (
    "taken as 1, not measured: in view is neither a die below the ROI nor collector that lithium "
    "has not reached, and 1 % of gain adds 0.1 um for every 10 um of collector in the ROI; keep "
    "the die, or 5 slices more of collector, when scans are cut"
)
SAMPLED_PIXELS = 200_000
"""Pixels of a slice that are enough for its middle half, or its scatter."""


@dataclass(frozen=True)
class GreyDrift:
    """How the grey scale of the later scan differs from that of the earlier one."""

    gain: float
    offset: float
    """In grey values: after = gain * before + offset."""
    electrolyte_change: float
    """Change of the bulk electrolyte's grey value, as fraction of the contrast."""
    fake_um: float
    """Mean thickness over the ROI that this adds to the lithium."""
    regions: tuple[str, ...]
    """Where it was measured."""
    gain_known: bool = True
    """False where nothing bright was out of the lithium's reach: the gain is then taken as 1."""


def measure_drift(
    before: Volume,
    aligned: Volume,
    roi: BoolArray,
    field: BoolArray,
    setup: Setup,
    roi_height_um: float,
) -> GreyDrift | None:
    """Measure gain and offset of a scan against an earlier one.

    Parameters
    ----------
    before, aligned
        Two scans of one grid, the later one aligned to the earlier.
    roi
        Pixels (y, x) of the ROI that both scans see.
    field
        All pixels (y, x) that both scans see.
    setup
        Interface, electrolyte and contrast of the pair.
    roi_height_um
        Height of the ROI about the interface.

    Returns
    -------
    GreyDrift or None
        None where there is no bulk electrolyte in view, or no contrast.
    """
    place = setup.place
    electrolyte = slab(before, *place.electrolyte_um)
    if electrolyte.stop <= electrolyte.start or not setup.contrast > 0:
        return None
    levels = {"bulk electrolyte": _levels(before, aligned, electrolyte, roi)}
    tube = _tube(before, setup) & field
    if tube.sum() >= MIN_TUBE_PIXELS:
        levels["tube"] = _levels(before, aligned, electrolyte, tube)
    if (die := _die_levels(before, aligned, setup, roi, roi_height_um)) is not None:
        levels["die"] = die
    elif (quiet := _quiet_levels(before, aligned, setup, roi)) is not None:
        levels["deep collector"] = quiet
    low, high = (np.array(values) for values in zip(*levels.values(), strict=True))
    gain_known = bool(np.ptp(low) > SPAN * setup.contrast)
    gain = float(np.polyfit(low, high, 1)[0]) if gain_known else 1.0
    offset = float(np.mean(high - gain * low))
    grey = slice_means(before.values[place.slices], roi)
    fake = -float(np.sum((gain - 1) * grey + offset)) * before.spacing_um[0] / setup.contrast
    change = levels["bulk electrolyte"][1] - levels["bulk electrolyte"][0]
    return GreyDrift(gain, offset, change / setup.contrast, fake, tuple(levels), gain_known)


def on_one_scale(
    before: Volume,
    aligned: Volume,
    roi: BoolArray,
    setup: Setup,
    drift: GreyDrift,
    correct: bool,
    decisions: Decisions,
) -> Volume:
    """Note the drift, and return the later scan without it, if asked for, or else as it is.

    Raises
    ------
    ValueError
        If it is to stay, but gain or offset differ by more than any drift, as they do between
        8 and 16 bits of one scan: their difference would mean nothing.
    """
    if not correct:
        _require_one_scale(before, aligned, roi, setup, drift)
    _report(drift, correct, decisions)
    return _corrected(aligned, drift) if correct else aligned


def _require_one_scale(
    before: Volume, aligned: Volume, roi: BoolArray, setup: Setup, drift: GreyDrift
) -> None:
    step = slice(None, None, math.isqrt(max(int(roi.sum()) // SAMPLED_PIXELS, 1)))
    part = slab(before, *setup.place.electrolyte_um), step, step
    first, second = (
        float(v.values[part][:, roi[part[1:]]].std(dtype=np.float64)) for v in (before, aligned)
    )
    texture = second / first if first > 0 else 1.0
    signs = []
    if abs(drift.gain - 1) > LARGEST_CHANGE:
        signs.append(f"its gain is {drift.gain:.4g} times that of the earlier one")
    if abs(drift.electrolyte_change) > LARGEST_CHANGE:
        signs.append(
            f"its electrolyte's grey value differs by {100 * drift.electrolyte_change:.4g} % of "
            "the contrast between collector and lithium"
        )
    if not 1 / LARGEST_TEXTURE < texture < LARGEST_TEXTURE:
        signs.append(f"its electrolyte scatters {texture:.4g} times as much")
    if signs:
        raise ValueError(
            f"the later scan is not on the grey scale of the earlier one: {', '.join(signs)}; "
            "give both as reconstructed, or converted to integers by the same limits "
            "(grey.drift=correct puts it on that scale by electrolyte and dies)"
        )


def _corrected(aligned: Volume, drift: GreyDrift) -> Volume:
    """Return the later scan on the grey scale of the earlier one, float32."""
    values = (aligned.values - np.float32(drift.offset)) / np.float32(drift.gain)
    return aligned.with_values(values.astype(np.float32, copy=False))


def _report(drift: GreyDrift, correct: bool, decisions: Decisions) -> None:
    """Note what was measured and done; warn where it fakes lithium and stays."""
    decisions["electrolyte_grey_change"] = drift.electrolyte_change
    decisions["grey_gain"] = drift.gain
    decisions["grey_offset"] = drift.offset
    where = ", ".join(drift.regions)
    if not drift.gain_known:
        decisions["grey_gain_source"] = GAIN_UNKNOWN
        if correct or abs(drift.fake_um) > WARNING_UM:
            log.warning("grey_gain: %s", GAIN_UNKNOWN)
    if correct:
        decide(
            decisions,
            "grey_drift",
            f"corrected: gain {drift.gain:.5f}, offset {drift.offset:.4g}, measured on {where}; "
            f"uncorrected it would add {drift.fake_um:+.2f} um",
        )
        return
    decisions["grey_drift"] = (
        f"not corrected: adds about {drift.fake_um:+.1g} um, measured on {where}"
    )
    if abs(drift.fake_um) > WARNING_UM:
        log.warning(
            "the electrolyte's grey value changed by %+.2f %% of the contrast between collector "
            "and lithium, the gain by %+.2f %%: the grey scale drifted between the scans, which "
            "adds about %+.2f um to every thickness (not to the islands, which are measured "
            "against their surroundings); grey.drift=correct takes it out",
            100 * drift.electrolyte_change,
            100 * (drift.gain - 1),
            drift.fake_um,
        )


def _levels(
    before: Volume, aligned: Volume, slices: slice, pixels: BoolArray
) -> tuple[float, float]:
    """Mean grey values before and after in some slices and pixels."""
    first, second = (float(slice_means(v.values[slices], pixels).mean()) for v in (before, aligned))
    return first, second


def _tube(before: Volume, setup: Setup) -> BoolArray:
    """Pixels well outside the current collector: the cell's tube, where it is in view."""
    everywhere = np.ones(before.shape[1:], dtype=bool)
    cell = collector_pixels(before, setup.place.interface, everywhere)
    if cell.all():
        return ~cell
    # The collector's edge lies WALL_PIXELS outside `cell`; as far again from it.
    return np.asarray(ndimage.distance_transform_edt(~cell) > 2 * WALL_PIXELS + 2)


def _die_levels(
    before: Volume, aligned: Volume, setup: Setup, roi: BoolArray, roi_height_um: float
) -> tuple[float, float] | None:
    """Mean grey values before and after deeper than the ROI reaches; None where nothing is.

    From the deepest slice upwards, as long as it is one material in both scans: where lithium has
    pushed the collector back, collector comes in the place of die.
    """
    depth: FloatArray = setup.place.interface.depth_um(before) / before.spacing_um[0]
    deepest = 0.5 * roi_height_um / before.spacing_um[0] + CLEAR_VOXEL
    used = np.flatnonzero(depth > deepest)
    used = used[(used >= CLEAR_VOXEL) & (used < depth.size - CLEAR_VOXEL)]
    if used.size < 2:
        return None
    part = slice(int(used[0]), int(used[-1]) + 1)
    downwards = slice(None, None, 1 if depth[used[0]] > depth[used[-1]] else -1)
    first, second = (slice_means(v.values[part], roi)[downwards] for v in (before, aligned))
    other = [np.abs(v - v[:2].mean()) > ONE_MATERIAL * setup.contrast for v in (first, second)]
    count = int(np.argmax([*(other[0] | other[1]), True]))
    return (float(first[:count].mean()), float(second[:count].mean())) if count >= 2 else None


def _quiet_levels(
    before: Volume, aligned: Volume, setup: Setup, roi: BoolArray
) -> tuple[float, float] | None:
    """Grey values before and after in the ROI's deepest slices; None where lithium is there.

    A gain changes slices alike; lithium that reaches so deep leaves less and less collector
    towards the interface. The middle half of each slice counts: few islands are that deep.
    """
    place = setup.place
    depth: FloatArray = place.interface.depth_um(before)[place.slices]
    order = place.slices.start + np.argsort(-depth)[:QUIET_SLICES]
    if depth.size < QUIET_SLICES or depth[order - place.slices.start].min() <= 0:
        return None
    pixels = np.flatnonzero(roi)
    pixels = pixels[:: max(pixels.size // SAMPLED_PIXELS, 1)]
    first, second = (
        np.array([_middle_half(v.values[z].ravel()[pixels]) for z in order])
        for v in (before, aligned)
    )
    changes = (second - first) / setup.contrast
    unlike = np.ptp(changes) > QUIET or np.ptp(first) > SPAN * setup.contrast
    if unlike or abs(changes.mean()) > LARGEST_GAIN:
        return None
    return float(first.mean()), float(second.mean())


def _middle_half(values: FloatArray) -> float:
    """Mean of what lies between the quartiles."""
    quarter = values.size // 4
    return float(np.sort(values)[quarter : values.size - quarter].mean())
