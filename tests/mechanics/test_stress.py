"""Principal stresses, recovery, averages and files of fields."""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest
import pyvista

from mechanics.averages import StressCloud, disc_average, sample
from mechanics.fields import write_profiles, write_steps, write_vtu
from mechanics.layout import Region
from mechanics.solver import Solution
from mechanics.stress import (
    ElectrolyteStress,
    pressure,
    principal_direction,
    principal_max,
    von_mises,
)


def _tensors(stress: np.ndarray) -> np.ndarray:
    full = np.zeros((len(stress), 3, 3))
    full[:, 0, 0], full[:, 2, 2], full[:, 1, 1] = stress[:, 0], stress[:, 3], stress[:, 4]
    full[:, 0, 2], full[:, 2, 0] = stress[:, 1], stress[:, 2]
    return full


def test_invariants_equal_those_of_the_full_tensor() -> None:
    stress = np.random.default_rng(0).normal(0, 100, (200, 5))
    stress[:, 2] = stress[:, 1]
    full = _tensors(stress)
    values = np.linalg.eigvalsh(full)
    assert principal_max(stress) == pytest.approx(values[:, -1])
    assert pressure(stress) == pytest.approx(-values.mean(axis=1))
    gaps = (values[:, [0, 1, 2]] - values[:, [1, 2, 0]]) ** 2
    assert von_mises(stress) == pytest.approx(np.sqrt(gaps.sum(axis=1) / 2))
    direction = principal_direction(stress)
    assert np.linalg.norm(direction, axis=1) == pytest.approx(1.0)
    pulled = np.einsum("ni,nij,nj->n", direction, full, direction)
    assert pulled == pytest.approx(values[:, -1])


def test_lines_run_where_they_say(narrow: Solution) -> None:
    stress = ElectrolyteStress(narrow)
    arc, axis, interface = stress.arc, stress.axis, stress.interface
    assert (arc.r_um[0], arc.z_um[0]) == pytest.approx((0.0, 20.0))
    assert (arc.r_um[-1], arc.z_um[-1]) == pytest.approx((22.22049, 0.0))
    assert arc.s_um[-1] == pytest.approx(32.7494, rel=1e-4)
    assert axis.s_um == pytest.approx(axis.z_um - 20.0)
    assert interface.s_um == pytest.approx(interface.r_um - 22.22049)
    for line in (arc, axis, interface):
        assert line.s_um[0] == pytest.approx(0.0, abs=1e-9)
        assert (np.diff(line.s_um) > 0).all()
        near = line.s_um < 10
        assert np.diff(line.s_um[near]).max() < 1.5


def test_stress_on_the_cap_balances_the_lithium(narrow: Solution) -> None:
    """Flowing lithium hardly carries shear: the normal stress on the cap is its pressure."""
    arc = ElectrolyteStress(narrow).arc
    centre = 20.0 - (22.22049**2 + 400.0) / 40.0
    normal = np.column_stack((arc.r_um, arc.z_um - centre))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    n_r, n_z = normal.T
    s = arc.stress
    across = n_r**2 * s[:, 0] + n_z**2 * s[:, 3] + n_r * n_z * (s[:, 1] + s[:, 2])
    inner = arc.s_um < 0.8 * arc.s_um[-1]
    assert across[inner] == pytest.approx(-582.0, rel=0.01)


def test_disc_average_of_known_fields() -> None:
    ticks = np.arange(0.05, 30, 0.1)
    r, z = (grid.ravel() for grid in np.meshgrid(ticks, ticks - 15))
    points = np.column_stack((r, z))
    constant = np.tile([1.0, 0.0, 0.0, 2.0, 3.0], (len(r), 1))
    linear = constant * (1 + 0.1 * z)[:, None]
    shear = np.tile([0.0, 5.0, 5.0, 0.0, 0.0], (len(r), 1))
    areas = np.full(len(r), 0.01)
    sites = np.array([[15.0, 0.0], [0.0, 3.0], [2.0, -4.0]])
    for field, expected in (
        (constant, constant[:3]),
        (linear, constant[:3] * (1 + 0.1 * sites[:, 1])[:, None]),
    ):
        found = disc_average(StressCloud(points, areas, field), sites, 5.0)
        assert found == pytest.approx(expected, abs=0.01)
    # shear is odd about the axis: on it, the mirrored halves cancel
    found = disc_average(StressCloud(points, areas, shear), sites, 5.0)
    assert found[0, 1] == pytest.approx(5.0)
    assert found[1, 1] == pytest.approx(0.0, abs=1e-9)
    assert 0 < found[2, 1] < 5


