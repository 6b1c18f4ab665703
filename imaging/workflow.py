"""From two scans, or a ready LVF volume, to thickness map and islands."""

from __future__ import annotations

import csv
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.islands import Island, find_islands
from imaging.lvf import (
    Interface,
    cc_variation,
    collector_pixels,
    electrolyte_change,
    electrolyte_slab_um,
    find_grey_cc,
    find_grey_li,
    find_interface,
    linear_lvf,
    paper_lvf,
    radial_cc,
    sample,
)
from imaging.options import (
    CcSide,
    Estimator,
    GreyOptions,
    ImageOptions,
    InterfaceOptions,
    Normalisation,
    RoiOptions,
)
from imaging.readers import write_map, write_zarr
from imaging.registration import register
from imaging.thickness import ThicknessMap, covered, histogram, thickness_map, z_profile
from imaging.transform import RigidTransform, apply, seen
from imaging.volume import BoolArray, FloatArray, IntArray, Volume, disc_mask, slab

__all__ = [
    "CcSide",
    "Estimator",
    "GreyOptions",
    "ImageOptions",
    "ImageResult",
    "InterfaceOptions",
    "Normalisation",
    "RoiOptions",
    "analyse_lvf",
    "analyse_pair",
    "write_image_result",
]

log = logging.getLogger(__name__)

GREY_DRIFT_UM = 0.1
"""Thickness faked by a change of the grey scale that is worth a warning."""

type Decisions = dict[str, str | float]


@dataclass(frozen=True, eq=False)
class ImageResult:
    """Everything that one pair of scans tells; maps are (y, x), NaN outside the ROI."""

    lvf: Volume
    before: Volume | None
    after_registered: Volume | None
    thickness_um: FloatArray
    thickness_std_um: FloatArray
    histogram_edges_um: FloatArray
    histogram_counts: FloatArray
    z_profile_um: FloatArray
    z_profile_lvf: FloatArray
    islands: list[Island]
    island_labels: IntArray
    transform: RigidTransform | None
    decisions: Decisions
    """What was found automatically, and what the numbers rest on."""
    scalars: dict[str, float]


def analyse_pair(before: Volume, after: Volume, options: ImageOptions) -> ImageResult:
    """Align, subtract, normalise, sum and find islands (Xu et al., Small 2026, section 5.3-5.4).

    Parameters
    ----------
    before, after
        Scans before and after plating, of one shape and spacing.
    options
        Values that are given here are not looked for.

    Raises
    ------
    ValueError
        If the scans do not fit each other or a given value does not fit the scans.
    RegistrationError
        If the scans cannot be aligned.
    """
    _same_grid(before, after)
    decisions: Decisions = {"assumption": "lithium takes the place of current collector"}
    roi = _roi(before, options.roi, decisions)
    interface = _interface(before, roi, options.interface, decisions)
    cell = collector_pixels(before, interface, roi)
    if cell.sum() < roi.sum():
        share = 100 * (1 - cell.sum() / roi.sum())
        _decide(decisions, "roi_cell", f"{share:.0f} % of the ROI without collector left out")
        roi = cell
    transform, aligned = None, after
    slices = _slices(before, interface.z_um, options.roi, decisions)
    low, high = electrolyte_slab_um(before, interface, roi, options.register_margin_voxel)
    if options.register:
        decisions["registration_mask_z_um"] = f"{low:.1f} to {high:.1f}"
        transform = register(before, after, (low, high))
        aligned = apply(transform, after)
        roi &= seen(transform, after, slices)
    grey_cc = _grey_cc(before, interface, roi, options, decisions)
    grey_li = _grey_li(before, aligned, interface, roi, options.grey, decisions)
    contrast = float(np.mean(grey_cc)) - grey_li
    change = electrolyte_change(before, aligned, roi, (low, high))
    if change is not None and contrast > 0:
        _check_grey_drift(change / contrast, options.roi.height_um, decisions)
    estimate = paper_lvf if options.estimator is Estimator.paper else linear_lvf
    decisions["estimator"] = options.estimator.value
    lvf = before.with_values(estimate(before, aligned, grey_cc, grey_li))
    return _result(lvf, roi, slices, decisions, before, aligned, transform)


