"""Scans of the synthetic cell and the truth of each.

All scans are computed from geometry: layers, grains, islands, voids and cracks are evaluated at
the coordinates the material had before it moved, so no image is ever interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.phantom_camera import Exposure, grey, scan
from imaging.phantom_fields import Plane
from imaging.phantom_grains import Grains, streamed_grains, whole_grains
from imaging.phantom_options import (
    PRISTINE,
    CellState,
    PhantomOptions,
)
from imaging.phantom_scene import MU_PER_CM, REST, Fractions, Scene
from imaging.phantom_shapes import BasinCrack, IslandShape
from imaging.transform import RigidTransform
from imaging.volume import FloatArray, Volume

DRIFT_TAG, NOISE_TAG = 104, 105


@dataclass(frozen=True)
class Truth:
    """What one state of the phantom is made of, in the frame of the before scan."""

    lvf: Volume
    """Lithium volume fraction of each voxel, not blurred, float32: what was plated onto the
    collector and is left, without lithium in cracks."""
    thickness_um: FloatArray
    """Equivalent lithium thickness, shape (y, x)."""
    islands: tuple[IslandShape, ...]
    transform: RigidTransform
    interface_z_um: float
    cc_side: str
    grey_cc: float
    grey_li: float
    voids: Volume | None
    """Fraction of each voxel that is void where lithium was; None without voids."""
    void_thickness_um: FloatArray
    """Equivalent thickness of the voids, shape (y, x)."""
    crack_fraction: Volume | None
    """Fraction of each voxel that is crack; None without cracks."""
    cracks: tuple[BasinCrack, ...]
    foil_loss_um: FloatArray
    """Thickness lost by the counter electrode's foil, shape (y, x)."""


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan of the cell: how to compute it, slice by slice."""

    name: str
    time_h: float | None
    """None for the pair."""
    scene: Scene
    exposure: Exposure
    grains: Grains
    rng: np.random.Generator

    def slices(self) -> Iterator[NDArray[np.uint16]]:
        """Slices (y, x) in order; to be drawn once, scans of the pair in their order."""
        return scan(self.scene, self.grains, self.exposure, self.rng)

    def volume(self) -> Volume:
        """All slices in memory."""
        o = self.scene.options
        values = np.empty(o.grid, dtype=np.uint16)
        for k, part in enumerate(self.slices()):
            values[k] = part
        return Volume(values, (o.voxel_um,) * 3)

    @property
    def truth_scene(self) -> Scene:
        """The same state where the material was before it moved."""
        return Scene(self.scene.options, self.scene.plane, REST)


def phantom_scans(options: PhantomOptions, stream: bool = False) -> list[Scan]:
    """Describe all scans: before, after, then the series; nothing but grains is computed yet.

    Parameters
    ----------
    options
        The cell.
    stream
        Hold a few dozen slices at a time instead of the whole volume. Grey values then may differ
        by 1 in some voxels, by rounding; they do not depend on anything else.
    """
    rng = np.random.default_rng(options.seed)
    grains = streamed_grains(options, rng) if stream else whole_grains(options, rng)
    gain, offset = options.gain_drift, options.offset_drift

    def described(
        name: str,
        time_h: float | None,
        state: CellState,
        motion: RigidTransform,
        exposure: Exposure,
        noise: np.random.Generator,
    ) -> Scan:
        scene = Scene(options, Plane.of(options, state), motion)
        return Scan(name, time_h, scene, exposure, grains, noise)

    scans = [
        described("before", None, PRISTINE, REST, Exposure(0), rng),
        described("after", None, options.state, options.drift, Exposure(1, gain, offset), rng),
    ]
    last = options.steps[-1][0] if options.steps else 0.0
    for i, (time_h, state) in enumerate(options.steps):
        share = time_h / last if last > 0 else 1.0
        exposure = Exposure(2 + i, gain * share, offset * share)
        noise = np.random.default_rng((options.seed, NOISE_TAG, i))
        motion = _drift(options, i)
        scans.append(described(f"scan_{i + 1:03d}", time_h, state, motion, exposure, noise))
    return scans


def _drift(options: PhantomOptions, i: int) -> RigidTransform:
    """Motion of the series' scan `i`."""
    share = np.random.default_rng((options.seed, DRIFT_TAG, i)).uniform(-1, 1, (2, 3))
    full = options.drift
    az, ay, ax = (share[0] * full.rotation_deg).tolist()
    z, y, x = (share[1] * full.shift_um).tolist()
    return RigidTransform((az, ay, ax), (z, y, x))


# -------------------------------------------------------------------------------------- truth


def truth_of(part: Scan) -> Truth:
    """Compute what a scan shows, all of it in memory."""
    o = part.scene.options
    spacing = (o.voxel_um,) * 3
    plane = part.scene.plane
    lvf = np.zeros(o.grid, dtype=np.float32)
    voids = np.zeros(o.grid, dtype=np.float32) if plane.state.voids else None
    cracks = np.zeros(o.grid, dtype=np.float32) if plane.cracks else None
    for k, found in truth_slices(part):
        lvf[k] = found.lithium
        if voids is not None and found.voids is not None:
            voids[k] = found.voids
        if cracks is not None and found.cracks is not None:
            cracks[k] = found.cracks
    none = np.zeros(o.grid[1:])
    return Truth(
        lvf=Volume(lvf, spacing),
        thickness_um=lvf.sum(axis=0, dtype=np.float64) * o.voxel_um,
        islands=plane.shapes,
        transform=part.scene.motion,
        interface_z_um=interface_z_um(o),
        cc_side=o.cc_side,
        grey_cc=grey(MU_PER_CM["cu"]),
        grey_li=grey(MU_PER_CM["li"]),
        voids=None if voids is None else Volume(voids, spacing),
        void_thickness_um=none
        if voids is None
        else voids.sum(axis=0, dtype=np.float64) * o.voxel_um,
        crack_fraction=None if cracks is None else Volume(cracks, spacing),
        cracks=tuple(plane.cracks),
        foil_loss_um=foil_loss_um(part),
    )


def truth_slices(part: Scan) -> Iterator[tuple[int, Fractions]]:
    """Index and fractions of every slice, in the frame of the before scan."""
    scene = part.truth_scene
    for k in range(scene.options.grid[0]):
        yield k, scene.fractions(k)


def foil_loss_um(part: Scan) -> FloatArray:
    """Thickness lost by the foil, (y, x), in the frame of the before scan."""
    o = part.scene.options
    y, x = (np.arange(n, dtype=np.float64) * o.voxel_um for n in o.grid[1:])
    return part.scene.plane.foil_loss_um(y[:, None], x[None, :])


def interface_z_um(options: PhantomOptions) -> float:
    """Position of the SE|CC interface along z, in the frame of the before scan."""
    if options.cc_side == "low":
        return options.interface_um - 0.5 * options.voxel_um
    return (options.grid[0] - 0.5) * options.voxel_um - options.interface_um
