"""Shape of the pictures of crack risk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matplotlib import image

from coupling.risk_figures import risk_map_figure, risk_maps_figure
from coupling.stress_picture import risk_title


def islands(rows: int) -> pd.DataFrame:
    """Rows of five islands each."""
    place = [(100.0 * x, 100.0 * y) for y in range(rows) for x in range(5)]
    return pd.DataFrame(
        {
            "label": range(1, len(place) + 1), "x_um": [x for x, _ in place],
            "y_um": [y for _, y in place], "contact_diameter_um": 40.0, "risk_bulk": 1.5,
        }
    )  # fmt: skip


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_a_map_is_as_tall_as_its_islands_need(tmp_path: Path, rows: int) -> None:
    """Axes of equal scale fill the figure: they reach over nearly all of its height."""
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    risk_map_figure(islands(rows), files[0])
    risk_maps_figure({"bare": islands(rows), "silver": islands(rows)}, files[1])
    for file in files:
        dark = image.imread(file)[..., :3].max(axis=-1) < 0.6
        frame = [row for row in range(dark.shape[0]) if dark[row].mean() > 0.3]  # lines of axes
        assert len(frame) >= 2
        assert frame[-1] - frame[0] > dark.shape[0] - 1.0 * 200  # 1 inch for title and label


def test_a_title_has_the_minus_sign_of_the_axes() -> None:
    scalars = {
        "contact_diameter_um": 100.0, "height_um": 5.0, "li_pressure_mpa": 229.0,
        "apex_sigma1_mpa": -137.0, "risk_bulk": -0.1, "risk_rim": 4.31,
    }  # fmt: skip
    title = risk_title(3, scalars)
    assert "Li island 3, 100.0 µm × 5.0 µm" in title
    assert "apex σ₁ −137 MPa; risk R1: bulk −0.10, rim 4.31" in title
