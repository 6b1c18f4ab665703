"""Lithium islands: found in the thickness map, measured one by one.

Volumes are sums of the unfiltered LVF (corrected for the few per cent that the blur carries
beyond the aperture); diameter and height come from the fit in `imaging.island_fit`.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from threadpoolctl import threadpool_limits

from imaging.blur import DEFAULT_BLUR, Blur
from imaging.common_blur import agreed
from imaging.island_columns import Columns, columns
from imaging.island_fit import APERTURE_VOXEL, MARGIN, DomeFit
from imaging.island_profile import cap_residual_um, island_profile
from imaging.island_scene import Scene, fit_island
from imaging.lithium_scale import Scale, agreed_scale, island_scale
from imaging.parting import Parting, parted
from imaging.segmentation import segment
from imaging.slabs import mapped
from imaging.thickness import ThicknessMap
from imaging.volume import BoolArray, FloatArray, IntArray, Volume

log = logging.getLogger(__name__)

MOST_WITNESSES = 12
"""Islands, the widest and the tallest, that are asked for the blur and the scale of the LVF."""
HIDDEN = 0.3, 0.08
"""Errors of diameters and heights over the blur that are left without noise: a short wall and a
steep slope look alike under it. Two of the whole errors hold 95 % of shapes of all kinds."""
CERTAIN = 2.0
"""Standard deviations of its height that an island must be high."""
GOES_ON = 0.05
"""Mean LVF over an island's footprint, in the first or the last slice, of one that is cut there."""
ANGLES = np.linspace(0, 2 * np.pi, 360, endpoint=False)


@dataclass(frozen=True, eq=False)
class Island:
    """One lithium island; positions in the frame of the before scan."""

    label: int
    """1 for the largest volume."""
    x_um: float
    y_um: float
    contact_diameter_um: float
    """Diameter of the circle that has the contact area."""
    contact_area_um2: float
    height_um: float
    volume_um3: float
    touches_edge: bool
    """Cut by the edge or the end of the ROI: in totals, to be left out of shape statistics."""
    cap_residual_um: float
    """RMS height difference between the profile and the spherical cap of same diameter, height."""
    axisymmetry_error: float
    """RMS deviation of the outline from a circle, as fraction of its radius."""
    sphericity: float
    """Surface of the sphere of equal volume over the surface (base included) of the profile."""
    blur_voxel: float
    """Blur that the fit found."""
    fit_residual_um: float
    """RMS difference of thickness map and fit over the footprint that noise does not explain."""
    contact_diameter_std_um: float
    height_std_um: float
    """Standard deviations from the noise, as far as the fit describes the island, and from the
    scale of the LVF where the islands have told it."""
    profile_r_um: FloatArray
    """Radius from the apex (0) to the contact line, shape (n,)."""
    profile_z_um: FloatArray
    """Height above the contact plane, falling to 0, shape (n,)."""

    @property
    def aspect_ratio(self) -> float:
        """Height over contact diameter."""
        return self.height_um / self.contact_diameter_um

    @property
    def contact_angle_deg(self) -> float:
        """Angle at the contact line of the cap with this aspect ratio: 2 atan(2 H / D)."""
        return 2 * math.degrees(math.atan(2 * self.aspect_ratio))


@dataclass(frozen=True, eq=False)
class IslandMap:
    """All islands, and the pixels they cover."""

    islands: list[Island]
    labels: IntArray
    """Shape (y, x); 0 is background."""
    background_um: float
    """Mean thickness beside the islands (misalignment, or a layer), left out of their volumes."""
    scale: Scale | None
    """What the LVF that was given has to be divided by; what is measured here has been."""
    notes: dict[str, str | float]


