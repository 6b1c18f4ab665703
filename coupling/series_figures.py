"""Pictures of a series: thickness over time and charge, efficiency, islands over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from coupling.evolution_figures import ScanCurves, evolution_figure, maps_figure
from coupling.figure_style import (
    BLUE,
    DOUBLE_COLUMN_IN,
    GREEN,
    GREY,
    ORANGE,
    SINGLE_COLUMN_IN,
    figure,
    written,
)
from imaging.electrochemistry import Cycle
from imaging.series import SeriesResult
from imaging.series_rows import Role, SeriesRow

LARGEST = 8
"""Tracks drawn in colours of their own; the others are grey."""
TRACK_COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
MARKERS = "os^Dv<>P"


def write_series_figures(
    result: SeriesResult, curves: list[ScanCurves], folder: Path, vector: str = ""
) -> list[Path]:
    """Write the pictures of a series; return the files.

    Parameters
    ----------
    result
        What was found.
    curves
        Histogram, depth profile and map of every scan but the pristine one.
    folder
        Where to.
    vector
        Write a PDF beside every PNG.
    """
    names = ("series", "tracks", "evolution", "thickness_maps")
    files = [folder / f"{name}.png" for name in names]
    series_figure(result, files[0], vector)
    tracks_figure(result, files[1], vector)
    evolution_figure(curves, files[2], vector)
    maps_figure(curves, files[3], vector)
    return [target for file in files for target in written(file, vector)]


def series_figure(result: SeriesResult, file: Path, vector: str = "") -> None:
    """Draw thickness against time and against charge, and what of the charge is found.

    The first two as the paper's figure 4c: the shade is the standard deviation over the electrode.
    """
    charged = all(row.charge_mah_cm2 is not None for row in result.rows)
    draw = [_thickness]
    if charged:
        draw.append(_against_charge)
    if charged or result.cycles:
        draw.append(_efficiency)
    width = (SINGLE_COLUMN_IN, 0.8 * DOUBLE_COLUMN_IN, DOUBLE_COLUMN_IN)[len(draw) - 1]
    with figure(file, width, 3.2, vector) as drawing:
        for axes, part in zip(np.atleast_1d(drawing.subplots(1, len(draw))), draw, strict=True):
            part(axes, result)
            if len(draw) > 1:
                axes.set_title(f"({'abc'[draw.index(part)]})", loc="left")


def _thickness(axes: Any, result: SeriesResult) -> None:
    rows = result.rows
    time = np.array([row.time_h for row in rows])
    _found(axes, time, rows)
    faraday = [row.faraday_thickness_um for row in rows]
    if all(value is not None for value in faraday):
        axes.plot(time, faraday, color=ORANGE, ls="--", lw=1, label="Faraday's law")
    null = [row for row in rows if row.role is Role.null]
    if null and result.null is not None:
        limit = result.null.limit_um
        axes.axhline(limit, color=GREY, ls=":", lw=0.8, label=f"detection limit {limit:.2g} µm")
    axes.axhline(0, color="black", lw=0.4)
    axes.set_xlabel("time (h)")
    axes.set_ylabel("equivalent Li thickness (µm)")
    _legend_above(axes)


def _found(axes: Any, where: Any, rows: tuple[SeriesRow, ...]) -> None:
    """Draw mean thicknesses with their errors, and the scatter over the electrode as a shade."""
    mean = np.array([row.mean_thickness_um for row in rows])
    spread = np.array([row.std_thickness_um for row in rows])
    axes.fill_between(
        where, mean - spread, mean + spread, color=BLUE, alpha=0.2, lw=0, label="± SD over the area"
    )
    error = [row.mean_error_um for row in rows]
    axes.errorbar(where, mean, error, color=BLUE, marker="o", ms=3, lw=1, capsize=2, label="found")


def _against_charge(axes: Any, result: SeriesResult) -> None:
    """Draw thickness against charge: on Faraday's line all charge is found as dense lithium."""
    rows = result.rows
    charge = np.array([row.charge_mah_cm2 for row in rows], dtype=np.float64)
    mean = np.array([row.mean_thickness_um for row in rows])
    spread = np.array([row.std_thickness_um for row in rows])
    error = np.array([row.mean_error_um for row in rows])
    grows = np.array([True, *(np.diff(charge) >= 0)])
    axes.plot(charge, mean, color=BLUE, lw=0.6, zorder=1)
    # The spread as bars: on the way back over the same charges shades would lie on each other.
    axes.errorbar(
        charge,
        mean,
        spread,
        color=BLUE,
        alpha=0.25,
        elinewidth=4,
        ls="none",
        zorder=0,
        label="± SD over the area",
    )
    for part, face, name in ((grows, BLUE, "plating"), (~grows, "white", "stripping")):
        if part.any():
            axes.errorbar(
                charge[part], mean[part], error[part], color=BLUE, mfc=face, marker="o", ms=4,
                ls="none", capsize=2, label=f"found, {name}",
            )  # fmt: skip
    faraday = np.array([row.faraday_thickness_um for row in rows], dtype=np.float64)
    order = np.argsort(charge)
    axes.plot(charge[order], faraday[order], color=ORANGE, ls="--", lw=1, label="Faraday's law")
    axes.axhline(0, color="black", lw=0.4)
    axes.set_xlabel("charge (mAh/cm²)")
    axes.set_ylabel("equivalent Li thickness (µm)")
    _legend_above(axes)


