"""All figures of an image analysis; apart from the rest because Matplotlib loads long."""

from __future__ import annotations

from pathlib import Path

from coupling.crack_figures import CrackCourse
from coupling.evolution_figures import ScanCurves, scan_curves
from coupling.figure_style import written
from coupling.image_figures import write_image_figures
from coupling.series_figures import write_series_figures
from imaging.result import ImageResult
from imaging.series import SeriesResult
from imaging.series_rows import SeriesRow
from imaging.slabs import Progress

CRACKS = "crack_profiles.png"


class Drawing:
    """Draws scans one by one, and keeps what is drawn of all of them together.

    Parameters
    ----------
    folder
        The run's.
    vector
        Format to write beside PNG; empty for none.
    """

    def __init__(self, folder: Path, vector: str) -> None:
        self._folder = folder
        self._vector = vector
        self._curves: list[ScanCurves] = []
        self._course = CrackCourse()

    def of_pair(self, result: ImageResult, progress: Progress | None = None) -> list[Path]:
        """Draw a pair, or an LVF volume, and return the files."""
        files = write_image_figures(result, self._folder, result.cracks, self._vector, progress)
        self._course.add(result, result.cracks, None)
        return files + self._crack_profiles()

    def of_scan(self, row: SeriesRow, result: ImageResult, place: Path) -> list[Path]:
        """Draw one scan of a series, and keep what is drawn with the others."""
        files = write_image_figures(result, place, result.cracks, self._vector)
        self._curves.append(scan_curves(row, result))
        self._course.add(result, result.cracks, row.time_h)
        return files

    def of_series(self, result: SeriesResult) -> list[Path]:
        """Draw what takes all scans; return the files."""
        files = write_series_figures(result, self._curves, self._folder, self._vector)
        return files + self._crack_profiles()

    def _crack_profiles(self) -> list[Path]:
        file = self._folder / CRACKS
        return written(file, self._vector) if self._course.draw(file, self._vector) else []