def analyse_lvf(lvf: Volume, options: ImageOptions) -> ImageResult:
    """The same from a ready LVF volume.

    Without `interface.z_um`, the ROI is centred on the lithium's centre of gravity along z.

    Raises
    ------
    ValueError
        If a given value does not fit the volume.
    """
    decisions: Decisions = {}
    roi = _roi(lvf, options.roi, decisions)
    z_um = options.interface.z_um
    if z_um is None:
        mean = np.clip(lvf.values[:, roi].mean(axis=1, dtype=np.float64), 0.0, None)
        z = lvf.coordinates_um(0)
        # The square leaves the noise floor of empty slices behind.
        z_um = float((z * mean**2).sum() / (mean**2).sum()) if mean.any() else float(z.mean())
        _decide(decisions, "roi_z_um", z_um)
    slices = _slices(lvf, z_um, options.roi, decisions)
    return _result(lvf, roi, slices, decisions, None, None, None)


# ------------------------------------------------------------------------- what was not told


def _decide(decisions: Decisions, name: str, value: str | float) -> None:
    decisions[name] = value
    log.info("%s: %s", name, value if isinstance(value, str) else f"{value:.6g}")


def _same_grid(before: Volume, after: Volume) -> None:
    for name in ("shape", "spacing_um"):
        a, b = getattr(before, name), getattr(after, name)
        if not np.allclose(a, b, rtol=1e-3) or len(a) != len(b):
            raise ValueError(f"before has {name} {a}, after {b}: must be equal")


def _roi(volume: Volume, options: RoiOptions, decisions: Decisions) -> BoolArray:
    if options.centre_um is None:
        centre = volume.centre_um[1:]
        _decide(decisions, "roi_centre_um", f"y {centre[0]:.2f}, x {centre[1]:.2f}")
    else:
        centre = (options.centre_um[0], options.centre_um[1])
    roi = disc_mask(volume, centre, options.radius_um)
    if not roi.any():
        raise ValueError(f"roi.centre_um = {options.centre_um} lies outside the volume")
    for axis in (1, 2):
        c = volume.coordinates_um(axis)
        half = 0.5 * volume.spacing_um[axis]
        if centre[axis - 1] - options.radius_um < c[0] - half or (
            centre[axis - 1] + options.radius_um > c[-1] + half
        ):
            _decide(
                decisions,
                "roi",
                f"radius {options.radius_um:g} um exceeds the volume: cut at its edge",
            )
    return roi


