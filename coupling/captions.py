"""Captions of the figures: written beside them, and under them in the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from coupling.results import write_atomic

CAPTIONS_FILE = "captions.md"
FORMATS = (".png", ".pdf", ".svg", ".gif")

CAPTIONS = {
    "slices": "Section through the thickest island, and the plane that holds most lithium, before "
    "and after plating and as lithium volume fraction (LVF), its line at 20 % and the outlines of "
    "cracks, where there are any. Dashed: where the section lies. Grey values by their square "
    "root.",
    "thickness_map": "Equivalent lithium thickness: the sum of the lithium volume fraction along "
    "each column. White: contact lines of the islands that were found, and their numbers; pink, "
    "where there are any: cracks. Columns that are not in both scans are left blank.",
    "histogram": "Distribution of the equivalent lithium thickness over the region of interest, "
    "500 bins from 0 to 45 µm; dashed: its mean with its standard error. Noise below 0 is part of "
    "the mean, but lies beyond the axis.",
    "z_profile": "Mean lithium volume fraction of each slice against its distance from the "
    "interface of electrolyte and current collector.",
    "lithium_3d": "Current collector (grey), lithium (red, where its volume fraction passes 20 %) "
    "and cracks (purple), from the electrolyte's side and turned over, seen through the collector. "
    "Parallel projection; bars give the lengths along each axis.",
    "crack_profiles": "Grey values along lines through the largest cracks, before and after, "
    "coloured by time where there are several scans; dotted: the grey value of lithium.",
    "series": "Equivalent lithium thickness over time and against charge, beside Faraday's law, "
    "and what of the charge is found. Bars: error of the mean; shade: standard deviation over the "
    "electrode.",
    "tracks": "Volume of each tracked island over time; the largest in colours of their own. "
    "Dashed: cut by the edge of the region of interest.",
    "evolution": "Distribution of the equivalent lithium thickness, and mean lithium volume "
    "fraction against the distance from the interface, scan by scan; dashed: less lithium than in "
    "the scan before.",
    "thickness_maps": "Equivalent lithium thickness of the scans of a series, on one scale.",
    "depletion_map": "What the lithium foil of the counter electrode has lost. Blue outlines: "
    "where it is used up; green: cracks beside it.",
    "risk_map": "Islands at their place on the electrode, coloured by the bulk crack risk R1; red "
    "outlines: R1 > 1, a crack is predicted.",
    "risk_distribution": "Left: the islands ranked by bulk crack risk R1; black: solved, grey: "
    "interpolated, with the error that is claimed. Middle: the share of the islands above a risk. "
    "Right: bulk risk over size and shape.",
    "risk_series": "Bulk crack risk R1 of every tracked island over charge, or over time where the "
    "charge falls again; bars: the error that is claimed; dashed: R1 = 1; ring: where the first "
    "island reaches it.",
    "worst_stress": "Riskiest island: largest principal stress in the electrolyte, mirrored "
    "meridian section, displacements × 5, undeformed outline in black. Red: above 200 MPa.",
    "tall_and_flat": "The tallest and the flattest island for its diameter, as the paper's figure "
    "7: largest principal stress in the electrolyte, mirrored meridian sections on one scale, "
    "displacements × 5, undeformed outlines in black. Red: above 200 MPa.",
    "uncertainty": "Left: 5, 50 and 95 % quantiles of the bulk risk of the worst islands, and the "
    "probability that it exceeds 1. Right: first-order share of its variance by input.",
    "stress": "Largest principal stress in the electrolyte around the island, mirrored meridian "
    "section, displacements × 5, undeformed outline in black. Red: above 200 MPa.",
    "narrow_wide": "The published narrow and wide island of equal volume: largest principal stress "
    "in the electrolyte after stack pressure and growth, mirrored meridian sections, displacements "
    "× 5, undeformed outlines in black. Red: above 200 MPa.",
    "prediction": "Left: contact circles of the islands with their bulk risk (red: R1 > 1) and "
    "circles of the area of the segmented cracks (purple), from above. Right: share of "
    "cracked against uncracked islands that pass a threshold of the risk, or of the height, as it "
    "falls.",
    "cells": "Left: distribution of the equivalent lithium thickness of each cell. Middle: largest "
    "principal stress above the apex of each island, positive in tension. Right: bulk crack risk; "
    "crosses: islands below a segmented crack.",
    "cells_map": "Islands of each cell at their place on its electrode, coloured by the bulk crack "
    "risk R1 on one scale; red outlines: R1 > 1, a crack is predicted.",
    "cells_stress": "Largest principal stress around the riskiest island of each cell, on one "
    "scale, mirrored meridian sections, displacements × 5, undeformed outlines in black. Red: "
    "above 200 MPa.",
    "sweep": "(a) Bulk and (b) rim crack risk R1, (c) largest principal stress in the electrolyte "
    "at the apex and (d) pressure in lithium against what was varied. Red line: R1 = 1; open "
    "marks: the bulk risk is highest at the border of the rim. Where shapes were varied, dashed: "
    "closed form of the half-spheroidal cavity; dotted: height over diameter of the "
    "published wide and narrow islands; diamond: where the stress at the apex changes sign.",
    "effects": "Mean of crack risk and apex stress over the other keys, against each key that was "
    "varied; bands: the range that the other keys span.",
}
"""By the name of the file, without folder and suffix."""


def caption(name: str) -> str:
    """Return the caption of a figure by the name of its file, with or without its suffix."""
    return CAPTIONS[PurePosixPath(name).name.partition(".")[0]]


def write_captions(folder: Path, files: Iterable[str]) -> list[Path]:
    """Write the captions of a run's figures to ``captions.md``; nothing where there is none.

    Parameters
    ----------
    folder
        The run's.
    files
        Paths relative to it, of whatever was written.
    """
    figures: dict[str, list[str]] = {}
    for file in files:
        path = PurePosixPath(file)
        if path.suffix in FORMATS and path.stem in CAPTIONS:
            figures.setdefault(path.with_suffix("").as_posix(), []).append(path.suffix[1:])
    if not figures:
        return []
    return [write_atomic(folder / CAPTIONS_FILE, _page(figures))]


def _page(figures: dict[str, Sequence[str]] | dict[str, list[str]]) -> str:
    lines = ["# Figures", ""]
    for name, formats in figures.items():
        lines += [f"**{name}** ({', '.join(formats)}). {caption(name)}", ""]
    return "\n".join(lines)
