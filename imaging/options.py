"""What the analysis of a pair of scans may be told; everything else it finds by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class Estimator(Enum):
    """How the LVF is computed."""

    linear = "linear"
    """Unfiltered and unclipped: unbiased sums."""
    paper = "paper"
    """Gaussian, ball median and clipping, as in Xu et al., Small 2026."""


class Normalisation(Enum):
    """What the grey-value difference is divided by."""

    constant = "constant"
    """One grey value of the current collector, as in the paper."""
    radial = "radial"
    """The current collector's grey value as a function of radius."""


class Drift(Enum):
    """What is done about a grey scale that changes between scans."""

    check = "check"
    """Measured where nothing happens, and said."""
    correct = "correct"
    """Measured, and taken out of the later scan."""


class CcSide(Enum):
    """End of the z axis at which the working electrode's current collector lies."""

    low = "low"
    high = "high"


@dataclass(frozen=True)
class RoiOptions:
    """Cylinder along z about the SE|CC interface; the paper's by default."""

    radius_um: float = 1495.0
    height_um: float = 65.0
    centre_um: list[float] | None = None
    """y, x; the middle of the volume if not given."""

    def __post_init__(self) -> None:
        _positive("roi.radius_um", self.radius_um)
        _positive("roi.height_um", self.height_um)
        _numbers("roi.centre_um", self.centre_um, 2)


@dataclass(frozen=True)
class InterfaceOptions:
    """The SE|CC interface of the working electrode; found in the before scan if not given."""

    z_um: float | None = None
    cc_side: CcSide | None = None

    def __post_init__(self) -> None:
        _finite("interface.z_um", self.z_um)


@dataclass(frozen=True)
class GreyOptions:
    """Grey values of current collector and lithium, or boxes to sample them in."""

    cc: float | None = None
    li: float | None = None
    cc_region: list[int] | None = None
    """z0, z1, y0, y1, x0, x1: half-open voxel indices in the before scan."""
    li_region: list[int] | None = None
    drift: Drift = Drift.check

    def __post_init__(self) -> None:
        for name in ("cc", "li"):
            _finite(f"grey.{name}", getattr(self, name))
            region = getattr(self, f"{name}_region")
            if region is None:
                continue
            if getattr(self, name) is not None:
                raise ValueError(f"give grey.{name} or grey.{name}_region, not both")
            _numbers(f"grey.{name}_region", [float(i) for i in region], 6)
            if any(a < 0 or a >= b for a, b in zip(region[::2], region[1::2], strict=True)):
                raise ValueError(
                    f"grey.{name}_region needs z0 < z1, y0 < y1, x0 < x1, none negative; "
                    f"got {region}"
                )
        if self.cc is not None and self.li is not None and self.cc <= self.li:
            raise ValueError(f"grey.cc ({self.cc}) must be above grey.li ({self.li})")


@dataclass(frozen=True)
class CrackOptions:
    """Whether spallation cracks are looked for, and what counts as one."""

    find: bool = True
    threshold: float = 0.2
    """Fraction of electrolyte displaced, smoothed, that a crack must reach; no less than
    `significance` standard deviations of its noise."""
    significance: float = 5.0
    clear_voxel: float = 2.5
    """Distance from the interface below which the blur of lithium at the collector is too strong
    to look for cracks."""
    min_offset_voxel: float = 3.5
    """Least mean distance of a crack's volume from the interface: nearer, it is an island."""
    reach_um: float = 40.0
    """Distance from the interface up to which cracks are looked for."""

    def __post_init__(self) -> None:
        for name in ("threshold", "significance", "clear_voxel", "min_offset_voxel", "reach_um"):
            _positive(f"cracks.{name}", getattr(self, name))


@dataclass(frozen=True)
class FoilOptions:
    """The counter electrode's lithium foil."""

    area_cm2: float | None = None
    """Area of the foil; that which the charge refers to if not given."""
    bare_um: float | None = None
    """The foil counts as used up where no more than this is left; 1.5 voxels if not given."""

    def __post_init__(self) -> None:
        for name in ("area_cm2", "bare_um"):
            value = getattr(self, name)
            if value is not None:
                _positive(f"foil.{name}", value)


@dataclass(frozen=True)
class ImageOptions:
    """All choices of `imaging.workflow`."""

    roi: RoiOptions = field(default_factory=RoiOptions)
    interface: InterfaceOptions = field(default_factory=InterfaceOptions)
    grey: GreyOptions = field(default_factory=GreyOptions)
    cracks: CrackOptions = field(default_factory=CrackOptions)
    foil: FoilOptions = field(default_factory=FoilOptions)
    register: bool = True
    estimator: Estimator = Estimator.linear
    normalisation: Normalisation = Normalisation.constant
    register_margin_voxel: float = 12.0
    """Distance of the registration mask from current collectors and foils; smaller ones let
    their blurred, changing edges in."""
    allow_negative: bool = False
    """Go on where the later scan clearly holds less lithium than the earlier one."""

    def __post_init__(self) -> None:
        _positive("register_margin_voxel", self.register_margin_voxel)


def _finite(name: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {value}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number; got {value}")


def _numbers(name: str, values: list[float] | None, count: int) -> None:
    if values is None:
        return
    if len(values) != count or not all(math.isfinite(v) for v in values):
        raise ValueError(f"{name} needs {count} finite numbers; got {values}")
