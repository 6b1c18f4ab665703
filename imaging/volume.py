"""A 3-D image that never loses its voxel size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.slabs import SLAB_VOXELS, mapped

type Triple = tuple[float, float, float]
type FloatArray = NDArray[np.float64]
type BoolArray = NDArray[np.bool_]
type IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Volume:
    """Values on a regular grid, `(z, y, x)`; voxel i's centre lies at origin + i * spacing.

    Parameters
    ----------
    values
        Real numbers, shape (z, y, x), all finite.
    spacing_um
        Voxel size along z, y and x; there is no default, on purpose.
    origin_um
        Centre of voxel (0, 0, 0).

    Raises
    ------
    ValueError
        If the values are not 3-D, empty, not real numbers or not all finite; if a spacing is not
        a positive number; if an origin is not finite.
    """

    values: NDArray[Any]
    spacing_um: Triple
    origin_um: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 3:
            raise ValueError(f"a volume is 3-D (z, y, x); got shape {values.shape}")
        if values.size == 0:
            raise ValueError(f"a volume needs at least one voxel; got shape {values.shape}")
        if values.dtype.kind not in "iuf":
            raise ValueError(f"a volume holds integers or floats; got dtype {values.dtype}")
        if values.dtype.kind == "f" and not _surely_finite(values):
            bad = int(values.size - np.count_nonzero(np.isfinite(values)))
            if bad:
                raise ValueError(f"a volume is finite everywhere; got {bad} NaN or infinite voxels")
        spacing = tuple(float(s) for s in self.spacing_um)
        if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise ValueError(f"spacing_um needs three positive numbers (z, y, x); got {spacing}")
        origin = tuple(float(o) for o in self.origin_um)
        if len(origin) != 3 or not all(math.isfinite(o) for o in origin):
            raise ValueError(f"origin_um needs three finite numbers (z, y, x); got {origin}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "spacing_um", spacing)
        object.__setattr__(self, "origin_um", origin)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y and x."""
        nz, ny, nx = self.values.shape
        return nz, ny, nx

    def coordinates_um(self, axis: int) -> FloatArray:
        """Centres of the voxels along one axis (0: z, 1: y, 2: x), in um."""
        index = np.arange(self.shape[axis], dtype=np.float64)
        return np.asarray(self.origin_um[axis] + self.spacing_um[axis] * index)

    @property
    def centre_um(self) -> Triple:
        """Centre of the volume, halfway between its first and last voxel."""
        z, y, x = (
            o + 0.5 * (n - 1) * s
            for o, n, s in zip(self.origin_um, self.shape, self.spacing_um, strict=True)
        )
        return z, y, x

    def with_values(self, values: NDArray[Any]) -> Volume:
        """Other values on the same grid."""
        if values.shape != self.values.shape:
            raise ValueError(f"expected values of shape {self.shape}; got {values.shape}")
        return Volume(values, self.spacing_um, self.origin_um)


def _surely_finite(values: NDArray[Any]) -> bool:
    """By sums, which pass on what is not finite and take no memory; they may also overflow."""

    def total(slices: slice) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(values[slices].sum()))

    return all(mapped(total, values.shape[0], max(SLAB_VOXELS // values[0].size, 1)))


def disc_mask(volume: Volume, centre_um: tuple[float, float], radius_um: float) -> BoolArray:
    """Pixels (y, x) of a volume whose centres lie within a cylinder along z."""
    y = volume.coordinates_um(1)[:, None] - centre_um[0]
    x = volume.coordinates_um(2)[None, :] - centre_um[1]
    return np.asarray(y**2 + x**2 <= radius_um**2)


def slab(volume: Volume, low_um: float, high_um: float) -> slice:
    """Slices whose centres lie in [low_um, high_um), cut at the volume's ends."""
    z = volume.coordinates_um(0)
    first, last = np.searchsorted(z, [low_um - 1e-9, high_um - 1e-9])
    return slice(int(first), int(last))
