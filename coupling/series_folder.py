"""What the folder of an `image` run on more than two scans is known by."""

from __future__ import annotations

from pathlib import Path

_SERIES = ("series.csv", "tracks.csv")


def is_series(folder: Path) -> bool:
    """Whether a folder is that of an `image` run on more than two scans."""
    return all((folder / name).is_file() for name in _SERIES)


def series_inputs(folder: Path) -> list[str]:
    """Return what is read of such a folder, relative to it."""
    scans = [table.parent.name for table in sorted(folder.glob("scan_*/islands.csv"))]
    names = ("islands.csv", "islands", "cracks.csv")
    parts = [f"{scan}/{name}" for scan in scans for name in names]
    return [*_SERIES, *(part for part in parts if (folder / part).exists())]
