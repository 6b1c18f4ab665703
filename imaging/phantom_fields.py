"""What lies where in the plane of the synthetic cell: plated lithium, voids, the foil's loss.

All of it is a function of the coordinates that the material had before it moved, exact anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from imaging.phantom_options import DEPOSIT_PEAK, CellState, Deposit, PhantomOptions
from imaging.phantom_shapes import BasinCrack, IslandShape
from imaging.volume import BoolArray, FloatArray

WAVES = 24
SAMPLES = 256
"""Points along y and x at most from which the mean of a field is found."""
DEPOSIT_WAVE_UM = {Deposit.bare_cu: 60.0, Deposit.ag_cu: 120.0}
VOID_WAVE_UM = 40.0
DEPOSIT_TAG, VOID_TAG = 101, 102


@dataclass(frozen=True, eq=False)
class Waves:
    """Smooth random function of the position: a sum of plane waves of unit variance."""

    wave: FloatArray
    """Radians per um along y and x, shape (n, 2)."""
    phase: FloatArray
    """Shape (n,)."""

    @classmethod
    def drawn(cls, length_um: float, seed: tuple[int, int]) -> Waves:
        """Waves of about the given length, the same for the same seed."""
        rng = np.random.default_rng(seed)
        angle = rng.uniform(0, 2 * math.pi, WAVES)
        number = 2 * math.pi / length_um * rng.uniform(0.5, 1.5, WAVES)
        wave = number[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        return cls(wave, rng.uniform(0, 2 * math.pi, WAVES))

    def __call__(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        """Values at points of the plane."""
        total = np.zeros(np.broadcast_shapes(np.shape(y_um), np.shape(x_um)))
        for (ky, kx), phase in zip(self.wave, self.phase, strict=True):
            total += np.cos(ky * y_um + kx * x_um + phase)
        return total * math.sqrt(2 / WAVES)


@dataclass(frozen=True, eq=False)
class Plane:
    """The in-plane fields of one state of the cell."""

    options: PhantomOptions
    state: CellState
    shapes: tuple[IslandShape, ...]
    """Islands as far as they have grown; self-similar, so that their contact angle stays."""
    deposit_scale: float
    void_scale: float

    @classmethod
    def of(cls, options: PhantomOptions, state: CellState) -> Plane:
        """Fields of a state; finds the factors that give deposit and voids their volume."""
        size = state.grown ** (1 / 3)
        shapes = tuple(
            replace(s, diameter_um=s.diameter_um * size, height_um=s.height_um * size)
            for s in (options.shapes if state.grown > 0 else ())
        )
        plane = cls(options, state, shapes, 0.0, 0.0)
        y, x = plane._samples()
        if options.deposit_um and state.grown:
            raw, inside = plane._deposit_pattern(y, x), plane.electrode(y, x)
            scale = optimize.brentq(
                lambda s: np.clip(s * raw[inside], 0, DEPOSIT_PEAK).mean() - 1, 1e-3, 1e3
            )
            plane = replace(plane, deposit_scale=float(scale))
        if state.voids:
            plane = replace(plane, void_scale=plane._find_void_scale(y, x))
        return plane

    def thickness_um(self, y_um: FloatArray, x_um: FloatArray, fine: int = 1) -> FloatArray:
        """Thickness that was plated, at points (y, x) of the interface.

        `fine` is the number of points per pixel and axis; the smooth deposit is the same for all
        points of a pixel.
        """
        o, grown = self.options, self.state.grown
        total = np.full(np.broadcast_shapes(y_um.shape, x_um.shape), float(o.layer_um * grown))
        if o.layer_rim_um:
            half = 0.5 * (np.asarray(o.grid[1:]) - 1) * o.voxel_um
            total += (o.layer_rim_um * grown) * (
                np.hypot(y_um - half[0], x_um - half[1]) / half.min()
            ).clip(0, 1) ** 4
        if self.deposit_scale:
            total += _per_pixel(self._deposit, y_um, x_um, fine) * grown
        for shape in self.shapes:
            total += shape.thickness_um(y_um, x_um)
        return total

    def void_share(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        """Share of the plated thickness that is void; voids are patches, not a film."""
        patches = 0.5 + 0.5 * np.tanh(2 * self._void_waves()(y_um, x_um))
        return np.minimum(self.void_scale * patches, 1 - self.state.residual)

    def void_thickness_um(
        self, y_um: FloatArray, x_um: FloatArray, plated_um: FloatArray, fine: int = 1
    ) -> FloatArray:
        """Thickness of the voids where `plated_um` was plated."""
        return plated_um * _per_pixel(self.void_share, y_um, x_um, fine)

    def electrode(self, y_um: FloatArray, x_um: FloatArray) -> BoolArray:
        """Whether points lie inside the tube of the cell."""
        radius = self.options.peek_radius_um
        return np.asarray(self._radius(y_um, x_um) <= (math.inf if radius is None else radius))

    def foil_loss_um(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        """Thickness that the counter electrode's foil has lost."""
        o, share = self.options, self.state.foil
        loss = np.full(
            np.broadcast_shapes(y_um.shape, x_um.shape), float(o.foil_depletion_um * share)
        )
        for y0, x0, diameter in o.foil_spots_um or [] if share else []:
            away = np.hypot(y_um - y0, x_um - x0) - 0.5 * diameter * math.sqrt(share)
            loss = np.maximum(loss, o.li_foil_um * np.clip(0.5 - away / o.voxel_um, 0, 1))
        return loss

    @property
    def cracks(self) -> list[BasinCrack]:
        """Cracks as far as they are open."""
        if not self.state.cracks:
            return []
        return [
            replace(c, opening_um=c.opening_um * self.state.cracks) for c in self.options.cracks
        ]

    @property
    def layers_um(self) -> float:
        """Thickness that no column of the layers exceeds."""
        o = self.options
        layers = o.layer_um + max(o.layer_rim_um, 0) + DEPOSIT_PEAK * o.deposit_um
        return layers * self.state.grown

    @property
    def covers_all(self) -> bool:
        """Whether lithium may lie anywhere, not only at islands."""
        o = self.options
        return bool(self.state.grown and (o.layer_um or o.layer_rim_um or o.deposit_um))

    # The patterns behind it.

    def _deposit(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        pattern = self.deposit_scale * self._deposit_pattern(y_um, x_um)
        return self.options.deposit_um * np.clip(pattern, 0, DEPOSIT_PEAK)

    def _deposit_pattern(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        o = self.options
        waves = Waves.drawn(DEPOSIT_WAVE_UM[o.deposit], (o.seed, DEPOSIT_TAG))(y_um, x_um)
        if o.deposit is Deposit.ag_cu:
            return 1 + 0.08 * waves
        radius = o.peek_radius_um or 0.5 * min(o.grid[1:]) * o.voxel_um
        return 0.4 + 0.35 * waves + 1.2 * np.minimum(self._radius(y_um, x_um) / radius, 1) ** 4

    def _void_waves(self) -> Waves:
        return Waves.drawn(VOID_WAVE_UM, (self.options.seed, VOID_TAG))

    def _radius(self, y_um: FloatArray, x_um: FloatArray) -> FloatArray:
        middle = 0.5 * (np.asarray(self.options.grid[1:]) - 1) * self.options.voxel_um
        return np.asarray(np.hypot(y_um - middle[0], x_um - middle[1]))

    def _samples(self) -> tuple[FloatArray, FloatArray]:
        """Points of the plane, evenly spread over the field of view."""
        counts = [min(n, SAMPLES) for n in self.options.grid[1:]]
        y, x = (
            self.options.voxel_um * ((np.arange(count) + 0.5) * n / count - 0.5)
            for n, count in zip(self.options.grid[1:], counts, strict=True)
        )
        return y[:, None], x[None, :]

    def _find_void_scale(self, y: FloatArray, x: FloatArray) -> float:
        plated = self.thickness_um(y, x) * self.electrode(y, x)
        total, limit = float(plated.sum()), 1 - self.state.residual
        if total == 0:
            return 0.0
        patches = 0.5 + 0.5 * np.tanh(2 * self._void_waves()(y, x))

        def surplus(log_scale: float) -> float:
            share = np.minimum(math.exp(log_scale) * patches, limit)
            return float((plated * share).sum()) / total - self.state.voids

        if surplus(12.0) <= 0:  # all the space that the stripped lithium left
            return math.exp(12.0)
        return math.exp(optimize.brentq(surplus, -20.0, 12.0))


def _per_pixel(
    function: Callable[[FloatArray, FloatArray], FloatArray],
    y_um: FloatArray,
    x_um: FloatArray,
    fine: int,
) -> FloatArray:
    """Values of a smooth function, one per pixel, repeated for the points inside of it."""
    if fine == 1:
        return function(y_um, x_um)
    last = fine - 1
    y, x = (0.5 * (a[::fine, ::fine] + a[last::fine, last::fine]) for a in (y_um, x_um))
    return function(y, x).repeat(fine, axis=0).repeat(fine, axis=1)
