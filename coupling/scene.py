"""What a 3-D picture shows: small volumes of lithium, current collector and cracks.

Analysed volumes may hold hundreds of millions of voxels. What is drawn are their means over blocks
of the plane, taken slice by slice, so that the memory and time of a picture do not grow with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.crack_volume import FULL, crack_fraction
from imaging.cracks import CrackMap
from imaging.filters import PAPER_LI_THRESHOLD
from imaging.result import ImageResult
from imaging.volume import BoolArray, FloatArray, Triple

type Bytes = NDArray[np.uint8]
type Float32 = NDArray[np.float32]
type Box = tuple[slice, slice, slice]

MOST_VOXELS = 6_000_000
"""Voxels of each volume that is drawn; what holds more is averaged over the plane."""
SMOOTH_VOXEL = 0.8
"""Smoothing of what is drawn: noise would be seen as pits and bumps."""
SPECK_VOXELS = 30
"""Smaller bodies are noise and are not drawn."""
HALF_HEIGHT_UM = 32.5
"""Height that is drawn to either side of the lithium where no ROI is known: half the paper's."""
FLAT_UM = 500.0
"""Heights are drawn once more as large for each such width: layers of a few um stay visible."""
LITHIUM_LEVEL = PAPER_LI_THRESHOLD
CRACK_LEVEL = 0.2
"""Fraction of displaced electrolyte from which on a crack is drawn."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Fractions of lithium, current collector and cracks; the collector lies at low z.

    Shapes (z, y, x), 0 to 255 for 0 to 1.
    """

    lithium: Bytes
    collector: Bytes | None
    """None where only the lithium volume fraction is known."""
    cracks: Bytes | None
    """Fraction of displaced electrolyte; None where no cracks were found."""
    spacing_um: Triple
    origin_um: tuple[float, float]
    """Centre (y, x) of the first voxel."""
    collector_level: float
    """Fraction half-way between collector and electrolyte."""

    @property
    def size_um(self) -> Triple:
        """Extent along z, y, x."""
        z, y, x = (n * s for n, s in zip(self.lithium.shape, self.spacing_um, strict=True))
        return z, y, x

    @property
    def exaggeration(self) -> int:
        """Heights are drawn so many times as large as they are."""
        return max(round(max(self.size_um[1:]) / FLAT_UM), 1)


def scene_of(result: ImageResult, cracks: CrackMap | None = None) -> Scene:
    """Return what to draw of one analysis, inside its ROI.

    Parameters
    ----------
    result
        Of a pair of scans, or of a ready LVF volume: then lithium alone is drawn.
    cracks
        What was found of them, on the same grid.
    """
    lvf, setup = result.lvf, result.setup
    roi = np.isfinite(result.thickness_um)
    box = (_slices(result), _extent(roi.any(axis=1)), _extent(roi.any(axis=0)))
    voxels = math.prod(part.stop - part.start for part in box)
    factor = max(math.ceil(math.sqrt(voxels / MOST_VOXELS)), 1)
    cut = _Cut(roi, box, factor)
    turned = setup is not None and not setup.place.interface.cc_is_low
    step = -1 if turned else 1
    collector, level, opened = None, 0.5, None
    if setup is not None and result.before is not None and result.after_registered is not None:
        span = np.asarray(setup.grey_cc, dtype=np.float64) - setup.grey_li
        after = cut.reduced(result.after_registered.values, setup.grey_li, span)
        collector = _bytes(_smooth(after[::step]))
        far = box[0].start if turned else box[0].stop - 1
        electrolyte = cut.slice_of(result.before.values[far], setup.grey_li, span)
        level = 0.5 * (1 + float(np.median(electrolyte[cut.weight > 0.5])))
        if cracks is not None and cracks.cracks:
            whole = crack_fraction(
                lvf, setup.place.interface, roi, result.before, setup.grey_cc, setup.grey_li,
                cracks, box[0],
            )  # fmt: skip
            opened = _bytes(cut.reduced(whole, 0.0, FULL, box[0].start)[::step])
    dz, dy, dx = lvf.spacing_um
    middle = 0.5 * (factor - 1)
    return Scene(
        lithium=_bytes(_without_specks(_smooth(cut.reduced(lvf.values)[::step]), LITHIUM_LEVEL)),
        collector=collector,
        cracks=opened,
        spacing_um=(dz, factor * dy, factor * dx),
        origin_um=(
            lvf.origin_um[1] + dy * (box[1].start + middle),
            lvf.origin_um[2] + dx * (box[2].start + middle),
        ),
        collector_level=level,
    )


