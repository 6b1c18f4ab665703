"""Files of an image analysis: the LVF, the map, the tables, one profile per island."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from imaging.baseline import Baseline
from imaging.cracks import CrackMap
from imaging.readers import write_labels, write_map, write_tiff, write_zarr
from imaging.replace import renamed
from imaging.result import ImageResult

ISLAND_COLUMNS = (
    "label",
    "x_um",
    "y_um",
    "contact_diameter_um",
    "contact_area_um2",
    "height_um",
    "volume_um3",
    "aspect_ratio",
    "contact_angle_deg",
    "touches_edge",
    "cap_residual_um",
    "axisymmetry_error",
    "sphericity",
    "blur_voxel",
    "fit_residual_um",
    "contact_diameter_std_um",
    "height_std_um",
)
LVF_STEP = 2.0**-14
"""Of the LVF that is written: its noise is some thousand times that."""
CRACK_COLUMNS = (
    *("label", "x_um", "y_um", "z_um", "volume_um3", "volume_std_um3", "offset_um"),
    *("offset_max_um", "area_um2", "equivalent_diameter_um", "max_extent_um", "opening_um"),
    "touches_edge",
)


def write_image_result(result: ImageResult, folder: Path) -> list[Path]:
    """Write the LVF, the map, the tables and one profile per island; returns the files."""
    folder = Path(folder)
    (folder / "islands").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "islands").glob("*.csv"):  # of an earlier run
        stale.unlink()
    quantity = {"quantity": "lithium volume fraction"}
    write_zarr(folder / "lvf.zarr", result.lvf, quantity, LVF_STEP)
    pixel = (result.lvf.spacing_um[1], result.lvf.spacing_um[2])
    write_map(folder / "thickness_um.tif", result.thickness_um, pixel)
    edges = result.histogram_edges_um
    tables: dict[str, tuple[list[str], list[list[object]]]] = {
        "histogram.csv": (
            ["from_um", "to_um", "pixels"],
            [[a, b, int(n)] for a, b, n in zip(edges, edges[1:], result.histogram_counts)],  # noqa: B905
        ),
        "z_profile.csv": (
            ["z_um", "mean_lvf"],
            [[z, v] for z, v in zip(result.z_profile_um, result.z_profile_lvf, strict=True)],
        ),
        "islands.csv": (
            list(ISLAND_COLUMNS),
            [[getattr(i, name) for name in ISLAND_COLUMNS] for i in result.islands],
        ),
    }
    for island in result.islands:
        points = zip(island.profile_r_um, island.profile_z_um, strict=True)
        tables[f"islands/{island.label}.csv"] = (["r_um", "z_um"], [[r, z] for r, z in points])
    for name, (header, rows) in tables.items():
        write_table(folder / name, header, rows)
    names = ["lvf.zarr", "thickness_um.tif", *tables]
    files = [folder / name for name in names]
    return files if result.cracks is None else files + write_cracks(result.cracks, folder, pixel)


def write_cracks(cracks: CrackMap, folder: Path, pixel_um: tuple[float, float]) -> list[Path]:
    """Write the table of cracks, their labels (0: none) and opening, both (y, x)."""
    files = [folder / name for name in ("cracks.csv", "crack_labels.tif", "crack_opening_um.tif")]
    rows = [[getattr(crack, name) for name in CRACK_COLUMNS] for crack in cracks.cracks]
    write_table(files[0], CRACK_COLUMNS, rows)
    write_labels(files[1], cracks.labels, pixel_um)
    write_map(files[2], cracks.opening_um, pixel_um)
    return files


def write_baseline(baseline: Baseline, result: ImageResult, folder: Path) -> list[Path]:
    """Write what a threshold on grey values takes for lithium, and its volumes beside ours."""
    names = ("baseline_lithium.tif", "baseline_thickness_um.tif", "baseline.csv")
    files = [folder / name for name in names]
    write_tiff(files[0], baseline.lithium)
    pixel = (result.lvf.spacing_um[1], result.lvf.spacing_um[2])
    write_map(files[1], baseline.thickness_um, pixel)
    header = ("label", "x_um", "y_um", "volume_um3", "baseline_volume_um3")
    rows = [
        [i.label, i.x_um, i.y_um, i.volume_um3, volume]
        for i, volume in zip(result.islands, baseline.island_volumes_um3, strict=True)
    ]
    write_table(files[2], header, rows)
    return files


def write_table(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file with a header."""
    with renamed(file) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([[_cell(v) for v in row] for row in rows])


def _cell(value: object) -> object:
    # Profiles keep their volume to 1e-6: ten digits.
    return f"{value:.10g}" if isinstance(value, float) else value
