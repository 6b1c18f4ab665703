"""Shape of the island as a user states it: two numbers, or a file."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mechanics.profile import SHAPE, VOLUME, IslandProfile, from_points, solve_diameter_height

DEFAULT_VOLUME_UM3 = 19700.404
"""Volume of the two published islands, which are caps of equal volume."""
DEFAULT_ASPECT_RATIO = 0.45
"""Height over contact diameter of the published narrow island."""

MAX_POINTS = 10_000
"""Points of a profile; whether it crosses itself takes a time that grows as their square."""

_SHOWN = 200
"""Letters of a header that an error message shows."""
_PARAMETERS = ("contact_diameter_um", "height_um", "volume_um3", "aspect_ratio")


class IslandKind(Enum):
    """How the meridian of the island is described."""

    cap = "cap"
    ellipsoid = "ellipsoid"
    profile = "profile"


@dataclass(frozen=True)
class IslandConfig:
    """One island; all four shape parameters are filled in on construction.

    Any two of them are enough. One alone is completed by the default volume,
    the volume alone by the default aspect ratio, and none by both.

    Raises
    ------
    ValueError
        If a parameter is not positive, or more than two contradict each other.
    """

    kind: IslandKind = IslandKind.cap
    """Spherical cap, half an ellipsoid, or the points of a file."""
    contact_diameter_um: float | None = None
    """Diameter of the contact line on the current collector, um."""
    height_um: float | None = None
    """Height above the current collector, um."""
    volume_um3: float | None = None
    """Volume, um3."""
    aspect_ratio: float | None = None
    """Height over contact diameter."""
    file: str | None = None
    """CSV with columns r_um, z_um from the apex to the contact line; for `kind=profile`."""

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _PARAMETERS}
        known = {name: value for name, value in given.items() if value is not None}
        if self.kind is IslandKind.profile:
            self._require_file_alone(known)
            return
        if self.file is not None:
            raise ValueError(
                f"island.file={self.file} needs island=profile; island={self.kind.value} takes "
                f"two of {', '.join(_PARAMETERS)}"
            )
        diameter, height = solve_diameter_height(self.kind.value, **_completed(known))
        filled = {
            "contact_diameter_um": diameter,
            "height_um": height,
            "volume_um3": VOLUME[self.kind.value](diameter, height),
            "aspect_ratio": height / diameter,
        }
        for name, value in (filled | known).items():
            object.__setattr__(self, name, value)

    def _require_file_alone(self, known: dict[str, float]) -> None:
        if self.file is None:
            raise ValueError("island=profile needs island.file=FILE.csv (columns r_um, z_um)")
        if known:
            raise ValueError(
                f"island=profile takes its shape from island.file alone; remove "
                f"{', '.join(f'island.{name}' for name in known)}"
            )

    def input_paths(self) -> dict[str, Path]:
        """Return what is read."""
        return {} if self.file is None else {"file": Path(self.file)}

    def profile(self) -> IslandProfile:
        """Return the meridian, read from the file where the island is given by one."""
        if self.kind is IslandKind.profile:
            assert self.file is not None
            return read_profile(Path(self.file))
        assert self.contact_diameter_um is not None
        assert self.height_um is not None
        return SHAPE[self.kind.value](self.contact_diameter_um, self.height_um)


def _completed(known: dict[str, float]) -> dict[str, float]:
    """Add the defaults that make fewer than two shape parameters enough."""
    if len(known) >= 2:
        return known
    defaults = {"volume_um3": DEFAULT_VOLUME_UM3}
    if not known or "volume_um3" in known:
        defaults["aspect_ratio"] = DEFAULT_ASPECT_RATIO
    return defaults | known


def read_profile(path: Path) -> IslandProfile:
    """Read a profile from a CSV with the columns r_um and z_um, from apex to contact line.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, an entry is not a number, or the points do not
        describe an island; the message names the file, and the row if there is one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"island.file={path}: no such file")
    try:
        points = _points(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: no table of text (CSV): {error}") from error
    r_um, z_um = [r for r, _ in points], [z for _, z in points]
    if len(points) > 1 and r_um[0] > r_um[-1] and z_um[0] < z_um[-1]:
        raise ValueError(
            f"{path}: the rows run from the contact line to the apex; "
            "they must run from the apex (r_um = 0) to the contact line (z_um = 0)"
        )
    try:
        return from_points(r_um, z_um)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _points(path: Path) -> list[tuple[float, float]]:
    """Return radius and height of every row of a table."""
    points = []
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream, skipinitialspace=True)
        header = [name.strip() for name in rows.fieldnames or []]
        rows.fieldnames = header
        missing = [name for name in ("r_um", "z_um") if name not in header]
        if missing:
            raise ValueError(
                f"{path}: no column {' and '.join(missing)}; the first row must name the columns "
                f"r_um and z_um, it holds {', '.join(header)[:_SHOWN] or 'nothing'}"
            )
        for row in rows:
            r, z = (_number(row[name], name, path, rows.line_num) for name in ("r_um", "z_um"))
            points.append((r, z))
            if len(points) > MAX_POINTS:
                raise ValueError(f"{path}: more than {MAX_POINTS} points: thin them out")
    return points


def _number(text: str | None, column: str, path: Path, row: int) -> float:
    if text is None:
        raise ValueError(f"{path}, row {row}: {column} is missing")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{path}, row {row}: {column}={text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{path}, row {row}: {column}={text!r} is not finite")
    return value
