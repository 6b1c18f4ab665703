"""Grey values along lines through cracks, scan by scan (Xu et al., Small 2026, figure S8)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize

from coupling.figure_style import (
    COPPER,
    DOUBLE_COLUMN_IN,
    GREY,
    ORANGE,
    TIME_MAP,
    colour_bar,
    figure,
)
from imaging.crack_profiles import crack_profiles
from imaging.cracks import Crack, CrackMap
from imaging.result import ImageResult
from imaging.volume import FloatArray

MOST_CRACKS = 3
HALF_LENGTH_UM = {"z": 30.0, "x": 90.0}
"""Length of the lines to either side of a crack's centre."""
BESIDE_VOXEL = 5
"""Lines side by side that are averaged."""


@dataclass
class _Lines:
    """Lines through one crack."""

    crack: Crack
    interface_z_um: float
    grey_li: float
    distance_um: dict[str, FloatArray] = field(default_factory=dict)
    before: dict[str, FloatArray] = field(default_factory=dict)
    after: list[tuple[float | None, dict[str, FloatArray]]] = field(default_factory=list)
    """Time in h, None for a pair, and grey values."""


class CrackCourse:
    """Grey values through cracks, from the scan on in which each was first found."""

    def __init__(self) -> None:
        self._lines: list[_Lines] = []

    def add(self, result: ImageResult, cracks: CrackMap | None, time_h: float | None) -> None:
        """Take the lines of one scan; of its new cracks the largest are followed from here on."""
        if result.setup is None or result.before is None or result.after_registered is None:
            return
        for crack in cracks.cracks if cracks is not None else ():
            if len(self._lines) < MOST_CRACKS and not self._known(crack):
                place = result.setup.place.interface
                self._lines.append(_Lines(crack, place.z_um, result.setup.grey_li))
        for lines in self._lines:
            grey: dict[str, FloatArray] = {}
            for axis, half in HALF_LENGTH_UM.items():
                found = crack_profiles(
                    [result.before, result.after_registered], lines.crack, axis, half, BESIDE_VOXEL
                )
                lines.distance_um[axis] = found.distance_um
                lines.before[axis], grey[axis] = found.grey
            lines.after.append((time_h, grey))

    def _known(self, crack: Crack) -> bool:
        return any(
            math.hypot(crack.x_um - other.crack.x_um, crack.y_um - other.crack.y_um)
            < 0.5 * max(crack.equivalent_diameter_um, other.crack.equivalent_diameter_um)
            for other in self._lines
        )

    def draw(self, file: Path, vector: str = "") -> bool:
        """Draw the lines through every crack along z and x; return whether there were any."""
        if not self._lines:
            return False
        times = [time for lines in self._lines for time, _ in lines.after if time is not None]
        colours = None
        if len(set(times)) > 1:
            colours = mpl.cm.ScalarMappable(Normalize(min(times), max(times)), TIME_MAP)
        rows = len(self._lines)
        with figure(file, DOUBLE_COLUMN_IN, 2.0 * rows + 0.7, vector) as drawing:
            panels = drawing.subplots(rows, 2, squeeze=False)
            for (left, right), lines in zip(panels, self._lines, strict=True):
                for axes, axis in ((left, "z"), (right, "x")):
                    _draw_lines(axes, lines, axis, colours)
                left.set_ylabel("grey value")
                c = lines.crack
                where = f"x = {c.x_um:.0f}, y = {c.y_um:.0f}, z = {c.z_um:.0f} µm"
                left.set_title(f"through the crack at {where}", loc="left")
                right.set_title("the same, in the plane", loc="left")
            panels[-1, 0].set_xlabel("distance from its centre along z (µm)")
            panels[-1, 1].set_xlabel("distance from its centre along x (µm)")
            handles, labels = panels[0, 0].get_legend_handles_labels()
            drawing.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
            if colours is not None:
                colour_bar(drawing, colours, panels, "time (h)", fraction=0.04)
        return True


def _draw_lines(axes: Any, lines: _Lines, axis: str, colours: Any) -> None:
    where = lines.distance_um[axis]
    axes.plot(where, lines.before[axis], color=GREY, lw=0.9, ls="--", label="before plating")
    for i, (time, grey) in enumerate(lines.after):
        colour = ORANGE if colours is None else colours.to_rgba(time)
        name = "after" if colours is None else "after, coloured by time"
        axes.plot(where, grey[axis], color=colour, lw=1.0, label=name if i == 0 else None)
    axes.axhline(lines.grey_li, color="black", lw=0.6, ls=":", label="grey value of lithium")
    if axis == "z":
        interface = lines.interface_z_um - lines.crack.z_um
        axes.axvline(interface, color=COPPER, lw=1.2, label="SE|CC interface")
    # The collector is tens of times as bright: the scale is the electrolyte's.
    top = 1.6 * float(np.percentile(lines.before["x"], 95))
    axes.set_ylim(min(0.0, lines.grey_li - 0.2 * abs(top)), top)
    axes.set_xlim(float(where[0]), float(where[-1]))
