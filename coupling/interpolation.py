"""Crack risk of islands from that of other islands of like shape, with the error it claims.

In one stack, under one load, the stress around an island follows from its shape and size.
Size counts beside shape: the critical length and the thicknesses of current collector and
electrolyte are lengths of their own. So the interpolation runs over the logarithms of contact
diameter, aspect ratio and fullness (`coupling.dome`), between islands that were solved from
their measured profiles; what these profiles hold beyond the three numbers is its scatter.

The bulk risk is the worse of two sites, above the island and beside it. Each varies smoothly
with the shape, the larger of them does not: they are interpolated apart. Risks go through
asinh, so that errors count as they are where R1 is small and in proportion where it is
large; volumes likewise, as parts of the island's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from coupling.dome import DomeShape
from coupling.emulator import Emulator, fit
from coupling.results import Scalar
from mechanics.profile import Floats

SAFETY = 1.5
"""Claimed error over the largest one that cross-validation has met, both in the standard
deviations that the emulator gives them."""

ABOVE, BESIDE, BULK = "risk_above", "risk_beside", "risk_bulk"


@dataclass(frozen=True)
class Quantity:
    """The scale on which a number of a solved island is interpolated."""

    forward: Callable[[Floats, Floats], Floats]
    """From values and the islands' volumes to the scale."""
    back: Callable[[Floats, Floats], Floats]
    """From the scale and the islands' volumes to values; must not fall."""
    error: str | None = None
    """Column of its claimed error; None where the table carries none."""


def _risk(error: str | None) -> Quantity:
    return Quantity(lambda y, _: np.arcsinh(y), lambda t, _: np.sinh(t), error)


def _plain(error: str | None, least: float = -np.inf, most: float = np.inf) -> Quantity:
    return Quantity(lambda y, _: y, lambda t, _: np.clip(t, least, most), error)


_VOLUME = Quantity(
    lambda y, volume: np.arcsinh(10 * y / volume),
    lambda t, volume: volume * np.maximum(np.sinh(t), 0.0) / 10,
)

QUANTITIES = {
    ABOVE: _risk(None),
    BESIDE: _risk(None),
    "risk_rim": _risk("error_risk_rim"),
    "li_pressure_mpa": _plain("error_li_pressure_mpa"),
    "apex_sigma1_mpa": _plain("error_apex_sigma1_mpa"),
    "top_tension_fraction": _plain(None, 0.0, 1.0),
    "volume_above_200mpa_bulk_um3": _VOLUME,
    "risk_volume_above_1_um3": _VOLUME,
}
"""What is interpolated, by its name among the scalars."""
DECISIVE = (ABOVE, BESIDE)
"""Quantities whose larger one is the bulk risk, by which islands are ranked."""
ERROR_COLUMNS = ("error", *(q.error for q in QUANTITIES.values() if q.error is not None))
"""Columns of claimed errors; ``error`` is that of the bulk risk."""


@dataclass(frozen=True)
class Prediction:
    """One quantity of many islands, each array of shape (n,)."""

    value: Floats
    low: Floats
    """Lower end of what is claimed."""
    high: Floats

    @property
    def error(self) -> Floats:
        """Half width of what is claimed, in the unit of the value."""
        return np.maximum(self.high - self.value, self.value - self.low)


@dataclass(frozen=True)
class Interpolation:
    """One quantity over the shape of islands."""

    quantity: Quantity
    emulator: Emulator
    factor: float
    """Claimed error over the emulator's standard deviation."""

    def predict(self, shapes: Sequence[DomeShape]) -> Prediction:
        """Return value and claim for islands of given shapes."""
        volumes = volumes_um3(shapes)
        middle, std = self.emulator.predict(coordinates(shapes))
        reach = self.factor * std
        ends = (middle, middle - reach, middle + reach)
        return Prediction(*(self.quantity.back(end, volumes) for end in ends))

    def ratio(self, shapes: Sequence[DomeShape], values: Floats) -> float:
        """Return the largest error at known islands over the emulator's standard deviation."""
        middle, std = self.emulator.predict(coordinates(shapes))
        wanted = self.quantity.forward(values, volumes_um3(shapes))
        return float((np.abs(middle - wanted) / np.maximum(std, 1e-300)).max(initial=0.0))


def interpolate(
    quantity: Quantity, shapes: Sequence[DomeShape], values: Floats, met: float = 0.0
) -> Interpolation:
    """Fit one quantity to islands that were solved.

    Parameters
    ----------
    quantity
        The scale that is interpolated on.
    shapes, values
        Shape and value of each island that was solved.
    met
        Largest error over its standard deviation that other tests have met.
    """
    emulator = fit(coordinates(shapes), quantity.forward(values, volumes_um3(shapes)))
    left_out = emulator.left_out()
    worst = float((np.abs(left_out.error) / np.maximum(left_out.std, 1e-300)).max())
    return Interpolation(quantity, emulator, SAFETY * max(worst, met))


