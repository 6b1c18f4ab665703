"""A cell as somebody else would simulate it; shares no code with `imaging`, nor its conventions.

Solids are functions of the material's own coordinates (um, about the field's centre), evaluated at
points inside every voxel of either scan: a scan of a moved cell is exact, nothing is interpolated.
Lengths in um, triples (z, y, x), attenuation in units of the contrast of collector and lithium.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal, spatial

FINE = 2
"""Points per voxel and axis."""
LITHIUM, COLLECTOR, STEEL = 0.0, 1.0, 0.7
ELECTROLYTE = 0.25

type Array = np.ndarray
type Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Lump:
    """An island: its kind, place (from the field's centre), diameter and height."""

    kind: str
    y: float
    x: float
    diameter: float
    height: float
    extra: float = 0.0
    """Ellipse: ratio of its axes; cone: share of the radius that is flat; blob: unevenness."""

    def top(self, y: Array, x: Array) -> Array:
        dy, dx = y - self.y, x - self.x
        a, h = 0.5 * self.diameter, self.height
        r = np.hypot(dy, dx) / a
        if self.kind == "cap":
            sphere = (a * a + h * h) / (2 * h)
            return np.maximum(np.sqrt(np.maximum(sphere**2 - (r * a) ** 2, 0)) - sphere + h, 0)
        if self.kind == "ellipsoid":
            return h * np.sqrt(np.maximum(1 - r**2, 0))
        if self.kind == "ellipse":  # a cap-like dome on an elliptical foot
            q = math.sqrt(self.extra)
            return h * np.maximum(1 - (dy / (a * q)) ** 2 - (dx * q / a) ** 2, 0)
        if self.kind == "cone":
            return h * np.clip((1 - r) / (1 - self.extra), 0, 1)
        angle = np.arctan2(dy, dx)  # blob
        e = self.extra
        rim = (
            1
            + e * np.cos(2 * angle + 0.7)
            + 0.7 * e * np.sin(3 * angle)
            + 0.4 * e * np.cos(5 * angle)
        )
        lumpy = 1 + 0.8 * e * np.cos(3.1 * dy / a + 1) * np.sin(2.3 * dx / a)
        return h * np.maximum(1 - (r / rim) ** 2, 0) ** 0.7 * lumpy


@dataclass(frozen=True)
class Cell:
    """What there is, how it moves, how it is seen."""

    lumps: tuple[Lump, ...] = ()
    shape: tuple[int, int, int] = (64, 144, 144)
    voxel: Triple = (1.625, 1.625, 1.625)
    cc_high: bool = False
    depth: float = 26.0
    """Thickness of collector in view."""
    layer: float = 0.0
    """Uniform lithium beneath the islands."""
    texture: str = "grains"
    texture_size: float = 14.0
    texture_contrast: float = 0.06
    tilt: tuple[float, float] = (0.0, 0.0)
    """Slopes of the interface along y and x, degrees."""
    rough: float = 0.0
    """RMS of the interface."""
    psf: tuple[str, float] = ("gauss", 1.0)
    """Kind, and its width in voxels."""
    noise: float = 0.01
    grain: float = 0.0
    """Width over which neighbouring voxels share noise, voxels."""
    shift: Triple = (0.0, 0.0, 0.0)
    """Voxels."""
    turn: Triple = (0.0, 0.0, 0.0)
    """Degrees about z, y, x."""
    gain: float = 1.0
    offset: float = 0.0
    foil: float = 0.0
    """Lithium foil in view at the far end, steel behind it (behind the electrolyte, if 0)."""
    far_end: float | None = None
    """Distance from the interface to the far end of the electrolyte; beyond the field if None."""
    die: float | None = None
    """Distance from the interface to a steel die below the collector; beyond the field if None."""
    cupping: float = 0.0
    """Relative rise of all grey values from centre to rim."""
    bits: int = 16
    seed: int = 0


def _waves(length: float, rng: np.random.Generator, count: int = 120) -> Callable[..., Array]:
    """Smooth random field of unit variance: cosines of `length` to twice that."""
    k = rng.standard_normal((count, 3))
    k *= 2 * np.pi / (length * rng.uniform(1, 2, (count, 1))) / np.linalg.norm(k, axis=1)[:, None]
    phase = rng.uniform(0, 2 * np.pi, count)

    def field(z: Array, y: Array, x: Array, axes: tuple[Array, ...]) -> Array:
        # Points are affine in their indices: a product of three factors for every wave.
        (oz, oy, ox), steps, sizes = axes
        start = np.exp(1j * (k @ np.array([oz, oy, ox]) + phase))
        parts = [
            np.exp(1j * np.outer(np.arange(n), k @ s)) for s, n in zip(steps, sizes, strict=True)
        ]
        plane = np.einsum("k,yk,xk->kyx", start, parts[1], parts[2], optimize=True)
        flat = plane.reshape(count, -1).astype(np.complex64)
        total = (parts[0].astype(np.complex64) @ flat).real
        return total.reshape(sizes) * math.sqrt(2 / count)

    return field


def _texture(cell: Cell) -> Callable[..., Array]:
    """Field of about unit range: grains, cells, fine speckle or sparse pores."""
    rng = np.random.default_rng(1000 + cell.seed)
    size = cell.texture_size
    if cell.texture == "grains":
        waves = _waves(1.5 * size, rng)
        return lambda *p: np.clip(8 * waves(*p), -1, 1)
    if cell.texture == "smooth":
        return _waves(2 * size, rng)
    if cell.texture == "speckle":
        return _waves(5.0, rng, 300)
    box = 0.7 * np.array(cell.shape) * cell.voxel + 30
    volume = 8 * np.prod(box)
    if cell.texture == "voronoi":
        count = int(volume / size**3)
        seeds, level = rng.uniform(-1, 1, (count, 3)) * box, rng.uniform(-1, 1, count)
        tree = spatial.cKDTree(seeds)

        def cells(z: Array, y: Array, x: Array, axes: object) -> Array:
            return level[tree.query(np.stack([z, y, x], axis=-1), eps=0)[1]]

        return cells
    count = int(0.04 * volume / (4 / 3 * np.pi * (0.5 * size) ** 3))  # pores
    seeds, radius = rng.uniform(-1, 1, (count, 3)) * box, 0.5 * size * rng.uniform(0.6, 1.3, count)
    tree = spatial.cKDTree(seeds)

    def pores(z: Array, y: Array, x: Array, axes: object) -> Array:
        distance, index = tree.query(np.stack([z, y, x], axis=-1))
        step = cell.voxel[0] / FINE
        return -2 * np.clip((radius[index] - distance) / step + 0.5, 0, 1)

    return pores


def _rotation(turn: Triple) -> Array:
    """About x first, then y, then z, right-handed; on (z, y, x) vectors."""
    a, b, c = np.radians(turn)
    rz = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rx = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    return (rz @ ry @ rx)[::-1, ::-1]


def moved(cell: Cell, points: Array) -> Array:
    """Where material at points (..., 3) about the centre of the field, in um, is found later."""
    return points @ _rotation(cell.turn).T + np.array(cell.shift) * cell.voxel


def interface(cell: Cell) -> float:
    """Height of the interface's middle above the first voxel's centre."""
    length = (cell.shape[0] - 1) * cell.voxel[0]
    return length - cell.depth if cell.cc_high else cell.depth


def lithium(cell: Cell, y: Array, x: Array) -> Array:
    """Thickness of lithium at places of the material."""
    total = np.zeros(np.broadcast(y, x).shape)
    for lump in cell.lumps:
        total = np.maximum(total, lump.top(y, x))
    return total + cell.layer


def scan(cell: Cell, later: bool) -> Array:
    """Grey values of the cell before plating, or afterwards, moved."""
    n = np.array(cell.shape) * FINE
    step = np.array(cell.voxel) / FINE
    back = _rotation(cell.turn).T if later else np.eye(3)
    shift = np.array(cell.shift) * cell.voxel if later else np.zeros(3)
    first = back @ (-0.5 * (n - 1) * step - shift)
    steps = [back[:, i] * step[i] for i in range(3)]
    grids = np.ogrid[: n[0], : n[1], : n[2]]
    texture = _texture(cell)
    rng = np.random.default_rng(500 + cell.seed)
    bumps = _waves(40.0, rng, 60)
    values = np.empty(n, np.float32)
    for k in range(0, n[0], 16):
        part = slice(k, min(k + 16, n[0]))
        index = (grids[0][part], grids[1], grids[2])
        z, y, x = (
            (first[i] + sum(steps[j][i] * index[j] for j in range(3))).astype(np.float32) + 0
            for i in range(3)
        )
        sizes = z.shape
        axes = (first + steps[0] * k, steps, sizes)
        se = ELECTROLYTE + cell.texture_contrast * texture(z, y, x, axes)
        slope = np.tan(np.radians(cell.tilt))
        up = -1.0 if cell.cc_high else 1.0
        face = interface(cell) - 0.5 * (cell.shape[0] - 1) * cell.voxel[0]
        face = face + slope[0] * y + slope[1] * x
        if cell.rough:  # the same at every depth
            flat = bumps(
                z, y, x, ((0.0, axes[0][1], axes[0][2]), [s * [0, 1, 1] for s in steps], sizes)
            )
            face = face + cell.rough * flat
        below = (face - z) * up  # depth into the collector
        share = lambda d: np.clip(d / step[0] + 0.5, 0, 1)  # noqa: E731
        top = lithium(cell, y, x) if later else np.float32(0.0)
        plated, metal = share(below) - share(below - top), share(below - top)
        steel = 0.0 if cell.die is None else share(below - cell.die)
        out = se * (1 - plated - metal) + LITHIUM * plated
        out = out + COLLECTOR * metal + (STEEL - COLLECTOR) * steel
        if cell.far_end is not None:
            out = out + (LITHIUM - out) * share(-below - cell.far_end)
            out = out + (STEEL - out) * share(-below - cell.far_end - cell.foil)
        values[part] = out
    values = _seen(cell, values)
    rng = np.random.default_rng(7 * cell.seed + later)
    noise = rng.standard_normal(cell.shape, dtype=np.float32)
    if cell.grain:
        noise = ndimage.gaussian_filter(noise, cell.grain, mode="wrap")
        noise /= noise.std()
    values = values + cell.noise * noise
    if cell.cupping:
        y, x = (np.linspace(-1, 1, m) for m in cell.shape[1:])
        values = values * (1 + cell.cupping * 0.5 * (y[:, None] ** 2 + x**2))
    if later:
        values = cell.gain * values + cell.offset
    if cell.bits == 16:
        return np.clip(8000 + 30000 * values, 0, 65535).round().astype(np.uint16)
    return (0.35 + 0.8 * values).astype(np.float32)


def _seen(cell: Cell, values: Array) -> Array:
    """Blurred at the fine grid, then averaged over voxels."""
    kind, width = cell.psf
    wide = FINE * width
    if kind == "gauss":
        values = ndimage.gaussian_filter(values, wide, mode="nearest")
    elif kind == "long":  # along z
        values = ndimage.gaussian_filter(values, (1.8 * wide, wide, wide), mode="nearest")
    elif kind == "flat":  # in the plane
        values = ndimage.gaussian_filter(values, (0.5 * wide, wide, wide), mode="nearest")
    elif kind == "box":
        values = ndimage.uniform_filter(values, round(wide), mode="nearest")
    else:
        reach = 12
        i = np.arange(-reach, reach + 1)
        r = np.sqrt(i[:, None, None] ** 2 + i[:, None] ** 2 + i**2)
        kernel = np.exp(-r / wide) if kind == "tails" else (1 + (r / wide) ** 2) ** -2.5
        kernel = (kernel / kernel.sum()).astype(np.float32)
        values = signal.oaconvolve(np.pad(values, reach, mode="edge"), kernel, mode="valid")
    m = cell.shape
    return values.reshape(m[0], FINE, m[1], FINE, m[2], FINE).mean(axis=(1, 3, 5))


def greys(cell: Cell) -> tuple[float, float]:
    """Grey values of lithium and collector in the earlier scan."""
    return (8000.0, 38000.0) if cell.bits == 16 else (0.35, 1.15)


@dataclass(frozen=True)
class Fact:
    """The truth about one island; its place about the field's centre."""

    lump: Lump
    diameter: float
    height: float
    volume: float


def facts(cell: Cell) -> list[Fact]:
    """What every island measures, where several touch: each on its own side."""
    step = 0.2
    half = 0.5 * np.array(cell.shape[1:]) * cell.voxel[1:]
    y, x = (np.arange(-h - 60, h + 60, step) for h in half)
    tops = np.stack([lump.top(y[:, None], x[None]).astype(np.float32) for lump in cell.lumps])
    owner = np.argmax(tops, axis=0)
    found = []
    for i, lump in enumerate(cell.lumps):
        own = np.where(owner == i, tops[i], 0)
        area = np.count_nonzero(own > 0) * step**2
        volume = float(own.sum(dtype=float)) * step**2
        found.append(Fact(lump, 2 * math.sqrt(area / math.pi), float(own.max()), volume))
    return found
