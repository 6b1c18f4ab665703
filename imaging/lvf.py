"""Grey values to lithium volume fraction (Xu et al., Small 2026, section 5.3).

LVF = (before - after) / (grey_cc - grey_li), on the assumption that lithium takes the place of
current collector. Where it displaces solid electrolyte instead, this reads close to zero.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.binning import plane_mask, plane_means
from imaging.filters import gaussian
from imaging.reductions import column_sums, group_sums, lowest, slice_means
from imaging.volume import BoolArray, FloatArray, Volume

log = logging.getLogger(__name__)

PLATEAU = (3, 11)
"""Slices beyond an interface, in voxels, among which an undisturbed grey value is looked for:
outside the blur of the interface, still near it."""
STEP = 0.5
"""Rise of the slices' means at a collector, over the scatter of voxels within a slice, at least."""
SCATTER_PIXELS = 4096
LEAST_ROI = 32
"""Pixels across the ROI below which blocks of it get no smaller, for noise."""
FACE_SLICES = 3
"""Slices left out beside a tail, and at the ends of a volume: the reach of the smoothing."""
RADIAL_WARNING = 0.10
ROUGH = 0.002
"""Share of collector in a slice, on average over the ROI, that its peaks may still have."""
DARKEST, BLOCK = 32, 2
"""Voxels that tell how dark the darkest are; pixels along the side of a disc's."""
WALL_PIXELS = 7
"""Distance from what is not collector: the smoothing moves its edge 2 pixels outwards, and three
standard deviations of a wide blur are 4.5 pixels; nearer, the tube's wall passes for lithium."""


@dataclass(frozen=True)
class Interface:
    """Where the solid electrolyte meets the working electrode's current collector."""

    z_um: float
    cc_is_low: bool
    """The current collector lies at smaller z."""

    def depth_um(self, volume: Volume) -> FloatArray:
        """Depth of every slice below the interface, into the current collector."""
        z = volume.coordinates_um(0)
        return self.z_um - z if self.cc_is_low else z - self.z_um


def find_interface(before: Volume, roi: BoolArray, cc_is_low: bool | None = None) -> Interface:
    """Find the SE|CC interface in the mean grey value along z.

    The current collector and the dies are the brightest; a cell has them at both ends, so the
    end that shows dark lithium between itself and the mid-grey solid electrolyte is ruled out.
    Between solid electrolyte and current collector, the half-way crossing is the interface.

    Parameters
    ----------
    before
        Scan without plated lithium.
    roi
        Pixels (y, x) to average.
    cc_is_low
        Side of the current collector where it is known.

    Raises
    ------
    ValueError
        If no slice is clearly brighter than the rest, or both ends look alike.
    """
    found = collector_faces(before, roi)
    if cc_is_low is not None:
        found = [face for face in found if face.cc_is_low == cc_is_low]
        if not found:
            side = "low" if cc_is_low else "high"
            raise ValueError(f"no current collector seen at the {side}-z side (interface.cc_side)")
    if len(found) == 1:
        return found[0]
    # Seen from the working electrode, the foil is at the far end of the electrolyte.
    facing = [interface for interface in found if foil_grey(before, interface, roi) is not None]
    if len(facing) != 1:
        raise ValueError(
            "bright current collectors at both ends and no lithium foil told apart; "
            "give interface.cc_side"
        )
    return facing[0]


