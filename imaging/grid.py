"""What files say of their grid: the order of the axes and the size of a voxel."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path

from imaging.volume import Triple

log = logging.getLogger(__name__)

UM_PER_UNIT = {
    "angstrom": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "um": 1.0, "µm": 1.0, "μm": 1.0, r"\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "inch": 25400.0, "m": 1e6, "meter": 1e6, "metre": 1e6,
}  # fmt: skip
VOXEL_TOLERANCE = 1e-3
VOXEL_UM = (0.005, 500.0)
"""Voxels of X-ray tomograms lie well inside: beyond, a unit was mistaken."""
CUBE_TOLERANCE = 0.01
#: Names of axes, and where they lie here. The rotation axis of the scan is z. Savu calls it y, in
#: voxels as on the detector; its slices are (voxel_x, voxel_z), as its TIFF files have them.
AXIS_OF_NAME = {
    "z": "z", "y": "y", "x": "x",
    "detector_y": "z", "detector_x": "x", "rotation_axis": "z",
    "voxel_y": "z", "voxel_x": "y", "voxel_z": "x",
}  # fmt: skip
ANGLES = frozenset({"rotation_angle", "theta", "angle", "omega"})
NOT_LENGTHS = ANGLES | {"t", "time", "c", "channel", "energy"}


def um_per_unit(unit: object) -> float | None:
    """Micrometres in a unit of length, None for anything else (voxels, counts, nothing)."""
    return UM_PER_UNIT.get(str(unit).strip().lower())


def require_voxel_um(voxel_um: float | None) -> None:
    """Refuse a voxel size that is none.

    Raises
    ------
    ValueError
        If `voxel_um` is given and not a positive number of um, or beyond `VOXEL_UM`.
    """
    if voxel_um is not None and not (math.isfinite(voxel_um) and voxel_um > 0):
        raise ValueError(f"voxel_um must be a positive number; got {voxel_um}")
    if voxel_um is not None:
        _require_plausible("voxel_um", voxel_um)


def agreed_spacing(path: Path, file_spacing_um: Triple | None, voxel_um: float | None) -> Triple:
    """Voxel size (z, y, x) in um that the file and the user agree on.

    Raises
    ------
    ValueError
        If neither knows it, they differ by more than 0.1 %, or it lies beyond `VOXEL_UM`.
    """
    if voxel_um is None:
        if file_spacing_um is None:
            raise ValueError(f"{path}: the file carries no voxel size; give voxel_um")
        _require_plausible(f"{path}: the file's voxel size", *file_spacing_um)
        low, high = min(file_spacing_um), max(file_spacing_um)
        if high > (1 + CUBE_TOLERANCE) * low:
            shown = ", ".join(f"{f:g}" for f in file_spacing_um)
            log.warning(
                "%s: by the file its voxels are no cubes, (z, y, x) = (%s) um: ImageJ writes 1 "
                "where it was told nothing",
                path, shown,
            )  # fmt: skip
        return file_spacing_um
    given = (voxel_um, voxel_um, voxel_um)
    if file_spacing_um is not None and any(
        abs(f / voxel_um - 1) > VOXEL_TOLERANCE for f in file_spacing_um
    ):
        shown = ", ".join(f"{f:g}" for f in file_spacing_um)
        raise ValueError(
            f"{path}: the file's voxel size (z, y, x) is ({shown}) um, voxel_um is {voxel_um:g}; "
            "they must agree within 0.1 %"
        )
    return given


def _require_plausible(what: str, *sizes_um: float) -> None:
    low, high = VOXEL_UM
    for size in sizes_um:
        if size > 0 and not low <= size <= high:  # others are no size at all: see Volume
            raise ValueError(
                f"{what} is {size:g} um: voxels of tomograms lie between {low:g} and {high:g} um; "
                "is its unit another one?"
            )


def zyx_order(names: Sequence[str]) -> tuple[int, int, int] | None:
    """Which stored axes are z, y and x, by the names of three stored axes.

    One name that says nothing takes the place that is left. None where the names do not tell.

    Raises
    ------
    ValueError
        If an axis is no length: projections by angle, or images by time, are no volume.
    """
    bare = [name.split(".")[0].strip().lower() for name in names]
    if others := NOT_LENGTHS.intersection(bare):
        what = "these are projections" if others & ANGLES else "these are images"
        raise ValueError(
            f"its axis {min(others)} is no length: {what}, a volume (z, y, x) is needed"
        )
    known = [AXIS_OF_NAME.get(n) or AXIS_OF_NAME.get(re.split(r"[_ (\[]", n)[0]) for n in bare]
    left = [axis for axis in "zyx" if axis not in known]
    if len(names) != 3 or len(left) != known.count(None) or len(left) > 1:
        return None
    placed = [axis or left[0] for axis in known]
    return placed.index("z"), placed.index("y"), placed.index("x")


def squeezed(shape: Sequence[int]) -> tuple[int, ...] | None:
    """The three axes that make a volume when axes of length 1 are left out, or None."""
    if len(shape) == 3:
        return 0, 1, 2
    longer = tuple(i for i, n in enumerate(shape) if n != 1)
    return longer if len(longer) == 3 else None