def find_islands(
    lvf: Volume, thickness: ThicknessMap, blur: Blur = DEFAULT_BLUR, free_scale: bool = False
) -> IslandMap:
    """Find islands in a thickness map and measure each.

    Parameters
    ----------
    lvf
        Unfiltered, unclipped LVF.
    thickness
        Its column sums over the ROI.
    blur
        As seen at the interface, along z; expected in the plane, where each island's is fitted.
    free_scale
        The grey value of lithium is a guess, to be improved by how the islands spread along z.

    Returns
    -------
    IslandMap
        Islands ordered by volume, the largest first.
    """
    pixel = lvf.spacing_um[1]
    if not math.isclose(pixel, lvf.spacing_um[2], rel_tol=1e-3):
        raise ValueError(f"islands need square pixels; got spacing_um {lvf.spacing_um}")
    segments = segment(thickness)
    count = int(segments.labels.max())
    boxes = ndimage.find_objects(segments.labels)
    work = columns(lvf, thickness, segments, boxes)

    groups = _groups(boxes)
    part = lvf.values[thickness.slices]
    fits: dict[int, DomeFit] = {}
    blurs = dict.fromkeys(range(1, count + 1), blur)
    scale: Scale | None = None
    # As many as the common blur is sure by; others show it in their second fit.
    sizes = [segments.labels[box].size for box in boxes]
    witnesses = {int(i) + 1 for i in np.argsort(sizes)[::-1][:MOST_WITNESSES]}

    def scene(label: int) -> Scene:
        own = work[label - 1]
        labels, inside = segments.labels, thickness.inside
        box = boxes[label - 1]
        return Scene(own, part, labels, label, box, inside, lvf.spacing_um, blur.std)

    def fitted(group: list[int]) -> dict[int, DomeFit]:
        own = {label: fits[label] for label in group if label in fits}
        for label in group:
            others = [own[i] for i in _neighbours(label, boxes) if i in own]
            plain = label not in own and label not in witnesses
            own[label] = fit_island(scene(label), others, own.get(label), blurs[label], plain)
        return own

    def fit_all() -> None:
        for found in list(mapped(lambda i: fitted(groups[i.start]), len(groups), 1)):
            fits.update(found)

    def parting_of(turn: slice) -> Parting | None:
        label = turn.stop
        return parted(scene(label), fits[label], lambda own: fit_island(own, [], None, blur))

    # Small matrices: threads of their own would only get into each other's way.
    with threadpool_limits(1, user_api="blas"):
        fit_all()
        for label, parting in enumerate(list(mapped(parting_of, count, 1)), start=1):
            if parting is None:
                continue
            patch = scene(label).patch
            new = [label, *range(len(boxes) + 1, len(boxes) + len(parting.fits))]
            inner, own = segments.labels[patch], parting.labels > 0
            inner[own] = np.array(new)[parting.labels[own] - 1]
            fits.update(zip(new, parting.fits, strict=True))
            work += [work[label - 1]] * (len(new) - 1)
            boxes = ndimage.find_objects(segments.labels)
        count, groups = len(boxes), _groups(boxes)
        # Judged by plain sums too: a fold is no noise that quieter ones would be rid of.
        certain = {label for label in fits if _certain(fits[label])}
        if free_scale:
            tallest = sorted(fits, key=lambda label: -fits[label].height_um)[:MOST_WITNESSES]

            def told_scale(turn: slice) -> Scale | None:
                i = tallest[turn.start]
                others = [fits[k] for k in _neighbours(i, boxes)]
                return island_scale(scene(i), fits[i], others, blur)

            scale = agreed_scale(list(mapped(told_scale, len(tallest), 1)))
        if scale is not None:
            scaled = {own: own.over(scale.value) for own in set(work)}  # islands share sums
            work = [scaled[own] for own in work]
            fits.update({i: f.over(scale.value) for i, f in fits.items()})
        # Once more: with neighbours taken away, less noise, and a blur like the other islands'.
        told = [f if i in witnesses else replace(f, covariance=None) for i, f in fits.items()]
        blurs = dict(zip(fits, agreed(told, blur), strict=True))
        fit_all()

    def volume_of(turn: slice) -> tuple[float, float]:
        label = turn.stop
        others = [fits[i] for i in _neighbours(label, boxes)]
        return _volume(work[label - 1], fits[label], others, thickness.inside)

    measured = [
        (volume * pixel**2, residual, fits[label])
        for label, (volume, residual) in enumerate(mapped(volume_of, count, 1), start=1)
        if volume > 0 and label in certain and _certain(fits[label])
    ]
    measured.sort(key=lambda m: -m[0])

    def island_of(turn: slice) -> Island:
        volume, residual, fit = measured[turn.start]
        return _island(turn.stop, fit, volume, residual, thickness.inside, lvf, scale)

    islands = list(mapped(island_of, len(measured), 1))
    labels = _footprints([fit for *_, fit in measured], thickness.inside)
    islands = _cut_above(islands, labels, part, segments.background)
    background = thickness.values_um[segments.background]
    offset = float(background.mean()) if background.size else 0.0
    offset /= 1.0 if scale is None else scale.value
    return IslandMap(islands, labels, offset, scale, segments.notes)


