"""Grey values along lines through a crack, scan by scan (Xu et al., Small 2026, figure S8).

Where grey values inside a crack do not change over time, it was filled from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.cracks import Crack
from imaging.volume import FloatArray, Triple, Volume

AXES = {"z": 0, "y": 1, "x": 2}


@dataclass(frozen=True, eq=False)
class GreyProfiles:
    """Grey values along one line in several scans."""

    distance_um: FloatArray
    """Position along the line relative to the crack's centre, shape (n,)."""
    grey: FloatArray
    """Shape (scans, n)."""


def crack_profiles(
    scans: Sequence[Volume],
    crack: Crack,
    axis: str = "z",
    half_length_um: float = 40.0,
    width_voxel: int = 3,
) -> GreyProfiles:
    """Grey values along an axis through the centre of a crack.

    Parameters
    ----------
    scans
        Scans on one grid, aligned with the scan before, in order of time.
    crack
        Where to look; a basin's centre of gravity lies beside its mid-surface by a voxel or so.
    axis
        `z` (through the plane), `y` or `x`.
    half_length_um
        Length of the line to either side; cut at the volume's ends.
    width_voxel
        Lines side by side, one voxel apart in both directions across, that are averaged.

    Returns
    -------
    GreyProfiles
        One point per voxel.

    Raises
    ------
    ValueError
        If there are no scans, they differ in grid, `axis` is unknown, a number is not positive
        or the crack lies outside the scans.
    """
    if not scans:
        raise ValueError("no scans to draw profiles from")
    first = scans[0]
    for scan in scans:
        if _grid(scan) != _grid(first):
            raise ValueError(f"scans must be on one grid; got shapes {first.shape}, {scan.shape}")
    if axis not in AXES:
        raise ValueError(f"axis must be z, y or x; got {axis}")
    if half_length_um <= 0 or width_voxel < 1:
        raise ValueError(
            f"half_length_um and width_voxel must be positive; got {half_length_um}, {width_voxel}"
        )
    along = AXES[axis]
    centre = _index(first, (crack.z_um, crack.y_um, crack.x_um))
    step = first.spacing_um[along]
    reach = int(half_length_um / step)
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    inside = (centre[along] + offsets >= 0) & (centre[along] + offsets <= first.shape[along] - 1)
    offsets = offsets[inside]
    if offsets.size == 0 or np.any(centre < 0) or np.any(centre > np.array(first.shape) - 1):
        raise ValueError(f"crack {crack.label} lies outside the scans")
    beside = np.arange(width_voxel) - 0.5 * (width_voxel - 1)
    grid = [beside, beside]
    grid.insert(along, offsets)
    where = [c + g for c, g in zip(centre, np.meshgrid(*grid, indexing="ij"), strict=True)]
    across = tuple(i for i in range(3) if i != along)
    lines = [_sampled(scan, where).mean(axis=across) for scan in scans]
    return GreyProfiles(offsets * step, np.stack(lines))


def _sampled(scan: Volume, where: list[FloatArray]) -> FloatArray:
    """Trilinear values at voxel indices."""
    low = [max(int(np.floor(w.min())) - 1, 0) for w in where]
    high = [int(np.ceil(w.max())) + 2 for w in where]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    part = scan.values[box].astype(np.float64)
    at = [w - a for w, a in zip(where, low, strict=True)]
    return np.asarray(ndimage.map_coordinates(part, at, order=1, mode="nearest"))


def _grid(volume: Volume) -> tuple[Triple, Triple, Triple]:
    return volume.shape, volume.spacing_um, volume.origin_um


def _index(volume: Volume, at_um: Triple) -> FloatArray:
    return (np.asarray(at_um) - volume.origin_um) / volume.spacing_um
