"""Pictures of a sweep: crack risk, apex stress and lithium pressure against what was varied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from coupling.figure_style import ABOVE, DOUBLE_COLUMN_IN, figure, written
from coupling.sweep_axes import ASPECT_RATIO, SweepView, half_spheroid_law, label_of, sign_change

_MOST_LINES = 8
"""With more groups than this the mean effect of each key is drawn instead of lines."""
_MOST_TICKS = 4
"""Up to this number of values of a key each stands at the axis."""
_LOG_RANGE = 8.0
"""Quotient of largest and smallest value from which an axis is logarithmic."""
_BORDER = 1.1
"""Within this multiple of the rim's extent a site lies on the border of its zone."""
_PUBLISHED = {"wide": 0.05, "narrow": 0.45}
_PANELS = {
    "risk_bulk": "bulk crack risk R1 (–)",
    "risk_rim": "rim crack risk R1 (–)",
    "apex_sigma1_mpa": "apex σ₁ in SE (MPa)",
    "li_pressure_mpa": "pressure in Li (MPa)",
}
_BLUE = "#1d3557"
_LAW = "half-spheroid law"


def write_sweep_figures(view: SweepView, folder: Path, vector: str = "") -> list[Path]:
    """Draw a sweep: lines against its main key, or the effect of each of many keys."""
    lines = len(set(view.groups(view.main)))
    file = folder / ("sweep.png" if lines <= _MOST_LINES else "effects.png")
    (sweep_figure if lines <= _MOST_LINES else effects_figure)(view, file, vector)
    return written(file, vector)


def sweep_figure(view: SweepView, file: Path, vector: str = "") -> None:
    """Draw bulk risk, rim risk, apex stress and lithium pressure against the main key."""
    x, groups = view.numbers[view.main], np.array(view.groups(view.main))
    names = list(dict.fromkeys(groups))
    with figure(file, DOUBLE_COLUMN_IN, 4.6, vector) as drawing:
        panels = drawing.subplots(2, 2, sharex=True)
        for letter, axes, (quantity, label) in zip(
            "abcd", panels.flat, _PANELS.items(), strict=True
        ):
            y = view.table[quantity].to_numpy(dtype=float)
            for name, colour in zip(names, _colours(len(names)), strict=True):
                own = np.flatnonzero(groups == name)
                own = own[np.argsort(x[own])]
                axes.plot(x[own], y[own], "o-", ms=3, lw=1, color=colour, label=name or "islet")
                if quantity == "risk_bulk":
                    open_ones = own[_beside_the_rim(view, own)]
                    axes.plot(
                        x[open_ones], y[open_ones], "o", ms=3, mew=0.8, mfc="white", color=colour
                    )
            _mark_failures(axes, x[~np.isfinite(y)])
            _decorate(axes, quantity, label, f"({letter})")
        if np.nanmin(x) > 0 and np.nanmax(x) > _LOG_RANGE * np.nanmin(x):
            _logarithmic(panels[0, 0], np.nanmax(x) / np.nanmin(x))
        if view.main == ASPECT_RATIO:
            _add_law(view, panels[1])
            for axes in panels.flat:
                _mark_published(axes, x)
            _mark_sign_change(view, panels[1, 0])
        for axes in panels[1]:
            axes.set_xlabel(label_of(view.main))
        if len(names) > 1:
            panels[0, 0].legend(frameon=False)
        if _beside_the_rim(view, np.arange(len(x))).any():
            panels[0, 0].annotate(
                "open: highest at the border of the rim's zone", (1.0, 0.0),
                xycoords="axes fraction", xytext=(-4, 5), textcoords="offset points", ha="right",
                fontsize=6, color="grey", bbox={"fc": "white", "ec": "none", "pad": 0.8},
            )  # fmt: skip


def _beside_the_rim(view: SweepView, jobs: Any) -> Any:
    """Whether the highest bulk risk of each of some jobs lies on the border to the rim's zone.

    There it is the tail of the stress at the contact line, not a second site.
    """
    needed = ("risk_bulk_r_um", "risk_bulk_z_um", "contact_diameter_um", "criterion_rim_um")
    if not set(needed) <= set(view.table):
        return np.zeros(len(jobs), dtype=bool)
    r, z, diameter, rim = (view.table[name].to_numpy(dtype=float)[jobs] for name in needed)
    return np.hypot(r - diameter / 2, z) < _BORDER * rim


def _colours(count: int) -> list[Any]:
    if count == 1:
        return [_BLUE]
    shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, count))
    return [tuple(shade) for shade in shades]


