"""The two estimators of the lithium volume fraction, slab by slab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging import kernels
from imaging.filters import PAPER_MEDIAN_VOXEL, PAPER_SIGMA_VOXEL
from imaging.slabs import Progress, Rows, Step, stream
from imaging.volume import FloatArray, Volume


def linear_lvf(
    before: Volume,
    after: Volume,
    grey_cc: float | FloatArray,
    grey_li: float,
    progress: Progress | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Unclipped, unfiltered LVF: unbiased in every sum.

    Parameters
    ----------
    before, after
        Scans on the same grid.
    grey_cc, grey_li
        Grey values of current collector and lithium; the former may be a map (y, x).
    progress
        Called with the fraction done.
    out
        Takes the LVF; may be the later scan's own array. None: a new one.

    Raises
    ------
    ValueError
        If the current collector is not brighter than lithium.
    """
    contrast = _contrast(before, grey_cc, grey_li)
    if out is None:
        out = np.empty(before.shape, np.float32)

    def run(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.float32]:
        return kernels.difference(parts[0], parts[1], contrast[rows.have], box=rows.box)

    stream([Step(run)], [before.values, after.values], out, progress=progress)
    return out


def later_scan(before: Volume, lvf: Volume, grey_cc: float | FloatArray, grey_li: float) -> Volume:
    """The aligned later scan from which `linear_lvf` made an LVF.

    Parameters
    ----------
    before, lvf
        The earlier scan and the LVF, on one grid.
    grey_cc, grey_li
        As for `linear_lvf`.
    """
    contrast = _contrast(before, grey_cc, grey_li)

    def run(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.float32]:
        return np.asarray(parts[0] - parts[1] * contrast[rows.have], dtype=np.float32)

    out = np.empty(before.shape, np.float32)
    stream([Step(run)], [before.values, lvf.values], out)
    return before.with_values(out)


def paper_lvf(
    before: Volume,
    after: Volume,
    grey_cc: float | FloatArray,
    grey_li: float,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """LVF of Xu et al., Small 2026: Gaussian sigma 1 before, median radius 3 after, in [0, 1].

    Rounded to 1/1024, far below the noise, for the sake of the median's speed. Clipping and
    rounding come before the median, which does not mind: both keep the order of values.

    Parameters and errors as of `linear_lvf`.
    """
    contrast = _contrast(before, grey_cc, grey_li)

    def levels(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.int16]:
        return kernels.difference_levels(
            parts[0],
            parts[1],
            contrast[rows.have],
            PAPER_SIGMA_VOXEL,
            low=0,
            high=kernels.LEVELS,
            box=rows.box,
        )

    def median(parts: Sequence[NDArray[Any]], rows: Rows) -> NDArray[np.float32]:
        found = kernels.ball_median_quantised(parts[0], PAPER_MEDIAN_VOXEL, box=rows.box)
        return np.asarray(found * np.float32(1 / kernels.LEVELS), dtype=np.float32)

    steps = [
        Step(levels, kernels.gaussian_reach(PAPER_SIGMA_VOXEL)),
        Step(median, PAPER_MEDIAN_VOXEL),
    ]
    out = np.empty(before.shape, np.float32)
    stream(steps, [before.values, after.values], out, progress=progress)
    return out


def _contrast(before: Volume, grey_cc: float | FloatArray, grey_li: float) -> NDArray[np.float32]:
    """Grey value of collector less that of lithium, as a map (y, x)."""
    contrast = np.asarray(grey_cc, dtype=np.float64) - grey_li
    if not (contrast > 0).all():
        raise ValueError(
            f"the current collector must be brighter than lithium; got grey.cc = "
            f"{np.min(grey_cc):g}, grey.li = {grey_li:g}"
        )
    return np.broadcast_to(contrast.astype(np.float32), before.shape[1:])
