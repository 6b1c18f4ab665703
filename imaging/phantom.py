"""A synthetic operando cell, before and after plating, with its exact truth.

The pair, and further scans of the same cell where a series is asked for, in memory or in files.
Volumes of any size are written slice by slice.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray

from imaging.phantom_camera import grey
from imaging.phantom_cracks import CrackRule
from imaging.phantom_options import CellState, CrackFill, Deposit, IslandChoice, PhantomOptions
from imaging.phantom_scans import (
    Scan,
    Truth,
    foil_loss_um,
    interface_z_um,
    phantom_scans,
    truth_of,
    truth_slices,
)
from imaging.phantom_scene import MU_PER_CM
from imaging.phantom_shapes import write_cracks, write_shapes
from imaging.readers import write_map, write_tiff
from imaging.replace import renamed
from imaging.slabs import Progress
from imaging.volume import Volume

__all__ = [
    "MU_PER_CM",
    "CellState",
    "CrackFill",
    "CrackRule",
    "Deposit",
    "IslandChoice",
    "Phantom",
    "PhantomOptions",
    "Truth",
    "grey",
    "make_phantom",
    "make_series",
    "write_phantom",
]

STREAMED_VOXEL = 100_000_000
"""Volumes larger than this are computed and written slice by slice."""


@dataclass(frozen=True)
class Phantom:
    """Two scans (uint16) and their truth."""

    before: Volume
    after: Volume
    truth: Truth


def make_phantom(options: PhantomOptions) -> Phantom:
    """Compute both scans and the truth; the same options give the same voxels."""
    before, after = phantom_scans(options)[:2]
    return Phantom(before.volume(), after.volume(), truth_of(after))


def make_series(options: PhantomOptions) -> Iterator[tuple[float, Volume, Truth]]:
    """Compute the scans of `options.series`: time in h, scan (uint16) and truth, one by one.

    All are states of the cell that `make_phantom` shows in its before scan; before each of them it
    moves from there by up to `shift_um` and `rotation_deg`.
    """
    for part in phantom_scans(options)[2:]:
        yield part.time_h or 0.0, part.volume(), truth_of(part)


def write_phantom(
    options: PhantomOptions,
    folder: Path,
    stream: bool | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write `before.tif`, `after.tif`, `truth/` and, where asked for, `series/`.

    Parameters
    ----------
    options
        The cell.
    folder
        Where to write; made if it is not there.
    stream
        Compute and write slice by slice, as BigTIFF, with a few dozen slices in memory; None: from
        100 million voxels on. Grey values may then differ by 1 in some voxels.
    progress
        Called with the fraction done, rising to 1.

    Returns
    -------
    list of Path
        Files written, `before.tif` and `after.tif` first. `truth/` holds the fractions of lithium
        (`lvf.tif`), voids and cracks, their maps, tables of islands and cracks, and what is known
        of the after scan (`transform.json`). `series/` holds the scans, and in `truth/` the
        same of each, with one line per scan in `series.csv`.
    """
    folder = Path(folder)
    large = math.prod(options.grid) > STREAMED_VOXEL if stream is None else stream
    scans = phantom_scans(options, large)
    # every scan is written, and the truth of all but the first
    told = _counted((2 * len(scans) - 1) * options.grid[0], progress)
    files = []
    for part in scans[:2]:
        files.append(folder / f"{part.name}.tif")
        _write_slices(files[-1], told(part.slices()), options, large)
    found, _ = _write_truth(scans[1], folder / "truth", large, told)
    files += found
    rows: list[dict[str, Any]] = []
    series = folder / "series"
    for part in scans[2:]:
        files.append(series / f"{part.name}.tif")
        _write_slices(files[-1], told(part.slices()), options, large)
        found, row = _write_truth(part, series / "truth" / part.name, large, told)
        files += found
        rows.append({"file": f"{part.name}.tif", "time_h": part.time_h, **row})
    if rows:
        files.append(series / "series.csv")
        with renamed(files[-1]) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return files


class Told(Protocol):
    """Passes slices on, and says how many have passed."""

    def __call__[T](self, slices: Iterable[T]) -> Iterator[T]: ...


def _counted(total: int, progress: Progress | None) -> Told:
    done = 0

    def told[T](slices: Iterable[T]) -> Iterator[T]:
        nonlocal done
        for part in slices:
            yield part
            done += 1
            if progress is not None:
                progress(done / total)

    return told


# -------------------------------------------------------------------------------------- files


