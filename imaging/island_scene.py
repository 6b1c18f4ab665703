"""One island among others: what its fit looks at, and the fit that the data ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.blur import Blur
from imaging.dome_factor import BENDS
from imaging.island_columns import Columns
from imaging.island_fit import ANY, LOBES, MARGIN, ROUND, DomeFit, Patch, Prospect, fit_dome
from imaging.quiet_sums import quieted
from imaging.terraces import terraced
from imaging.volume import BoolArray, FloatArray, IntArray

WORTH = {ROUND: 3.0, ANY: 12.0}
"""Log-likelihood by which bends must improve on a fit without them. A plain dome where there is
none misleads, and says that it is certain; those alike in all directions make little noise."""
GOOD = 1.05
"""Mean square of the misfit over the noise, up to which no other start of the search is tried."""
WHOLE = 0.95
"""Share of a footprint in view above which the island counts as whole."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What the fit of one island looks at."""

    columns: Columns
    part: NDArray[np.floating]
    """LVF of the slices that the thickness map sums."""
    labels: IntArray
    label: int
    box: tuple[slice, slice]
    inside: BoolArray
    spacing_um: tuple[float, float, float]
    blur_z: float
    """Standard deviation of the blur along z, in voxels."""

    @property
    def patch(self) -> tuple[slice, slice]:
        """The island and its surroundings."""
        y, x = (
            slice(max(s.start - MARGIN, 0), min(s.stop + MARGIN, n))
            for s, n in zip(self.box, self.labels.shape, strict=True)
        )
        return y, x

    @property
    def corner(self) -> tuple[int, int]:
        """First pixel of the patch."""
        rows, cols = self.patch
        return rows.start, cols.start

    @property
    def seen(self) -> BoolArray:
        """Pixels of the patch that hold data."""
        return self.inside[self.patch]

    @property
    def lvf(self) -> NDArray[np.floating]:
        """The patch in the slices that its column sums take."""
        values = self.part[(slice(*self.columns.window), *self.patch)]
        return values if self.columns.scale == 1 else values / np.float32(self.columns.scale)

    @property
    def ground(self) -> float:
        """Mean thickness, in slices, that the column sums have been freed of: a layer below."""
        sums = self.lvf.sum(axis=0, dtype=np.float64)
        excess = self.columns.excess_um[self.patch] / self.spacing_um[0]
        return float((sums - excess)[self.seen].mean())

    def heights(self, fits: list[DomeFit]) -> FloatArray:
        """The sharp surface of some islands in the patch, in slices."""
        shape = self.seen.shape
        found = [fit.heights(*self.corner, shape) for fit in fits]
        return np.asarray(np.max(found, axis=0) / self.spacing_um[0])


def fit_island(
    scene: Scene, others: list[DomeFit], known: DomeFit | None, blur: Blur, plain: bool = False
) -> DomeFit:
    """Fit one island; neighbours are left out at first, subtracted once `known` is given.

    `plain` does without bends.
    """
    rows, cols = scene.patch
    corner = scene.corner
    patch = scene.columns.excess_um[rows, cols].astype(np.float64)
    labels = scene.labels[rows, cols]
    use = own_side(scene) if known is None else scene.seen.copy()
    noise = np.full(use.shape, scene.columns.noise_um * scene.columns.grain)
    if known is not None:
        width = max(known.blur, blur.std, scene.blur_z)
        change, less = quieted(scene.lvf, scene.heights([known, *others]), use, width)
        patch += scene.spacing_um[0] * change
        noise *= less
        for other in others:
            patch -= other.image(*corner, use.shape)
    weight = _weight(patch, use, noise)
    data = Patch(patch, weight, corner, scene.spacing_um[1], blur)
    start = known or _first_guess(patch * use, labels == scene.label, corner, blur.std)
    best = fit_dome(data, start, start.bent)
    if best.bent:
        best = min(best, fit_dome(data, terraced(data, best), best.bent), key=_cost)
    if known is None and 2 * best.cost > GOOD * np.count_nonzero(use):
        best = min(best, fit_dome(data, replace(start, power=5.0, edge=0.15)), key=_cost)
    y, x = np.ogrid[rows, cols]
    if plain or np.count_nonzero(best.footprint(y, x) & use) < WHOLE * best.area:
        return best  # nothing holds a bent dome where a neighbour is, or out of view
    prospect = Prospect(data, best)
    # What a plain dome explains is measured best by a plain dome, and so on.
    for bends in (ROUND, ANY):
        if bends > best.bent and prospect.gain(bends) > WORTH[bends]:
            starts = [best] if best.bent else [best, terraced(data, best)]
            bent = min((fit_dome(data, first, bends) for first in starts), key=_cost)
            if best.cost - bent.cost > WORTH[bends]:
                best, prospect = bent, Prospect(data, bent)
    return best if known is None else prospect.uncertain()


def own_side(scene: Scene) -> BoolArray:
    """Pixels of the patch that show the island: those nearer to a neighbour show the neighbour."""
    rows, cols = scene.patch
    labels = scene.labels[rows, cols]
    foreign = (labels > 0) & (labels != scene.label)
    if not foreign.any():
        return scene.seen.copy()
    distance = ndimage.distance_transform_edt(labels != scene.label)
    return np.asarray(scene.seen & (distance <= ndimage.distance_transform_edt(~foreign)))


def whole_patch(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Thickness, background removed, and weights of what the first fit of an island looks at."""
    patch = scene.columns.excess_um[scene.patch].astype(np.float64)
    noise = np.full(patch.shape, scene.columns.noise_um * scene.columns.grain)
    return patch, _weight(patch, own_side(scene), noise)


def _weight(patch: FloatArray, use: BoolArray, noise: FloatArray) -> FloatArray:
    """1 / standard deviation.

    A model cannot be trusted beyond some per cent; keeps priors alive in noise-free data.
    """
    peak = float(np.quantile(patch[use], 0.995))
    return np.asarray(use / np.maximum(noise, 0.005 * peak))


def _cost(fit: DomeFit) -> float:
    return fit.cost


def _first_guess(
    patch: FloatArray, own: BoolArray, corner: tuple[int, int], blur: float
) -> DomeFit:
    """Moments of the segmented island, as if it were a paraboloid."""
    mass = np.where(own, np.clip(patch, 0, None), 0.0)
    total = mass.sum()
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]]
    cy, cx = float((mass * y).sum() / total), float((mass * x).sum() / total)
    second = float((mass * ((y - cy) ** 2 + (x - cx) ** 2)).sum() / total)
    radius = math.sqrt(max(3 * (second - 2 * blur**2), 0.25 * own.sum() / math.pi))
    height = 2 * total / (math.pi * radius**2)
    centre = (cy + corner[0], cx + corner[1])
    waves, bends = np.zeros(2 * len(LOBES)), np.zeros(BENDS)
    return DomeFit(centre, math.log(radius), height, 0.8, 2.0, blur, waves, bends)
