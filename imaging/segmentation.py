"""Which pixels of a thickness map belong to which island."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.morphology import dilated, opened
from imaging.thickness import Float32, ThicknessMap, smoothed
from imaging.volume import BoolArray, IntArray

log = logging.getLogger(__name__)

SMOOTH_VOXEL = 1.5
DETECT_SIGMA, SEED_SIGMA = 3.5, 7.0
"""An island's pixels stand out of the smoothed map by the first, its summit by the second."""
SPLIT = 0.4
"""Touching islands are told apart by saddles below exp(-0.4) = 2/3 of the lower summit."""
FLOOR = 0.05
"""Ground level, in the same logarithm, of about a third of the noise."""
MIN_AREA_PIXELS = 20
PLANE_PIXELS = 2**16
LEVEL_PIXELS = 2**15
"""Of these, so many tell where about the background lies."""
LAYER_FRACTION = 0.25
"""What covers more of the ROI than this is a layer, not an island."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Pixels of each island, and those of none."""

    labels: IntArray
    background: BoolArray
    notes: dict[str, str | float]


def segment(thickness: ThicknessMap) -> Segments:
    """Label pixels that stand out of the background; split what touches; drop specks."""
    inside = thickness.inside
    smooth = smoothed(thickness.values_um, inside, SMOOTH_VOXEL)
    noise = 0.0
    background = inside.copy()
    for _ in range(4):
        excess = levelled(smooth, background)
        ground = excess.ravel()[drawn_pixels(background)]
        noise = max(1.4826 * float(np.median(np.abs(ground))), 1e-6)
        # Single outliers belong to the noise; what is kept out are patches and their surroundings.
        candidate = inside & ~dilated(opened(excess > DETECT_SIGMA * noise, 2), 6)
        if candidate.sum() < 0.02 * inside.sum() or np.array_equal(candidate, background):
            break
        background = candidate
    excess = levelled(smooth, background)
    # Relative saddles for tall islands, absolute ones near the noise.
    coarse = np.nan_to_num(smoothed(excess, inside, SMOOTH_VOXEL), copy=False)
    landscape = np.log1p(np.maximum(coarse, 0) / np.float32(8 * noise))
    summits = _summits(landscape) & (excess > SEED_SIGMA * noise)
    labels = _basins(landscape, summits, excess > DETECT_SIGMA * noise)
    notes: dict[str, str | float] = {"thickness_noise_um": noise, "island_threshold_um": 0.0}
    notes["island_threshold_um"] = DETECT_SIGMA * noise
    sizes = np.bincount(labels.ravel())
    for label in range(1, sizes.size):
        if sizes[label] > LAYER_FRACTION * inside.sum():
            notes["layer"] = (
                f"a connected patch covers {100 * sizes[label] / inside.sum():.0f} % of the ROI: "
                "counted as a layer, not as an island"
            )
            log.warning("%s", notes["layer"])
        elif sizes[label] >= MIN_AREA_PIXELS:
            continue
        labels[labels == label] = 0
    used = np.bincount(labels.ravel()) > 0
    used[0] = False
    compact = np.where(used, np.cumsum(used), 0)[labels]
    return Segments(compact.astype(np.int32), background, notes)


def parts(landscape: Float32, own: BoolArray, depth: float) -> IntArray:
    """Parts of one island by its summits that stand `depth` above every saddle to a higher one.

    Shape of the landscape; 1, 2, ... on its pixels `own`, 0 elsewhere. Parts too small for an
    island go to the others.
    """
    from skimage.morphology import h_maxima

    summits = h_maxima(np.where(own, landscape, 0), depth).astype(bool) & own
    labels = _basins(landscape, summits, own)
    small = np.bincount(labels.ravel()) < MIN_AREA_PIXELS
    if small.any():
        labels = _basins(landscape, summits & ~small[labels], own)
    used = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(used, labels) + 1, 0).astype(np.int32)


