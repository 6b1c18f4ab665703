"""All pictures of an image analysis, of a pair or scan by scan, as far as they are asked for.

What draws them takes long to load, and is loaded only then.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from coupling.progress import percent
from coupling.scene import Scene, scene_of
from coupling.schema_figures import Figures
from coupling.schema_imaging import TomogramConfig
from imaging.course import Course
from imaging.result import ImageResult
from imaging.series import SeriesResult
from imaging.series_rows import SeriesRow

if TYPE_CHECKING:
    from coupling.image_drawing import Drawing
    from coupling.render import Renderer

RENDERED = "lithium_3d.png"
ANIMATION = "lithium_3d.gif"
_SHARES = {"figures": 1.0, "rendered": 2.0}
"""About how the time is shared; VTK has begun before the figures are done."""


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
        self._folder = folder
        self._drawing: Drawing | None = None
        if config.figures is not Figures.none:
            from coupling.image_drawing import Drawing

            self._drawing = Drawing(folder, config.figures.vector)
        self._exchange: tempfile.TemporaryDirectory[str] | None = None
        self._renderer: Renderer | None = None
        if config.render:
            from coupling.render import Renderer

            self._exchange = tempfile.TemporaryDirectory(prefix="islet-render-")
            self._renderer = Renderer(Path(self._exchange.name))

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
        files: list[Path] = []
        with percent("pictures") as show:
            course = Course(_SHARES, show)
            if self._renderer is not None:  # it draws while the figures are drawn
                self._renderer.add(
                    scene or scene_of(result, result.cracks), self._folder / RENDERED, ""
                )
                self._renderer.start()
            if self._drawing is not None:
                with course.step("figures") as told:
                    files += self._drawing.of_pair(result, told)
            if self._renderer is not None:
                with course.step("rendered") as told:
                    files += self._renderer.finish(progress=told)
        return files

    def of_scan(self, row: SeriesRow, result: ImageResult, place: Path) -> list[Path]:
        """Draw the pictures of one scan of a series, and keep what is drawn with the others."""
        files = [] if self._drawing is None else self._drawing.of_scan(row, result, place)
        if self._renderer is not None:
            scene = scene_of(result, result.cracks)
            self._renderer.add(scene, place / RENDERED, row.name)
        return files

    def of_series(self, result: SeriesResult) -> list[Path]:
        """Draw what takes all scans, and the 3-D pictures with one camera; return the files."""
        files: list[Path] = []
        with percent("pictures") as show:
            course = Course(_SHARES, show)
            if self._renderer is not None:
                self._renderer.start()
            if self._drawing is not None:
                with course.step("figures"):
                    files += self._drawing.of_series(result)
            if self._renderer is not None:
                with course.step("rendered") as told:
                    files += self._renderer.finish(self._folder / ANIMATION, told)
        return files
