"""Islands with no sure saddle between them: one dome, or several?

Blur fills the notch between islands that overlap a little, and the saddle that is left may be too
high to tell them from one island with a dent. One dome around two islands fits badly, makes up
for it by a blur of its own, and undoes that by a summit several times too high. So where one dome
fits badly, the parts that faint saddles suggest are fitted as well, and kept where they do better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from imaging.island_fit import DomeFit
from imaging.island_scene import Scene, whole_patch
from imaging.segmentation import parts
from imaging.thickness import Float32, smoothed
from imaging.volume import FloatArray, IntArray

FAINT = 0.08
"""Depth of saddles that are tried; see `imaging.segmentation.SPLIT`."""
WORTH = 40.0
"""Log-likelihood by which parts must do better: each has some twenty unknowns of its own."""
WIDTHS = 2.0, 1.0
"""Pixels by which the map is smoothed before saddles are looked for: the first finds less noise."""
SHARE = 0.5
"""Share of the misfit beyond the noise that they must explain: else neither is right."""


@dataclass(frozen=True, eq=False)
class Parting:
    """An island that is several."""

    labels: IntArray
    """Its patch of the map: the parts by 1, 2, ...; 0 elsewhere."""
    fits: list[DomeFit]


def parted(scene: Scene, whole: DomeFit, fit: Callable[[Scene], DomeFit]) -> Parting | None:
    """The parts of an island, or nothing if it is one.

    Parameters
    ----------
    scene
        The island.
    whole
        One dome fitted to it.
    fit
        Fits the island of a scene that has not been fitted before, with bends.
    """
    data, weight = whole_patch(scene)
    count = np.count_nonzero(weight)
    rows, cols = scene.patch
    own = scene.labels[rows, cols] == scene.label
    for width in WIDTHS:
        found = parts(_landscape(scene, data, width), own, FAINT)
        if found.max() < 2:
            continue
        if not whole.bent:
            whole = fit(scene)  # neither is to be without bends
        alone = float(_misfit(data, weight, scene, whole).sum())
        fits = [fit(one) for one in _scenes(scene, found)]
        to_part = ndimage.distance_transform_edt(
            found == 0, return_distances=False, return_indices=True
        )
        nearest = found[tuple(to_part)]
        gain = alone - sum(
            float(_misfit(data, weight, scene, dome)[nearest == label].sum())
            for label, dome in enumerate(fits, start=1)
        )
        if gain > max(2 * WORTH, SHARE * (alone - count)):
            return Parting(found, fits)
    return None


def _landscape(scene: Scene, data: FloatArray, width: float) -> Float32:
    """Logarithm of the smoothed thickness: relative saddles, but absolute ones near the noise."""
    noise = scene.columns.noise_um * scene.columns.grain / (2 * math.sqrt(math.pi) * width)
    smooth = np.nan_to_num(smoothed(data, scene.seen, width))
    return np.log1p(np.maximum(smooth, 0) / np.float32(8 * max(noise, 1e-6)))


def _scenes(scene: Scene, found: IntArray) -> list[Scene]:
    """What the fit of each part looks at."""
    rows, cols = scene.patch
    labels = scene.labels.copy()
    inner = labels[rows, cols]
    new = int(labels.max()) + np.arange(1, found.max() + 1)
    inner[found > 0] = new[found[found > 0] - 1]
    boxes = ndimage.find_objects(found)
    return [
        replace(
            scene,
            labels=labels,
            label=int(label),
            box=(
                slice(rows.start + box[0].start, rows.start + box[0].stop),
                slice(cols.start + box[1].start, cols.start + box[1].stop),
            ),
        )
        for label, box in zip(new, boxes, strict=True)
    ]


def _misfit(data: FloatArray, weight: FloatArray, scene: Scene, fit: DomeFit) -> FloatArray:
    """Square of the misfit over the noise, pixel by pixel."""
    image = fit.image(*scene.corner, data.shape)
    return np.asarray(((data - image) * weight) ** 2)