def _basins(landscape: Float32, summits: BoolArray, mask: BoolArray) -> IntArray:
    """Pixels of the mask that belong to each summit, patch by patch: patches do not touch."""
    from skimage.segmentation import watershed

    seeds, _ = ndimage.label(summits, structure=np.ones((3, 3)))
    patches, _ = ndimage.label(mask)
    labels = np.zeros(mask.shape, dtype=np.int32)
    for label, box in enumerate(ndimage.find_objects(patches), start=1):
        own = patches[box] == label
        if seeds[box][own].any():
            labels[box] += watershed(-landscape[box], seeds[box] * own, mask=own).astype(np.int32)
    return labels


def _summits(landscape: Float32) -> BoolArray:
    """Maxima that stand `SPLIT` above every saddle to a higher one.

    Looked for patch by patch above `FLOOR`: whatever rises `SPLIT` above that is separated from
    other patches by the ground between them. Most of the map is ground.
    """
    from skimage.morphology import h_maxima

    summits = np.zeros(landscape.shape, dtype=bool)
    # With corners: a path over a saddle may run across them.
    patches, _ = ndimage.label(landscape > FLOOR, structure=np.ones((3, 3)))
    boxes = ndimage.find_objects(patches)
    for label in np.unique(patches[landscape >= FLOOR + SPLIT]):
        box = boxes[label - 1]
        around = tuple(
            slice(max(s.start - 1, 0), min(s.stop + 1, n))
            for s, n in zip(box, landscape.shape, strict=True)
        )
        own = patches[around] == label
        found = h_maxima(np.where(own, landscape[around], FLOOR), SPLIT).astype(bool)
        summits[around] |= found & own
    return summits


def _background_level(values: NDArray[np.floating]) -> tuple[float, float]:
    """Most frequent value and the scatter about it: the shortest interval that holds a fifth."""
    ordered = np.sort(values)
    n = max(ordered.size // 5, 1)
    start = int(np.argmin(ordered[n:] - ordered[:-n]))
    return float(np.median(ordered[start : start + n])), float(ordered[start + n] - ordered[start])


def drawn_pixels(where: BoolArray) -> NDArray[np.intp]:
    """Flat indices of at most about `PLANE_PIXELS` pixels, evenly drawn."""
    pixels = np.flatnonzero(where)
    return np.asarray(pixels[:: max(pixels.size // PLANE_PIXELS, 1)])


def levelled[T: np.floating](values: NDArray[T], where: BoolArray) -> NDArray[T]:
    """A map less the plane that a rest of shift and tilt between the scans leaves behind."""
    level, along_y, along_x = _plane(values, where)
    y, x = (np.linspace(-1, 1, n) for n in values.shape)
    out = values - (level + along_y * y).astype(values.dtype)[:, None]
    out -= (along_x * x).astype(values.dtype)
    return out


def _plane(values: NDArray[np.floating], where: BoolArray) -> tuple[float, float, float]:
    """Level, and rise along y and x, fitted robustly.

    Fitted to at most `PLANE_PIXELS` evenly drawn pixels: more do not make it better.
    """
    y, x = (np.linspace(-1, 1, n) for n in values.shape)
    drawn = drawn_pixels(where)
    row, column = np.divmod(drawn, values.shape[1])
    rows = np.stack([np.ones(drawn.size), y[row], x[column]])
    data = values.ravel()[drawn].astype(np.float64)
    level, width = _background_level(data[:: max(data.size // LEVEL_PIXELS, 1)])
    keep = np.abs(data - level) < 4 * max(width, 1e-9)
    for _ in range(3):
        held = rows * keep
        # Normal equations: three well-scaled unknowns; pinv where the pixels lie on a line.
        solution = np.linalg.pinv(held @ held.T, hermitian=True) @ (held @ data)
        rest = np.abs(data - solution @ rows)
        keep = rest < 3 * max(1.4826 * float(np.median(rest[keep])), 1e-9)
    level, along_y, along_x = (float(part) for part in solution)
    return level, along_y, along_x