def _decorate(axes: Any, quantity: str, label: str, letter: str) -> None:
    axes.set_ylabel(label)
    axes.annotate(
        letter, (0.0, 1.0), xycoords="axes fraction", xytext=(-24, 3), textcoords="offset points"
    )  # fmt: skip
    low, high = axes.get_ylim()
    if quantity.startswith("risk"):
        axes.axhline(1.0, color=ABOVE, lw=0.6)
        axes.set_ylim(0, max(1.1, 1.04 * high))
    elif quantity == "apex_sigma1_mpa":
        axes.axhline(0.0, color="black", lw=0.6)
        span = max(high, 0.0) - min(low, 0.0)
        room = 0.12 * span  # for both words
        axes.set_ylim(min(low - 0.06 * span, -room), max(high + 0.02 * span, room))
        for name, y, va in (("tension", 3, "bottom"), ("compression", -3, "top")):
            axes.annotate(
                name, (1.0, 0.0), xycoords=axes.get_yaxis_transform(), xytext=(-3, y),
                textcoords="offset points", ha="right", va=va, fontsize=6, color="grey",
            )  # fmt: skip
    else:
        axes.set_ylim(min(0.0, low), 1.04 * high)


def _mark_failures(axes: Any, x: Any) -> None:
    """Mark jobs without a result at the lower edge."""
    if len(x):
        axes.plot(
            x, np.full(len(x), 0.02), "x", ms=4, color=ABOVE, label="no result",
            transform=axes.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip


def _logarithmic(axes: Any, span: float) -> None:
    axes.set_xscale("log")
    subs = (1.0, 2.0, 5.0) if span < 100 else (1.0,)  # no room for more
    axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())


def _add_law(view: SweepView, panels: Any) -> None:
    """Add the half-spheroid law to the panels of apex stress and pressure."""
    x = view.numbers[ASPECT_RATIO]
    known = x[np.isfinite(x) & (x > 0)]
    if not len(known):
        return
    ratio = np.geomspace(known.min(), known.max(), 200)
    law = half_spheroid_law(view.common, ratio)
    if law is None:
        return
    for axes, values in zip(panels, (law.pole_mpa, law.pressure_mpa), strict=True):
        axes.plot(ratio, values, "--", lw=0.9, color="grey", label=_LAW, zorder=1)
        axes.legend(frameon=False, loc="upper left" if axes is panels[0] else "lower right")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 1.05 * values.min()), max(high, 1.05 * values.max()))


def _mark_published(axes: Any, x: Any) -> None:
    """Mark the shapes of the two published islands."""
    for name, ratio in _PUBLISHED.items():
        if 0.99 * np.nanmin(x) <= ratio <= 1.01 * np.nanmax(x):
            axes.axvline(ratio, color="grey", lw=0.5, ls=":", zorder=0)
            axes.annotate(
                name, (ratio, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
                textcoords="offset points", ha="center", fontsize=6, color="grey",
            )  # fmt: skip


def _mark_sign_change(view: SweepView, axes: Any) -> None:
    change = sign_change(view)
    if change is not None:
        axes.plot(change, 0.0, "D", ms=4, color=ABOVE, zorder=3)
        axes.annotate(
            f"σ₁ = 0 at {change:.3f}", (change, 0.0), xytext=(-4, 6),
            textcoords="offset points", ha="right", fontsize=7, color=ABOVE,
        )  # fmt: skip


def effects_figure(view: SweepView, file: Path, vector: str = "") -> None:
    """Draw the effect of each key: mean over the other keys, and the range that they span."""
    kinds = np.array([", ".join(values) for values in zip(*view.names.values(), strict=True)])
    if not len(kinds):
        kinds = np.full(len(view.table), "")
    names = list(dict.fromkeys(kinds))
    shown = list(_PANELS)[:3]
    with figure(file, DOUBLE_COLUMN_IN, 5.2, vector) as drawing:
        panels = drawing.subplots(len(shown), len(view.numbers), sharey="row", squeeze=False)
        for column, (key, x) in enumerate(view.numbers.items()):
            for row, quantity in enumerate(shown):
                axes = panels[row, column]
                y = view.table[quantity].to_numpy(dtype=float)
                for name, colour in zip(names, _colours(len(names)), strict=True):
                    own = (kinds == name) & np.isfinite(y)
                    levels = np.unique(x[own])
                    of_level = [y[own & (x == level)] for level in levels]
                    mean = np.array([values.mean() for values in of_level])
                    lowest, highest = ([f(v) for v in of_level] for f in (np.min, np.max))
                    axes.fill_between(levels, lowest, highest, color=colour, alpha=0.2, lw=0)
                    axes.plot(levels, mean, "o-", ms=3, lw=1, color=colour, label=name)
                _decorate(axes, quantity, _PANELS[quantity] if column == 0 else "", "")
            panels[-1, column].set_xlabel(label_of(key))
            levels = np.unique(x[np.isfinite(x)])
            if 1 < len(levels) <= _MOST_TICKS:
                for axes in panels[:, column]:
                    axes.set_xticks(levels, [f"{level:g}" for level in levels])
        if names != [""]:
            lines = panels[0, 0].get_lines()[: len(names)]
            drawing.legend(
                handles=lines, loc="outside upper right", ncols=len(names), frameon=False
            )
        panels[0, 0].set_title("line: mean over the other keys; band: their range", loc="left")
