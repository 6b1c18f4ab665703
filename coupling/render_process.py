"""The part of a 3-D picture that VTK draws, in a process of its own.

VTK may end a process where it finds no OpenGL: that must not end an analysis. Called as
``python -m coupling.render_process FOLDER``, with ``views.json`` and one ``NAME.npz`` per scene in
the folder (`coupling.render`), it writes ``NAME-VIEW.npy``, pixels (row, column, 3) as bytes, for
every view of every scene.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

FULL = 255
"""Byte of the fraction 1."""


def main(folder: Path) -> None:
    """Draw every view of every scene of a folder."""
    if not os.environ.get("DISPLAY"):  # has to be there before VTK is loaded
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import pyvista

    asked = json.loads((folder / "views.json").read_text())
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as scene:
            bodies = {name: _surface(pyvista, scene, name, asked) for name in _names(scene, asked)}
        for view in asked["views"]:
            pixels = _draw(pyvista, bodies, view, asked)
            temporary = folder / f"{file.stem}-{view['name']}.part.npy"
            np.save(temporary, pixels)
            temporary.replace(folder / f"{file.stem}-{view['name']}.npy")


def _names(scene: Any, asked: dict[str, Any]) -> list[str]:
    return [name for name in asked["colours"] if name in scene]


def _surface(pyvista: Any, scene: Any, name: str, asked: dict[str, Any]) -> Any:
    """Closed surface where a fraction passes its level; heights as large as they are asked for."""
    # a rim of zeros closes what the edge cuts
    values = np.pad(scene[name], 1).astype(np.float32) / FULL
    stretch = np.array([1.0, 1.0, asked["exaggeration"]])
    spacing = scene["spacing_um"][::-1] * stretch
    y, x = scene["origin_um"]
    origin = np.array([x, y, 0.5 * spacing[2]]) - spacing
    grid = pyvista.ImageData(dimensions=values.shape[::-1], spacing=spacing, origin=origin)
    grid["fraction"] = values.ravel()
    level = float(scene[f"{name}_level"])
    return grid.contour([level], scalars="fraction", method="flying_edges")


def _draw(pyvista: Any, bodies: dict[str, Any], view: dict[str, Any], asked: dict[str, Any]) -> Any:
    plotter = pyvista.Plotter(off_screen=True, window_size=asked["window"], lighting="light kit")
    plotter.set_background("white")
    for name, opacity in view["opacity"].items():
        if name in bodies and bodies[name].n_points:
            plotter.add_mesh(
                bodies[name], color=asked["colours"][name], opacity=opacity,
                smooth_shading=True, specular=0.2, specular_power=12,
            )  # fmt: skip
    camera = plotter.camera
    camera.position, camera.focal_point, camera.up = view["position"], view["focus"], view["up"]
    camera.parallel_projection = True
    camera.parallel_scale = view["half_height"]
    plotter.renderer.ResetCameraClippingRange()
    plotter.enable_anti_aliasing("ssaa")
    pixels = plotter.screenshot(None, return_img=True)
    plotter.close()
    return pixels


if __name__ == "__main__":
    main(Path(sys.argv[1]))