def _slices(volume: Volume, z_um: float, options: RoiOptions, decisions: Decisions) -> slice:
    half = 0.5 * options.height_um
    slices = slab(volume, z_um - half, z_um + half)
    if slices.stop <= slices.start:
        z = volume.coordinates_um(0)
        raise ValueError(
            f"interface.z_um = {z_um:g} is outside the volume ({z[0]:g} to {z[-1]:g} um)"
        )
    if slices.stop - slices.start < math.floor(options.height_um / volume.spacing_um[0]) - 1:
        _decide(
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
        _decide(decisions, "interface_z_um", interface.z_um)
    if known is None:
        _decide(decisions, "cc_side", "low" if interface.cc_is_low else "high")
    return interface


def _brighter_is_low(before: Volume, roi: BoolArray, z_um: float) -> bool:
    """Which side of a given interface is the brighter."""
    reach = 12 * before.spacing_um[0]
    low, high = slab(before, z_um - reach, z_um), slab(before, z_um, z_um + reach)
    if low.stop <= low.start or high.stop <= high.start:
        raise ValueError(f"interface.z_um = {z_um:g} is at or beyond the end of the volume")
    return float(before.values[low][:, roi].mean()) > float(before.values[high][:, roi].mean())


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
        _decide(decisions, "grey_cc", value)
        return value
    if radial and (grey.cc is not None or grey.cc_region is not None):
        raise ValueError("normalisation=radial finds grey.cc by itself: do not give it as well")
    centre = options.roi.centre_um or list(before.centre_um[1:])
    cc_map = radial_cc(before, interface, roi, (centre[0], centre[1]))
    _decide(decisions, "cc_variation_over_roi", cc_variation(cc_map, roi))
    value = find_grey_cc(before, interface, roi)
    _decide(decisions, "grey_cc", value)
    return cc_map if radial else value


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
        _decide(decisions, "grey_li_source", source)
    _decide(decisions, "grey_li", value)
    return value


def _check_grey_drift(change: float, height_um: float, decisions: Decisions) -> None:
    """Warn where the grey scale itself changed between the scans: no lithium does that in bulk."""
    decisions["electrolyte_grey_change"] = change
    if abs(change) * height_um > GREY_DRIFT_UM:
        log.warning(
            "the electrolyte's grey value changed by %+.2f %% of the contrast between collector "
            "and lithium: an offset between the scans that adds about %+.2f um to every thickness "
            "(not to the islands, which are measured against their surroundings)",
            100 * change,
            -change * height_um,
        )


# ------------------------------------------------------------------------------------ results


def _result(
    lvf: Volume,
    roi: BoolArray,
    slices: slice,
    decisions: Decisions,
    before: Volume | None,
    aligned: Volume | None,
    transform: RigidTransform | None,
) -> ImageResult:
    if not roi.any():
        raise ValueError("no pixel of the ROI is in the field of view of both scans")
    thickness = thickness_map(lvf, roi, slices)
    found = find_islands(lvf, thickness)
    decisions.update(found.notes)
    _decide(decisions, "background_um", found.background_um)
    edges, counts = histogram(thickness)
    z_um, mean_lvf = z_profile(lvf, roi)
    return ImageResult(
        lvf=lvf,
        before=before,
        after_registered=aligned,
        thickness_um=thickness.values_um,
        thickness_std_um=thickness.std_um,
        histogram_edges_um=edges,
        histogram_counts=counts,
        z_profile_um=z_um,
        z_profile_lvf=mean_lvf,
        islands=found.islands,
        island_labels=found.labels,
        transform=transform,
        decisions=decisions,
        scalars=_scalars(thickness, lvf, found.islands, transform),
    )


def _scalars(
    thickness: ThicknessMap,
    lvf: Volume,
    islands: list[Island],
    transform: RigidTransform | None,
) -> dict[str, float]:
    inside = thickness.values_um[thickness.inside]
    pixel_um2 = lvf.spacing_um[1] * lvf.spacing_um[2]
    scalars = {
        "mean_thickness_um": float(inside.mean()),
        "std_thickness_um": float(inside.std()),
        "pixel_noise_um": float(np.nanmean(thickness.std_um)),
        "li_volume_um3": float(inside.sum() * pixel_um2),
        "roi_area_um2": float(inside.size * pixel_um2),
        "coverage_fraction": float(covered(thickness)[thickness.inside].mean()),
        "island_count": float(len(islands)),
        "island_volume_um3": float(sum(i.volume_um3 for i in islands)),
    }
    if transform is not None:
        for axis, shift, angle in zip(
            "zyx", transform.shift_um, transform.rotation_deg, strict=True
        ):
            scalars[f"registration_shift_{axis}_um"] = shift
            scalars[f"registration_rotation_{axis}_deg"] = angle
        scalars["registration_residual"] = transform.residual
        scalars["registration_correlation"] = transform.correlation
    return scalars


ISLAND_COLUMNS = (
    "label",
    "x_um",
    "y_um",
    "contact_diameter_um",
    "contact_area_um2",
    "height_um",
    "volume_um3",
    "aspect_ratio",
    "contact_angle_deg",
    "touches_edge",
    "cap_residual_um",
    "axisymmetry_error",
    "sphericity",
    "blur_voxel",
)


def write_image_result(result: ImageResult, folder: Path) -> list[Path]:
    """Write the LVF, the map, the tables and one profile per island; returns the files."""
    folder = Path(folder)
    (folder / "islands").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "islands").glob("*.csv"):  # of an earlier run
        stale.unlink()
    write_zarr(folder / "lvf.zarr", result.lvf, {"quantity": "lithium volume fraction"})
    pixel = (result.lvf.spacing_um[1], result.lvf.spacing_um[2])
    write_map(folder / "thickness_um.tif", result.thickness_um, pixel)
    edges = result.histogram_edges_um
    tables: dict[str, tuple[list[str], list[list[object]]]] = {
        "histogram.csv": (
            ["from_um", "to_um", "pixels"],
            [[a, b, int(n)] for a, b, n in zip(edges, edges[1:], result.histogram_counts)],  # noqa: B905
        ),
        "z_profile.csv": (
            ["z_um", "mean_lvf"],
            [[z, v] for z, v in zip(result.z_profile_um, result.z_profile_lvf, strict=True)],
        ),
        "islands.csv": (
            list(ISLAND_COLUMNS),
            [[getattr(i, name) for name in ISLAND_COLUMNS] for i in result.islands],
        ),
    }
    for island in result.islands:
        points = zip(island.profile_r_um, island.profile_z_um, strict=True)
        tables[f"islands/{island.label}.csv"] = (["r_um", "z_um"], [[r, z] for r, z in points])
    for name, (header, rows) in tables.items():
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([[_cell(v) for v in row] for row in rows])
    names = ["lvf.zarr", "thickness_um.tif", *tables]
    return [folder / name for name in names]


def _cell(value: object) -> object:
    # Profiles keep their volume to 1e-6: ten digits.
    return f"{value:.10g}" if isinstance(value, float) else value
