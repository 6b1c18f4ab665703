"""All pictures of an image analysis, of a pair or scan by scan, as far as they are asked for."""

from __future__ import annotations

import logging
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from coupling.crack_figures import CrackCourse
from coupling.evolution_figures import ScanCurves, scan_curves, scan_name
from coupling.figure_style import written
from coupling.image_figures import write_image_figures
from coupling.render import Renderer
from coupling.scene import Scene, scene_of
from coupling.schema_figures import Figures
from coupling.schema_imaging import TomogramConfig
from coupling.series_figures import write_series_figures
from imaging.result import ImageResult
from imaging.series import SeriesResult
from imaging.series_rows import SeriesRow

log = logging.getLogger(__name__)

RENDERED = "lithium_3d.png"
ANIMATION = "lithium_3d.gif"
CRACKS = "crack_profiles.png"


class Pictures(AbstractContextManager["Pictures"]):
    """Draws what a configuration asks for; used in a ``with`` block, which clears up behind it.

    Parameters
    ----------
    config
        `figures` and `render` say what is drawn.
    folder
        The run's.
    """

    def __init__(self, config: TomogramConfig, folder: Path) -> None:
        self._drawn = config.figures is not Figures.none
        self._vector = config.figures.vector
        self._folder = folder
        self._exchange: tempfile.TemporaryDirectory[str] | None = None
        self._renderer: Renderer | None = None
        if config.render:
            self._exchange = tempfile.TemporaryDirectory(prefix="islet-render-")
            self._renderer = Renderer(Path(self._exchange.name))
        self._curves: list[ScanCurves] = []
        self._course = CrackCourse()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._renderer is not None:
            self._renderer.stop()
        if self._exchange is not None:
            self._exchange.cleanup()

    def of_pair(self, result: ImageResult, scene: Scene | None = None) -> list[Path]:
        """Draw all pictures of a pair, or of an LVF volume, and return the files.

        Give the 3-D scene where it is known already.
        """
        cracks = result.cracks
        files = []
        if self._renderer is not None:  # it draws while the figures are drawn
            self._renderer.add(scene or scene_of(result, cracks), self._folder / RENDERED, "")
            self._renderer.start()
        if self._drawn:
            files += write_image_figures(result, self._folder, cracks, self._vector)
            self._course.add(result, cracks, None)
            files += self._crack_profiles()
        if self._renderer is not None:
            files += self._renderer.finish()
        return files

    def of_scan(self, row: SeriesRow, result: ImageResult, place: Path) -> list[Path]:
        """Draw the pictures of one scan of a series, and keep what is drawn with the others."""
        cracks = result.cracks
        files = []
        if self._drawn:
            files += write_image_figures(result, place, cracks, self._vector)
            self._curves.append(scan_curves(row, result))
            self._course.add(result, cracks, row.time_h)
        if self._renderer is not None:
            self._renderer.add(scene_of(result, cracks), place / RENDERED, scan_name(row))
        return files

    def of_series(self, result: SeriesResult) -> list[Path]:
        """Draw what takes all scans, and the 3-D pictures with one camera; return the files."""
        files = []
        if self._renderer is not None:
            self._renderer.start()
        if self._drawn:
            files += write_series_figures(result, self._curves, self._folder, self._vector)
            files += self._crack_profiles()
        if self._renderer is not None:
            files += self._renderer.finish(self._folder / ANIMATION)
        return files

    def _crack_profiles(self) -> list[Path]:
        file = self._folder / CRACKS
        return written(file, self._vector) if self._course.draw(file, self._vector) else []
