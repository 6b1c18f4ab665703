"""A synthetic operando cell, before and after plating, with its exact truth.

Both scans are computed from geometry: the after scan evaluates layers, grains and islands at the
coordinates the material had before it moved, so no image is ever interpolated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.phantom_shapes import IslandShape, mixed_islands, write_shapes
from imaging.readers import write_map, write_tiff
from imaging.transform import RigidTransform, index_map
from imaging.volume import FloatArray, Volume

type Float32 = NDArray[np.float32]

#: Attenuation at 28 keV in 1/cm (xraydb).
MU_PER_CM = {
    "cu": 118.7, "steel": 79.0, "se_dense": 4.06, "se_porous": 2.84, "li": 0.089, "peek": 0.394,
}  # fmt: skip
GREY_OFFSET, GREY_PER_MU = 2000.0, 400.0


class IslandChoice(Enum):
    """Which islands the phantom holds."""

    mixed = "mixed"
    """Nine isolated ones: the paper's narrow and wide caps, other caps, ellipsoids, irregular."""
    none = "none"
    listed = "listed"
    """Spherical caps as given by `caps_um`."""


@dataclass(frozen=True)
class PhantomOptions:
    """What the phantom holds and how it is seen; triples are (z, y, x)."""

    shape: list[int] | None = None
    """Voxels; 120 x 320 x 320 if not given."""
    voxel_um: float = 1.625
    cc_side: str = "low"
    """End of the z axis at which the working electrode's current collector lies: low or high."""
    islands: IslandChoice = IslandChoice.mixed
    caps_um: list[list[float]] | None = None
    """Rows of y, x, contact diameter, height; with `islands=listed`."""
    layer_um: float = 0.0
    """Uniform lithium layer (beside or instead of islands)."""
    layer_rim_um: float = 0.0
    """Layer thickness gained from the centre to the field's edge, as r^4: edge-biased plating."""
    shift_um: list[float] | None = None
    """Drift of the material between the scans; (0.9, -0.7, 1.3) if not given."""
    rotation_deg: list[float] | None = None
    """Angles about z, y, x; (0.05, 0.02, -0.03) if not given."""
    noise: float = 0.02
    """Standard deviation per voxel and scan, as fraction of the CC - Li contrast."""
    psf_voxel: float = 1.0
    """Standard deviation of the Gaussian blur."""
    grain_um: float = 20.0
    """Typical size of the dense grains of the solid electrolyte."""
    die_um: float = 20.0
    cu_um: float = 30.0
    li_foil_um: float = 20.0
    peek_radius_um: float | None = None
    """Inner radius of a PEEK tube about the volume's axis; none if not given."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("voxel_um", "grain_um", "cu_um", "peek_radius_um"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive; got {value}")
        for name in ("layer_um", "noise", "psf_voxel", "die_um", "li_foil_um"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be >= 0; got {value}")
        for name in ("shape", "shift_um", "rotation_deg"):
            given = getattr(self, name)
            if given is not None and (len(given) != 3 or not all(map(math.isfinite, given))):
                raise ValueError(f"{name} needs three finite numbers (z, y, x); got {given}")
        if min(self.grid) < 16:
            raise ValueError(f"shape needs at least 16 voxels along each axis; got {self.grid}")
        if self.cc_side not in ("low", "high"):
            raise ValueError(f"cc_side must be low or high; got {self.cc_side}")
        if (self.islands is IslandChoice.listed) != (self.caps_um is not None):
            raise ValueError("caps_um goes with islands=listed, and only with it")
        for row in self.caps_um or []:
            if len(row) != 4 or not all(map(math.isfinite, row)) or min(row[2:]) <= 0:
                raise ValueError(f"a row of caps_um is y, x, diameter > 0, height > 0; got {row}")
        tallest = max((s.height_um for s in self.shapes), default=0.0)
        if self.layer_um + max(self.layer_rim_um, 0.0) + tallest > self.cu_um:
            raise ValueError(
                f"the lithium ({self.layer_um} um layer, {tallest} um islands) must fit into "
                f"cu_um = {self.cu_um}"
            )
        if self.se_um < 20:
            raise ValueError(
                f"shape leaves {self.se_um:g} um of solid electrolyte along z; at least 20 needed"
            )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        nz, ny, nx = self.shape or (120, 320, 320)
        return nz, ny, nx

    @property
    def interface_um(self) -> float:
        """Distance of the SE|CC interface from the end of the volume at which the CC lies."""
        return self.die_um + self.cu_um

    @property
    def se_um(self) -> float:
        """Thickness of the solid electrolyte: what the other layers leave."""
        return self.grid[0] * self.voxel_um - self.interface_um - self.li_foil_um - self.die_um

    @property
    def shapes(self) -> list[IslandShape]:
        """The islands."""
        if self.islands is IslandChoice.mixed:
            return mixed_islands((self.grid[1] * self.voxel_um, self.grid[2] * self.voxel_um))
        return [IslandShape(y, x, d, h) for y, x, d, h in self.caps_um or []]

    @property
    def drift(self) -> RigidTransform:
        """Motion of the material from the before to the after scan."""
        z, y, x = self.shift_um if self.shift_um is not None else (0.9, -0.7, 1.3)
        az, ay, ax = self.rotation_deg if self.rotation_deg is not None else (0.05, 0.02, -0.03)
        return RigidTransform((az, ay, ax), (z, y, x))


@dataclass(frozen=True)
class Truth:
    """What the phantom is made of, in the frame of the before scan."""

    lvf: Volume
    """Lithium volume fraction of each voxel, not blurred, float32."""
    thickness_um: FloatArray
    """Equivalent lithium thickness, shape (y, x)."""
    islands: tuple[IslandShape, ...]
    transform: RigidTransform
    interface_z_um: float
    cc_side: str
    grey_cc: float
    grey_li: float


@dataclass(frozen=True)
class Phantom:
    """Two scans (uint16) and their truth."""

    before: Volume
    after: Volume
    truth: Truth


def grey(mu_per_cm: float) -> float:
    """Grey value of an attenuation."""
    return GREY_OFFSET + GREY_PER_MU * mu_per_cm


def make_phantom(options: PhantomOptions) -> Phantom:
    """Compute both scans and the truth; the same options give the same voxels."""
    rng = np.random.default_rng(options.seed)
    spacing = (options.voxel_um,) * 3
    grains = _grain_field(options, rng)
    rest = RigidTransform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    scans = []
    for motion, plated in ((rest, False), (options.drift, True)):
        where = _material_coordinates(options, motion)
        mu = _attenuation(options, where, _moved_field(grains, motion, options))
        if plated:
            mu += (MU_PER_CM["li"] - MU_PER_CM["cu"]) * _lithium(options, where)
        scans.append(Volume(_scan(mu, options, rng), spacing))
    lvf = Volume(_lithium(options, _material_coordinates(options, rest)), spacing)
    high_end = (options.grid[0] - 0.5) * options.voxel_um
    low = options.cc_side == "low"
    truth = Truth(
        lvf=lvf,
        thickness_um=lvf.values.sum(axis=0, dtype=np.float64) * options.voxel_um,
        islands=tuple(options.shapes),
        transform=options.drift,
        interface_z_um=options.interface_um - 0.5 * options.voxel_um
        if low
        else high_end - options.interface_um,
        cc_side=options.cc_side,
        grey_cc=grey(MU_PER_CM["cu"]),
        grey_li=grey(MU_PER_CM["li"]),
    )
    return Phantom(scans[0], scans[1], truth)


def write_phantom(options: PhantomOptions, folder: Path) -> list[Path]:
    """Write `before.tif`, `after.tif` and `truth/`; returns the files written."""
    phantom = make_phantom(options)
    truth = phantom.truth
    folder = Path(folder)
    files = [folder / "before.tif", folder / "after.tif"]
    write_tiff(files[0], phantom.before)
    write_tiff(files[1], phantom.after)
    pixel = (options.voxel_um, options.voxel_um)
    write_tiff(folder / "truth" / "lvf.tif", truth.lvf)
    write_map(folder / "truth" / "thickness_um.tif", truth.thickness_um, pixel)
    write_shapes(folder / "truth" / "islands.csv", truth.islands)
    facts = {
        "convention": "material at x in before.tif is at c + R (x - c) + shift in after.tif; "
        "c is the volume's centre; triples are (z, y, x)",
        "shift_um": truth.transform.shift_um,
        "rotation_deg": truth.transform.rotation_deg,
        "interface_z_um": truth.interface_z_um,
        "cc_side": truth.cc_side,
        "grey_cc": truth.grey_cc,
        "grey_li": truth.grey_li,
        "options": asdict(options) | {"islands": options.islands.value},
    }
    (folder / "truth" / "transform.json").write_text(json.dumps(facts, indent=2) + "\n")
    names = ("lvf.tif", "thickness_um.tif", "islands.csv", "transform.json")
    return files + [folder / "truth" / name for name in names]


# ------------------------------------------------------------------------------------ the scene

type Locate = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def _material_coordinates(options: PhantomOptions, motion: RigidTransform) -> Locate:
    """Function from voxel indices to where that material was before it moved, in um."""
    centre = 0.5 * (np.asarray(options.grid) - 1) * options.voxel_um
    back, shift = motion.matrix.T, np.asarray(motion.shift_um)

    def locate(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        d = [options.voxel_um * i - c - s for i, c, s in zip((z, y, x), centre, shift, strict=True)]
        return np.stack(
            [c + b[0] * d[0] + b[1] * d[1] + b[2] * d[2] for c, b in zip(centre, back, strict=True)]
        )

    return locate


def _depth(options: PhantomOptions, z_um: FloatArray) -> FloatArray:
    """Distance from the end face at which the CC lies."""
    low_face = -0.5 * options.voxel_um
    if options.cc_side == "low":
        return z_um - low_face
    return low_face + options.grid[0] * options.voxel_um - z_um


def _attenuation(options: PhantomOptions, locate: Locate, se: Float32) -> Float32:
    """Attenuation of every voxel without plated lithium: layers, grains, tube."""
    o = options
    foil = o.interface_um + o.se_um
    layers: list[tuple[float, str]] = [
        (o.die_um, "cu"), (o.interface_um, "se"), (foil, "li"), (foil + o.li_foil_um, "steel"),
    ]  # fmt: skip
    mu = np.empty(o.grid, dtype=np.float32)
    y, x = np.ogrid[: o.grid[1], : o.grid[2]]
    middle = 0.5 * (np.asarray(o.grid[1:]) - 1) * o.voxel_um
    for k in range(o.grid[0]):
        z_um, y_um, x_um = locate(np.array(float(k)), y, x)
        depth = _depth(o, z_um)
        below: NDArray[np.floating] | float = MU_PER_CM["steel"]
        row = np.full(depth.shape, below)
        for face, name in layers:
            above = se[k] if name == "se" else MU_PER_CM[name]
            row += np.clip((depth - face) / o.voxel_um + 0.5, 0, 1) * (above - below)
            below = above
        if o.peek_radius_um is not None:
            radius = np.hypot(y_um - middle[0], x_um - middle[1])
            tube = np.clip((radius - o.peek_radius_um) / o.voxel_um + 0.5, 0, 1)
            row += tube * (MU_PER_CM["peek"] - row)
        mu[k] = row
    return mu


def _lithium(options: PhantomOptions, locate: Locate) -> Float32:
    """Fraction of each voxel that is plated lithium (it takes the place of Cu)."""
    o = options
    fraction = np.zeros(o.grid, dtype=np.float32)
    if o.layer_um or o.layer_rim_um:
        boxes = [(slice(0, o.grid[1]), slice(0, o.grid[2]))]
    else:
        boxes = [_box(shape, o) for shape in o.shapes]
    fine = 4 if o.shapes else 1  # a layer alone is smooth
    deepest = o.layer_um + max(o.layer_rim_um, 0) + max((s.height_um for s in o.shapes), default=0)
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    for box in boxes:
        y = (np.arange(box[0].start, box[0].stop)[:, None] + offsets).reshape(-1, 1)
        x = (np.arange(box[1].start, box[1].stop)[:, None] + offsets).reshape(1, -1)
        for k in range(o.grid[0]):
            z_um, y_um, x_um = locate(np.array(float(k)), y, x)
            depth = _depth(o, z_um)
            half = 0.5 * o.voxel_um
            if depth.min() > o.interface_um + half or depth.max() < o.interface_um - deepest - half:
                continue
            # The column from the interface down to the island's surface, cut to this voxel.
            top = np.minimum(depth + half, o.interface_um)
            bottom = np.maximum(depth - half, o.interface_um - _thickness(o, y_um, x_um))
            part = np.clip(top - bottom, 0, None) / o.voxel_um
            ny, nx = part.shape[0] // fine, part.shape[1] // fine
            fraction[k][box] = np.maximum(
                fraction[k][box], part.reshape(ny, fine, nx, fine).mean(axis=(1, 3))
            )
    return fraction


def _thickness(options: PhantomOptions, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
    """Thickness of plated lithium at points of the interface."""
    total = np.full(np.broadcast_shapes(y_um.shape, x_um.shape), options.layer_um)
    if options.layer_rim_um:
        half = 0.5 * (np.asarray(options.grid[1:]) - 1) * options.voxel_um
        total += (
            options.layer_rim_um
            * (np.hypot(y_um - half[0], x_um - half[1]) / half.min()).clip(0, 1) ** 4
        )
    for shape in options.shapes:
        total += shape.thickness_um(y_um, x_um)
    return total


def _box(shape: IslandShape, options: PhantomOptions) -> tuple[slice, slice]:
    """Pixels that the island may touch, with room for the drift."""
    reach = (
        0.5
        * shape.diameter_um
        * (1 + shape.wobble)
        * math.sqrt(max(shape.elongation, 1 / shape.elongation))
    )
    reach += float(np.abs(options.drift.shift_um).max()) + 5 * options.voxel_um
    # A point at the rim of the field moves by angle x distance.
    reach += math.radians(float(np.abs(options.drift.rotation_deg).max())) * max(options.grid) * 1.5
    low = [math.floor((c - reach) / options.voxel_um) for c in (shape.y_um, shape.x_um)]
    high = [math.ceil((c + reach) / options.voxel_um) + 1 for c in (shape.y_um, shape.x_um)]
    y, x = (
        slice(max(a, 0), max(min(b, n), 0))
        for a, b, n in zip(low, high, options.grid[1:], strict=True)
    )
    return y, x


# -------------------------------------------------------------------------------- grains, camera

PAD = 8


def _grain_field(options: PhantomOptions, rng: np.random.Generator) -> Float32:
    """Smooth Gaussian random field, unit variance, a few voxels larger than the volume."""
    noise = rng.standard_normal([n + 2 * PAD for n in options.grid], dtype=np.float32)
    # A field of correlation length s changes sign about every pi * s.
    field = ndimage.gaussian_filter(noise, options.grain_um / math.pi / options.voxel_um)
    return np.asarray(field / field.std(), dtype=np.float32)


def _moved_field(field: Float32, motion: RigidTransform, options: PhantomOptions) -> Float32:
    """Attenuation of the solid electrolyte where the material came from.

    Only the smooth field is interpolated (cubic; its correlation length is several voxels), the
    sharp grain boundaries are drawn afterwards.
    """
    grid = Volume(np.zeros(options.grid, dtype=np.uint8), (options.voxel_um,) * 3)
    offset, matrix = index_map(motion, grid)
    back = np.linalg.inv(matrix)
    if np.array_equal(matrix, np.eye(3)) and not offset.any():
        moved = field[PAD:-PAD, PAD:-PAD, PAD:-PAD]
    else:
        moved = ndimage.affine_transform(
            field, back, back @ (-offset) + PAD, output_shape=options.grid, order=3, mode="nearest"
        )
    # The field falls by 1 / length per voxel where it crosses zero: a boundary one voxel wide.
    length = options.grain_um / math.pi / options.voxel_um
    dense = np.clip(0.5 + moved * length, 0, 1)
    mu = MU_PER_CM["se_porous"] + dense * (MU_PER_CM["se_dense"] - MU_PER_CM["se_porous"])
    return np.asarray(mu, dtype=np.float32)


def _scan(mu: Float32, options: PhantomOptions, rng: np.random.Generator) -> NDArray[np.uint16]:
    """What the camera makes of it: blur, noise, 16 bits."""
    blurred = ndimage.gaussian_filter(mu, options.psf_voxel, mode="nearest")
    contrast = MU_PER_CM["cu"] - MU_PER_CM["li"]
    noise = rng.standard_normal(options.grid, dtype=np.float32) * (options.noise * contrast)
    counts = np.rint(GREY_OFFSET + GREY_PER_MU * (blurred + noise))
    return np.asarray(np.clip(counts, 0, 65535), dtype=np.uint16)
