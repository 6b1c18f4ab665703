"""Undo the blur of one island: a family of domes, convolved with an unknown Gaussian, is fitted.

z(r, angle) = H (1 + u) w / (u + sqrt(u^2 + (1 - u^2) w)),   w = 1 - (r / outline(angle))^p

holds the spherical caps (p = 2, u = cosine of the contact angle), half-ellipsoids (u = 0),
paraboloids (u = 1), domes with a foot (u > 1) or a steep wall (u < 0) and flat tops (p > 2). The
outline is a Fourier series in its logarithm, so elongated and wobbly footprints are members as
well. Where the data ask for it, the factor of `imaging.dome_factor` makes any other shape of it.
Fitted to column sums, on which blur along z has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imaging.blur import Blur
from imaging.dome_factor import BENDS, KINKS, LINES, factor
from imaging.dome_slopes import image, image_and_slopes
from imaging.least_squares import least_squares
from imaging.volume import BoolArray, FloatArray

LOBES = (2, 3, 4, 5, 6, 7)
HEAD = 7
"""Parameters before the waves."""
LEAST = HEAD + 2 * len(LOBES)
"""Parameters of a plain dome."""
PLAIN, ROUND, ANY = 0, LINES, BENDS
"""How many bends are fitted: none, those alike in all directions, all."""
BEND_WIDTH = 0.3
"""Expected size of the bends."""
KINK_WIDTH = 0.4
"""Expected change of the factor's slope from one of its lines to the next."""
LEAST_POWER = 1.8
"""A dome less round than that has a tip, of which noise and blur leave little to be seen."""
BELIEVED = 4.0
"""Uncertainties of the expected blur within which it is fitted: what is further off makes up for a
shape that no dome follows, and a summit that undoes it would be several times too high."""
APERTURE_VOXEL = 4.0
"""A footprint widened by this much holds practically all of a blurred island."""
MARGIN = 9
"""Pixels around the segmented footprint that take part in the fit."""


