"""Schema of the keys that say how well the inputs of crack risk are known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from mechanics.profile import Floats

CUT = 0.00135
"""Probability beyond which distributions are cut off: three standard deviations of a normal one."""
FEWEST_SAMPLES = 64
FEWEST_SOLUTIONS = 24
"""Three per input and coordinate of shape, and some that may fail."""


class Distribution(Enum):
    """How an input is distributed about its configured value."""

    lognormal = "lognormal"
    """The configured value is the median."""
    normal = "normal"
    uniform = "uniform"


_WIDEST = {Distribution.lognormal: 1.0, Distribution.normal: 0.3, Distribution.uniform: 0.5}
"""Largest relative standard deviations that keep an input positive, or in reason."""


@dataclass(frozen=True)
class Spread:
    """How well a number is known, relative to its configured value.

    Raises
    ------
    ValueError
        If the standard deviation is negative, or too large for the distribution.
    """

    relative_std: float
    """Standard deviation over the configured value; 0 where it is taken as known."""
    distribution: Distribution = Distribution.lognormal

    def __post_init__(self) -> None:
        widest = _WIDEST[self.distribution]
        if not 0 <= self.relative_std <= widest:
            raise ValueError(
                f"relative_std must lie between 0 and {widest:g} for a "
                f"{self.distribution.value} distribution, got {self.relative_std}"
            )

    def factor(self, u: Floats) -> Floats:
        """Return what the configured value is multiplied by, at probabilities u in [0, 1]."""
        z = standard_normal(u)
        if self.distribution is Distribution.lognormal:
            values = np.exp(math.sqrt(math.log1p(self.relative_std**2)) * z)
        elif self.distribution is Distribution.normal:
            values = 1 + self.relative_std * z
        else:
            values = 1 + math.sqrt(3) * self.relative_std * (2 * u - 1)
        factors: Floats = values
        return factors


def standard_normal(u: Floats) -> Floats:
    """Return the quantiles of the standard normal distribution, cut at three deviations."""
    from scipy.special import ndtri  # here: it loads for long, and few configurations need it

    z: Floats = ndtri(np.clip(u, CUT, 1 - CUT))
    return z


@dataclass(frozen=True)
class UncertaintyOptions:
    """What is uncertain, and how finely its consequences are followed.

    Raises
    ------
    ValueError
        If a number is out of range; the message names it.
    """

    samples: int = 0
    """Sobol points, a power of two; 0 for no uncertainty at all."""
    solutions: int = 64
    """Exact solutions with changed inputs, from which the emulator of the risk is made."""
    worst: int = 10
    """So many islands, the worst, are told which input carries their uncertainty."""
    seed: int = 0
    """Seed of the scrambling."""
    se_youngs: Spread = field(default_factory=lambda: Spread(0.15))
    """Young's modulus of the electrolyte."""
    cu_yield: Spread = field(default_factory=lambda: Spread(0.25))
    """Yield stress of the current collector; left out where it is elastic."""
    li_youngs: Spread = field(default_factory=lambda: Spread(0.1))
    """Young's modulus of lithium."""
    expansion: Spread = field(default_factory=lambda: Spread(0.1))
    """Growth of the island."""
    contact_diameter_std_um: float = 0.5
    """Standard deviation of contact diameters, um, from noise and threshold of the LVF: 0.3 voxel
    of 1.625 um. A column of this name in the table of islands has precedence."""
    height_std_um: float = 0.3
    """The same of heights."""

    def __post_init__(self) -> None:
        n = self.samples
        if n != 0 and (n < FEWEST_SAMPLES or n & (n - 1)):
            raise ValueError(
                f"uncertainty.samples must be 0 (off) or a power of two from {FEWEST_SAMPLES} on, "
                f"got {n}"
            )
        for name, least in (("solutions", FEWEST_SOLUTIONS), ("worst", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"uncertainty.{name} must be at least {least}, got {getattr(self, name)}"
                )
        for name in ("contact_diameter_std_um", "height_std_um"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"uncertainty.{name} must be zero or positive, got {value}")
