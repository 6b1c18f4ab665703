"""Can these two scans be compared at all? What is no tomogram, or has lost slices, is refused."""

from __future__ import annotations

import logging

import numpy as np

from imaging.volume import Volume

log = logging.getLogger(__name__)

SATURATED = 0.01
"""Share of a scan's voxels at its largest grey value that noise does not explain."""
NOISY = 0.75
"""Share of slices unlike each other, and of no one grey value, in scans that are not computed ones
without noise: a few others among them are odd."""
SPARSE = (slice(None, None, 3), slice(None, None, 3))
"""Pixels of a slice that are looked at first."""


def require_pair(before: Volume, after: Volume) -> None:
    """Refuse scans of different grids, what is no tomogram, and lost slices; warn of what is odd.

    Raises
    ------
    ValueError
        With the scan and what is wrong with it.
    """
    require_one_grid(before, after)
    for name, scan in (("before", before), ("after", after)):
        _require_slices(name, scan)
        _warn_of_repeats(name, scan)
        _warn_of_saturation(name, scan)
    if all(map(np.array_equal, before.values, after.values)):
        log.warning("before and after are the same, voxel for voxel: one scan given twice?")


def require_one_grid(before: Volume, after: Volume) -> None:
    """Refuse scans of different shapes or voxel sizes.

    Raises
    ------
    ValueError
        With both.
    """
    for name in ("shape", "spacing_um"):
        a, b = getattr(before, name), getattr(after, name)
        if not np.allclose(a, b, rtol=1e-3) or len(a) != len(b):
            raise ValueError(f"before has {name} {a}, after {b}: must be equal")


def _require_slices(name: str, scan: Volume) -> None:
    """One grey value everywhere, or throughout slices that others enclose, is no image."""
    flat = np.array([(part[SPARSE] == part[0, 0]).all() for part in scan.values])
    if flat.all() and np.ptp(scan.values[:, 0, 0]) == 0:
        raise ValueError(
            f"the {name} scan has the grey value {scan.values[0, 0, 0]:g} everywhere: not a "
            "tomogram, or another data set of the file is meant"
        )
    images = np.flatnonzero(~flat)
    if images.size < NOISY * flat.size:
        return
    lost = [i for i in range(images[0], images[-1]) if flat[i]]
    if lost:
        top = scan.values.max()  # saturated slices are there, and warned of
        lost = [i for i in lost if scan.values[i, 0, 0] != top]
    if lost:
        shown = ", ".join(f"{i} ({scan.values[i, 0, 0]:g})" for i in lost[:10])
        raise ValueError(
            f"{len(lost)} slice(s) of the {name} scan have one grey value everywhere, between "
            "others that have not: they are lost, or cut off by the limits of a conversion to "
            f"integers; counted from 0, with their grey value: {shown}"
        )


def _warn_of_repeats(name: str, scan: Volume) -> None:
    """Say it where a slice is that before it, voxel for voxel, in a scan that has noise."""
    values = scan.values
    equal = [
        i
        for i in range(1, len(values))
        if np.array_equal(values[i][SPARSE], values[i - 1][SPARSE])
        and np.ptp(values[i][SPARSE]) > 0
        and np.array_equal(values[i], values[i - 1])
    ]
    if 0 < len(equal) < (1 - NOISY) * len(values):
        shown = ", ".join(map(str, equal[:10]))
        log.warning(
            "%d slice(s) of the %s scan repeat the one before them, voxel for voxel: number %s, "
            "counted from 0; what lies beyond is shifted along z",
            len(equal), name, shown,
        )  # fmt: skip


def _warn_of_saturation(name: str, scan: Volume) -> None:
    """Say it where many voxels share the largest grey value: brighter ones were cut off."""
    largest = max(part.max() for part in scan.values)
    share = float(np.mean([np.mean(part[SPARSE] == largest) for part in scan.values]))
    if share > SATURATED:
        log.warning(
            "%.0f %% of the %s scan's voxels have its largest grey value, %g: it is saturated, "
            "and thicknesses are wrong by what was cut off from the collector's",
            100 * share, name, largest,
        )  # fmt: skip
