"""Schema of the keys that say which tomograms are read, and how."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from imaging.options import ImageOptions

_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs")


class Electrode(Enum):
    """Which electrode's lithium is looked at."""

    we = "we"
    """Working electrode: plated on the current collector."""
    ce = "ce"
    """Counter electrode."""


@dataclass(frozen=True)
class TomogramConfig(ImageOptions):
    """The inputs of `image` and `run`: a pair of tomograms, or a ready LVF volume.

    Raises
    ------
    ValueError
        If the inputs contradict each other, or name what is not available yet.
    """

    before: str | None = None
    """Tomogram before plating: a TIFF file, or a folder of slices."""
    after: str | None = None
    """Tomogram after plating."""
    scans: list[str] | None = None
    """The two tomograms as a list, instead of `before` and `after`."""
    times_h: list[float] | None = None
    """Times of the scans, h."""
    lvf: str | None = None
    """A lithium-volume-fraction volume, instead of tomograms."""
    dataset: str | None = None
    """Path of the data inside an HDF5 file."""
    voxel_um: float | None = None
    """Voxel size, um, where the file does not carry it."""
    electrode: Electrode = Electrode.we
    charge_mah_cm2: float | None = None
    """Areal charge that was plated, mAh/cm2, for Faraday's law."""

    def __post_init__(self) -> None:
        ImageOptions.__post_init__(self)
        self._refuse_unavailable()
        for name in ("voxel_um", "charge_mah_cm2"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}")
        scans_given = self.before is not None or self.after is not None or self.scans is not None
        if self.lvf is not None and scans_given:
            raise ValueError("give either lvf=FILE or tomograms (before=FILE after=FILE), not both")
        if self.scans is not None and (self.before is not None or self.after is not None):
            raise ValueError("give either scans=[FILE,FILE] or before=FILE after=FILE, not both")
        for given, other in (("before", "after"), ("after", "before")):
            if getattr(self, given) is not None and getattr(self, other) is None:
                raise ValueError(f"{given}={getattr(self, given)} needs {other}=FILE beside it")

    def _refuse_unavailable(self) -> None:
        """Name what the keys can say but this version cannot do."""
        if self.scans is not None and len(self.scans) != 2:
            if len(self.scans) < 2:
                raise ValueError(f"scans needs two tomograms, got {self.scans}")
            raise ValueError(
                f"scans with {len(self.scans)} tomograms is not available yet: give two, "
                "[BEFORE,AFTER]"
            )
        if self.times_h is not None:
            raise ValueError("times_h is not available yet: leave it out and give two tomograms")
        if self.electrode is not Electrode.we:
            raise ValueError(
                f"electrode={self.electrode.value} is not available yet: use electrode=we"
            )
        for path in filter(None, (self.before, self.after, self.lvf, *(self.scans or ()))):
            if Path(path).suffix.lower() in _HDF5:
                raise ValueError(f"{path}: HDF5 is not available yet: convert it to TIFF")
        if self.dataset is not None:
            raise ValueError(
                f"dataset={self.dataset} is not available yet: HDF5 cannot be read, use TIFF"
            )

    @property
    def pair(self) -> tuple[Path, Path] | None:
        """The tomograms before and after plating, if they are given."""
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
        if self.pair is None and self.lvf is None:
            raise ValueError(
                "nothing to read: give before=FILE after=FILE, or scans=[FILE,FILE], or lvf=FILE"
            )
