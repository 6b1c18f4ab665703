"""From two scans, or a ready LVF volume, to thickness map and islands."""

from __future__ import annotations

import dataclasses
import logging
import math

import numpy as np

from imaging.blur import DEFAULT_BLUR, Blur, interface_blur
from imaging.collector_back import missing_um
from imaging.course import Course
from imaging.crack_exclusion import corrected_cracks, search_cracks, without_cracks
from imaging.drift import GreyDrift, measure_drift, on_one_scale
from imaging.estimators import linear_lvf, paper_lvf
from imaging.islands import Island, find_islands
from imaging.options import (
    CcSide,
    Drift,
    Estimator,
    GreyOptions,
    ImageOptions,
    InterfaceOptions,
    Normalisation,
    RoiOptions,
)
from imaging.order import SwappedScansError, check_order
from imaging.output import write_image_result
from imaging.pair import require_pair
from imaging.reductions import slice_means
from imaging.registration import register
from imaging.resolved import check_resolved, is_guessed
from imaging.result import ImageResult
from imaging.setup import (
    Decisions,
    Place,
    Setup,
    decide,
    find_greys,
    find_place,
    find_roi,
    find_slices,
    rescaled,
)
from imaging.slabs import Progress
from imaging.thickness import ThicknessMap, covered, histogram, thickness_map, z_profile
from imaging.transform import RigidTransform, apply, expected_corner_error_um, seen, slices_seen
from imaging.volume import BoolArray, Volume

__all__ = [
    "CcSide",
    "Drift",
    "Estimator",
    "GreyOptions",
    "ImageOptions",
    "ImageResult",
    "InterfaceOptions",
    "Normalisation",
    "RoiOptions",
    "Setup",
    "SwappedScansError",
    "analyse_lvf",
    "analyse_pair",
    "write_image_result",
]

log = logging.getLogger(__name__)

CORNER_WARNING = 0.1
KEPT_VOXEL = 4
"""Slices on either side of the interface that the ROI keeps at least."""
STEPS = {
    "find_interface": 1.5,
    "register": 10.0,
    "resample": 4.0,
    "find_greys": 2.0,
    "grey_drift": 0.5,
    "lvf": 0.5,
    "check_order": 1.5,
    "cracks": 3.0,
    "thickness": 0.5,
    "islands": 6.0,
    "profiles": 0.2,
}
"""Steps of the analysis, and about how long each takes on a volume of paper size, s."""