@dataclass(frozen=True, eq=False)
class DomeFit:
    """A fitted island; lengths in pixels but for the height."""

    centre: tuple[float, float]
    log_radius: float
    height_um: float
    edge: float
    """u: 0 ellipsoid, cosine of the contact angle for caps, 1 paraboloid."""
    power: float
    """p: 2 round, more is flatter."""
    blur: float
    """Standard deviation along one axis."""
    waves: FloatArray
    """cos and sin coefficients of the logarithm of the outline, for each of LOBES."""
    bends: FloatArray
    """Of the factor on the dome, see `imaging.dome_factor`; zeros for none."""
    tail: float = 0.0
    ratio: float = 1.0
    """Form of the blur, see `imaging.blur.Blur`."""
    cost: float = np.inf
    covariance: FloatArray | None = None
    """Of the logarithms of radius, height and blur, from noise and priors; shape (3, 3)."""

    def outline(self, angle: FloatArray) -> FloatArray:
        """Radius of the footprint in pixels."""
        return np.exp(self._log_outline(np.exp(1j * angle)))

    def _log_outline(self, direction: NDArray[np.complex128]) -> FloatArray:
        total = np.full(direction.shape, self.log_radius)
        power, wave = 0, np.ones_like(direction)
        for n, (c, s) in zip(LOBES, self.waves.reshape(-1, 2), strict=True):
            wave = wave * direction ** (n - power)  # high powers of complex numbers are slow
            power = n
            total += c * wave.real + s * wave.imag
        return total

    def polar(self, y: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance of pixels from the centre, and the outline's radius in that direction."""
        r, direction = self._directed(y, x)
        return r, np.exp(self._log_outline(direction))

    def _directed(self, y: FloatArray, x: FloatArray) -> tuple[FloatArray, NDArray[np.complex128]]:
        """Distance of pixels from the centre, and exp(i angle)."""
        offset = (x - self.centre[1]) + 1j * (y - self.centre[0])
        r = np.abs(offset)
        return r, np.asarray(offset / np.maximum(r, 1e-12), dtype=np.complex128)

    def over(self, scale: float) -> DomeFit:
        """The same island of so many times less lithium."""
        return replace(self, height_um=self.height_um / scale)

    @property
    def bent(self) -> int:
        """How many of the bends are in use: `PLAIN`, `ROUND` or `ANY`."""
        if self.bends[LINES:].any():
            return ANY
        return ROUND if self.bends.any() else PLAIN

    @property
    def area(self) -> float:
        """Area of the footprint in square pixels."""
        angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        return float(np.pi * np.mean(self.outline(angle) ** 2))

    def profile(self, rho: FloatArray) -> FloatArray:
        """Height in um at relative radii, without the factor."""
        w = 1 - np.minimum(rho, 1.0) ** self.power
        u = self.edge
        root = np.sqrt(u**2 + (1 - u**2) * w)
        return np.asarray(self.height_um * (1 + u) * w / np.maximum(u + root, 1e-12))

    def surface(self, rho: FloatArray, direction: NDArray[np.complex128]) -> FloatArray:
        """Height in um at relative radii, in directions exp(i angle)."""
        dome = self.profile(rho)
        if not self.bends.any():
            return dome
        return dome * factor(self.bends, np.minimum(rho, 1.0), direction)

    def footprint(self, y: FloatArray, x: FloatArray, widen: float = 0.0) -> BoolArray:
        """Pixels within the outline, widened by some pixels."""
        r, outline = self.polar(y, x)
        return np.asarray(r <= outline + widen)

    def heights(self, y0: int, x0: int, shape: tuple[int, ...]) -> FloatArray:
        """Thickness in um at the middle of the pixels y0.., x0.., not blurred."""
        rows, columns = (
            np.arange(a, a + n, dtype=float) for a, n in zip((y0, x0), shape, strict=True)
        )
        r, direction = self._directed(rows[:, None], columns)
        return self.surface(r / np.exp(self._log_outline(direction)), direction)

    def image(self, y0: int, x0: int, shape: tuple[int, ...]) -> FloatArray:
        """Blurred thickness map in um on the pixels y0.., x0.. (pixel averages)."""
        return image(self, LOBES, y0, x0, shape)


@dataclass(frozen=True, eq=False)
class Patch:
    """What is fitted."""

    values_um: FloatArray
    """Thickness, background removed, shape (y, x)."""
    weight: FloatArray
    """1 / standard deviation per pixel; 0 leaves a pixel out."""
    corner: tuple[int, int]
    """Map indices of the patch's first pixel."""
    pixel_um: float
    blur: Blur
    """Expected, in pixels."""

    def linear(self, fit: DomeFit, bends: int) -> tuple[FloatArray, FloatArray]:
        """What is to be small, and its derivatives by the unknowns.

        The first so many of the bends count as unknown.

        Returns
        -------
        Weighted misfit of all pixels, then distances of the shape from what is expected, (n,);
        derivatives, (n, unknowns).
        """
        image, images = image_and_slopes(fit, LOBES, *self.corner, self.values_um.shape, bends > 0)
        weight = self.weight.ravel()
        misfit = (image - self.values_um).ravel() * weight
        beside, slopes = self._expected(fit, bends)
        out = np.empty((slopes.shape[1], weight.size + beside.size))
        np.multiply(images[: len(out)].reshape(len(out), -1), weight, out=out[:, : weight.size])
        out[:, weight.size :] = slopes.T
        return np.concatenate([misfit, beside]), out.T

    def _expected(self, fit: DomeFit, bends: int) -> tuple[FloatArray, FloatArray]:
        """Distances of the shape from what is expected, and their derivatives."""
        count, widths, aspect = LEAST + bends, self._widths(bends), self._aspect(fit)
        centre = np.zeros(count - 4)
        centre[0] = max((1 - aspect**2) / (1 + aspect**2), 0.0)
        centre[1:3] = np.log(2.0), np.log(self.blur.std)
        beside = (_pack(fit)[4:count] - centre) / widths
        slopes = np.zeros((count - 4, count))
        slopes[:, 4:] = np.diag(1 / widths)
        if aspect < 1:
            by_aspect = 4 * aspect / (1 + aspect**2) ** 2 / widths[0]
            slopes[0, 2], slopes[0, 3] = -by_aspect * aspect, by_aspect * aspect / fit.height_um
        if not bends:
            return beside, slopes
        kinks, steep = tame(KINKS @ fit.bends[:LINES] / KINK_WIDTH)
        by_bends = np.zeros((kinks.size, count))
        by_bends[:, LEAST : LEAST + LINES] = steep[:, None] * KINKS / KINK_WIDTH
        return np.concatenate([beside, kinks]), np.concatenate([slopes, by_bends])

    def _aspect(self, fit: DomeFit) -> float:
        return float(fit.height_um / (np.exp(fit.log_radius) * self.pixel_um))

    def _widths(self, bends: int) -> FloatArray:
        """Of the priors on what shapes the dome, its blur, its outline and its factor."""
        waves = 0.25 / (np.repeat(LOBES, 2) - 1)
        head = [0.5, 0.4, self.blur.uncertainty]
        return np.concatenate([head, waves, np.full(bends, BEND_WIDTH)])


def fit_dome(patch: Patch, start: DomeFit, bends: int = PLAIN) -> DomeFit:
    """Weighted least squares of a blurred dome to a patch of the thickness map.

    Weak priors (round outline, cap-like dome) decide what the noise leaves open.

    Parameters
    ----------
    patch
        Data, and what is expected.
    start
        First guess.
    bends
        How many of the factor's coefficients are fitted: `PLAIN`, `ROUND` or `ANY`.
    """
    start = replace(start, tail=patch.blur.tail, ratio=patch.blur.ratio)
    lobes = np.repeat(LOBES, 2)
    first, count = _pack(start), LEAST + bends
    scale = np.concatenate(
        [[1, 1, 0.1, 0.1 * start.height_um, 0.3, 0.3, 0.3], 0.05 / (lobes - 1), np.full(BENDS, 0.1)]
    )
    size = np.exp(start.log_radius)
    low = np.concatenate(
        [first[:2] - 0.6 * size, [first[2] - 0.6, 0.2 * first[3], -0.8, np.log(LEAST_POWER)]]
    )
    high = np.concatenate([first[:2] + 0.6 * size, [first[2] + 0.6, 4 * first[3], 2.5, 2.8]])
    sharp, dull = np.log(patch.blur.std) + BELIEVED * np.array([-1, 1]) * patch.blur.uncertainty
    low = np.concatenate(
        [low, [max(sharp, np.log(0.2))], np.full(lobes.size, -0.5), np.full(BENDS, -0.9)]
    )
    high = np.concatenate(
        [high, [min(dull, np.log(4.0))], np.full(lobes.size, 0.5), np.full(BENDS, 2.0)]
    )
    low, high, scale, rest = low[:count], high[:count], scale[:count], first[count:]

    def unpacked(x: FloatArray) -> DomeFit:
        return _unpack(np.concatenate([x, rest]), start)

    best = least_squares(
        lambda x: patch.linear(unpacked(x), bends),
        np.clip(first[:count], low + 1e-6, high - 1e-6),
        bounds=(low, high),
        x_scale=scale,
        ftol=1e-5,
        xtol=1e-4,
        max_nfev=25,
    )
    covariance = _covariance(best.jac.T @ best.jac, best.x)
    return replace(unpacked(best.x), cost=float(best.cost), covariance=covariance)


def tame(kinks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Residuals whose squares grow as logarithms, and their slopes: a few sharp kinks may be."""
    grown = np.log1p(0.5 * kinks**2)
    out = np.sign(kinks) * np.sqrt(2 * grown)
    small = np.abs(kinks) < 1e-3
    slopes = np.where(small, 1.0, kinks / (1 + 0.5 * kinks**2) / np.where(small, 1.0, out))
    return out, slopes


class Prospect:
    """What more bends would do to a fit, by the slopes in all of them at its solution."""

    def __init__(self, patch: Patch, fit: DomeFit) -> None:
        self._fit = fit
        rest, slopes = patch.linear(fit, BENDS)
        self._pull, self._square = slopes.T @ rest, slopes.T @ slopes
        data = rest[: patch.weight.size]
        self._excess = max(float(data @ data) / np.count_nonzero(patch.weight), 1.0)

    def gain(self, bends: int) -> float:
        """By how much they lower the fit's cost: that of one step in all unknowns."""
        return self._lowered(bends) - self._lowered(self._fit.bent)

    def uncertain(self) -> DomeFit:
        """The fit with the covariance that it has if nobody knows that its shape is a plain dome.

        What it misses beyond the noise counts as noise.
        """
        count = LEAST + max(self._fit.bent, ROUND)
        found = _covariance(self._square[:count, :count], _pack(self._fit)) * self._excess
        return replace(self._fit, covariance=found)

    def _lowered(self, bends: int) -> float:
        some = slice(LEAST + bends)
        inverse = np.linalg.pinv(self._square[some, some], hermitian=True)
        return float(0.5 * self._pull[some] @ inverse @ self._pull[some])


def _covariance(square: FloatArray, x: FloatArray) -> FloatArray:
    """Of the logarithms of radius, height and blur, all else free, from J^T J."""
    full = np.linalg.pinv(square, hermitian=True)
    which, relative = np.array([2, 3, 6]), np.array([1.0, 1.0 / x[3], 1.0])
    return np.asarray(full[np.ix_(which, which)] * np.outer(relative, relative))


def _pack(fit: DomeFit) -> FloatArray:
    head = [*fit.centre, fit.log_radius, fit.height_um, fit.edge]
    body = [np.log(fit.power), np.log(fit.blur), *fit.waves, *fit.bends]
    return np.array([*head, *body], dtype=np.float64)


def _unpack(x: FloatArray, like: DomeFit) -> DomeFit:
    return replace(
        like,
        centre=(float(x[0]), float(x[1])),
        log_radius=float(x[2]),
        height_um=float(x[3]),
        edge=float(x[4]),
        power=float(np.exp(x[5])),
        blur=float(np.exp(x[6])),
        waves=x[HEAD:-BENDS],
        bends=x[-BENDS:],
    )