@dataclass(frozen=True, eq=False)
class _Cut:
    """The part of a volume that is drawn, and how much smaller it is drawn."""

    roi: BoolArray
    box: Box
    factor: int

    @property
    def weight(self) -> Float32:
        """Part of each block that lies in the ROI."""
        return block_mean(self.roi[self.box[1:]].astype(np.float32), self.factor)

    def slice_of(
        self, values: NDArray[np.generic], zero: float = 0.0, span: FloatArray | float = 1.0
    ) -> Float32:
        """Block means of (values - zero) / span of one slice, 0 outside the ROI."""
        rows, columns = self.box[1:]
        inside = self.roi[rows, columns]
        per = np.asarray(span, dtype=np.float32)
        part = np.asarray(values[rows, columns], dtype=np.float32) - np.float32(zero)
        part /= per if per.ndim == 0 else per[rows, columns]
        return block_mean(np.where(inside, part, np.float32(0)), self.factor)

    def reduced(
        self,
        values: NDArray[np.generic],
        zero: float = 0.0,
        span: FloatArray | float = 1.0,
        first: int = 0,
    ) -> Float32:
        """The same of all slices of the box, between 0 and 1; `values` begin at slice `first`."""
        weight = np.maximum(self.weight, 0.5)
        slices = range(self.box[0].start - first, self.box[0].stop - first)
        out = np.empty((len(slices), *weight.shape), np.float32)
        for i, k in enumerate(slices):
            np.clip(self.slice_of(values[k], zero, span) / weight, 0, 1, out=out[i])
        return out


def block_mean[T: np.floating[Any]](values: NDArray[T], factor: int) -> NDArray[T]:
    """Mean over blocks of `factor` x `factor` pixels; cut ones at the far edges are left out."""
    rows, columns = (n // factor for n in values.shape)
    whole = values[: rows * factor, : columns * factor]
    return np.asarray(whole.reshape(rows, factor, columns, factor).mean(axis=(1, 3)))


def _smooth(values: Float32) -> Float32:
    return np.asarray(ndimage.gaussian_filter(values, SMOOTH_VOXEL, mode="nearest"))


def _without_specks(values: Float32, level: float) -> Float32:
    """The same with bodies above the level that are too small to be told from noise cut to it."""
    labels, count = ndimage.label(values > level)
    if count:
        small = np.bincount(labels.ravel()) < SPECK_VOXELS
        small[0] = False
        values = np.where(small[labels], np.float32(0.9 * level), values)
    return values


def _bytes(fraction: Float32) -> Bytes:
    return np.rint(FULL * fraction).astype(np.uint8)


def _slices(result: ImageResult) -> slice:
    """Slices of the ROI; those about the most lithium where only the LVF is known."""
    if result.setup is not None:
        return result.setup.place.slices
    dz = result.lvf.spacing_um[0]
    middle, reach = int(np.argmax(result.z_profile_lvf)), round(HALF_HEIGHT_UM / dz)
    return slice(max(middle - reach, 0), min(middle + reach + 1, result.lvf.shape[0]))


def _extent(used: BoolArray) -> slice:
    found = np.flatnonzero(used)
    return slice(int(found[0]), int(found[-1]) + 1)