class _Stack:
    """Slices of one file: kept for one ImageJ stack, or written as pages of a BigTIFF."""

    def __init__(self, writer: tifffile.TiffWriter | None, voxel_um: float) -> None:
        self.kept: list[NDArray[Any]] = []
        self._writer = writer
        self._voxel_um = voxel_um

    def add(self, part: NDArray[Any], compression: str | None) -> None:
        """Append one slice (y, x)."""
        if self._writer is None:
            self.kept.append(part)
            return
        per_cm = 1e4 / self._voxel_um
        self._writer.write(
            part,
            photometric="minisblack",
            compression=compression,
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            metadata=None,
        )


@contextmanager
def _stack(path: Path, options: PhantomOptions, large: bool) -> Iterator[_Stack]:
    if large:
        with renamed(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True) as writer:
            yield _Stack(writer, options.voxel_um)
        return
    stack = _Stack(None, options.voxel_um)
    yield stack
    write_tiff(path, Volume(np.stack(stack.kept), (options.voxel_um,) * 3))


def _write_slices(
    path: Path, slices: Iterable[NDArray[Any]], options: PhantomOptions, large: bool
) -> None:
    with _stack(path, options, large) as stack:
        for part in slices:
            stack.add(part, None)


def _write_truth(
    part: Scan, folder: Path, large: bool, told: Told
) -> tuple[list[Path], dict[str, float | str | None]]:
    """Write the truth of one scan; returns the files and a summary."""
    options, plane = part.scene.options, part.scene.plane
    kinds = {"lithium": "lvf.tif"}
    kinds |= {"voids": "voids.tif"} if plane.state.voids else {}
    kinds |= {"cracks": "cracks.tif"} if plane.cracks else {}
    sums = {kind: np.zeros(options.grid[1:]) for kind in kinds}
    with ExitStack() as open_files:
        stacks = {
            kind: open_files.enter_context(_stack(folder / name, options, large))
            for kind, name in kinds.items()
        }
        for _, fractions in told(truth_slices(part)):
            for kind, stack in stacks.items():
                values = getattr(fractions, kind)
                stack.add(values, "zlib")  # nearly all of it is zeros
                sums[kind] += values
    maps = {"thickness_um.tif": options.voxel_um * sums["lithium"]}
    if "voids" in sums:
        maps["void_thickness_um.tif"] = options.voxel_um * sums["voids"]
    loss = foil_loss_um(part)
    if loss.any():
        maps["foil_loss_um.tif"] = loss
    for name, values in maps.items():
        write_map(folder / name, values, (options.voxel_um, options.voxel_um))
    names = [*kinds.values(), *maps, "islands.csv", "transform.json"]
    write_shapes(folder / "islands.csv", plane.shapes)
    if plane.cracks:
        names.insert(-1, "cracks.csv")
        write_cracks(folder / "cracks.csv", tuple(plane.cracks), options.crack_fill.value)
    voxel, pixel = options.voxel_um**3, options.voxel_um**2
    totals: dict[str, float | str | None] = {
        "li_volume_um3": float(sums["lithium"].sum()) * voxel,
        "void_volume_um3": float(sums["voids"].sum()) * voxel if "voids" in sums else 0.0,
        "crack_volume_um3": float(sums["cracks"].sum()) * voxel if "cracks" in sums else 0.0,
        "foil_loss_um3": float(loss.sum()) * pixel,
    }
    facts = _facts(part)
    with renamed(folder / "transform.json") as temporary:
        temporary.write_text(json.dumps(facts | totals, indent=2) + "\n")
    state = asdict(plane.state)
    return [folder / name for name in names], state | totals


def _facts(part: Scan) -> dict[str, Any]:
    options, motion = part.scene.options, part.scene.motion
    told = {k: v.value if isinstance(v, Enum) else v for k, v in asdict(options).items()}
    return {
        "convention": "material at x in before.tif is at c + R (x - c) + shift in after.tif; "
        "c is the volume's centre; triples are (z, y, x)",
        "shift_um": motion.shift_um,
        "rotation_deg": motion.rotation_deg,
        "interface_z_um": interface_z_um(options),
        "cc_side": options.cc_side,
        "grey_cc": grey(MU_PER_CM["cu"]),
        "grey_li": grey(MU_PER_CM["li"]),
        "gain": part.exposure.gain,
        "offset": part.exposure.offset,
        "state": asdict(part.scene.plane.state),
        "options": told,
    }
