"""A second phantom that shares no code with `imaging.phantom`: other greys, other side, no foil."""

from typing import Literal

import numpy as np
from scipy import ndimage, signal

from imaging.volume import Volume

V = 1.625
CC, LI = 200.0, 10.0
Kind = Literal["cap", "ellipsoid", "superellipsoid", "wobbly"]
Spec = tuple[Kind, float, float, float, float, float]
Truth = tuple[float, float, float, float, float]  # y_um, x_um, diameter, height, volume


def height_voxel(spec: Spec, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    kind, cy, cx, diameter, height, extra = spec
    a, h = diameter / 2 / V, height / V
    dy, dx = y - cy, x - cx
    if kind == "cap":
        sphere = (a * a + h * h) / (2 * h)
        z = np.sqrt(np.maximum(sphere**2 - dy**2 - dx**2, 0)) - (sphere - h)
        return np.where(np.hypot(dy, dx) < a, np.maximum(z, 0), 0)
    if kind == "ellipsoid":
        return h * np.sqrt(np.maximum(1 - dy**2 / (a * a * extra) - dx**2 * extra / (a * a), 0))
    if kind == "superellipsoid":
        return h * np.maximum(1 - (np.hypot(dy, dx) / a) ** extra, 0) ** (1 / extra)
    angle = np.arctan2(dy, dx)
    rim = a * (1 + extra * np.cos(3 * angle + 1) + 0.6 * extra * np.sin(5 * angle))
    return h * np.maximum(1 - (np.hypot(dy, dx) / rim) ** 2, 0)


def psf(kind: str, width: float) -> np.ndarray:
    r = np.arange(-10, 11)
    distance = np.sqrt(r[:, None, None] ** 2 + r[:, None] ** 2 + r**2)
    if kind == "gauss":
        kernel = np.exp(-0.5 * (distance / width) ** 2)
    elif kind == "disc":
        kernel = np.clip(width + 0.5 - distance, 0, 1)
    else:  # heavy tails
        kernel = (1 + (distance / width) ** 2) ** -2.5
    return kernel / kernel.sum()


def scene(
    islands: list[Spec],
    blur: tuple[str, float],
    noise: float,
    layer_um: float = 0.0,
    size: tuple[int, int, int] = (56, 170, 170),
    seed: int = 1,
) -> tuple[Volume, Volume, list[Truth]]:
    rng = np.random.default_rng(seed)
    interface, fine = 34.3, 4
    z = np.arange(size[0], dtype=float)
    y, x = (
        (np.arange(n)[:, None] + (np.arange(fine) + 0.5) / fine - 0.5).ravel() for n in size[1:]
    )
    heights = [height_voxel(s, y[:, None], x[None, :]) for s in islands]
    total = np.full((y.size, x.size), layer_um / V)
    for h in heights:
        total = np.maximum(total, h)
    truth = [
        (
            s[1] * V,
            s[2] * V,
            2 * V * np.sqrt(np.count_nonzero(h) / fine**2 / np.pi),
            float(h.max()) * V,
            float(h.sum()) / fine**2 * V**3,
        )
        for s, h in zip(islands, heights, strict=True)
    ]
    lithium = np.stack(
        [
            np.clip(np.minimum(k + 0.5, interface + total) - max(k - 0.5, interface), 0, None)
            .reshape(size[1], fine, size[2], fine)
            .mean(axis=(1, 3))
            for k in z
        ]
    )
    grains = 60 + 15 * np.sign(ndimage.gaussian_filter(rng.standard_normal(size), 4))
    collector = np.clip(z - interface + 0.5, 0, 1)[:, None, None]
    before = grains * (1 - collector) + CC * collector
    scans = []
    for values in (before, before - lithium * (CC - LI)):
        padded = np.pad(values, 10, mode="edge")
        blurred = signal.fftconvolve(padded, psf(*blur), mode="valid")
        noisy = blurred + noise * (CC - LI) * rng.standard_normal(size)
        scans.append(Volume(noisy.astype(np.float32), (V, V, V)))
    return scans[0], scans[1], truth