def _certain(fit: DomeFit) -> bool:
    """Higher than its own uncertainty: else it is a fold of the ground at the edge of the ROI."""
    return fit.covariance is None or fit.covariance[1, 1] < CERTAIN**-2


# ---------------------------------------------------------------------------------- measurement


def _neighbours(label: int, boxes: list[tuple[slice, slice]]) -> list[int]:
    """Islands whose surroundings overlap with this one's."""
    a = boxes[label - 1]
    return [
        i
        for i, b in enumerate(boxes, start=1)
        if i != label
        and all(
            p.start - MARGIN < q.stop + MARGIN and q.start - MARGIN < p.stop + MARGIN
            for p, q in zip(a, b, strict=True)
        )
    ]


def _groups(boxes: list[tuple[slice, slice]]) -> list[list[int]]:
    """Islands that are neighbours, or neighbours of neighbours; each group stands alone."""
    groups: list[list[int]] = []
    waiting = set(range(1, len(boxes) + 1))
    while waiting:
        group: list[int] = []
        near = {min(waiting)}
        while near:
            waiting -= near
            group += near
            near = waiting & {j for i in near for j in _neighbours(i, boxes)}
        groups.append(sorted(group))
    return groups


def _volume(
    columns: Columns, fit: DomeFit, others: list[DomeFit], inside: BoolArray
) -> tuple[float, float]:
    """Sum over the widened footprint in um times square pixels, and the misfit there in um.

    What the neighbours' blur brings in is taken away, and what the island's own blur carries out
    of the aperture (about 1 %) is added, both by the fitted shapes.
    """
    excess = columns.excess_um
    reach = math.ceil(1.7 * math.exp(fit.log_radius) + APERTURE_VOXEL + MARGIN)
    y0, x0 = (round(c) - reach for c in fit.centre)
    low = (max(y0, 0), max(x0, 0))
    high = (min(y0 + 2 * reach, excess.shape[0]), min(x0 + 2 * reach, excess.shape[1]))
    box = (slice(low[0], high[0]), slice(low[1], high[1]))
    shape = (high[0] - low[0], high[1] - low[1])
    y, x = np.ogrid[box]
    aperture = fit.footprint(y, x, APERTURE_VOXEL) & inside[box]
    data = excess[box].astype(np.float64)
    for other in others:
        data -= other.image(*low, shape)
    model = fit.image(*low, shape)
    caught = float(model[aperture].sum()) / float(model.sum())
    square = float(np.mean((data - model)[fit.footprint(y, x) & inside[box]] ** 2))
    residual = math.sqrt(max(square - columns.noise_um**2, 0.0))
    total = float(data[aperture].sum())
    if fit.footprint(y, x, 1.0)[~inside[box]].any():
        return total, residual  # cut by the edge: only what is seen counts
    return total / max(caught, 0.5), residual


