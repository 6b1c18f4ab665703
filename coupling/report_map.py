"""The map of the report: thickness as a picture, and circles that can be pointed at."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import TwoSlopeNorm, to_hex
from matplotlib.ticker import MaxNLocator
from PIL import Image

from coupling.figure_style import RISK_MAP, THICKNESS_MAP
from coupling.image_figures import NO_DATA, top_thickness_um
from coupling.scene import block_mean
from imaging.result import ImageResult

PIXELS = 900
"""Pixels along an edge of the picture from which on it is made of means of blocks."""
STOPS = 9
"""Colours that a colour bar is made of."""


@dataclass(frozen=True)
class Bar:
    """A colour bar: colours from its lower to its upper end, and where the ticks stand."""

    title: str
    colours: list[str]
    ticks: list[tuple[str, float]]
    """Text, and position from 0 to 1."""


@dataclass(frozen=True)
class MapPicture:
    """The map under the circles; lengths in um, y upwards."""

    png: str
    """Base64."""
    left: float
    lower: float
    width: float
    height: float
    x_ticks: list[float]
    y_ticks: list[float]
    thickness: Bar
    risk: Bar


def map_picture(result: ImageResult, worst_risk: float) -> MapPicture:
    """Return the map of equivalent thickness, with the colour bars of thickness and risk."""
    values = result.thickness_um
    factor = max(math.ceil(max(values.shape) / PIXELS), 1)
    small = block_mean(values, factor)
    top = top_thickness_um(values)
    coloured = mpl.colormaps[THICKNESS_MAP](np.clip(small / top, 0, 1), bytes=True)
    coloured[~np.isfinite(small)] = [*bytes.fromhex(NO_DATA[1:]), 255]
    stream = io.BytesIO()
    Image.fromarray(coloured[::-1, :, :3].copy()).save(stream, "PNG", optimize=True)
    _, dy, dx = result.lvf.spacing_um
    rows, columns = (n * factor for n in small.shape)
    left, lower = result.lvf.origin_um[2] - 0.5 * dx, result.lvf.origin_um[1] - 0.5 * dy
    width, height = columns * dx, rows * dy
    return MapPicture(
        png=base64.b64encode(stream.getvalue()).decode(),
        left=left,
        lower=lower,
        width=width,
        height=height,
        x_ticks=_ticks(left, left + width),
        y_ticks=_ticks(lower, lower + height),
        thickness=_bar(
            "equivalent lithium thickness, µm",
            THICKNESS_MAP,
            [(f"{v:g}", v / top) for v in _ticks(0.0, top)],
        ),
        risk=_risk_bar(worst_risk),
    )


def _ticks(low: float, high: float) -> list[float]:
    found = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(v) for v in found if low <= v <= high]


def _bar(title: str, name: str, ticks: list[tuple[str, float]]) -> Bar:
    return Bar(title, [to_hex(c) for c in mpl.colormaps[name](np.linspace(0, 1, STOPS))], ticks)


def _norm(worst_risk: float) -> TwoSlopeNorm:
    """White stands at R1 = 1, as on the printed map."""
    return TwoSlopeNorm(
        1.0, 0.0, max(2.0, math.ceil(worst_risk) if math.isfinite(worst_risk) else 0.0)
    )


def _risk_bar(worst_risk: float) -> Bar:
    norm = _norm(worst_risk)
    upper = [v for v in _ticks(1.0, float(norm.vmax or 2.0)) if v > 1]
    ticks = [(f"{v:g}", float(norm(v))) for v in (0.0, 0.5, 1.0, *upper)]
    return _bar("bulk crack risk R1", RISK_MAP, ticks)


def risk_colour(risk: Any, worst_risk: float) -> str:
    """Return the colour of a risk; white where there is none."""
    if risk is None:
        return "#ffffff"
    return to_hex(mpl.colormaps[RISK_MAP](_norm(worst_risk)(risk)))