def analyse_pair(
    before: Volume,
    after: Volume,
    options: ImageOptions,
    known: Setup | None = None,
    progress: Progress | None = None,
) -> ImageResult:
    """Align, subtract, normalise, sum and find islands (Xu et al., Small 2026, section 5.3-5.4).

    Parameters
    ----------
    before, after
        Scans before and after plating, of one shape and spacing.
    options
        Values that are given here are not looked for.
    known
        What an earlier pair with the same `before` has decided (`ImageResult.setup`): interface,
        ROI and grey values are then taken over.
    progress
        Called with the fraction done.

    Raises
    ------
    ValueError
        If the scans do not fit each other or a given value does not fit the scans.
    SwappedScansError
        If `after` holds clearly less lithium than `before`.
    RegistrationError
        If the scans cannot be aligned.
    """
    require_pair(before, after)
    course = Course(STEPS, progress)
    decisions: Decisions = {"assumption": "lithium takes the place of current collector"}
    with course.step("find_interface"):
        place = find_place(before, options, decisions) if known is None else known.place
    if known is not None:
        decisions = dict(known.decisions)
    transform, aligned = None, after
    field = np.ones(before.shape[1:], dtype=bool)
    if options.register:
        low, high = place.electrolyte_um
        decisions["registration_mask_z_um"] = f"{low:.1f} to {high:.1f}"
        with course.step("register") as told:
            transform = register(before, after, (low, high), progress=told)
        with course.step("resample") as told:
            aligned = apply(transform, after, told)
            place = _in_view(place, transform, after, decisions)
            field = seen(transform, after, place.slices)
    roi, view = place.roi & field, place.disc & field
    with course.step("find_greys"):
        setup = known or find_greys(before, aligned, place, roi, options, decisions)
    with course.step("grey_drift"):
        # A series keeps the first pair's setup; the slices in view are each pair's own.
        here = dataclasses.replace(setup, place=place)
        drift = measure_drift(before, aligned, roi, field, here, options.roi.height_um)
        correct = options.grey.drift is Drift.correct
        if drift is not None:
            aligned = on_one_scale(before, aligned, roi, setup, drift, correct, decisions)
    decisions["estimator"] = options.estimator.value
    greys = setup.grey_cc, setup.grey_li
    kept: Volume | None = aligned
    with course.step("lvf") as told:
        if options.estimator is Estimator.paper:
            lvf = before.with_values(paper_lvf(before, aligned, *greys, told))
        else:
            own = aligned is not after  # what was made here makes place for what it leads to
            out = aligned.values if own else None
            lvf = before.with_values(linear_lvf(before, aligned, *greys, told, out))
            kept = None if own else aligned
    thickness: ThicknessMap | None = None
    warning = ""
    with course.step("check_order"):
        if view.any() and options.estimator is Estimator.linear:  # the other one has no negatives
            # Tall islands in the earlier scan pass for missing collector: the whole disc is seen.
            fake_um = 0.0 if drift is None or correct else drift.fake_um
            seen_um = thickness_map(lvf, view, place.slices)
            check_order(seen_um, fake_um, options.allow_negative)
            if known is None:
                warning = check_resolved(seen_um, lvf.spacing_um[0], decisions)
            thickness = seen_um if np.array_equal(view, roi) else None
    linear = lvf
    with course.step("cracks"):
        if options.cracks.find and options.estimator is not Estimator.linear:
            linear = before.with_values(linear_lvf(before, aligned, *greys))
        cracks = search_cracks(linear, before, roi, place.interface, setup, options, decisions)
        plated = without_cracks(lvf, cracks)
    del linear
    known_um = thickness if plated is lvf else None
    blur = interface_blur(before, place.interface, roi)
    # The grey value that a first pair has found stands for all later ones.
    guessed = known is None and is_guessed(decisions) and options.estimator is Estimator.linear
    result = _result(plated, roi, place.slices, decisions, course, known_um, blur, guessed)
    if result.lithium_scale is not None:
        if plated is not lvf:
            lvf.values[...] /= np.float32(result.lithium_scale.value)
        guess = setup.grey_li
        setup = rescaled(setup, result.lithium_scale)
        decisions.update(setup.decisions)
        cracks = corrected_cracks(cracks, before, roi, guess, setup.grey_li)
    elif known is None and warning:
        log.warning("%s", warning)
    fake = 0.0 if drift is None or correct else drift.fake_um
    errors = error_scalars(result, transform, place, fake)
    if options.estimator is Estimator.linear:  # the other one has no negatives
        error = errors["mean_thickness_error_um"]
        here = dataclasses.replace(setup, place=place)
        short = missing_um(before, result.z_profile_lvf, roi, here, error, decisions)
        errors = error_scalars(result, transform, place, math.hypot(fake, short))
    return dataclasses.replace(
        result,
        lvf=lvf,
        cracks=cracks,
        before=before,
        aligned=kept,
        transform=transform,
        setup=setup,
        drift=drift,
        scalars=result.scalars
        | registration_scalars(transform)
        | corner_scalars(transform, before, view, place.slices)
        | errors
        | drift_scalars(drift)
        | ({} if cracks is None else cracks.scalars()),
    )


def analyse_lvf(lvf: Volume, options: ImageOptions) -> ImageResult:
    """The same from a ready LVF volume.

    Without `interface.z_um`, the ROI is centred on the lithium's centre of gravity along z.

    Raises
    ------
    ValueError
        If a given value does not fit the volume.
    """
    decisions: Decisions = {}
    roi = find_roi(lvf, options.roi, decisions)
    z_um = options.interface.z_um
    if z_um is None:
        mean = np.clip(slice_means(lvf.values, roi), 0.0, None)
        z = lvf.coordinates_um(0)
        # The square leaves the noise floor of empty slices behind.
        z_um = float((z * mean**2).sum() / (mean**2).sum()) if mean.any() else float(z.mean())
        decide(decisions, "roi_z_um", z_um)
    slices = find_slices(lvf, z_um, options.roi, decisions)
    return _result(lvf, roi, slices, decisions, Course(STEPS), None)


def _in_view(place: Place, transform: RigidTransform, after: Volume, decisions: Decisions) -> Place:
    """The place without the slices at the volume's ends that the drift has taken out of view.

    A ROI that reaches the end of the volume would otherwise leave no column to sum.
    """
    kept = slices_seen(transform, after, place.slices)
    lost = (place.slices.stop - place.slices.start) - (kept.stop - kept.start)
    near = place.interface.depth_um(after)[kept] / after.spacing_um[0]
    if lost == 0 or near.size == 0 or min(-near.min(), near.max()) < KEPT_VOXEL:
        return place
    decide(decisions, "roi_drift", f"{lost} slices of the ROI that left the field are not summed")
    return dataclasses.replace(place, slices=kept)


# ------------------------------------------------------------------------------------ results


