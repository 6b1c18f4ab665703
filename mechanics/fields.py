"""Fields of a solution for ParaView, and profiles as CSV."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np

from mechanics.interfaces import INTERFACES
from mechanics.layout import Region
from mechanics.plasticity import RR, RZ, TT, ZR, ZZ
from mechanics.profile import Floats
from mechanics.solver import Solution
from mechanics.stress import (
    ElectrolyteStress,
    Profile,
    principal_direction,
    principal_max,
    recover,
    recover_scalar,
    von_mises,
)
from mechanics.whole import whole

_TO_VTK = [0, 1, 3, 2, 4, 6, 7, 5, 8]
"""Nodes of DOLFINx's 9-node quadrilateral in the order of VTK's."""


def write_vtu(solution: Solution, file: Path) -> None:
    """Write displacement, stress and plastic strain of every body, undeformed coordinates.

    Coordinates are (r, z, 0) and tensors (rr, rz, 0; rz, zz, 0; 0, 0, tt). Bodies do not
    share nodes, so that each keeps its own stress at their interfaces.
    """
    import meshio

    space = solution.discretisation
    points, cells, regions = [], [], []
    data: dict[str, list[Floats]] = {}
    offset = 0
    for region in Region:
        rows = space.cells_of(region)
        if len(rows) == 0:
            continue
        nodal = recover(solution, region)
        history = solution.state.history.get(region)
        strain = (
            np.zeros(len(nodal.nodes))
            if history is None
            else recover_scalar(space, region, history.equivalent)
        )
        fields = {
            "displacement_um": _in_space(nodal.displacement),
            "stress_mpa": _tensor(nodal.stress),
            "sigma1_mpa": principal_max(nodal.stress),
            "sigma1_direction": principal_direction(nodal.stress)[:, [0, 2, 1]],
            "von_mises_mpa": von_mises(nodal.stress),
            "equivalent_plastic_strain": strain,
        }
        for name, values in fields.items():
            data.setdefault(name, []).append(values)
        points.append(_in_space(nodal.points))
        cells.append(nodal.connectivity[:, _TO_VTK] + offset)
        regions.append(np.full(len(rows), int(region)))
        offset += len(nodal.nodes)
    mesh = meshio.Mesh(
        np.concatenate(points),
        [("quad9", np.concatenate(cells))],
        point_data={name: np.concatenate(parts) for name, parts in data.items()},
        cell_data={"region": [np.concatenate(regions)]},
    )
    with whole(file) as part:
        mesh.write(part)


def write_steps(solution: Solution, folder: Path) -> list[Path]:
    """Write the fields after the stack pressure and after the growth, and ParaView's list of both.

    Time 0 of ``fields.pvd`` is `fields_pressed.vtu`, time 1 is `fields.vtu`.
    """
    pressed = dataclasses.replace(solution, state=solution.pressed)
    steps = {"fields_pressed.vtu": pressed, "fields.vtu": solution}
    for name, step in steps.items():
        write_vtu(step, folder / name)
    rows = "".join(
        f'    <DataSet timestep="{time}" part="0" file="{name}"/>\n'
        for time, name in enumerate(steps)
    )
    collection = folder / "fields.pvd"
    with whole(collection) as part:
        part.write_text(
            '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n  <Collection>\n'
            f"{rows}  </Collection>\n</VTKFile>\n",
            encoding="utf-8",
        )
    return [*(folder / name for name in steps), collection]


CONTACT_COLUMNS = (
    "interface", "r_um", "z_um", "pressure_mpa", "shear_mpa", "gap_um", "slip_um", "status",
)  # fmt: skip
STATUS = ("open", "slides", "sticks")
"""What a node in contact does; its place is the number in ``contact.vtu``."""


def write_contact(solution: Solution, vtu_file: Path, csv_file: Path) -> list[Path]:
    """Write pressure, shear, gap and slip on every interface that is not bonded, if there is one.

    Values stand at the nodes of the slave face, undeformed coordinates; pressure and shear per
    deformed area. Nodes on the axis, which carry no pressure of their own, repeat the next one's.
    """
    import meshio

    surfaces, contact = solution.surfaces, solution.state.contact
    if surfaces is None or contact is None:
        return []
    first = np.flatnonzero(~surfaces.carries)
    source = np.arange(surfaces.count)
    source[first] = first + 1
    points = solution.discretisation.node_points[surfaces.nodes]
    status = np.where(contact.status.closed, np.where(contact.status.sticks, 2, 1), 0)[source]
    fields = {
        "contact_pressure_mpa": contact.tractions.pressure[source],
        "contact_shear_mpa": contact.tractions.shear[source],
        "contact_gap_um": contact.gap_um[source],
        "contact_slip_um": contact.slip_um[source],
    }
    lines, numbers, names = [], [], []
    for i, interface in enumerate(surfaces.interfaces):
        nodes = np.arange(surfaces.count)[surfaces.of(i)]
        lines.append(np.column_stack((nodes[:-2:2], nodes[2::2], nodes[1::2])))
        numbers.append(np.full(len(lines[-1]), INTERFACES.index(interface.name)))
        names += [interface.name] * len(nodes)
    mesh = meshio.Mesh(
        _in_space(points),
        [("line3", np.concatenate(lines))],
        point_data={**fields, "contact_status": status.astype(float)},
        cell_data={"interface": [np.concatenate(numbers)]},
    )
    with whole(vtu_file) as part:
        mesh.write(part)
    with whole(csv_file) as part, part.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(CONTACT_COLUMNS)
        for name, point, values, state in zip(
            names, points, zip(*fields.values(), strict=True), status, strict=True
        ):
            numbers_out = [f"{value:.9g}" for value in (*point, *values)]
            table.writerow([name, *numbers_out, STATUS[state]])
    return [vtu_file, csv_file]


def _in_space(plane: Floats) -> Floats:
    """Append a zero third coordinate."""
    return np.column_stack((plane, np.zeros(len(plane))))


def _tensor(stress: Floats) -> Floats:
    """Return the 9 components in (r, z, theta) of stresses of shape (n, 5)."""
    tensor = np.zeros((len(stress), 3, 3))
    tensor[:, 0, 0], tensor[:, 1, 1], tensor[:, 2, 2] = stress[:, RR], stress[:, ZZ], stress[:, TT]
    tensor[:, 0, 1] = tensor[:, 1, 0] = (stress[:, RZ] + stress[:, ZR]) / 2
    return tensor.reshape(-1, 9)


def write_profiles(stress: ElectrolyteStress, folder: Path) -> list[Path]:
    """Write ``arc.csv``, ``axis.csv`` and ``interface.csv`` into a folder that exists."""
    lines = {"arc": stress.arc, "axis": stress.axis, "interface": stress.interface}
    files = []
    for name, line in lines.items():
        file = folder / f"{name}.csv"
        header = ",".join(Profile.COLUMNS)
        with whole(file) as part:
            np.savetxt(part, line.table(), delimiter=",", header=header, comments="", fmt="%.9g")
        files.append(file)
    return files
