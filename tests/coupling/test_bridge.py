"""From measured islands to solvable shapes: contact line and volume kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from solving import BONDED

from coupling.bridge import MAX_POINTS, keep_volume, measured_islands, profile_from_file, thin_out
from mechanics.assembly import Discretisation
from mechanics.layout import Region
from mechanics.mesh import build_mesh
from mechanics.profile import cap, ellipsoid
from mechanics.stack import MeshSize, StackGeometry


@pytest.mark.parametrize("shape", [cap(44.4, 20.0), cap(100.0, 5.0), ellipsoid(80.0, 6.0)])
def test_the_meshed_island_has_the_measured_volume(shape: object, tmp_path: Path) -> None:
    file = tmp_path / "1.csv"
    columns = np.column_stack((shape.r_um, shape.z_um))  # type: ignore[attr-defined]
    np.savetxt(file, columns, delimiter=",", header="r_um,z_um", comments="")
    volume = 1.02 * shape.volume_um3  # type: ignore[attr-defined]
    profile = profile_from_file(file, volume)
    assert len(profile.r_um) <= MAX_POINTS
    assert profile.volume_um3 == pytest.approx(volume, rel=1e-12)
    assert profile.contact_diameter_um == shape.contact_diameter_um  # type: ignore[attr-defined]
    space = Discretisation(build_mesh(profile, StackGeometry(), MeshSize(), BONDED))
    meshed = space.volumes[space.cells_of(Region.island)].sum()
    assert meshed == pytest.approx(volume, rel=2e-3)


def test_thinning_keeps_the_ends() -> None:
    thin = thin_out(cap(44.4, 20.0, points=2000))
    assert len(thin.r_um) == MAX_POINTS
    assert thin.height_um == 20.0
    assert keep_volume(thin, 1000.0).contact_diameter_um == pytest.approx(44.4)


def test_tables_without_what_risk_needs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"islands\.csv"):
        measured_islands(tmp_path)
    pd.DataFrame({"label": [1], "x_um": [0.0]}).to_csv(tmp_path / "islands.csv")
    with pytest.raises(ValueError, match="no column y_um, contact_diameter_um"):
        measured_islands(tmp_path)
