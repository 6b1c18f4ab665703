"""Files of the counter electrode's analysis: maps, bare spots, cracks, tables."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from imaging.counter import FoilResult
from imaging.counter_series import FoilRow
from imaging.foil import BareSpot
from imaging.output import LVF_STEP, write_cracks, write_table
from imaging.readers import write_labels, write_map, write_zarr


def write_foil_result(result: FoilResult, folder: Path) -> list[Path]:
    """Write the volume of lithium lost, the maps, bare spots, histogram, profile and cracks."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pixel = (result.lost.spacing_um[1], result.lost.spacing_um[2])
    quantity = "lithium volume fraction lost by the foil"
    write_zarr(folder / "lost.zarr", result.lost, {"quantity": quantity}, LVF_STEP)
    maps = {
        "depletion_um.tif": result.depletion_um,
        "foil_thickness_um.tif": result.thickness_um,
        "foil_left_um.tif": result.left_um,
    }
    for name, values in maps.items():
        write_map(folder / name, values, pixel)
    write_labels(folder / "bare_spots.tif", result.bare_labels, pixel)
    names = [field.name for field in dataclasses.fields(BareSpot)]
    spots = [[getattr(spot, name) for name in names] for spot in result.bare_spots]
    edges = result.histogram_edges_um
    bins = zip(edges[:-1], edges[1:], result.histogram_counts, strict=True)
    profile = zip(result.z_profile_um, result.z_profile_lost, strict=True)
    tables: dict[str, tuple[list[str], list[list[object]]]] = {
        "bare_spots.csv": (names, spots),
        "histogram.csv": (["from_um", "to_um", "pixels"], [[a, b, int(n)] for a, b, n in bins]),
        "z_profile.csv": (["z_um", "mean_lost"], [list(row) for row in profile]),
    }
    for name, (header, rows) in tables.items():
        write_table(folder / name, header, rows)
    files = [folder / name for name in ("lost.zarr", *maps, "bare_spots.tif", *tables)]
    if result.cracks is not None:
        files += write_cracks(result.cracks, folder, pixel)
    return files


def write_foil_series(rows: list[FoilRow], folder: Path) -> Path:
    """Write foil_series.csv, one row per scan; what is not known is left empty."""
    names = [field.name for field in dataclasses.fields(FoilRow)]
    cells = [
        ["" if getattr(row, name) is None else getattr(row, name) for name in names] for row in rows
    ]
    write_table(folder / "foil_series.csv", names, cells)
    return folder / "foil_series.csv"
