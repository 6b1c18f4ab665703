"""Measured islands and alignment against the truth that a phantom was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from coupling.results import Scalar
from imaging.transform import RigidTransform, corner_error_um
from imaging.volume import Volume


@dataclass(frozen=True)
class TruthCheck:
    """How well a phantom was measured."""

    table: pd.DataFrame
    """One row per true island: label, found_label, errors of volume, diameter and height."""
    registration_error_voxel: float | None
    """Largest misplacement at the corners of the volume; None without alignment."""

    def scalars(self) -> dict[str, Scalar]:
        """Return the worst errors."""
        found = self.table.dropna(subset=["found_label"])
        worst = {
            "truth_volume_error_max_percent": found["volume_error_percent"].abs().max(),
            "truth_diameter_error_max_voxel": found["diameter_error_voxel"].abs().max(),
            "truth_height_error_max_um": found["height_error_um"].abs().max(),
        }
        return {
            "truth_islands": len(self.table),
            "truth_islands_found": len(found),
            **{name: float(value) for name, value in worst.items()},
            "truth_registration_error_voxel": self.registration_error_voxel,
        }


def check_truth(
    islands: pd.DataFrame, transform: RigidTransform | None, volume: Volume, folder: Path
) -> TruthCheck:
    """Compare measured islands and the alignment with a phantom's ``truth`` folder.

    Each true island is paired with at most one measured one, so that the distances of the
    centres sum up to the least; a partner farther off than the true radius is none.
    """
    true = pd.read_csv(folder / "islands.csv")
    facts = json.loads((folder / "transform.json").read_text())
    error = None
    if transform is not None:
        made = RigidTransform(tuple(facts["rotation_deg"]), tuple(facts["shift_um"]))
        low = tuple(float(volume.coordinates_um(axis)[0]) for axis in range(3))
        high = tuple(float(volume.coordinates_um(axis)[-1]) for axis in range(3))
        gap = corner_error_um(transform, made, low, high, volume.centre_um)  # type: ignore[arg-type]
        error = gap / volume.spacing_um[0]
    return TruthCheck(_pair(true, islands, volume.spacing_um[1]), error)


def _pair(true: pd.DataFrame, found: pd.DataFrame, voxel_um: float) -> pd.DataFrame:
    """Return the true islands beside the measured ones."""
    dx = true["x_um"].to_numpy()[:, None] - found["x_um"].to_numpy()[None]
    dy = true["y_um"].to_numpy()[:, None] - found["y_um"].to_numpy()[None]
    distance = np.hypot(dx, dy)
    rows, columns = linear_sum_assignment(distance)
    near = distance[rows, columns] < true["contact_diameter_um"].to_numpy()[rows] / 2
    partner = dict(zip(rows[near], columns[near], strict=True))
    lines = []
    for i, island in enumerate(true.itertuples()):
        line = {
            "label": island.label,
            "shape": getattr(island, "dome", ""),
            "contact_diameter_um": island.contact_diameter_um,
            "height_um": island.height_um,
            "volume_um3": island.volume_um3,
        }
        if i in partner:
            other = found.iloc[partner[i]]
            line |= {
                "found_label": int(other["label"]),
                "volume_error_percent": 100 * (other["volume_um3"] / island.volume_um3 - 1),
                "diameter_error_voxel": (other["contact_diameter_um"] - island.contact_diameter_um)
                / voxel_um,
                "height_error_um": other["height_um"] - island.height_um,
            }
        lines.append(line)
    columns_wanted = [
        "label", "shape", "contact_diameter_um", "height_um", "volume_um3", "found_label",
        "volume_error_percent", "diameter_error_voxel", "height_error_um",
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=columns_wanted)
