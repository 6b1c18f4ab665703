"""Counter electrode: how much its lithium foil has lost between two scans.

The scans are aligned on the bulk electrolyte. Under stack pressure the collector follows a foil
that gets thinner, so collector comes where lithium was: with depth z into the collector,

    depletion = sum over the foil and beyond of (after - before) dz / (grey_cc - grey_li),

positive where lithium was lost. A shift d of the whole profile along z changes the sum by d times
the difference of the grey values at the window's two ends; the divisor is therefore that of the
slices behind the window, which have moved in (foil and die may differ), and lithium.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from imaging.course import Course
from imaging.crack_exclusion import search_cracks
from imaging.cracks import CrackMap
from imaging.drift import GreyDrift, measure_drift, on_one_scale
from imaging.estimators import linear_lvf, paper_lvf
from imaging.foil import (
    BARE_VOXEL,
    BULK_VOXEL,
    MARGIN_VOXEL,
    BareSpot,
    Foil,
    find_bare_spots,
    find_foil,
    foil_pixels,
    foil_thickness_um,
)
from imaging.lvf import collector_pixels, electrolyte_slab_um, find_grey_cc, radial_cc, sample
from imaging.options import Drift, Estimator, ImageOptions, Normalisation
from imaging.order import check_order
from imaging.pair import require_pair
from imaging.registration import register
from imaging.setup import Decisions, Place, Setup, decide, find_roi
from imaging.slabs import Progress
from imaging.thickness import (
    SMOOTH_VOXEL,
    ThicknessMap,
    histogram,
    smoothed,
    thickness_map,
    z_profile,
)
from imaging.transform import RigidTransform, apply, seen
from imaging.volume import BoolArray, FloatArray, IntArray, Volume
from imaging.workflow import drift_scalars, registration_scalars

STEPS = {"find_foil": 1.0, "register": 10.0, "resample": 4.0, "measure": 6.0}
"""About what part of the time each step takes."""
ALIGNMENT_VOXEL = 0.05
"""Standard deviation of the alignment along z that is taken for granted."""


@dataclass(frozen=True, eq=False)
class FoilSetup:
    """What one pair of scans has decided, for later scans of the same cell to keep."""

    foil: Foil
    setup: Setup
    thickness_um: FloatArray
    """Local thickness of the foil in the scan before, (y, x), NaN where there is none."""


@dataclass(frozen=True, eq=False)
class FoilResult:
    """What became of the foil; maps are (y, x), NaN outside of it."""

    lost: Volume
    """Volume fraction of lithium lost: (after - before) / (grey_cc - grey_li)."""
    before: Volume
    after_registered: Volume
    depletion_um: FloatArray
    depletion_std_um: FloatArray
    """Standard deviation per pixel from the voxels' noise."""
    thickness_um: FloatArray
    """Of the foil in the scan before."""
    left_um: FloatArray
    """Of the foil in the later scan, lightly smoothed."""
    bare_spots: list[BareSpot]
    bare_labels: IntArray
    histogram_edges_um: FloatArray
    histogram_counts: FloatArray
    z_profile_um: FloatArray
    z_profile_lost: FloatArray
    cracks: CrackMap | None
    """In the electrolyte beside the foil; None where they were not looked for."""
    transform: RigidTransform | None
    drift: GreyDrift | None
    setup: FoilSetup
    decisions: Decisions
    scalars: dict[str, float]