def _result(
    lvf: Volume,
    roi: BoolArray,
    slices: slice,
    decisions: Decisions,
    course: Course,
    known: ThicknessMap | None,
    blur: Blur = DEFAULT_BLUR,
    free_scale: bool = False,
) -> ImageResult:
    if not roi.any():
        raise ValueError("no pixel of the ROI is in the field of view of both scans")
    with course.step("thickness"):
        thickness = thickness_map(lvf, roi, slices) if known is None else known
    with course.step("islands"):
        found = find_islands(lvf, thickness, blur, free_scale)
    if found.scale is not None:
        thickness = thickness.over(found.scale.value)
        lvf.values[...] /= np.float32(found.scale.value)
    decisions.update(found.notes)
    decide(decisions, "background_um", found.background_um)
    with course.step("profiles"):
        edges, counts = histogram(thickness)
        z_um, mean_lvf = z_profile(lvf, roi)
    return ImageResult(
        lvf=lvf,
        before=None,
        aligned=None,
        thickness_um=thickness.values_um,
        thickness_std_um=thickness.std_um,
        histogram_edges_um=edges,
        histogram_counts=counts,
        z_profile_um=z_um,
        z_profile_lvf=mean_lvf,
        islands=found.islands,
        island_labels=found.labels,
        transform=None,
        decisions=decisions,
        lithium_scale=found.scale,
        scalars=_scalars(thickness, lvf, found.islands),
        timing_s=course.seconds,
    )


def _scalars(thickness: ThicknessMap, lvf: Volume, islands: list[Island]) -> dict[str, float]:
    inside = thickness.values_um[thickness.inside]
    pixel_um2 = lvf.spacing_um[1] * lvf.spacing_um[2]
    return {
        "mean_thickness_um": float(inside.mean()),
        "std_thickness_um": float(inside.std()),
        "pixel_noise_um": float(np.nanmean(thickness.std_um)),
        "li_volume_um3": float(inside.sum() * pixel_um2),
        "roi_area_um2": float(inside.size * pixel_um2),
        "coverage_fraction": float(covered(thickness)[thickness.inside].mean()),
        "island_count": float(len(islands)),
        "island_volume_um3": float(sum(i.volume_um3 for i in islands)),
    }


def registration_scalars(transform: RigidTransform | None) -> dict[str, float]:
    if transform is None:
        return {}
    scalars = {}
    for axis, shift, angle in zip("zyx", transform.shift_um, transform.rotation_deg, strict=True):
        scalars[f"registration_shift_{axis}_um"] = shift
        scalars[f"registration_rotation_{axis}_deg"] = angle
    scalars["registration_residual"] = transform.residual
    scalars["registration_correlation"] = transform.correlation
    return scalars


def corner_scalars(
    transform: RigidTransform | None, volume: Volume, roi: BoolArray, slices: slice
) -> dict[str, float]:
    """Expected error (RMS) of the alignment at the worst corner of the ROI; warns beyond a tenth
    of a voxel, which fakes 0.14 um of lithium."""
    if transform is None or not roi.any() or slices.stop <= slices.start:
        return {}
    found = [(slices.start, slices.stop - 1)]
    for axis in (0, 1):
        used = np.flatnonzero(roi.any(axis=1 - axis))
        found.append((int(used[0]), int(used[-1])))
    ends = [
        (
            volume.origin_um[i] + low * volume.spacing_um[i],
            volume.origin_um[i] + high * volume.spacing_um[i],
        )
        for i, (low, high) in enumerate(found)
    ]
    (z0, z1), (y0, y1), (x0, x1) = ends
    error = expected_corner_error_um(transform, (z0, y0, x0), (z1, y1, x1), volume.centre_um)
    voxels = float(np.linalg.norm(error / volume.spacing_um))
    if voxels > CORNER_WARNING:
        log.warning(
            "alignment is expected to be off by %.2f voxels at the corners of the ROI "
            "(%.2f um along z): weak texture or few slices of solid electrolyte",
            voxels,
            error[0],
        )
    return {
        "registration_corner_error_voxel": voxels,
        "registration_corner_error_z_um": float(error[0]),
    }


def error_scalars(
    result: ImageResult,
    transform: RigidTransform | None,
    place: Place,
    fake_um: float,
) -> dict[str, float]:
    """Standard error of the mean thickness and of the lithium's volume.

    From voxel noise, from the alignment along z in the middle of the ROI (what tilt adds on one
    side it takes on the other) and from what is known to be wrong (`fake_um`: a drift of the grey
    scale that is left in, a collector that was pushed back). A wrong scale (grey values of
    collector and lithium) comes on top.
    """
    inside = np.isfinite(result.thickness_um)
    noise = result.scalars["pixel_noise_um"] / np.sqrt(np.count_nonzero(inside))
    aligned = 0.0
    if transform is not None:
        y, x = (float(np.mean(index)) for index in np.nonzero(inside))
        lvf = result.lvf
        origin, step = lvf.origin_um, lvf.spacing_um
        middle = (place.interface.z_um, origin[1] + y * step[1], origin[2] + x * step[2])
        aligned = float(expected_corner_error_um(transform, middle, middle, lvf.centre_um)[0])
    error = float(np.sqrt(noise**2 + aligned**2 + fake_um**2))
    area = result.scalars["roi_area_um2"]
    return {"mean_thickness_error_um": error, "li_volume_error_um3": error * area}


def drift_scalars(drift: GreyDrift | None) -> dict[str, float]:
    if drift is None:
        return {}
    return {
        "electrolyte_grey_change": drift.electrolyte_change,
        "grey_gain": drift.gain,
        "grey_fake_thickness_um": drift.fake_um,
    }
