"""How fast and how exact is the alignment of two scans, against SimpleITK on the same scans?

    uv run --group benchmarks python benchmarks/registration.py [--shape 64 256 256] [--repeats 3]

Two pairs whose motion is known: islet's own phantom, and a cell of `tests/foreign_cell.py`, which
shares no code with `imaging`. Both programs are given the scans, the slices of bulk electrolyte to
align on, and the cores of this process; neither is told the motion. SimpleITK: Euler transform
about the volume's centre, fixed scan cut to those slices, three levels of resolution, regular
step gradient descent with scales from physical shifts, linear interpolation; once with the
correlation over all voxels, once with mean squares over a tenth of them, which was the best of a
dozen settings in time and error. Error: the largest distance at the eight corners of the field,
over the ROI's height about the interface.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

# this folder's mechanics.py and imaging.py must not hide the packages of those names
HERE = Path(__file__).resolve().parent
sys.path[:] = [p for p in sys.path if Path(p).resolve() != HERE]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

import foreign_cell as foreign  # noqa: E402
import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402

from imaging.options import ImageOptions  # noqa: E402
from imaging.phantom import make_phantom  # noqa: E402
from imaging.phantom_options import IslandChoice, PhantomOptions  # noqa: E402
from imaging.registration import register  # noqa: E402
from imaging.setup import find_place  # noqa: E402
from imaging.volume import Volume, slab  # noqa: E402

VOXEL_UM = 1.625
ROI_HEIGHT_UM = 65.0
ISLET = "islet"

type Points = np.ndarray
type Motion = Callable[[Points], Points]


@dataclass(frozen=True)
class Pair:
    """Two scans, where to align them, and how the material moved."""

    name: str
    before: Volume
    after: Volume
    electrolyte_um: tuple[float, float]
    corners_um: Points
    """Corners of the ROI, shape (8, 3)."""
    moved: Motion


@dataclass(frozen=True)
class Peer:
    """Settings of SimpleITK."""

    name: str
    metric: str
    share: float
    """Of the voxels that are compared, on a regular grid."""
    sigmas_voxel: tuple[float, float, float]
    """Smoothing from the coarsest level to the finest."""


PEERS = (
    Peer("SimpleITK, all voxels", "correlation", 1.0, (4.0, 2.0, 1.5)),
    Peer("SimpleITK, a tenth of the voxels", "mean squares", 0.1, (2.0, 1.0, 0.0)),
)


@dataclass(frozen=True)
class Row:
    """One program on one pair."""

    pair: str
    shape: tuple[int, ...]
    program: str
    threads: int
    wall_s: float
    cpu_s: float
    """Processor time of all threads; medians both."""
    error_voxel: float
    """The worst corner's."""


def foreign_pair(shape: tuple[int, int, int]) -> Pair:
    """Return a cell of another author: grains, 2 % of noise, turned about all axes."""
    lumps = (foreign.Lump("cap", -40, -40, 50, 10), foreign.Lump("cone", 40, 30, 40, 9, 0.3))
    cell = foreign.Cell(
        lumps, shape, shift=(0.7, -3.6, 4.1), turn=(0.2, 0.1, -0.15), noise=0.02, seed=3
    )
    before, after = (Volume(foreign.scan(cell, later), cell.voxel) for later in (False, True))
    middle = np.asarray(before.centre_um)
    return _pair(
        "other author's cell", before, after, lambda p: foreign.moved(cell, p - middle) + middle
    )


def phantom_pair(shape: tuple[int, int, int]) -> Pair:
    """Return islet's own phantom."""
    middle = [0.5 * n * VOXEL_UM for n in shape[1:]]
    options = PhantomOptions(
        shape=list(shape), voxel_um=VOXEL_UM,
        islands=IslandChoice.listed, caps_um=[[*middle, 50.0, 12.0]],
        die_um=0.0, li_foil_um=0.0, noise=0.02,
        shift_um=[1.1, -5.8, 6.7], rotation_deg=[0.2, 0.1, -0.15],
    )  # fmt: skip
    made = make_phantom(options)
    centre = made.before.centre_um
    transform = made.truth.transform
    return _pair("own phantom", made.before, made.after, lambda p: transform.moved(p, centre))


def _pair(name: str, before: Volume, after: Volume, moved: Motion) -> Pair:
    place = find_place(before, ImageOptions(), {})
    z = place.interface.z_um
    last = [0.0, *(before.coordinates_um(i)[-1] for i in (1, 2))]
    ends = ((z - 0.5 * ROI_HEIGHT_UM, z + 0.5 * ROI_HEIGHT_UM), (0.0, last[1]), (0.0, last[2]))
    return Pair(name, before, after, place.electrolyte_um, np.array(list(product(*ends))), moved)


def by_islet(pair: Pair) -> Motion:
    """Align as `islet image` does."""
    found = register(pair.before, pair.after, pair.electrolyte_um)
    return lambda points: found.moved(points, pair.before.centre_um)


def by_simpleitk(pair: Pair, peer: Peer) -> Motion:
    """Align as the manual of SimpleITK says."""
    fixed = _image(pair.before, slab(pair.before, *pair.electrolyte_um))
    moving = _image(pair.after, slice(0, pair.after.shape[0]))
    method = sitk.ImageRegistrationMethod()
    if peer.metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMeanSquares()
    if peer.share < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(peer.share, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=200, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    motion = sitk.Euler3DTransform()
    motion.SetCenter(pair.before.centre_um[::-1])
    method.SetInitialTransform(motion, True)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel(peer.sigmas_voxel)
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(False)
    method.Execute(fixed, moving)
    return lambda points: np.array(
        [motion.TransformPoint([float(v) for v in point[::-1]])[::-1] for point in points]
    )


def _image(volume: Volume, slices: slice) -> Any:
    image = sitk.GetImageFromArray(volume.values[slices].astype(np.float32))
    dz, dy, dx = volume.spacing_um
    image.SetSpacing((dx, dy, dz))
    image.SetOrigin((0.0, 0.0, dz * slices.start))
    return image


def measured(pair: Pair, program: str, align: Callable[[], Motion], repeats: int) -> Row:
    """Align some times; the first time by itself compiles loops and warms caches."""
    align()
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        found = align()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    gap = (found(pair.corners_um) - pair.moved(pair.corners_um)) / pair.before.spacing_um
    return Row(
        pair.name, pair.before.shape, program, cores(), statistics.median(wall),
        statistics.median(cpu), float(np.linalg.norm(gap, axis=1).max()),
    )  # fmt: skip


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def main() -> None:
    """Align both pairs with all programs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[64, 256, 256])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(cores())
    rows: list[Row] = []
    nz, ny, nx = chosen.shape
    for pair in (phantom_pair((nz, ny, nx)), foreign_pair((nz, ny, nx))):
        programs: dict[str, Callable[[], Motion]] = {ISLET: lambda p=pair: by_islet(p)}
        for peer in PEERS:
            programs[peer.name] = lambda p=pair, peer=peer: by_simpleitk(p, peer)
        for name, align in programs.items():
            row = measured(pair, name, align, chosen.repeats)
            rows.append(row)
            million = math.prod(row.shape) / 1e6
            print(
                f"{row.pair} ({million:.1f} Mvoxel), {name}: {row.wall_s:.2f} s, {row.cpu_s:.2f} s "
                f"of processor time on {row.threads} cores, error {row.error_voxel:.4f} voxel",
                flush=True,
            )
    if chosen.out:
        chosen.out.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