def analyse_foil(
    before: Volume,
    after: Volume,
    options: ImageOptions,
    known: FoilSetup | None = None,
    progress: Progress | None = None,
) -> FoilResult:
    """Align, subtract, and measure the depletion of the counter electrode's foil.

    Parameters
    ----------
    before, after
        Scans of one shape and spacing; the foil is whole in the earlier one.
    options
        As for the working electrode, but that `interface.z_um` is the SE|Li interface and
        `grey.cc` the grey value of the foil's collector; `roi.height_um` is not used.
    known
        What an earlier pair with the same `before` has decided.
    progress
        Called with the fraction done.

    Raises
    ------
    ValueError
        If the scans do not fit each other, or no foil can be told.
    SwappedScansError
        If the later scan holds clearly more lithium.
    RegistrationError
        If the scans cannot be aligned.
    """
    require_pair(before, after)
    decisions: Decisions = {} if known is None else dict(known.setup.decisions)
    course = Course(STEPS, progress)
    with course.step("find_foil"):
        if known is None:
            foil, place = _find_place(before, options, decisions)
        else:
            foil, place = known.foil, known.setup.place
    transform, aligned = None, after
    field = np.ones(before.shape[1:], dtype=bool)
    if options.register:
        with course.step("register") as told:
            transform = register(before, after, place.electrolyte_um, progress=told)
        with course.step("resample") as told:
            aligned = apply(transform, after, told)
        field = seen(transform, after, place.slices)
    roi = place.roi & field
    if not roi.any():
        raise ValueError("no pixel of the foil is in the field of view of both scans")
    if known is None:
        grey_cc = _grey_cc(before, aligned, foil, place, roi, options, decisions)
        setup = Setup(place, grey_cc, foil.grey_li, dict(decisions))
        thickness = foil_thickness_um(before, foil, place.roi, grey_cc)
        known = FoilSetup(foil, setup, thickness)
    setup = known.setup
    dz = before.spacing_um[0]
    reach = 2 * (foil.thickness_um + MARGIN_VOXEL * dz)
    drift = measure_drift(before, aligned, roi, field, setup, reach)
    correct = options.grey.drift is Drift.correct
    fake_um = 0.0
    if drift is not None:
        aligned = on_one_scale(before, aligned, roi, setup, drift, correct, decisions)
        fake_um = 0.0 if correct else -drift.fake_um
    linear = options.estimator is Estimator.linear
    decisions["estimator"] = options.estimator.value
    estimate = linear_lvf if linear else paper_lvf
    # Lithium lost, so the scans change places.
    lost = before.with_values(estimate(aligned, before, setup.grey_cc, setup.grey_li))
    depletion = thickness_map(lost, roi, place.slices)
    if linear:  # the other one cuts off below zero
        check_order(depletion, fake_um, options.allow_negative, foil=True)
    left = known.thickness_um - smoothed(depletion.values_um, depletion.inside, SMOOTH_VOXEL)
    bare_um = options.foil.bare_um or BARE_VOXEL * dz
    decisions["bare_um"] = bare_um
    spots, labels = find_bare_spots(left, bare_um, before)
    cracks = None
    if options.cracks.find:  # gained, as at the working electrode: minus what was lost
        gained = (
            -lost.values if linear else linear_lvf(before, aligned, setup.grey_cc, setup.grey_li)
        )
        cracks = search_cracks(
            before.with_values(gained), before, roi, foil.front, setup, options, decisions
        )
    edges, counts = histogram(depletion)
    z_um, profile = z_profile(lost, roi)
    scalars = _scalars(depletion, known, left, spots, before, fake_um, transform)
    scalars |= _advance(before, aligned, foil, left)
    return FoilResult(
        lost=lost,
        before=before,
        after_registered=aligned,
        depletion_um=depletion.values_um,
        depletion_std_um=depletion.std_um,
        thickness_um=known.thickness_um,
        left_um=left,
        bare_spots=spots,
        bare_labels=labels,
        histogram_edges_um=edges,
        histogram_counts=counts,
        z_profile_um=z_um,
        z_profile_lost=profile,
        cracks=cracks,
        transform=transform,
        drift=drift,
        setup=known,
        decisions=decisions,
        scalars=scalars
        | registration_scalars(transform)
        | drift_scalars(drift)
        | ({} if cracks is None else cracks.scalars()),
    )


# --------------------------------------------------------------------------------------- place


def _find_place(before: Volume, options: ImageOptions, decisions: Decisions) -> tuple[Foil, Place]:
    """Find the foil, its pixels, the slices to sum and the bulk electrolyte."""
    disc = find_roi(before, options.roi, decisions)
    foil = find_foil(before, disc, options)
    cell = collector_pixels(before, foil.back, disc)
    foil = find_foil(before, cell, options)  # without the tube around it
    decide(decisions, "foil_front_z_um", foil.front_um)
    decide(decisions, "foil_back_z_um", foil.back_um)
    decide(decisions, "foil_side", "low" if foil.collector_is_low else "high")
    grey_li = foil.grey_li
    if options.grey.li_region is not None:
        grey_li = sample(before, options.grey.li_region, "grey.li_region")
        foil = replace(foil, grey_li=grey_li)
    decide(decisions, "grey_li", grey_li)
    decide(decisions, "grey_se", foil.grey_se)
    slices = foil.window(before)
    roi = foil_pixels(before, foil, cell)
    if not roi.any():
        raise ValueError("no pixel of the ROI shows lithium foil between electrolyte and collector")
    if roi.sum() < disc.sum():
        share = 100 * (1 - roi.sum() / disc.sum())
        decide(decisions, "roi_foil", f"{share:.0f} % of the ROI without foil left out")
    slab_um = electrolyte_slab_um(before, foil.front, roi, options.register_margin_voxel)
    decisions["registration_mask_z_um"] = f"{slab_um[0]:.1f} to {slab_um[1]:.1f}"
    return foil, Place(foil.back, disc, roi, slices, slab_um)


