"""How the blurred image of a dome changes with its parameters: all derivatives in one pass.

z = H (root - u) / (1 - u) with root^2 = u^2 + (1 - u^2) w is the dome of `imaging.island_fit`
without its removable singularity at the foot, which makes its derivatives short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from imaging.blur import gaussians
from imaging.dome_factor import NODES, WAVES
from imaging.volume import FloatArray

BLUR_STEP = 1e-3
TRUNCATE = 4.0
"""The Gaussian ends at so many standard deviations."""
FINE, COARSE = 3, 2
"""Samples along each side of a pixel, on small patches and on large ones."""
SMALL_PIXELS = 4000


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
    @property
    def tail(self) -> float: ...
    @property
    def ratio(self) -> float: ...


def image(fit: Dome, lobes: Sequence[int], y0: int, x0: int, shape: tuple[int, ...]) -> FloatArray:
    """Blurred thickness map in um on the pixels y0.., x0.. (pixel averages)."""
    return np.asarray(_blurred(_sharp(fit, lobes, (y0, x0), shape, 1), fit)[0])


def image_and_slopes(
    fit: Dome,
    lobes: Sequence[int],
    y0: int,
    x0: int,
    shape: tuple[int, ...],
    bent: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """`image` on the pixels y0.., x0.., and its derivatives.

    Returns
    -------
    The image; and (7 + 2 lobes, *shape), by centre y, centre x, log radius, height, edge, log
    power, log blur, then cos and sin coefficients of every lobe; if `bent`, then by each of the
    bends.
    """
    count = 7 + fit.waves.size + (fit.bends.size if bent else 0)
    sharp = _sharp(fit, lobes, (y0, x0), shape, count)
    slopes = _blurred(sharp, fit)
    found = slopes[6].copy()
    slopes[6] = (_blurred(sharp[6:7], fit, np.exp(BLUR_STEP))[0] - found) / BLUR_STEP
    return found, slopes


def _sharp(
    fit: Dome, lobes: Sequence[int], corner: tuple[int, int], shape: tuple[int, ...], count: int
) -> FloatArray:
    """What `imaging.loops_domes.dome` computes."""
    from imaging import loops_domes

    ny, nx = shape
    out = np.zeros((count, ny, nx))
    head = np.array(
        [*fit.centre, fit.log_radius, fit.height_um, fit.edge, fit.power], dtype=np.float64
    )
    plain = count <= 7 + fit.waves.size and not fit.bends.any()
    loops_domes.dome(
        head,
        np.array(lobes, dtype=np.int64),
        np.array(fit.waves, dtype=np.float64),
        np.array(NODES),
        np.array(WAVES, dtype=np.int64),
        np.empty(0) if plain else np.array(fit.bends, dtype=np.float64),
        (int(corner[0]), int(corner[1])),
        FINE if ny * nx < SMALL_PIXELS else COARSE,
        out,
    )
    return out


def _blurred(images: FloatArray, fit: Dome, wider: float = 1.0) -> FloatArray:
    """Under the blur of a fit, one Gaussian or two, made a little wider."""
    parts = gaussians(fit.tail, fit.ratio)
    return np.asarray(sum(s * _gaussian(images, fit.blur * width, wider) for s, width in parts))


def _gaussian(images: FloatArray, sigma: float, wider: float) -> FloatArray:
    from imaging import loops_domes

    reach = np.arange(int(TRUNCATE * sigma + 0.5) + 1)  # the same for both: else slopes jump
    sigma *= wider
    weights = np.exp(-0.5 * (reach / sigma) ** 2)
    weights /= 2 * weights.sum() - weights[0]
    out = np.empty_like(images)
    loops_domes.blurred(images, weights, out)
    return out