def collector_faces(before: Volume, roi: BoolArray) -> list[Interface]:
    """The innermost faces of bright collectors, at low z, at high z or both.

    Raises
    ------
    ValueError
        If no slice is clearly brighter than the rest.
    """
    profile = slice_means(before.values, roi)
    smooth = np.asarray(ndimage.uniform_filter1d(profile, 3, mode="nearest"))
    bright, dark = float(smooth.max()), float(smooth.min())
    # Dies are darker than the collector: no higher, or the collector would have two faces.
    above = smooth > 0.5 * (bright + dark)
    rise, scatter = bright - dark, _voxel_scatter(before, roi)
    if not above.any() or above.all() or rise < max(STEP * scatter, 1e-6 * max(abs(bright), 1.0)):
        raise ValueError(
            f"no interface of electrolyte and current collector seen in the earlier scan: slice "
            f"means differ by {rise:.4g} along z, voxels within a slice scatter by {scatter:.4g} "
            f"(z must be the first axis, and both materials in view; or give interface.z_um and "
            f"interface.cc_side)"
        )
    # Bright to dark with rising z: a collector at low z, and the reverse.
    steps = np.diff(above.astype(int))
    faces = [(int(i), bool(steps[i] < 0)) for i in np.flatnonzero(steps)]
    low = [face for face in faces if face[1]][-1:]  # the innermost of each side
    high = [face for face in faces if not face[1]][:1]
    return [
        Interface(
            before.origin_um[0] + _crossing(profile, index, is_low) * before.spacing_um[0], is_low
        )
        for index, is_low in low + high
    ]


