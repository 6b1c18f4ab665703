"""Thickness maps of single islands: summed over the slices in which each stands out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.binning import plane_blocks
from imaging.reductions import slice_means, window_sums
from imaging.segmentation import Segments, drawn_pixels, levelled
from imaging.slabs import mapped
from imaging.thickness import ThicknessMap
from imaging.volume import BoolArray, FloatArray, Volume

BLOCK = 3
"""Pixels along the side of a block: about what the fit of an island takes for one detail."""
MIN_BLOCKS = 50
STEP = 2
"""Slices in which the sums of islands may begin and end."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Thickness map summed over the slices that one island occupies, background removed."""

    window: tuple[int, int]
    """First and last slice, exclusive."""
    excess_um: NDArray[np.float32]
    noise_um: float
    """Per pixel, beside the islands."""
    grain: float
    """Noise of means over blocks of pixels, over that of white noise: more than 1 where
    neighbouring pixels share their noise (reconstruction, rings, grains that misalign)."""
    scale: float = 1.0
    """What LVF has to be divided by to fit these sums."""

    def over(self, scale: float) -> Columns:
        """Everything divided by a scale."""
        return replace(
            self,
            excess_um=self.excess_um / np.float32(scale),
            noise_um=self.noise_um / scale,
            scale=self.scale * scale,
        )


def columns(
    lvf: Volume, thickness: ThicknessMap, segments: Segments, boxes: list[tuple[slice, slice]]
) -> list[Columns]:
    """Fewer slices, less noise: an island fills a few of the forty."""
    part = lvf.values[thickness.slices]
    background, inside = segments.background, thickness.inside
    beside = slice_means(part, background) if boxes else np.zeros(0)
    windows = []
    for label, box in enumerate(boxes, start=1):
        own = part[(slice(None), *box)][:, segments.labels[box] == label]
        windows.append(_window(own.mean(axis=1, dtype=np.float64) - beside))
    different = list(dict.fromkeys(windows))  # islands of one height share their sums
    drawn = drawn_pixels(background)
    ground = _blocks(background.astype(np.int64)) == BLOCK**2
    totals = window_sums(part, different, np.float32)

    def measured(turn: slice) -> Columns:
        excess = levelled(totals[turn.start], background) * np.float32(lvf.spacing_um[0])
        excess[~inside] = 0.0
        noise = 1.4826 * float(np.median(np.abs(excess.ravel()[drawn])))
        return Columns(different[turn.start], excess, noise, _grain(excess, ground, noise))

    sums = dict(zip(different, mapped(measured, len(different), 1), strict=True))
    return [sums[window] for window in windows]


def _blocks(part: NDArray[Any]) -> NDArray[Any]:
    """Sums over square blocks of a map."""
    return np.asarray(np.einsum("iajb->ij", plane_blocks(part, BLOCK)))


def _grain(excess: NDArray[np.float32], ground: BoolArray, noise: float) -> float:
    """Noise of means over the blocks of the ground, over what independent pixels would have."""
    inner = _blocks(excess)[ground]
    if inner.size < MIN_BLOCKS or not noise > 0:
        return 1.0
    return max(1.4826 * float(np.median(np.abs(inner))) / (BLOCK * noise), 1.0)


def _window(mean: FloatArray) -> tuple[int, int]:
    """First and last slice, exclusive, in which the mean LVF of an island stands out."""
    peak = int(np.argmax(mean))
    floor = 0.02 * mean[peak]
    low = peak - next((i for i in range(peak + 1) if mean[peak - i] < floor), peak)
    high = peak + next((i for i in range(mean.size - peak) if mean[peak + i] < floor), mean.size)
    # In steps: islands nearly as high share their sums.
    first, stop = (low - 3) // STEP * STEP, -(-(high + 4) // STEP) * STEP
    return max(first, 0), min(stop, mean.size)
