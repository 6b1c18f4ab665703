"""`islet solve`, `collect` and `validate` as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import meshio
import numpy as np
import pandas as pd
import pytest

from coupling import cli
from coupling.case import solve_case
from coupling.schema_mechanics import MechanicsConfig, ValidateConfig
from coupling.verbs import validate
from mechanics.interfaces import Contact, ContactOptions
from mechanics.profile import cap
from mechanics.stack import Loading, MeshSize, StackGeometry

COARSE = ["mesh.fine_um=3", "load.steps=2", "stack=canonical", "contact=bonded"]
BONDED = ["stack=canonical", "contact=bonded"]
SCALARS = {
    "contact_diameter_um", "height_um", "volume_um3", "aspect_ratio", "contact_angle_deg",
    "li_pressure_mpa", "apex_sigma1_mpa", "top_sigma1_mean_mpa", "top_tension_fraction",
    "volume_above_200mpa_um3", "volume_above_200mpa_bulk_um3", "contact_open_fraction",
    "contact_slip_max_um", "sigma1_raw_max_mpa", "risk_bulk", "risk_rim", "apex_rise_um",
    "newton_iterations", "load_steps", "cutbacks", "dofs", "cells",
}  # fmt: skip
FILES = {
    "profiles/arc.csv", "profiles/axis.csv", "profiles/interface.csv", "fields.pvd",
    "fields.vtu", "fields_pressed.vtu", "mesh.msh", "stress.png", "captions.md",
}  # fmt: skip


def _result(folder: str) -> dict:
    return json.loads(Path(folder, "result.json").read_text())


def test_the_published_narrow_island(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference case from the command's own files and scalars."""
    reference = [*BONDED, "kinematics=small", "load.steps=10"]
    assert cli.run(["solve", "island=narrow", *reference, "hydra.run.dir=narrow"]) == 0
    assert capsys.readouterr().out.endswith("narrow/result.json\n")
    result = _result("narrow")
    assert set(result["scalars"]) >= SCALARS
    assert set(result["files"]) == FILES
    scalars = result["scalars"]
    assert scalars["li_pressure_mpa"] == pytest.approx(583.68, rel=0.01)
    assert scalars["apex_rise_um"] == pytest.approx(0.44359, rel=0.01)
    assert scalars["apex_sigma1_mpa"] == pytest.approx(261.9, rel=0.02)
    assert scalars["volume_above_200mpa_um3"] == pytest.approx(1989, rel=0.05)
    assert scalars["contact_open_fraction"] == 0
    assert scalars["load_steps"] == 11
    arc = np.genfromtxt("narrow/profiles/arc.csv", delimiter=",", names=True)
    half = np.interp(0.5 * arc["s_um"][-1], arc["s_um"], arc["sigma1_mpa"])
    assert half == pytest.approx(235.4, rel=0.01)
    assert {"mesh", "solve", "factorisation", "total"} <= set(result["timing_s"])


def test_an_island_from_a_file(workdir: Path) -> None:
    shape = cap(44.44098, 20.0, points=30)
    table = np.column_stack((shape.r_um, shape.z_um))
    np.savetxt("shape.csv", table, delimiter=",", header="r_um,z_um", comments="")
    arguments = ["solve", "island=profile", "island.file=shape.csv", *COARSE]
    assert cli.run([*arguments, "hydra.run.dir=file"]) == 0
    assert cli.run(["solve", "island=narrow", *COARSE, "hydra.run.dir=narrow"]) == 0
    ours, same = _result("file")["scalars"], _result("narrow")["scalars"]
    for name in ("li_pressure_mpa", "apex_sigma1_mpa", "apex_rise_um", "risk_bulk", "volume_um3"):
        assert ours[name] == pytest.approx(same[name], rel=0.01), name
    assert "shape.csv" not in json.dumps(_result("narrow")["inputs"])
    assert "island.file" in _result("file")["inputs"]["input_sha256"]


def test_finite_strain(workdir: Path) -> None:
    """Within 2.5 % of an independent trial of the same law on the same model."""
    assert cli.run(["solve", "island=narrow", *BONDED, "hydra.run.dir=finite"]) == 0
    scalars = _result("finite")["scalars"]
    assert scalars["li_pressure_mpa"] == pytest.approx(581.5, rel=0.025)
    assert scalars["apex_rise_um"] == pytest.approx(0.4504, rel=0.025)


def test_the_whole_cell_is_the_default(workdir: Path) -> None:
    """Friction, every body of the cell, and what they report of contact."""
    coarse = ["mesh.fine_um=3", "load.steps=4"]
    assert cli.run(["solve", "island=narrow", *coarse, "hydra.run.dir=cell"]) == 0
    result = _result("cell")
    assert set(result["files"]) == FILES | {"contact.vtu", "profiles/contact.csv"}
    assert result["scalars"]["li_pressure_mpa"] == pytest.approx(580, rel=0.02)
    contact = pd.read_csv("cell/profiles/contact.csv")
    assert set(contact["interface"]) == {
        "se_li", "cu_li", "die_cu", "se_ce", "ce_cu", "cu_die",
        "se_peek", "cu_peek", "ce_peek", "die_peek",
    }  # fmt: skip
    assert (contact["pressure_mpa"] >= 0).all()
    assert (contact["pressure_mpa"] * contact["gap_um"]).abs().max() < 1e-6
    assert (contact["shear_mpa"].abs() <= 0.2 * contact["pressure_mpa"] + 1e-5).all()
    cap_pressure = contact[contact["interface"] == "se_li"]["pressure_mpa"]
    assert cap_pressure.median() == pytest.approx(580, rel=0.02)
    read = meshio.read("cell/contact.vtu")
    assert set(read.point_data) >= {"contact_pressure_mpa", "contact_gap_um", "contact_slip_um"}
    bodies = np.unique(meshio.read("cell/fields.vtu").cell_data["region"][0])
    assert len(bodies) == 8


