"""3-D pictures as in figures 5a and 6 of Xu et al., Small 2026: collector, lithium and cracks.

VTK draws the bodies in another process (`coupling.render_process`); scale bars, legend and title
are added here, so that letters and lines look as in the other figures. Where VTK cannot draw, there
is a warning and no picture.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from coupling.render_page import COLOURS, animate, write_page
from coupling.render_view import WINDOW, View, views_of
from coupling.scene import CRACK_LEVEL, LITHIUM_LEVEL, Scene
from imaging.crack_volume import FULL
from imaging.slabs import Progress

log = logging.getLogger(__name__)

DRAWING = "coupling.render_process"
"""Module that is run to draw."""
START_S, SCENE_S = 240.0, 60.0
"""Time that VTK gets to start, and for each scene, before it is given up."""
_LOOK_S = 0.5
"""Time between looks at how far it is."""


class Renderer:
    """Scenes that are kept on disk until all are drawn with one camera.

    Parameters
    ----------
    folder
        An empty folder for what is exchanged with the drawing process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._low = np.full(3, np.inf)
        self._high = np.full(3, -np.inf)
        self._exaggeration = 1
        self._bodies: set[str] = set()
        self._pages: list[tuple[Path, str]] = []
        self._visible: list[bool] = []
        self._views: tuple[View, ...] = ()
        self._drawing: _Drawing | None = None

    def add(self, scene: Scene, file: Path, title: str) -> None:
        """Take a scene that is to be drawn into a file."""
        kept: dict[str, Any] = {
            "spacing_um": scene.spacing_um,
            "origin_um": scene.origin_um,
            "lithium": scene.lithium,
            "lithium_level": LITHIUM_LEVEL,
            "collector_level": scene.collector_level,
            "cracks_level": CRACK_LEVEL,
        }
        for name in ("collector", "cracks"):
            if (values := getattr(scene, name)) is not None:
                kept[name] = values
        np.savez_compressed(self._folder / f"{len(self._pages):04d}.npz", **kept)
        (dz, dy, dx), (nz, ny, nx) = scene.spacing_um, scene.lithium.shape
        y, x = scene.origin_um
        corner = np.array([x - 0.5 * dx, y - 0.5 * dy, 0.0])
        self._low = np.minimum(self._low, corner)
        self._high = np.maximum(self._high, corner + np.array([nx * dx, ny * dy, nz * dz]))
        self._exaggeration = max(self._exaggeration, scene.exaggeration)
        self._bodies |= set(kept) & set(COLOURS)
        self._pages.append((file, title))
        self._visible.append("collector" in kept or int(scene.lithium.max()) > FULL * LITHIUM_LEVEL)

    def start(self) -> None:
        """Let VTK begin to draw all scenes, while this process goes on."""
        stretch = (1, 1, self._exaggeration)
        self._views = views_of(
            self._low * stretch, self._high * stretch, "collector" in self._bodies
        )
        asked = {
            "views": [view.asked() for view in self._views],
            "window": WINDOW,
            "colours": COLOURS,
            "exaggeration": self._exaggeration,
        }
        (self._folder / "views.json").write_text(json.dumps(asked))
        self._drawing = _Drawing(self._folder)

    def finish(self, animation: Path | None = None, progress: Progress | None = None) -> list[Path]:
        """Write all pictures and return the files; none, with a warning, where VTK cannot draw.

        Parameters
        ----------
        animation
            A GIF of all pictures, in their order.
        progress
            Called with the fraction of the views that VTK has drawn.
        """
        if self._drawing is None:
            raise RuntimeError("start comes before finish")

        def watch() -> None:
            if progress is not None:
                pages = range(len(self._pages))
                drawn = [self._pixels(i, view).exists() for i in pages for view in self._views]
                progress(sum(drawn) / len(drawn))

        trouble = self._drawing.wait(START_S + SCENE_S * len(self._pages), watch) or self._blank()
        if trouble is not None:
            log.warning("no 3-D picture: %s (render=false leaves it out)", trouble)
            return []
        for i, (file, title) in enumerate(self._pages):
            pixels = [np.load(self._pixels(i, view)) for view in self._views]
            write_page(self._views, pixels, title, self._exaggeration, self._bodies, file)
        files = [file for file, _ in self._pages]
        if animation is not None:
            animate(files, animation)
            files.append(animation)
        return files

    def stop(self) -> None:
        """End the drawing where it is still under way."""
        if self._drawing is not None:
            self._drawing.stop()

    def _pixels(self, page: int, view: View) -> Path:
        return self._folder / f"{page:04d}-{view.name}.npy"

    def _blank(self) -> str | None:
        """Say so where a view shows nothing though the scene holds something."""
        for page, visible in enumerate(self._visible):
            for view in self._views:
                seen = np.load(self._pixels(page, view), mmap_mode="r")
                if visible and int(np.ptp(seen)) == 0:
                    return "VTK drew an empty picture"
        return None


class _Drawing:
    """The process that draws the scenes of a folder."""

    def __init__(self, folder: Path) -> None:
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._said = folder / "said.txt"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", DRAWING, str(folder)], env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip

    def wait(self, limit_s: float, watch: Callable[[], None]) -> str | None:
        """Wait for it to end, watching it meanwhile; return why it failed, or None."""
        end = time.monotonic() + limit_s
        while (code := self._process.poll()) is None:
            if time.monotonic() > end:
                self.stop()
                return f"VTK has not drawn it within {limit_s:.0f} s"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(min(_LOOK_S, limit_s))
            watch()
        if code == 0:
            return None
        text = self._said.read_text(errors="replace")
        log.debug("drawing process: %s", text)
        last = [line.strip() for line in text.splitlines() if line.strip()][-1:]
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return f"VTK cannot draw here, it ended with {': '.join([how, *last])}"

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
