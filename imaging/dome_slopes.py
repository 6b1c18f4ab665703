"""How the blurred image of a dome changes with its parameters: all derivatives in one pass.

z = H (root - u) / (1 - u) with root^2 = u^2 + (1 - u^2) w is the dome of `imaging.island_fit`
without its removable singularity at the foot, which makes its derivatives short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import ndimage

from imaging import dome_factor
from imaging.volume import FloatArray

STEEP = 0.01
"""Least root in derivatives: the wall of an ellipsoid is vertical, its slope is cut there."""
BLUR_STEP = 1e-3


class Dome(Protocol):
    """The parameters of a `DomeFit`."""

    @property
    def centre(self) -> tuple[float, float]: ...
    @property
    def log_radius(self) -> float: ...
    @property
    def height_um(self) -> float: ...
    @property
    def edge(self) -> float: ...
    @property
    def power(self) -> float: ...
    @property
    def blur(self) -> float: ...
    @property
    def waves(self) -> FloatArray: ...
    @property
    def bends(self) -> FloatArray: ...

    def samples(
        self, y0: int, x0: int, shape: tuple[int, ...]
    ) -> tuple[FloatArray, FloatArray, int]: ...


def image_slopes(
    fit: Dome,
    lobes: Sequence[int],
    y0: int,
    x0: int,
    shape: tuple[int, ...],
    bent: bool = False,
) -> FloatArray:
    """Derivatives of `DomeFit.image` on the pixels y0.., x0...

    Returns
    -------
    Shape (7 + 2 lobes, *shape), by centre y, centre x, log radius, height, edge, log power, log
    blur, then cos and sin coefficients of every lobe; if `bent`, then by each of the bends.
    """
    y, x, fine = fit.samples(y0, x0, shape)
    offset = (x - fit.centre[1]) + 1j * (y - fit.centre[0])
    r = np.maximum(np.abs(offset), 1e-3)
    direction = np.asarray(offset / r, dtype=np.complex128)
    log_outline = np.full(r.shape, fit.log_radius)
    turn = np.zeros(r.shape)  # of the outline's logarithm with the angle
    waves = []
    power, wave = 0, np.ones_like(direction)
    for n, (c, s) in zip(lobes, fit.waves.reshape(-1, 2), strict=True):
        wave = wave * direction ** (n - power)  # high powers of complex numbers are slow
        power = n
        waves += [wave.real, wave.imag]
        log_outline += c * wave.real + s * wave.imag
        turn += n * (s * wave.real - c * wave.imag)
    log_rho = np.minimum(np.log(r) - log_outline, 0.0)
    inside = log_rho < 0
    u, p, height = fit.edge, fit.power, fit.height_um
    rho_p = np.exp(p * log_rho)
    w = 1 - rho_p
    root = np.sqrt(u**2 + (1 - u**2) * w)
    steep = np.maximum(root, STEEP)
    foot = np.maximum(u + root, 1e-12)
    shape_only = (1 + u) * w / foot  # z / H
    by_w = inside * height * (1 + u) / (2 * steep)
    by_log = by_w * p * rho_p  # of z by the outline's logarithm
    if u > 0.5:
        by_edge = w / foot - (1 + u) * w * (1 + u * rho_p / steep) / foot**2
    else:
        by_edge = (u * rho_p / steep - 1) / (1 - u) + (root - u) / (1 - u) ** 2
    by_power, by_edge = -p * by_w * rho_p * log_rho, inside * height * by_edge
    by_angle: FloatArray | float = 0.0
    bending: list[FloatArray] = []
    if bent or fit.bends.any():
        rho, dome = np.exp(log_rho), height * shape_only
        factor = dome_factor.factor(fit.bends, rho, direction)
        up = dome * (factor > 0)
        outwards, around = dome_factor.slopes(fit.bends, rho, direction)
        by_log, by_angle = by_log * factor - up * outwards, up * around
        shape_only, by_edge, by_power = (part * factor for part in (shape_only, by_edge, by_power))
        bending = [up * term for term in dome_factor.terms(rho, direction)] if bent else []
    along, across = by_log / r, by_log * turn + by_angle
    across = across / r
    sharp = [
        along * direction.imag - across * direction.real,
        along * direction.real + across * direction.imag,
        by_log,
        shape_only,
        by_edge,
        by_power,
        height * shape_only,
        *(by_log * wave for wave in waves),
        *bending,
    ]
    pixels = np.stack([pixel_means(part, fine) for part in sharp])
    slopes = ndimage.gaussian_filter(pixels, (0, fit.blur, fit.blur), mode="constant")
    wider = ndimage.gaussian_filter(pixels[6], fit.blur * np.exp(BLUR_STEP), mode="constant")
    slopes[6] = (wider - slopes[6]) / BLUR_STEP
    return np.asarray(slopes)


def pixel_means(samples: FloatArray, fine: int) -> FloatArray:
    """Means over blocks of `fine` by `fine`; slices added are faster than a mean of axes."""
    rows = sum((samples[i::fine] for i in range(1, fine)), samples[::fine])
    total = sum((rows[:, i::fine] for i in range(1, fine)), rows[:, ::fine])
    return np.asarray(total / fine**2)