def test_the_comparison_plane(workdir: Path) -> None:
    assert cli.run(["solve", *COARSE, "stack=roller", "hydra.run.dir=roller"]) == 0
    assert _result("roller")["scalars"]["risk_bulk"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stack.ce_radius_um=2000"], "stack.ce_radius_um=2000 overlaps the tube"),
        (["stack.die_thickness_um=0"], "stack.die_thickness_um must be a positive"),
        (["contact.mu=-0.1"], "contact.mu must be zero or positive"),
        (["+contact.mu_by.se_pek=0"], "did you mean se_peek?"),
        (["contact.shear_cap_mpa=0"], "contact.shear_cap_mpa must be a positive"),
        (["island.contact_diameter_um=500", "island.height_um=480"], "height 480 um does not fit"),
        (["material.li.youngs_mpa=-1"], "youngs_mpa must be a positive"),
        (["island.height_um=-3"], "height_um must be a positive"),
        (["island.contact_diameter_um=4000", "island.height_um=20"], "does not fit"),
        (["material.se.poisson=0.5"], "material.se.poisson"),
        (["material.li.yield_mpa=-2"], "material.li.yield_mpa must"),
        (["material.se.youngs_mpa=soft"], "youngs_mpa"),
        (["load.presure_mpa=3"], "pressure_mpa"),
        (["island=profile", "island.file=none.csv"], "none.csv"),
        (["mesh.fine_um=0"], "mesh.fine_um"),
        (["load.expansion=nan"], "load.expansion"),
    ],
)
def test_bad_input_exits_with_2_and_one_message(
    workdir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.run(["solve", *arguments, "hydra.run.dir=bad"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    left = {path.name for path in Path("bad").rglob("*")} if Path("bad").exists() else set()
    assert left <= {"result.json", "config.yaml", "solve.log"}
    if "result.json" in left:
        assert _result("bad")["status"] == "failed"


def test_a_solution_that_does_not_converge_exits_with_3(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hopeless = ["solver.max_iterations=2", "solver.max_cutbacks=0", "hydra.run.dir=bad"]
    assert cli.run(["solve", *COARSE, *hopeless]) == 3
    assert "no equilibrium at a pressure of" in capsys.readouterr().err
    result = _result("bad")
    assert result["status"] == "failed"
    assert "no equilibrium" in result["reason"]
    assert result["scalars"] == {}


def test_a_sweep_of_shapes_is_collected_with_its_failures(workdir: Path) -> None:
    shapes = "island.aspect_ratio=0.1,0.3,-1"
    sweep = ["solve", "-m", shapes, *COARSE, "hydra.sweep.dir=sweep"]
    assert cli.run(sweep) == 2  # the only failure is bad input
    assert not Path("sweep/result.json").exists()
    assert cli.run(["collect", "sweep=sweep", "hydra.run.dir=table"]) == 0
    table = pd.read_csv("table/table.csv")
    assert list(table["status"]) == ["ok", "ok", "failed"]
    assert table["volume_um3"][:2].to_numpy() == pytest.approx(19700.4, rel=1e-3)
    assert table["risk_bulk"][1] > table["risk_bulk"][0]
    assert len(pd.read_parquet("table/table.parquet")) == 3
    assert Path("table/sweep.png").stat().st_size > 10_000


@pytest.mark.slow
def test_validate_prints_the_whole_checklist(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["validate", "hydra.run.dir=check"]) == 0
    text = capsys.readouterr().out
    with Path("check/checklist.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    numbers = {row["row"].rstrip("abc") for row in rows}
    assert numbers >= {str(i) for i in range(1, 14)}
    for row in rows:
        assert row["verdict"] == "ok", row
        assert row["ours"] in text
    kinds = {row["kind"] for row in rows}
    assert kinds == {"definition", "arithmetic", "prediction"}
    assert "predictions that hold: 6 of 6" in text
    scalars = _result("check")["scalars"]
    assert scalars["narrow_apex_sigma1_mpa"] > 200
    assert scalars["wide_apex_sigma1_mpa"] < 0
    assert scalars["wide_top_tension_fraction"] < 0.25
    assert Path("check/narrow_wide.png").stat().st_size > 30_000


def test_validate_fails_with_1_when_a_row_does_not_hold(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two flat islands in the place of the published pair: the narrow one's rows must fail."""
    coarse = MechanicsConfig(
        stack=StackGeometry(),
        contact=ContactOptions(kind=Contact.bonded),
        mesh=MeshSize(fine_um=3.0),
        load=Loading(steps=2),
    )
    flat = solve_case(cap(100.0, 5.0), coarse)
    monkeypatch.setattr(validate, "solve_case", lambda *_: flat)
    monkeypatch.setattr(validate, "_residual", lambda kept: kept)
    with pytest.raises(validate.ValidationError, match="rows 11a, 11b, 14") as caught:
        validate.run(ValidateConfig(), workdir)
    assert caught.value.exit_code == 1
    assert "FAILS prediction" in capsys.readouterr().out
