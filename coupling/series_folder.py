"""What the folder of an `image` run on more than two scans is known by."""

from __future__ import annotations

from pathlib import Path

_SERIES = ("series.csv", "tracks.csv")


def is_series(folder: Path) -> bool:
    """Whether a folder is that of an `image` run on more than two scans."""
    return all((folder / name).is_file() for name in _SERIES)


def series_inputs(folder: Path) -> list[str]:
    """Return what is read of such a folder, relative to it."""
    tables = sorted(folder.glob("scan_*/islands.csv"))
    parts = [str(path.relative_to(folder)) for table in tables for path in (table, table.parent)]
    return [*_SERIES, *(p if p.endswith(".csv") else f"{p}/islands" for p in parts)]