def test_disc_average_of_a_site_without_points_is_the_nearest() -> None:
    cloud = StressCloud(np.array([[100.0, 0.0]]), np.ones(1), np.full((1, 5), 7.0))
    assert disc_average(cloud, np.array([[50.0, 0.0]]), 1.0) == pytest.approx(np.full((1, 5), 7.0))


def test_samples_fill_the_body(narrow: Solution) -> None:
    nodal = ElectrolyteStress(narrow).nodal
    space = narrow.discretisation
    cloud = sample(space, nodal, 5.0)
    assert cloud.volumes.sum() == pytest.approx(
        space.volumes[space.cells_of(Region.se)].sum(), rel=1e-4
    )


def test_fields_are_read_back(narrow: Solution, tmp_path: Path) -> None:
    file = tmp_path / "fields.vtu"
    write_vtu(narrow, file)
    mesh = meshio.read(file)
    assert set(mesh.point_data) == {
        "displacement_um", "stress_mpa", "sigma1_mpa", "sigma1_direction", "von_mises_mpa",
        "equivalent_plastic_strain",
    }  # fmt: skip
    region = mesh.cell_data["region"][0]
    assert set(region) == {1, 2, 3}
    quads = mesh.cells_dict["quad9"]
    # VTK's order: corners counter-clockwise or clockwise, then mid-sides between them
    corners = mesh.points[quads][:, :, :2]
    middle = (corners[:, [0, 1, 2, 3]] + corners[:, [1, 2, 3, 0]]) / 2
    size = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
    assert (np.abs(middle - corners[:, 4:8]).max(axis=(1, 2)) < 0.1 * size).all()
    tensor = mesh.point_data["stress_mpa"].reshape(-1, 3, 3)
    assert np.linalg.eigvalsh(tensor)[:, -1] == pytest.approx(mesh.point_data["sigma1_mpa"])
    # and VTK itself reads the same cells
    grid = pyvista.read(file)
    assert grid.n_cells == len(quads)
    assert set(grid.celltypes) == {pyvista.CellType.BIQUADRATIC_QUAD}
    strain = mesh.point_data["equivalent_plastic_strain"]
    assert strain[quads[region == 1]].max() == 0
    assert strain[quads[region == 3]].mean() > 0.01


def test_profiles_are_written_with_the_columns_of_the_contract(
    narrow: Solution, tmp_path: Path
) -> None:
    files = write_profiles(ElectrolyteStress(narrow), tmp_path)
    assert [file.name for file in files] == ["arc.csv", "axis.csv", "interface.csv"]
    table = np.genfromtxt(files[0], delimiter=",", names=True)
    assert table.dtype.names == (
        "s_um", "r_um", "z_um", "sigma1_mpa", "sigma_rr_mpa", "sigma_zz_mpa", "sigma_rz_mpa",
        "sigma_tt_mpa",
    )  # fmt: skip
    assert table["s_um"][0] == 0


def test_both_steps_open_as_one_series(narrow: Solution, tmp_path: Path) -> None:
    assert set(write_steps(narrow, tmp_path)) == set(tmp_path.iterdir())
    reader = pyvista.get_reader(tmp_path / "fields.pvd")
    assert reader.time_values == [0.0, 1.0]
    highest = []
    for time in reader.time_values:
        reader.set_active_time_value(time)
        (grid,) = reader.read()
        highest.append(float(grid.point_data["displacement_um"][:, 1].max()))
    states = (narrow.pressed, narrow.state)
    true = [float(state.displacement[1::2].max()) for state in states]
    assert highest == pytest.approx(true)
    assert highest[1] > highest[0] + 0.2
