"""Cells with islands of shapes that no dome is, scattered at random; goes with `foreign_cell`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from foreign_cell import Array, Cell, Lump

VOXEL = 1.625
SHAPE = (60, 160, 160)
LARGE = (
    "cap",
    "cone",
    "blunt cone",
    "bell",
    "pill",
    "steps",
    "cosine",
    "leaning",
    "ellipsoid",
    "ellipse",
)
SMALL = ("cap", "cone", "cosine", "ellipsoid", "blunt cone", "ellipse", "leaning")


@dataclass(frozen=True)
class Shape(Lump):
    """Further kinds; `extra` of a pill: share of its height that is a cylinder."""

    def top(self, y: Array, x: Array) -> Array:
        dx = (x - self.x) / (0.5 * self.diameter)
        r = np.hypot((y - self.y) / (0.5 * self.diameter), dx)
        inside = np.where(r < 1, self.height, 0.0)
        if self.kind == "bell":  # a Gaussian that ends at exp(-2)
            end = math.exp(-2)
            return inside * np.maximum(np.exp(-2 * r**2) - end, 0) / (1 - end)
        if self.kind == "pill":  # a cylinder with a round top
            dome = np.sqrt(np.maximum(1 - r**2, 0))
            return inside * (self.extra + (1 - self.extra) * dome)
        if self.kind == "steps":  # two cylinders
            return inside * np.where(r < 0.55, 1.0, 0.5)
        if self.kind == "cosine":
            return inside * np.cos(0.5 * np.pi * np.minimum(r, 1))
        if self.kind == "leaning":  # its summit off the centre
            return inside * np.maximum(1 - r**2, 0) * (1 + 0.35 * dx)
        if self.kind == "blunt cone":
            return inside * np.clip((1 - r) / (1 - self.extra), 0, 1)
        return super().top(y, x)


EXTRAS = {"cone": (0.1, 0.4), "blunt cone": (0.5, 0.8), "pill": (0.3, 0.6), "ellipse": (1.2, 1.7)}


def scattered(
    seed: int,
    kinds: tuple[str, ...],
    count: int,
    diameter: tuple[float, float],
    aspect: tuple[float, float],
    least: float,
) -> tuple[Shape, ...]:
    """Islands that do not touch; diameters and the least height in voxels."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(kinds)
    found: list[Shape] = []
    for _ in range(5000):
        d = rng.uniform(*diameter) * VOXEL
        half = 0.5 * (SHAPE[1] - 10) * VOXEL - 0.62 * d - 8 * VOXEL
        y, x = rng.uniform(-half, half, 2)
        gaps = [math.hypot(y - o.y, x - o.x) - 0.62 * (d + o.diameter) for o in found]
        if len(found) < count and all(gap > 8 * VOXEL for gap in gaps):
            kind = str(order[len(found) % len(kinds)])
            h = min(max(rng.uniform(*aspect) * d, least * VOXEL), 16.0)
            extra = float(rng.uniform(*EXTRAS[kind])) if kind in EXTRAS else 0.0
            found.append(Shape(kind, float(y), float(x), float(d), float(h), extra))
    return tuple(found)


def cell(seed: int, small: bool, psf: tuple[str, float], noise: float, **more: object) -> Cell:
    """A cell of five large or seven small islands, moved somehow."""
    size = (SMALL, 7, (8, 13), (0.25, 0.4), 2.2) if small else (LARGE, 5, (20, 45), (0.12, 0.3), 3)
    rng = np.random.default_rng(9000 + seed)
    shift, turn = rng.uniform(-1.5, 1.5, 3), rng.uniform(-0.06, 0.06, 3)
    return Cell(
        scattered(seed, *size),  # type: ignore[arg-type]
        SHAPE,
        texture_contrast=0.03,
        psf=psf,
        noise=noise,
        seed=seed,
        shift=tuple(shift),
        turn=tuple(turn),
        cc_high=bool(seed % 2),
        **more,  # type: ignore[arg-type]
    )


def cells(first_seed: int) -> tuple[dict[str, Cell], dict[str, Cell]]:
    """Names and cells: of large islands, and of small ones."""
    large: list[tuple[str, tuple[str, float], float, dict[str, object]]] = [
        ("", ("gauss", 1.0), 0.01, {}),
        ("", ("gauss", 0.7), 0.02, {}),
        ("", ("gauss", 1.4), 0.01, {}),
        ("", ("gauss", 1.4), 0.03, {}),
        ("", ("gauss", 1.0), 0.05, {}),
        ("", ("tails", 0.5), 0.02, {}),
        ("", ("tails", 0.8), 0.01, {}),
        ("", ("lorentz", 0.7), 0.02, {}),
        ("", ("flat", 1.2), 0.01, {}),
        ("", ("long", 0.8), 0.01, {}),
        (" that voxels share", ("gauss", 1.0), 0.02, {"grain": 0.7}),
        (" that voxels share", ("gauss", 1.0), 0.03, {"grain": 0.5}),
        (", rough", ("gauss", 1.2), 0.02, {"rough": 0.4}),
        (", tilted", ("tails", 0.7), 0.02, {"tilt": (0.3, 0.4)}),
    ]
    small = [("gauss", 1.0, 0.01), ("gauss", 0.7, 0.02), ("tails", 0.5, 0.01), ("gauss", 1.2, 0.02)]
    return (
        {
            f"{psf[0]} {psf[1]}, noise {100 * noise:.0f} %{word}": cell(
                first_seed + i, False, psf, noise, **more
            )
            for i, (word, psf, noise, more) in enumerate(large)
        },
        {
            f"small, {kind} {width}, noise {100 * noise:.0f} %": cell(
                first_seed + 50 + i, True, (kind, width), noise
            )
            for i, (kind, width, noise) in enumerate(small)
        },
    )
