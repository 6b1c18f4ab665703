"""What is put around the bodies of a 3-D picture: scale bars, legend, title; and the animation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from coupling.figure_style import CRACK, DOUBLE_COLUMN_IN, figure
from coupling.render_view import WINDOW, View
from coupling.scene import CRACK_LEVEL, LITHIUM_LEVEL
from imaging.replace import renamed

COLOURS = {"collector": "#9a9da3", "lithium": "#d1131f", "cracks": CRACK}
"""As in the paper's figures; told apart by their lightness too."""
LABELS = {
    "collector": "current collector",
    "lithium": f"lithium (LVF > {100 * LITHIUM_LEVEL:.0f} %)",
    "cracks": f"cracks (electrolyte displaced > {100 * CRACK_LEVEL:.0f} %)",
}
BAR = 0.35
"""Longest scale bar over the extent along its axis."""
ASIDE = 0.04
"""Distance of the bars from what is drawn, over its extent."""
FRAME_MS, LAST_MS = 800, 2400
"""Time that the frames of an animation stand, and the last one."""
PALETTE = 256
NEARLY_WHITE = 248


def write_page(
    views: Sequence[View],
    pixels: Sequence[NDArray[np.uint8]],
    title: str,
    exaggeration: int,
    bodies: Collection[str],
    file: Path,
) -> None:
    """Put the views of one scene side by side, with scale bars, title and legend."""
    height = 0.5 * DOUBLE_COLUMN_IN * WINDOW[1] / WINDOW[0] + 0.75
    with figure(file, DOUBLE_COLUMN_IN, height) as drawing:
        panels = drawing.subplots(1, len(views))
        for axes, view, seen in zip(panels, views, pixels, strict=True):
            axes.imshow(seen, interpolation="antialiased")
            axes.set_axis_off()
            axes.set_title(view.title, loc="left")
            _scale_bars(axes, view, exaggeration)
        handles = [Patch(color=COLOURS[n], label=LABELS[n]) for n in LABELS if n in bodies]
        drawing.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
        if title:
            drawing.suptitle(title, fontsize=9)


def _scale_bars(axes: Any, view: View, exaggeration: int) -> None:
    """Draw a bar along each axis, beside the lower edges that are nearest."""
    size = view.high - view.low
    near = np.where(view.to_camera > 0, view.high, view.low)
    far = np.where(view.to_camera > 0, view.low, view.high)
    upwards = view.up[2] > 0
    foot = view.low[2] if upwards else view.high[2]
    gap = ASIDE * float(size[:2].max()) * np.sign(near - far)
    sides = [np.array([far[0], near[1], foot]), np.array([near[0], far[1], foot])]
    left = min(range(2), key=lambda i: view.pixel(sides[i])[0])
    bars = {}
    for axis in (0, 1):
        start = np.array([near[0], near[1], foot])
        start[1 - axis] += gap[1 - axis]
        bars[axis] = (start, float(np.sign(far[axis] - near[axis])), 1)
    beside = sides[left].copy()
    beside[left] -= gap[left]
    bars[2] = (beside, 1.0 if upwards else -1.0, exaggeration)
    for axis, (start, sign, stretch) in bars.items():
        length = nice_length(BAR * float(size[axis]) / stretch)
        end = start.copy()
        end[axis] += sign * length * stretch
        (x0, y0), (x1, y1) = view.pixel(start), view.pixel(end)
        axes.plot([x0, x1], [y0, y1], color="black", lw=1.2, solid_capstyle="butt")
        label = f"{length:g} µm" + (f" (× {stretch})" if stretch > 1 else "")
        middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1))
        if axis == 2:
            where = {"xytext": (0, -3), "ha": "center", "va": "top"}
            middle = (x0, y0)
        else:
            to_left = middle[0] < view.pixel([near[0], near[1], foot])[0]
            where = {"xytext": (-3 if to_left else 3, -2), "va": "top"}
            where["ha"] = "right" if to_left else "left"
        axes.annotate(label, middle, textcoords="offset points", fontsize=7, **where)


def nice_length(longest: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, ... that is not longer."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9)) * power)


def animate(pictures: Sequence[Path], file: Path) -> None:
    """Write a GIF of pictures of one size, all with the same colours."""
    frames = []
    for picture in pictures:
        with Image.open(picture) as opened:
            frames.append(opened.convert("RGB"))
    # One palette for all, so that no colour flickers: that of every frame side by side.
    width, height = frames[0].size
    sheet = Image.new("RGB", (width // 2, height // 2 * len(frames)))
    for i, frame in enumerate(frames):
        sheet.paste(frame.resize((width // 2, height // 2)), (0, height // 2 * i))
    palette = sheet.quantize(PALETTE)
    colours = np.array(palette.getpalette(), dtype=np.int64).reshape(-1, 3)
    colours[colours.min(axis=1) > NEARLY_WHITE] = 255  # the ground is white, not nearly so
    palette.putpalette(colours.ravel().tolist())
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [FRAME_MS] * (len(small) - 1) + [LAST_MS]
    with renamed(file) as temporary:
        small[0].save(
            temporary, format="GIF", save_all=True, append_images=small[1:], duration=times, loop=0
        )