def _island(
    label: int,
    fit: DomeFit,
    volume_um3: float,
    residual_um: float,
    inside: BoolArray,
    lvf: Volume,
    scale: Scale | None,
) -> Island:
    pixel = lvf.spacing_um[1]
    radius = math.sqrt(fit.area / math.pi) * pixel
    r, z = island_profile(fit, radius, volume_um3)
    outline = fit.outline(ANGLES)
    widened = outline + 2
    rim_y = np.rint(fit.centre[0] + widened * np.sin(ANGLES)).astype(int)
    rim_x = np.rint(fit.centre[1] + widened * np.cos(ANGLES)).astype(int)
    seen = (rim_y >= 0) & (rim_y < inside.shape[0]) & (rim_x >= 0) & (rim_x < inside.shape[1])
    touches = not (seen.all() and inside[rim_y, rim_x].all())
    std = np.full(2, np.nan) if fit.covariance is None else np.sqrt(np.diag(fit.covariance)[:2])
    told = 0.0 if scale is None else scale.std / scale.value
    blur = fit.blur * pixel
    diameter_std = math.hypot(2 * radius * std[0], HIDDEN[0] * blur)
    height_std = math.hypot(z[0] * std[1], z[0] * told, HIDDEN[1] * blur)
    surface = math.pi * float(np.sum((r[1:] + r[:-1]) * np.hypot(np.diff(r), np.diff(z))))
    sphere = math.pi ** (1 / 3) * (6 * volume_um3) ** (2 / 3)
    return Island(
        label=label,
        x_um=lvf.origin_um[2] + pixel * fit.centre[1],
        y_um=lvf.origin_um[1] + pixel * fit.centre[0],
        contact_diameter_um=2 * radius,
        contact_area_um2=math.pi * radius**2,
        height_um=float(z[0]),
        volume_um3=volume_um3,
        touches_edge=touches,
        cap_residual_um=cap_residual_um(r, z),
        axisymmetry_error=float(outline.std() / outline.mean()),
        sphericity=sphere / (surface + math.pi * radius**2),
        blur_voxel=fit.blur,
        fit_residual_um=residual_um,
        contact_diameter_std_um=diameter_std,
        height_std_um=height_std,
        profile_r_um=r,
        profile_z_um=z,
    )


def _cut_above(
    islands: list[Island], labels: IntArray, part: NDArray[np.floating], background: BoolArray
) -> list[Island]:
    """The islands; those that go on beyond the slices that are summed touch an edge."""
    if not islands:
        return islands
    numbers = [island.label for island in islands]
    ends = []
    for end in (part[0].astype(np.float64), part[-1].astype(np.float64)):
        beside = float(end[background].mean()) if background.any() else 0.0
        # No footprint is left where a taller island covers it whole.
        ends.append(np.nan_to_num(ndimage.mean(end, labels, numbers)) - beside)
    goes_on = np.max(ends, axis=0) > GOES_ON
    if goes_on.any():
        log.warning(
            "islands %s go on beyond the slices of the ROI, and are cut there: their heights and "
            "volumes are too small; raise roi.height_um, or cut the volume out wider",
            ", ".join(str(n) for n, cut in zip(numbers, goes_on, strict=True) if cut),
        )
    return [
        replace(island, touches_edge=True) if cut else island
        for island, cut in zip(islands, goes_on, strict=True)
    ]


def _footprints(fits: list[DomeFit], inside: BoolArray) -> IntArray:
    """Contact areas; where two overlap, the pixel goes to the thicker one."""
    labels = np.zeros(inside.shape, dtype=np.int32)
    tallest = np.zeros(inside.shape)
    for label, fit in enumerate(fits, start=1):
        reach = math.ceil(float(fit.outline(ANGLES).max())) + 2
        y0, x0 = (max(math.floor(c) - reach, 0) for c in fit.centre)
        box = (slice(y0, y0 + 2 * reach + 2), slice(x0, x0 + 2 * reach + 2))
        seen, top, own = inside[box], tallest[box], labels[box]  # views, cut at the map's end
        y, x = np.ogrid[y0 : y0 + seen.shape[0], x0 : x0 + seen.shape[1]]
        height = np.zeros(seen.shape)
        footprint = fit.footprint(y, x) & seen
        rows, columns = (i.astype(np.float64) for i in np.nonzero(footprint))
        r, outline = fit.polar(rows + y0, columns + x0)
        height[footprint] = fit.profile(r / outline)
        wins = footprint & (height >= top)
        own[wins], top[wins] = label, height[wins]
    return labels