def _voxel_scatter(volume: Volume, roi: BoolArray) -> float:
    """Standard deviation of voxels within a slice: the median over slices, some pixels of them."""
    step = max(math.isqrt(int(np.count_nonzero(roi)) // SCATTER_PIXELS), 1)
    some = roi[::step, ::step]
    values = volume.values[:, ::step, ::step][:, some if some.any() else slice(None)]
    return float(np.median(values.std(axis=1, dtype=np.float64)))


def _crossing(profile: FloatArray, index: int, is_low: bool) -> float:
    """Position, in slices, at which the profile crosses half-way between its two sides."""
    p = profile if is_low else profile[::-1]
    i = index if is_low else profile.size - 2 - index
    collector = _plateau(p[max(i - 10, 0) : max(i - 1, 1)])
    electrolyte = _plateau(p[i + 3 : i + 13]) if i + 3 < p.size else float(p[-1])
    half = 0.5 * (collector + electrolyte)
    # p falls with the index: the last value above half, near the step.
    near = range(max(i - 4, 0), min(i + 5, p.size - 1))
    cross = next((k for k in near if p[k] > half >= p[k + 1]), i)
    where = cross + (p[cross] - half) / (p[cross] - p[cross + 1])
    return float(where if is_low else profile.size - 1 - where)


def _plateau(values: FloatArray) -> float:
    """Mean of the three neighbouring values that differ least from each other."""
    if values.size <= 3:
        return float(values.mean())
    windows = np.lib.stride_tricks.sliding_window_view(values, 3)
    return float(windows[np.argmin(np.ptp(windows, axis=1))].mean())


def plateau_slices(volume: Volume, interface: Interface) -> slice:
    """The slices of the current collector whose grey value stands for it.

    Raises
    ------
    ValueError
        If the volume holds no slice at least 3 voxels inside the current collector.
    """
    depth = interface.depth_um(volume) / volume.spacing_um[0]
    inside = np.flatnonzero((depth >= PLATEAU[0]) & (depth <= PLATEAU[1]))
    if inside.size == 0:
        raise ValueError(
            "the volume ends within 3 voxels of the current collector's surface; give grey.cc"
        )
    return slice(int(inside[0]), int(inside[-1]) + 1)


def collector_pixels(before: Volume, interface: Interface, roi: BoolArray) -> BoolArray:
    """Pixels of the ROI under which there is current collector, not the cell's tube or air.

    Starved X-rays make the collector's centre up to four times darker than its rim, so only what
    is darker than a fifth is taken for something else; a few pixels at its wall are left out.
    """
    depth = interface.depth_um(before) / before.spacing_um[0]
    inside = (depth >= PLATEAU[0]) & (depth <= PLATEAU[1])
    if not inside.any():
        return roi
    deep = np.flatnonzero(inside)
    part = before.values[deep[0] : deep[-1] + 1]
    mean = gaussian(column_sums(part) / deep.size, 2.0)
    dark = float(_block_means(before, roi).min())
    missing = roi & (mean < dark + 0.2 * (float(np.quantile(mean[roi], 0.95)) - dark))
    if not missing.any():
        return roi
    return np.asarray(roi & (ndimage.distance_transform_edt(~missing) > WALL_PIXELS))


def find_grey_cc(before: Volume, interface: Interface, roi: BoolArray) -> float:
    """Mean grey value of the current collector: its flattest three slices near the interface."""
    return _plateau(slice_means(before.values[plateau_slices(before, interface)], roi))


def find_grey_li(
    before: Volume, after: Volume, interface: Interface, roi: BoolArray
) -> tuple[float, str]:
    """Grey value of lithium: of the counter electrode's foil, else of the darkest voxels.

    Returns
    -------
    The value, and in words where it comes from.
    """
    foil = foil_grey(before, interface, roi)
    if foil is not None:
        return foil, "lithium foil of the counter electrode"
    log.warning("no lithium foil in view: the darkest voxels stand for lithium; or give grey.li")
    values = [darkest for v in (before, after) for darkest in _darkest(v, roi)]
    return min(values), "darkest voxels of both scans (no foil in view)"


def _darkest(volume: Volume, roi: BoolArray) -> tuple[float, float]:
    """Means of the darkest voxels, smoothed so far that noise matters little (1 % at most).

    Balls see into islands; discs, as noisy, into layers that balls reach out of.
    """
    balls = lowest(volume.values, roi, DARKEST, 1.2, (0, 1, 2))
    discs = lowest(
        plane_means(volume.values, BLOCK),
        plane_mask(roi, BLOCK),
        DARKEST // BLOCK**2,
        math.sqrt(2.5**2 - (BLOCK**2 - 1) / 12) / BLOCK,  # blocks are a part of the blur
        (1, 2),
    )
    return float(balls.mean()), float(discs.mean())


def _before_tail(profile: FloatArray, bright: float) -> int:
    """Slices before the tail of something bright, whose edge lies just beyond the volume's end.

    A steel die's blur reaches further into faint grains than it does into copper.
    """
    level = float(np.median(profile))
    scatter = 1.4826 * float(np.median(np.abs(profile - level)))
    rises = profile > level + max(4 * scatter, 0.01 * (bright - level))
    inner = int(np.argmin(rises[::-1]))  # slices of the tail
    return profile.size - inner - (FACE_SLICES if inner else 0)


def foil_grey(before: Volume, interface: Interface, roi: BoolArray) -> float | None:
    """Grey value of a dark plateau beyond the electrolyte, if it stands out everywhere.

    Grains make some slices of the electrolyte darker than others here and there, a foil is darker
    than the electrolyte in every place: compare the two block by block.
    """
    depth = interface.depth_um(before) / before.spacing_um[0]
    order = np.argsort(-depth)
    order = order[depth[order] < -4]
    blocks = _block_means(before, roi)
    # Places that no slice makes bright belong to the tube around the cell.
    highest = blocks.max(axis=0)
    blocks = blocks[:, highest > 0.3 * highest.max()]
    brightest = float(blocks.mean(axis=1).max())
    blocks = blocks[order]
    profile = blocks.mean(axis=1)
    if profile.size < 12:
        return None
    bright = profile > 0.5 * (profile[:6].mean() + brightest)
    profile = profile[: _first(bright, profile.size)]
    if profile.size < 12:
        return None
    start = int(np.argmin(np.convolve(profile, np.ones(3) / 3, mode="valid")))
    near = profile[: profile.size // 3]
    # A rough or tilted collector reaches into the first of them.
    level = float(np.median(near))
    free = _first(near <= level + ROUGH * (brightest - level), 0)
    first = blocks[free : near.size]
    electrolyte = first.mean(axis=0)
    foil = blocks[start : start + 3].mean(axis=0)
    # The scatter of single slices of the electrolyte, because a foil may be three slices thin.
    scatter = float(first.std(axis=0).max())
    stands_out = np.quantile(electrolyte - foil, 0.25) > 2 * scatter
    return float(foil.mean()) if stands_out else None


def _block_means(volume: Volume, roi: BoolArray) -> FloatArray:
    """Means over square blocks of the ROI, shape (z, blocks).

    An eighth of the volume wide, or of the ROI if that is too small to fill one of those by half.
    """
    own = (int(np.ptp(np.flatnonzero(roi.any(axis=axis)))) + 1 for axis in (0, 1))
    for extent in (min(volume.shape[1:]), max(min(own), LEAST_ROI)):
        side = max(extent // 8, 1)
        y, x = (np.arange(n) // side for n in volume.shape[1:])
        group = np.where(roi, y[:, None] * (x[-1] + 1) + x[None, :], -1)
        size = np.bincount(group[roi])
        full = size >= 0.5 * side**2
        if full.any():
            break
    else:
        full = size == size.max()
    sums = group_sums(volume.values, group, size.size)
    return np.asarray(sums[:, full] / size[full])


def _first(condition: BoolArray, default: int) -> int:
    return int(np.argmax(condition)) if condition.any() else default


def sample(volume: Volume, region: list[int], name: str) -> float:
    """Mean grey value in a box of half-open voxel indices z0, z1, y0, y1, x0, x1.

    Raises
    ------
    ValueError
        If the box is empty or leaves the volume.
    """
    for axis, (low, high, size) in enumerate(
        zip(region[::2], region[1::2], volume.shape, strict=True)
    ):
        if not 0 <= low < high <= size:
            raise ValueError(
                f"{name}: {low}..{high} along {'zyx'[axis]} must be a range within 0..{size}"
            )
    z0, z1, y0, y1, x0, x1 = region
    return float(volume.values[z0:z1, y0:y1, x0:x1].mean(dtype=np.float64))


def radial_cc(
    before: Volume, interface: Interface, roi: BoolArray, centre_um: tuple[float, float]
) -> FloatArray:
    """Grey value of the current collector as a smooth function of radius, shape (y, x).

    X-rays hardly pass through 3 mm of copper: reconstructed values there depend on the radius.
    A polynomial of third degree in r^2 is fitted to the collector's slices near the interface.
    """
    part = before.values[plateau_slices(before, interface)]
    mean = column_sums(part) / part.shape[0]
    y = before.coordinates_um(1)[:, None] - centre_um[0]
    x = before.coordinates_um(2)[None, :] - centre_um[1]
    r2 = y**2 + x**2
    scale = r2[roi].max() or 1.0
    fit = np.polynomial.Polynomial.fit(r2[roi] / scale, mean[roi], 3)
    return np.asarray(fit(np.minimum(r2 / scale, 1.0)))


def cc_variation(cc_map: FloatArray, roi: BoolArray) -> float:
    """Range of the current collector's grey value over the ROI, as fraction of its mean.

    Logs a warning beyond 10 %: one constant divisor then misleads.
    """
    inside = cc_map[roi]
    variation = float(np.ptp(inside) / abs(inside.mean()))
    if variation > RADIAL_WARNING:
        log.warning(
            "the current collector's grey value varies by %.0f %% across the ROI; "
            "normalisation=radial accounts for it",
            100 * variation,
        )
    return variation


def electrolyte_slab_um(
    before: Volume, interface: Interface, roi: BoolArray, margin_voxel: float
) -> tuple[float, float]:
    """Bulk solid electrolyte, from - to along z: what plating leaves alone.

    From `margin_voxel` beyond the interface to as far from the counter electrode (its foil, or
    its collector), or to the volume's last slice but one.
    """
    depth = interface.depth_um(before) / before.spacing_um[0]
    order = np.argsort(-depth)
    beyond = order[depth[order] < -margin_voxel]
    profile = slice_means(before.values, roi)
    p = profile[beyond]
    end = p.size
    if p.size >= 6:
        level = float(np.median(p[: max(p.size // 3, 3)]))
        # Foils and dies stand out of the electrolyte by far more than its own grains do.
        bright = p > level + 0.2 * (profile.max() - level)
        foil = foil_grey(before, interface, roi)
        dark = p < (-np.inf if foil is None else 0.5 * (level + foil))
        edge = _first(bright | dark, p.size)
        end = edge - round(margin_voxel) if edge < p.size else _before_tail(p, profile.max())
    used = before.coordinates_um(0)[beyond[: max(end, 0)]]
    half = 0.5 * before.spacing_um[0]
    if used.size == 0:
        return interface.z_um, interface.z_um
    return float(used.min() - half), float(used.max() + half)