def _legend_above(axes: Any) -> None:
    """Put the legend where no point can be."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.14), borderaxespad=0.0,
        handlelength=1.6,
    )  # fmt: skip


def _efficiency(axes: Any, result: SeriesResult) -> None:
    """Draw the part of the charge that is found as lithium, and each cycle's efficiency."""
    rows = result.rows
    by_scan = {row.scan: row for row in rows}
    drawn: list[float] = []
    known = [row for row in rows if row.charge_mah_cm2 is not None]
    plating = [row for row in known if (row.faraday_thickness_um or 0) > 0 and _rises(row, rows)]
    if plating:
        charge = [row.charge_mah_cm2 for row in plating]
        scale = np.array([100 / float(row.faraday_thickness_um or np.nan) for row in plating])
        part = scale * [row.mean_thickness_um for row in plating]
        drawn += part.tolist()
        error = scale * [row.mean_error_um for row in plating]
        axes.errorbar(
            charge, part, error, color=BLUE, marker="o", ms=3, lw=1, capsize=2,
            label="found / Faraday's law",
        )  # fmt: skip
    cycles = [cycle for cycle in result.cycles if cycle.efficiency is not None]
    if cycles:
        where = [_where(by_scan[cycle.plated], cycle) for cycle in cycles]
        found = [100 * float(cycle.efficiency or 0) for cycle in cycles]
        drawn += found
        error = np.array([100 * float(cycle.efficiency_std or 0) for cycle in cycles])
        axes.errorbar(
            where, found, error, color=GREEN, marker="D", ms=5, ls="none", capsize=2,
            label="efficiency of a cycle, thickness",
        )  # fmt: skip
        by_charge = [cycle.charge_efficiency for cycle in cycles]
        if all(value is not None for value in by_charge):
            axes.plot(
                where, [100 * float(value or 0) for value in by_charge], color=ORANGE, marker="s",
                ms=5, mfc="none", ls="none", label="efficiency of a cycle, charge",
            )  # fmt: skip
    axes.axhline(100, color="black", lw=0.4)
    axes.set_xlabel("plated charge (mAh/cm²)" if known else "number of the scan after plating")
    if known:
        axes.set_xlim(0.0, 1.07 * max(float(row.charge_mah_cm2 or 0) for row in known))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("coulombic efficiency (%)")
    # By the values: errors at the first, smallest charges would flatten all others.
    axes.set_ylim(min([0.0, *drawn]) - 10, max([110.0, *drawn]) + 10)
    _legend_above(axes)


def _rises(row: SeriesRow, rows: tuple[SeriesRow, ...]) -> bool:
    """Whether the charge has risen to this scan since the last one."""
    earlier = [other for other in rows if other.scan < row.scan]
    return bool(earlier) and (row.charge_mah_cm2 or 0) > (earlier[-1].charge_mah_cm2 or 0)


def _where(plated: SeriesRow, cycle: Cycle) -> float:
    """Place of a cycle on the axis: its charge, or else the number of its plated scan."""
    return float(cycle.plated if plated.charge_mah_cm2 is None else plated.charge_mah_cm2)


def tracks_figure(result: SeriesResult, file: Path, vector: str = "") -> None:
    """Draw the volume of every island against time, the largest in colours."""
    courses: dict[int, list[tuple[float, float]]] = {}
    for row in result.track_rows:
        courses.setdefault(row.track, []).append((row.time_h, row.volume_um3))
    cut = {row.track for row in result.track_rows if row.touches_edge}
    ranked = sorted(courses, key=lambda track: -max(volume for _, volume in courses[track]))
    with figure(file, SINGLE_COLUMN_IN * 1.35, 2.7, vector) as drawing:
        axes = drawing.subplots()
        for rank, track in reversed(list(enumerate(ranked))):
            time, volume = zip(*courses[track], strict=True)
            own = rank < LARGEST
            axes.plot(
                time,
                np.array(volume) / 1000,
                color=TRACK_COLOURS[rank] if own else GREY,
                marker=MARKERS[rank] if own else ".",
                ms=4 if own else 2,
                lw=1 if own else 0.4,
                ls="--" if track in cut else "-",
                label=f"{track}{' (cut by the edge)' if track in cut else ''}" if own else None,
            )
        axes.set_xlabel("time (h)")
        axes.set_ylabel("island volume (10³ µm³)")
        if ranked:
            _spread_out(axes, [volume / 1000 for c in courses.values() for _, volume in c])
            handles, labels = axes.get_legend_handles_labels()
            axes.legend(
                handles[::-1], labels[::-1], title="track", frameon=False, loc="center left",
                bbox_to_anchor=(1.0, 0.5),
            )  # fmt: skip
        else:
            axes.text(0.5, 0.5, "no islands", ha="center", transform=axes.transAxes)


def _spread_out(axes: Any, volumes: list[float]) -> None:
    """Take a logarithmic axis with plain numbers where volumes differ by orders of magnitude."""
    if max(volumes) < 30 * min(volumes):
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
