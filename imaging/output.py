"""Files of an image analysis: the LVF, the map, the tables, one profile per island."""

from __future__ import annotations

import csv
from pathlib import Path

from imaging.readers import write_map, write_zarr
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


def write_image_result(result: ImageResult, folder: Path) -> list[Path]:
    """Write the LVF, the map, the tables and one profile per island; returns the files."""
    folder = Path(folder)
    (folder / "islands").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "islands").glob("*.csv"):  # of an earlier run
        stale.unlink()
    write_zarr(folder / "lvf.zarr", result.lvf, {"quantity": "lithium volume fraction"})
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
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([[_cell(v) for v in row] for row in rows])
    names = ["lvf.zarr", "thickness_um.tif", *tables]
    return [folder / name for name in names]


def _cell(value: object) -> object:
    # Profiles keep their volume to 1e-6: ten digits.
    return f"{value:.10g}" if isinstance(value, float) else value
