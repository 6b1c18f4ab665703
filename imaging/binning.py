"""Volumes, maps and masks at a part of their resolution, and the slices that a mask uses.

Masks of whole slices are held as one value per slice, broadcast over its pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.slabs import mapped
from imaging.volume import BoolArray

type Float32 = NDArray[np.float32]


def halved_values(values: NDArray[Any]) -> Float32:
    """Means over blocks of 2 x 2 x 2 voxels; an odd last one is left out."""
    from imaging import loops_alignment

    nz, ny, nx = (n // 2 for n in values.shape)
    out = np.empty((nz, ny, nx), np.float32)
    kind = values.dtype.newbyteorder("=")

    def part(slices: slice) -> None:
        k = slices.start
        loops_alignment.halved(np.require(values[2 * k : 2 * k + 2], kind, "C"), out[k])

    for _ in mapped(part, nz, 1):
        pass
    return out


def plane_means(values: NDArray[Any], factor: int) -> Float32:
    """Means over square blocks of pixels of every slice; what does not fill a block is left out."""
    from imaging import loops_cracks

    nz, ny, nx = values.shape
    out = np.empty((nz, ny // factor, nx // factor), np.float32)
    kind = values.dtype.newbyteorder("=")

    def part(slices: slice) -> None:
        k = slices.start
        loops_cracks.binned(np.require(values[k], kind, "C"), factor, out[k])

    for _ in mapped(part, nz, 1):
        pass
    return out


def plane_blocks(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """View of the last two axes as (..., y, factor, x, factor), what does not fill a block cut."""
    ny, nx = (n // factor for n in values.shape[-2:])
    cut = values[..., : ny * factor, : nx * factor]
    return cut.reshape(*values.shape[:-2], ny, factor, nx, factor)


def plane_mask(mask: BoolArray, factor: int) -> BoolArray:
    """Square blocks of pixels that are in the mask as a whole."""
    return np.asarray(plane_blocks(mask, factor).all(axis=-1).all(axis=-2))


def halved_mask(mask: BoolArray) -> BoolArray:
    """Blocks of 2 x 2 x 2 voxels that are in the mask as a whole."""
    if _whole_slices(mask):
        even, odd = _even_odd(mask[:, :1, :1], 0)
        nz, ny, nx = (n // 2 for n in mask.shape)
        return np.broadcast_to(even & odd, (nz, ny, nx))
    for axis in range(3):
        even, odd = _even_odd(mask, axis)
        mask = even & odd
    return mask


def _even_odd[T: np.generic](values: NDArray[T], axis: int) -> tuple[NDArray[T], NDArray[T]]:
    n = values.shape[axis] // 2 * 2
    before = (slice(None),) * axis
    return values[(*before, slice(0, n, 2))], values[(*before, slice(1, n, 2))]


def _whole_slices(mask: BoolArray) -> bool:
    """One value per slice, broadcast over its pixels."""
    return mask.strides[1:] == (0, 0)


def slices_used(mask: BoolArray) -> NDArray[np.intp]:
    """Slices in which a mask has voxels."""
    return np.flatnonzero((mask[:, :1, :1] if _whole_slices(mask) else mask).any(axis=(1, 2)))


def kept_slices(mask: BoolArray, slices: NDArray[np.intp]) -> BoolArray:
    """The mask in some slices only."""
    kept = np.zeros((mask.shape[0], 1, 1), dtype=bool)
    kept[slices] = True
    if _whole_slices(mask):
        return np.broadcast_to(mask[:, :1, :1] & kept, mask.shape)
    return mask & kept


def mask_slices(mask: BoolArray, beside: int = 0) -> slice:
    """Slices from the first to the last of a mask, and some beside them, where there are."""
    used = slices_used(mask)
    return slice(int(max(used[0] - beside, 0)), int(min(used[-1] + 1 + beside, mask.shape[0])))
