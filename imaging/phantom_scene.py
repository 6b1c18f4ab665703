"""Slices of the synthetic cell: layers, grains, tube, lithium, voids and cracks.

Everything is evaluated at the coordinates that the material had before it moved, slice by slice
and strip by strip, so that no volume need be in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.phantom_fields import Plane
from imaging.phantom_options import CrackFill, PhantomOptions
from imaging.phantom_shapes import IslandShape
from imaging.transform import RigidTransform
from imaging.volume import FloatArray

type Float32 = NDArray[np.float32]
type Box = tuple[slice, slice]

#: Attenuation at 28 keV in 1/cm (xraydb).
MU_PER_CM = {
    "cu": 118.7, "steel": 79.0, "se_dense": 4.06, "se_porous": 2.84, "li": 0.089, "peek": 0.394,
    "ar": 0.005,
}  # fmt: skip
FINE = 4
"""Points per voxel and lateral axis where lithium or a crack ends within the voxel."""
STRIP = 64
"""Rows of voxels evaluated at a time."""
REST = RigidTransform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Fractions:
    """What takes the place of collector or electrolyte in one slice; each (y, x), 0 to 1."""

    lithium: Float32
    voids: Float32 | None
    """None where there are no voids."""
    cracks: Float32 | None


@dataclass(frozen=True, eq=False)
class Scene:
    """One state of the cell after a rigid motion."""

    options: PhantomOptions
    plane: Plane
    motion: RigidTransform

    def attenuation(self, k: int, se: Float32) -> Float32:
        """Attenuation in 1/cm of slice `k`, shape (y, x), given that of the electrolyte there."""
        mu = np.empty(self.options.grid[1:], dtype=np.float32)
        for rows in self._strips():
            mu[rows] = self._layers(k, rows, se[rows])
        part = self.fractions(k)
        mu += (MU_PER_CM["li"] - MU_PER_CM["cu"]) * part.lithium
        if part.voids is not None:
            mu += (MU_PER_CM["ar"] - MU_PER_CM["cu"]) * part.voids
        if part.cracks is not None:
            lithium = self.options.crack_fill is CrackFill.lithium
            mu += (np.float32(MU_PER_CM["li" if lithium else "ar"]) - se) * part.cracks
        return mu

    def fractions(self, k: int) -> Fractions:
        """Plated lithium, voids and cracks of slice `k`."""
        o, plane = self.options, self.plane
        shape = o.grid[1:]
        lithium = np.zeros(shape, dtype=np.float32)
        voids = np.zeros(shape, dtype=np.float32) if plane.state.voids else None
        if plane.covers_all:
            boxes: list[Box] = [(rows, slice(0, o.grid[2])) for rows in self._strips()]
        else:
            boxes = [self._island_box(s) for s in plane.shapes]
        fine = FINE if plane.shapes else 1  # a layer alone is smooth
        for box in boxes:
            found = self._plated(k, box, fine)
            if found is None:
                continue
            lithium[box] = np.maximum(lithium[box], found[0])
            if voids is not None:
                voids[box] = np.maximum(voids[box], found[1])
        return Fractions(lithium, voids, self._cracks(k))

    # What it is made of.

    def _strips(self) -> list[slice]:
        ny = self.options.grid[1]
        return [slice(start, min(start + STRIP, ny)) for start in range(0, ny, STRIP)]

    def _locate(self, k: int, y: FloatArray, x: FloatArray) -> FloatArray:
        """Where the material at voxel indices (k, y, x) was before it moved, in um."""
        o = self.options
        centre = 0.5 * (np.asarray(o.grid) - 1) * o.voxel_um
        back, shift = self.motion.matrix.T, np.asarray(self.motion.shift_um)
        at = (np.array(float(k)), y, x)
        d = [o.voxel_um * i - c - s for i, c, s in zip(at, centre, shift, strict=True)]
        return np.stack(
            [c + b[0] * d[0] + b[1] * d[1] + b[2] * d[2] for c, b in zip(centre, back, strict=True)]
        )

    def _depth(self, z_um: FloatArray) -> FloatArray:
        """Distance from the end face at which the CC lies."""
        o = self.options
        low_face = -0.5 * o.voxel_um
        if o.cc_side == "low":
            return z_um - low_face
        return low_face + o.grid[0] * o.voxel_um - z_um

    def _layers(self, k: int, rows: slice, se: Float32) -> FloatArray:
        """Layers, electrolyte and tube."""
        o = self.options
        y, x = np.ogrid[rows, : o.grid[2]]
        z_um, y_um, x_um = self._locate(k, y, x)
        depth = self._depth(z_um)
        foil = o.interface_um + o.se_um
        back: FloatArray | float = foil + o.li_foil_um
        if self.plane.state.foil and (o.foil_depletion_um or o.foil_spots_um):
            back = back - self.plane.foil_loss_um(y_um, x_um)
        layers: list[tuple[FloatArray | float, str]] = [
            (o.die_um, "cu"), (o.interface_um, "se"), (foil, "li"), (back, "steel"),
        ]  # fmt: skip
        below: NDArray[np.floating] | float = MU_PER_CM["steel"]
        row = np.full(depth.shape, below)
        for face, name in layers:
            above = se if name == "se" else MU_PER_CM[name]
            row += np.clip((depth - face) / o.voxel_um + 0.5, 0, 1) * (above - below)
            below = above
        tube = self._tube(y_um, x_um)
        if tube is not None:
            row += tube * (MU_PER_CM["peek"] - row)
        return row

    def _tube(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray | None:
        """Fraction of each point that is PEEK; None without a tube."""
        o = self.options
        if o.peek_radius_um is None:
            return None
        middle = 0.5 * (np.asarray(o.grid[1:]) - 1) * o.voxel_um
        radius = np.hypot(y_um - middle[0], x_um - middle[1])
        return np.asarray(np.clip((radius - o.peek_radius_um) / o.voxel_um + 0.5, 0, 1))

    def _plated(self, k: int, box: Box, fine: int) -> tuple[FloatArray, FloatArray] | None:
        """Fractions of lithium and of voids in a box; None if its voxels cannot hold any."""
        o, plane = self.options, self.plane
        y, x = _points(box, fine)
        half = 0.5 * o.voxel_um
        low, high = self._depth_range(k, y, x)
        if low > o.interface_um + half or high < o.interface_um - self._bound(box) - half:
            return None
        z_um, y_um, x_um = self._locate(k, y, x)
        depth = self._depth(z_um)
        plated = plane.thickness_um(y_um, x_um, fine)
        tube = self._tube(y_um, x_um)
        if tube is not None:
            plated = plated * (1 - tube)
        # The column from the interface down to the island's surface, cut to this voxel.
        ceiling: FloatArray | float = o.interface_um
        empty = np.zeros((1, 1))
        if plane.state.voids:
            # Stripping takes lithium away at the electrolyte: the voids are there.
            ceiling = o.interface_um - plane.void_thickness_um(y_um, x_um, plated, fine)
            empty = _column(depth, half, o.interface_um, ceiling) / o.voxel_um
            empty = _mean(empty, fine)
        floor = ceiling - plated * plane.state.residual
        return _mean(_column(depth, half, ceiling, floor) / o.voxel_um, fine), empty

    def _cracks(self, k: int) -> Float32 | None:
        o = self.options
        if not self.plane.cracks:
            return None
        total = np.zeros(o.grid[1:], dtype=np.float32)
        half = 0.5 * o.voxel_um
        for crack in self.plane.cracks:
            box = self._box(crack.y_um, crack.x_um, 0.5 * crack.diameter_um)
            y, x = _points(box, FINE)
            low, high = (d - o.interface_um for d in self._depth_range(k, y, x))
            if low - half > crack.offset_um + crack.opening_um or high + half < 0:
                continue
            z_um, y_um, x_um = self._locate(k, y, x)
            above = self._depth(z_um) - o.interface_um
            middle, opening = crack.faces_um(crack.rho(y_um, x_um))
            part = _column(above, half, middle + 0.5 * opening, middle - 0.5 * opening)
            total[box] = np.maximum(total[box], _mean(part / o.voxel_um, FINE))
        return total

    def _bound(self, box: Box) -> float:
        """Thickness of lithium that no column of a box exceeds."""
        tall = 0.0
        for shape in self.plane.shapes:
            other = self._island_box(shape)
            if all(a.start < b.stop and b.start < a.stop for a, b in zip(box, other, strict=True)):
                tall += shape.height_um
        return self.plane.layers_um + tall

    def _depth_range(self, k: int, y: FloatArray, x: FloatArray) -> tuple[float, float]:
        """Least and greatest depth over points; affine, so the corners tell."""
        ends = np.array([[y.min()], [y.max()]]), np.array([[x.min(), x.max()]])
        depth = self._depth(self._locate(k, *ends)[0])
        return float(depth.min()), float(depth.max())

    def _island_box(self, shape: IslandShape) -> Box:
        stretch = math.sqrt(max(shape.elongation, 1 / shape.elongation))
        return self._box(
            shape.y_um, shape.x_um, 0.5 * shape.diameter_um * (1 + shape.wobble) * stretch
        )

    def _box(self, y_um: float, x_um: float, radius_um: float) -> Box:
        """Pixels that something at (y, x) may touch, with room for the drift."""
        o = self.options
        reach = radius_um + float(np.abs(self.motion.shift_um).max()) + 5 * o.voxel_um
        # A point at the rim of the field moves by angle x distance.
        reach += math.radians(float(np.abs(self.motion.rotation_deg).max())) * max(o.grid) * 1.5
        low = [math.floor((c - reach) / o.voxel_um) for c in (y_um, x_um)]
        high = [math.ceil((c + reach) / o.voxel_um) + 1 for c in (y_um, x_um)]
        y, x = (
            slice(min(max(a, 0), n - 1), max(min(b, n), 1))
            for a, b, n in zip(low, high, o.grid[1:], strict=True)
        )
        return y, x


def _points(box: Box, fine: int) -> tuple[FloatArray, FloatArray]:
    """Voxel indices of `fine` points per voxel and axis, shapes (n, 1) and (1, m)."""
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    y = (np.arange(box[0].start, box[0].stop)[:, None] + offsets).reshape(-1, 1)
    x = (np.arange(box[1].start, box[1].stop)[:, None] + offsets).reshape(1, -1)
    return y, x


def _column(
    depth: FloatArray, half: float, top: FloatArray | float, bottom: FloatArray | float
) -> FloatArray:
    """Length of the piece of a column from `bottom` to `top` that lies in each voxel."""
    return np.asarray(
        np.clip(np.minimum(depth + half, top) - np.maximum(depth - half, bottom), 0, None)
    )


def _mean(part: FloatArray, fine: int) -> FloatArray:
    """Mean over the points of each voxel."""
    ny, nx = part.shape[0] // fine, part.shape[1] // fine
    return np.asarray(part.reshape(ny, fine, nx, fine).mean(axis=(1, 3)))
