"""Picture of crack risk over a series: every tracked island against charge, or against time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coupling.criterion import LEVEL
from coupling.figure_style import ABOVE, GREY, SINGLE_COLUMN_IN, figure
from coupling.series_figures import LARGEST, MARKERS, TRACK_COLOURS
from coupling.series_risk import Crossing


def risk_series_figure(
    table: pd.DataFrame,
    scans: pd.DataFrame,
    found: Sequence[Crossing],
    file: Path,
    vector: str = "",
) -> None:
    """Draw the bulk risk of every track, the worst in colours, and the first crossing of R1 = 1.

    The axis is the charge where it is known and never falls, else the time; with a charge that
    falls again, that is drawn above.

    Parameters
    ----------
    table
        Columns ``track, scan, time_h, charge_mah_cm2, risk_bulk, error``.
    scans
        Columns ``time_h, charge_mah_cm2``.
    found
        Crossings in the order of time.
    """
    charge = scans["charge_mah_cm2"]
    known = bool(charge.notna().all())
    rises = known and bool((np.diff(charge) >= 0).all())
    axis = "charge_mah_cm2" if rises else "time_h"
    height = 3.4 if known and not rises else 2.8
    with figure(file, SINGLE_COLUMN_IN * 1.5, height, vector) as drawing:
        if known and not rises:
            top, axes = drawing.subplots(2, 1, sharex=True, height_ratios=(1, 3))
            top.plot(scans["time_h"], charge, color=GREY, marker="o", ms=2, lw=1)
            top.set_ylabel("charge\n(mAh/cm²)")
            top.set_ylim(bottom=0)
        else:
            axes = drawing.subplots()
        solved = table.dropna(subset=["risk_bulk"])
        worst = solved.groupby("track")["risk_bulk"].max().sort_values(ascending=False)
        for rank, track in reversed(list(enumerate(worst.index))):
            rows = solved[solved["track"] == track].sort_values("scan")
            own = rank < LARGEST
            axes.errorbar(
                rows[axis], rows["risk_bulk"], rows["error"],
                color=TRACK_COLOURS[rank] if own else GREY,
                marker=MARKERS[rank] if own else ".", ms=4 if own else 2,
                lw=1 if own else 0.4, elinewidth=0.5, label=f"{track}" if own else None,
            )  # fmt: skip
        axes.axhline(LEVEL, color=ABOVE, lw=0.8, ls="--")
        if found:
            first = found[0]
            at = first.charge_mah_cm2 if rises else first.time_h
            unit = "mAh/cm²" if rises else "h"
            word = "first above 1 at" if first.seen_before else "first above 1 by"
            axes.plot([at], [LEVEL], marker="o", ms=7, mfc="none", mec=ABOVE, ls="none", zorder=5)
            axes.set_title(f"{word} {at:.3g} {unit} (track {first.track})", loc="left")
        else:
            axes.set_title("no island reaches R1 = 1", loc="left")
        axes.set_xlabel("plated charge (mAh/cm²)" if rises else "time (h)")
        axes.set_ylabel("bulk crack risk R1 (–)")
        axes.set_xlim(left=min(0.0, float(scans[axis].min())))
        if len(worst):
            handles, labels = axes.get_legend_handles_labels()
            axes.legend(
                handles[::-1], labels[::-1], title="track", frameon=False, loc="center left",
                bbox_to_anchor=(1.0, 0.5),
            )  # fmt: skip