@dataclass(frozen=True)
class RiskInterpolation:
    """Some of `QUANTITIES` over the shape of islands, those of `DECISIVE` always among them."""

    parts: Mapping[str, Interpolation]

    def bulk(self, shapes: Sequence[DomeShape]) -> Prediction:
        """Return the bulk risk, the larger of what is above and beside the island."""
        parts = [self.parts[name].predict(shapes) for name in DECISIVE]
        return Prediction(
            *(np.max([getattr(p, end) for p in parts], axis=0) for end in ("value", "low", "high"))
        )

    def rows(self, shapes: Sequence[DomeShape]) -> list[dict[str, Scalar]]:
        """Return the scalars of each island, with the columns of their claimed errors."""
        found = {name: (part.quantity, part.predict(shapes)) for name, part in self.parts.items()}
        bulk = self.bulk(shapes)
        columns: dict[str, Floats] = {BULK: bulk.value, "error": bulk.error}
        for name, (quantity, prediction) in found.items():
            columns[name] = prediction.value
            if quantity.error is not None:
                columns[quantity.error] = prediction.error
        return [
            {name: float(values[i]) for name, values in columns.items()} for i in range(len(shapes))
        ]

    def left_out_errors(self) -> Floats:
        """Return the errors of each node's bulk risk, predicted from the others, in asinh(R1)."""
        known, found = [], []
        for name in DECISIVE:
            emulator = self.parts[name].emulator
            known.append(emulator.values)
            found.append(emulator.values + emulator.left_out().error)
        errors: Floats = np.max(found, axis=0) - np.max(known, axis=0)
        return errors

    def ratios(
        self, shapes: Sequence[DomeShape], scalars: Sequence[Mapping[str, Scalar]]
    ) -> dict[str, float]:
        """Return the largest error of each quantity at known islands, in standard deviations."""
        return {
            name: part.ratio(shapes, column(scalars, name)) for name, part in self.parts.items()
        }

    def at_least(self, met: Mapping[str, float]) -> RiskInterpolation:
        """Return the interpolation with claims that cover errors met elsewhere as well."""
        parts = {
            name: replace(part, factor=max(part.factor, SAFETY * met.get(name, 0.0)))
            for name, part in self.parts.items()
        }
        return RiskInterpolation(parts)

    def most_unsure(self, shapes: Sequence[DomeShape], count: int) -> list[int]:
        """Return the islands that would tell most of the bulk risk: where, one after the other,
        it is claimed with the largest error in asinh(R1) once those before are known."""
        chosen: list[int] = []
        bare = RiskInterpolation({name: replace(self.parts[name], factor=1.0) for name in DECISIVE})
        while len(chosen) < min(count, len(shapes)):
            claim = bare.bulk(shapes)
            width = np.arcsinh(claim.high) - np.arcsinh(claim.low)
            width[chosen] = -1.0
            chosen.append(int(np.argmax(width)))
            at = shapes[chosen[-1]].coordinates
            bare = RiskInterpolation(
                {
                    name: replace(part, emulator=part.emulator.with_node(at))
                    for name, part in bare.parts.items()
                }
            )
        return chosen


def interpolate_risk(
    shapes: Sequence[DomeShape],
    scalars: Sequence[Mapping[str, Scalar]],
    names: Sequence[str] = tuple(QUANTITIES),
    met: Mapping[str, float] | None = None,
) -> RiskInterpolation:
    """Fit the named quantities to islands that were solved; see `interpolate`."""
    met = met or {}
    parts = {
        name: interpolate(QUANTITIES[name], shapes, column(scalars, name), met.get(name, 0.0))
        for name in names
    }
    return RiskInterpolation(parts)


def column(scalars: Sequence[Mapping[str, Scalar]], name: str) -> Floats:
    """Return one scalar of many islands, shape (n,); NaN where it is missing."""
    values = [row.get(name) for row in scalars]
    return np.array([np.nan if value is None else float(value) for value in values])


def coordinates(shapes: Sequence[DomeShape]) -> Floats:
    """Return the coordinates of the interpolation, shape (n, 3)."""
    return np.array([shape.coordinates for shape in shapes]).reshape(-1, 3)


def volumes_um3(shapes: Sequence[DomeShape]) -> Floats:
    """Return the volumes of islands, shape (n,)."""
    return np.array([shape.volume_um3 for shape in shapes])
