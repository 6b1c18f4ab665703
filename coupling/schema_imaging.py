"""Schema of the keys that say which tomograms are read, and how."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from coupling.schema_figures import Figures
from imaging.electrochemistry import (
    LI_DENSITY_G_CM3,
    charge_from_current,
    check_charges,
    check_times,
)
from imaging.options import ImageOptions

_TIFF = (".tif", ".tiff")


class Electrode(Enum):
    """Which electrode's lithium is looked at."""

    we = "we"
    """Working electrode: plated on the current collector."""
    ce = "ce"
    """Counter electrode: lost by the lithium foil."""


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number or a list of numbers, got {value!r}")
    return float(value)


@dataclass(frozen=True)
class TomogramConfig(ImageOptions):
    """The inputs of `image` and `run`: tomograms, or a ready LVF volume.

    Raises
    ------
    ValueError
        If the inputs contradict each other, or name what is not available yet.
    """

    before: str | None = None
    """Tomogram before plating: a TIFF, HDF5, NeXus or Zarr file, or a folder of TIFF slices."""
    after: str | None = None
    """Tomogram after plating."""
    scans: list[str] | None = None
    """The tomograms as a list, the pristine one first, instead of `before` and `after`."""
    times_h: list[float] | None = None
    """Times of the scans, h."""
    current_ma_cm2: Any = None
    """Mean current per area between the scans, mA/cm2, positive where lithium is plated: a number,
    or one per interval."""
    lvf: str | None = None
    """A lithium-volume-fraction volume, instead of tomograms."""
    dataset: str | None = None
    """Path of the data inside each HDF5 file or Zarr group; found where not given."""
    voxel_um: float | None = None
    """Voxel size, um, where the file does not carry it."""
    electrode: Electrode = Electrode.we
    charge_mah_cm2: Any = None
    """Areal charge that was plated, mAh/cm2, for Faraday's law: a number for two tomograms, or a
    list of the charges until each scan."""
    li_density_g_cm3: float = LI_DENSITY_G_CM3
    """Density of lithium, g/cm3, for Faraday's law."""
    electrode_area_cm2: float | None = None
    """Area that the charge refers to, cm2; the ROI's if not given."""
    null_scan: bool = False
    """The second scan is pristine too: what it shows is the detection limit."""
    figures: Figures = Figures.png
    render: bool = True
    """Draw 3-D pictures by VTK too, in a process of its own."""
    baseline: bool = False
    """Also segment lithium by a threshold on the grey values of the later scan, to compare."""
    baseline_threshold: float | None = None
    """Its grey value; half-way between lithium and electrolyte if not given."""

    def __post_init__(self) -> None:
        ImageOptions.__post_init__(self)
        self._refuse_unavailable()
        for name in ("voxel_um", "li_density_g_cm3", "electrode_area_cm2"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}")
        scans_given = self.before is not None or self.after is not None or self.scans is not None
        if self.lvf is not None and scans_given:
            raise ValueError("give either lvf=FILE or tomograms (before=FILE after=FILE), not both")
        if self.scans is not None and (self.before is not None or self.after is not None):
            raise ValueError(
                "give either scans=[FILE,FILE,...] or before=FILE after=FILE, not both"
            )
        for given, other in (("before", "after"), ("after", "before")):
            if getattr(self, given) is not None and getattr(self, other) is None:
                raise ValueError(f"{given}={getattr(self, given)} needs {other}=FILE beside it")
        self._require_dataset_inside_something()
        self._check_course()

    def _refuse_unavailable(self) -> None:
        """Name what the keys can say but cannot be done."""
        if self.scans is not None and len(self.scans) < 2:
            raise ValueError(f"scans needs two tomograms or more, got {self.scans}")
        if self.baseline_threshold is not None and not self.baseline:
            raise ValueError("baseline_threshold needs baseline=true beside it")
        if self.baseline and self.lvf is not None:
            raise ValueError("baseline=true needs tomograms: an LVF volume holds no grey values")
        for name in ("baseline", "null_scan"):
            if self.electrode is Electrode.ce and getattr(self, name):
                raise ValueError(f"{name}=true is for the working electrode, not electrode=ce")
        if self.electrode is Electrode.ce and self.lvf is not None:
            raise ValueError(
                "electrode=ce needs tomograms: an LVF volume does not show where the foil lies"
            )
        if self.foil.area_cm2 is not None and self.electrode_area_cm2 is None:
            raise ValueError(
                "foil.area_cm2 needs electrode_area_cm2 beside it, the area that the charge refers "
                "to"
            )

    def _check_course(self) -> None:
        """Check times, currents and charges against the number of tomograms."""
        count = self.tomograms
        if self.is_series and self.times_h is None:
            raise ValueError(f"scans with {count} tomograms needs times_h=[...], one time for each")
        for name in ("times_h", "current_ma_cm2"):
            if getattr(self, name) is not None and not count:
                raise ValueError(f"{name} needs tomograms: give scans=[FILE,FILE,...] as well")
        if self.times_h is not None:
            check_times(self.times_h, count)
        if self.current_ma_cm2 is not None:
            if self.charge_mah_cm2 is not None:
                raise ValueError("give either current_ma_cm2 or charge_mah_cm2, not both")
            if self.times_h is None:
                raise ValueError("current_ma_cm2 needs times_h=[...] beside it")
        if self.null_scan and not count:
            raise ValueError("null_scan needs tomograms, the first two of them pristine")
        charge = self.charge_mah_cm2
        if charge is not None and not isinstance(charge, list):
            value = _number("charge_mah_cm2", charge)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"charge_mah_cm2 must be a positive number, got {charge}")
            if self.is_series:
                raise ValueError(
                    f"charge_mah_cm2 needs the charge plated until each of {count} scans, as a list"
                )
        elif charge is not None and not count:
            raise ValueError("charge_mah_cm2 is a number where there is one LVF volume")
        charges = self.charges_mah_cm2
        if charges is not None and count:
            check_charges(charges, count, self.null_scan)

    def _require_dataset_inside_something(self) -> None:
        if self.dataset is None:
            return
        if not self.dataset.strip("/"):
            raise ValueError(f"dataset must be a path inside the file, got {self.dataset!r}")
        paths = self.input_paths()
        if not paths:
            raise ValueError(f"dataset={self.dataset} needs before=FILE after=FILE, or lvf=FILE")
        for key, path in paths.items():
            if path.suffix.lower() in _TIFF:
                raise ValueError(
                    f"dataset={self.dataset} is for HDF5 and Zarr, but {key}={path} is a TIFF"
                )

    @property
    def tomograms(self) -> int:
        """Number of tomograms given."""
        if self.scans is not None:
            return len(self.scans)
        return 0 if self.before is None else 2

    @property
    def is_series(self) -> bool:
        """Whether a course over time is given, more than a pair."""
        return self.tomograms > 2

    @property
    def charges_mah_cm2(self) -> list[float] | None:
        """Charge per area plated until each scan, where it is known."""
        if self.current_ma_cm2 is not None:
            given = self.current_ma_cm2
            current = given if isinstance(given, list) else [given]
            return charge_from_current(
                self.times_h or [], [_number("current_ma_cm2", value) for value in current]
            )
        if self.charge_mah_cm2 is None:
            return None
        if isinstance(self.charge_mah_cm2, list):
            return [_number("charge_mah_cm2", value) for value in self.charge_mah_cm2]
        return [0.0, _number("charge_mah_cm2", self.charge_mah_cm2)]

    @property
    def pair(self) -> tuple[Path, Path] | None:
        """The tomograms before and after plating, if two are given."""
        if self.is_series:
            return None
        if self.scans is not None:
            return Path(self.scans[0]), Path(self.scans[1])
        if self.before is not None and self.after is not None:
            return Path(self.before), Path(self.after)
        return None

    def image_options(self) -> ImageOptions:
        """Return what the imaging side is asked for."""
        names = [field.name for field in dataclasses.fields(ImageOptions)]
        return ImageOptions(**{name: getattr(self, name) for name in names})

    def input_paths(self) -> dict[str, Path]:
        """Return what is read."""
        if self.scans is not None:
            return {f"scans[{i}]": Path(scan) for i, scan in enumerate(self.scans)}
        given = {"before": self.before, "after": self.after, "lvf": self.lvf}
        return {name: Path(path) for name, path in given.items() if path is not None}


@dataclass(frozen=True)
class ImageConfig(TomogramConfig):
    """Tomograms to lithium volume fraction, thickness and islands."""

    force: bool = False
    """Repeat a finished job, or replace another job's result."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.tomograms and self.lvf is None:
            raise ValueError(
                "nothing to read: give before=FILE after=FILE, or scans=[FILE,...], or lvf=FILE"
            )