def _grey_cc(
    before: Volume,
    aligned: Volume,
    foil: Foil,
    place: Place,
    roi: BoolArray,
    options: ImageOptions,
    decisions: Decisions,
) -> float | FloatArray:
    """Grey value of what has moved into the window, or its map (y, x)."""
    grey, radial = options.grey, options.normalisation is Normalisation.radial
    decisions["normalisation"] = options.normalisation.value
    if radial and (grey.cc is not None or grey.cc_region is not None):
        raise ValueError("normalisation=radial finds grey.cc by itself: do not give it as well")
    if radial:
        centre = options.roi.centre_um or list(before.centre_um[1:])
        cc_map = radial_cc(before, foil.back, roi, (centre[0], centre[1]))
        decide(decisions, "grey_cc", float(cc_map[roi].mean()))
        return cc_map
    if grey.cc is not None:
        return grey.cc
    if grey.cc_region is not None:
        value = sample(before, grey.cc_region, "grey.cc_region")
        decide(decisions, "grey_cc", value)
        return value
    profile = before.values[:, roi].mean(axis=1, dtype=np.float64)
    change = aligned.values[place.slices][:, roi].mean(axis=1, dtype=np.float64)
    gained = float((change - profile[place.slices]).sum()) * before.spacing_um[0]
    depth = foil.back.depth_um(before) - MARGIN_VOXEL * before.spacing_um[0]
    value = find_grey_cc(before, foil.back, roi)
    for _ in range(3):  # the slices that moved in depend on how far they moved
        moved = max(gained / (value - foil.grey_li), 3 * before.spacing_um[0])
        value = float(profile[(depth >= 0) & (depth <= moved)].mean())
    decide(decisions, "grey_cc", value)
    return value


# ------------------------------------------------------------------------------------- results


def _scalars(
    depletion: ThicknessMap,
    known: FoilSetup,
    left_um: FloatArray,
    spots: list[BareSpot],
    before: Volume,
    fake_um: float,
    transform: RigidTransform | None,
) -> dict[str, float]:
    inside = depletion.values_um[depletion.inside]
    dz, dy, dx = before.spacing_um
    noise = float(np.nanmean(depletion.std_um))
    aligned = ALIGNMENT_VOXEL * dz if transform is not None else 0.0
    area = float(inside.size * dy * dx)
    bare = sum((spot.area_um2 for spot in spots), 0.0)
    return {
        "mean_depletion_um": float(inside.mean()),
        "std_depletion_um": float(inside.std()),
        "mean_depletion_error_um": math.hypot(noise / math.sqrt(inside.size), aligned, fake_um),
        "pixel_noise_um": noise,
        "lost_volume_um3": float(inside.sum() * dy * dx),
        "roi_area_um2": area,
        "foil_thickness_um": float(np.nanmean(known.thickness_um)),
        "foil_left_um": float(np.nanmean(left_um)),
        "bare_spot_count": float(len(spots)),
        "bare_area_um2": bare,
        "bare_fraction": bare / area,
    }


def _advance(before: Volume, aligned: Volume, foil: Foil, left_um: FloatArray) -> dict[str, float]:
    """How far the electrolyte has come into the foil, on average; nothing where it cannot be seen.

    The same sum over the electrolyte's face alone, by its own contrast to lithium. What the grey
    value of the bulk electrolyte beside it has changed by is taken out.
    """
    dz = before.spacing_um[0]
    away = -foil.front.depth_um(before) / dz
    clear = left_um > (MARGIN_VOXEL + 3) * dz  # the collector is clear of the face
    face = np.abs(away) <= MARGIN_VOXEL
    bulk = (away > BULK_VOXEL[0]) & (away <= BULK_VOXEL[1])
    if clear.sum() < 400 or not bulk.any():
        return {}
    change, rest = (
        aligned.values[part][:, clear].mean(axis=1, dtype=np.float64)
        - before.values[part][:, clear].mean(axis=1, dtype=np.float64)
        for part in (face, bulk)
    )
    gained = float((change - rest.mean()).sum()) * dz
    return {"electrolyte_advance_um": gained / (foil.grey_se - foil.grey_li)}
