"""The 3-D view of the report: surfaces of lithium, current collector and cracks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from skimage.measure import marching_cubes

from coupling.packing import packed, packed_indices
from coupling.render_page import COLOURS, LABELS
from coupling.scene import CRACK_LEVEL, LITHIUM_LEVEL, Bytes, Scene, block_mean
from imaging.crack_volume import FULL

PIXELS = 150
"""Blocks along an edge of the plane; finer surfaces make the page heavy and turn slowly."""


def scene_data(scene: Scene) -> dict[str, Any]:
    """Return the surfaces of a scene, packed for the page.

    Returns
    -------
    dict
        `bodies`: name, label, colour, vertices (x, y, z) in um and triangles of each;
        `size_um` (x, y, z) and `exaggeration` of heights.
    """
    levels = {
        "collector": (scene.collector, scene.collector_level),
        "lithium": (scene.lithium, LITHIUM_LEVEL),
        "cracks": (scene.cracks, CRACK_LEVEL),
    }
    bodies = []
    for name, (values, level) in levels.items():
        surface = None if values is None else _surface(values, level, scene)
        if surface is not None:
            vertices, triangles = surface
            bodies.append(
                {
                    "name": name,
                    "label": LABELS[name],
                    "colour": COLOURS[name],
                    "vertices": packed(vertices, max(np.abs(vertices).max(), 1.0) / 32_000),
                    "triangles": packed_indices(triangles),
                }
            )
    return {
        "bodies": bodies,
        "size_um": list(scene.size_um[::-1]),
        "exaggeration": scene.exaggeration,
    }


def _surface(
    values: Bytes, level: float, scene: Scene
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Return vertices (x, y, z) in um and triangles of an iso-surface; None where there is none."""
    factor = max(math.ceil(max(values.shape[1:]) / PIXELS), 1)
    small = np.stack([block_mean(plane.astype(np.float32), factor) for plane in values])
    # What lies on the edge is closed by a wall, so that no body is seen from inside.
    closed = np.pad(small, 1)
    if not closed.max() > FULL * level:
        return None
    dz, dy, dx = scene.spacing_um
    spacing = (dz, factor * dy, factor * dx)
    vertices, triangles, _, _ = marching_cubes(closed, FULL * level, spacing=spacing)
    middle = 0.5 * (factor - 1)
    y, x = (scene.origin_um[i] + (dy, dx)[i] * middle for i in range(2))
    vertices += np.array([0.0, y, x]) - np.array(spacing)
    return vertices[:, ::-1], triangles
