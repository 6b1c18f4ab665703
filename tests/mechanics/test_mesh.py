"""Meshes: every shape, sound elements, right regions, readable files, refused input."""

from __future__ import annotations

import math
from pathlib import Path

import meshio
import numpy as np
import pytest
from solving import BONDED

from mechanics import mesh as mesh_module
from mechanics.assembly import Discretisation
from mechanics.chain import chain
from mechanics.interfaces import Contact, ContactOptions
from mechanics.layout import Edge, Region
from mechanics.mesh import MeshError, build_mesh, estimated_cells
from mechanics.profile import IslandProfile, cap, ellipsoid, from_points
from mechanics.stack import MeshSize, StackGeometry, StackKind

SHAPES = {
    "flat": cap(200.0, 4.0),
    "overhanging": cap(40.0, 28.0),
    "wide ellipsoid": ellipsoid(100.0, 5.0),
    "tall ellipsoid": ellipsoid(20.0, 40.0),
    "cone": from_points([0, 10, 20], [10, 5, 0]),
    "cylinder": from_points([0, 10, 20, 20], [10, 10, 9.9, 0]),
    "table": from_points([0, 20, 29.9, 30], [6, 5.9, 5.8, 0]),
    "dimple": from_points([0, 6, 12, 20, 25], [5, 6, 7, 5, 0]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_meshed_with_the_right_volume(name: str) -> None:
    shape, stack = SHAPES[name], StackGeometry()
    space = Discretisation(build_mesh(shape, stack, MeshSize(), BONDED))
    volume = {region: space.volumes[space.cells_of(region)].sum() for region in Region}
    smooth = space.stack.profile
    assert volume[Region.island] == pytest.approx(smooth.volume_um3, rel=1e-4)
    disc = math.pi * stack.radius_um**2
    assert volume[Region.cu] == pytest.approx(disc * stack.cu_thickness_um, rel=1e-9)
    rest = disc * stack.se_thickness_um - volume[Region.island]
    assert volume[Region.se] == pytest.approx(rest, rel=1e-9)


def test_elements_are_as_small_as_asked() -> None:
    space = Discretisation(build_mesh(cap(100.0, 2.0), StackGeometry(), MeshSize(), BONDED))
    size = np.sqrt(space.areas.sum(axis=1))
    assert space.stack.fine_um == 0.5  # a quarter of the height
    assert np.median(size[space.cells_of(Region.island)]) < 0.6
    centre = space.points.mean(axis=1)
    near = np.hypot(centre[:, 0] - 50, centre[:, 1]) < 100
    assert size[near].max() < 1.3 * 10
    assert size.max() < 1.3 * MeshSize().far_um


def test_named_lines_lie_where_they_should() -> None:
    space = Discretisation(build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(), BONDED))
    at = {edge: space.node_points[space.nodes_on(edge)] for edge in Edge if edge <= Edge.interface}
    assert (at[Edge.axis][:, 0] == 0).all()
    assert at[Edge.wall][:, 0] == pytest.approx(1500, rel=1e-12)
    assert at[Edge.top][:, 1] == pytest.approx(500, rel=1e-12)
    assert at[Edge.bottom][:, 1] == pytest.approx(-20, rel=1e-12)
    assert at[Edge.base][:, 0].max() == pytest.approx(at[Edge.interface][:, 0].min())
    radius = (22.0**2 + 20.0**2) / 40.0
    distance = np.hypot(at[Edge.cap][:, 0], at[Edge.cap][:, 1] - (20.0 - radius))
    # the mid-side nodes too lie on the sphere, not on chords
    assert distance == pytest.approx(radius, rel=2e-5)


def test_mesh_file_is_read_by_meshio(tmp_path: Path) -> None:
    file = tmp_path / "mesh.msh"
    mesh = build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=2.0), BONDED, file)
    read = meshio.read(file)
    cells = sum(len(block.data) for block in read.cells if block.type == "quad9")
    assert cells == mesh.mesh.topology.index_map(2).size_local
    assert {"se", "cu", "island"} <= set(read.field_data)


def test_roller_stack_has_no_copper() -> None:
    stack = StackGeometry(kind=StackKind.roller)
    space = Discretisation(build_mesh(cap(44.0, 20.0), stack, MeshSize(fine_um=2.0), BONDED))
    assert len(space.cells_of(Region.cu)) == 0
    assert space.node_points[:, 1].min() == 0


FREE_CU = ContactOptions(se_cu=Contact.frictional)


@pytest.mark.parametrize("contact", [BONDED, ContactOptions(), FREE_CU])
@pytest.mark.parametrize("ce_radius", [None, 1000.0])
def test_the_whole_cell_has_every_body(contact: ContactOptions, ce_radius: float | None) -> None:
    stack = StackGeometry(kind=StackKind.cell, ce_radius_um=ce_radius)
    mesh = build_mesh(cap(44.0, 20.0), stack, MeshSize(fine_um=2.0), contact)
    space = Discretisation(mesh)
    volume = {region: space.volumes[space.cells_of(region)].sum() for region in Region}
    disc, electrode = math.pi * 1500**2, math.pi * (ce_radius or 1500.0) ** 2
    wanted = {
        Region.cu: 20 * disc,
        Region.ce: 50 * electrode,
        Region.ce_cu: 13 * electrode,
        Region.lower_die: 500 * disc,
        Region.upper_die: 500 * disc,
        Region.peek: math.pi * (2500**2 - 1500**2) * (500 + 20 + 500 + 50 + 13 + 500),
    }
    for region, value in wanted.items():
        assert volume[region] == pytest.approx(value, rel=1e-9), region
    assert volume[Region.se] + volume[Region.island] == pytest.approx(500 * disc, rel=1e-6)
    for interface in mesh.interfaces:
        slave, master = chain(space, interface.slave), chain(space, interface.master)
        assert not set(slave.nodes) & set(master.nodes), interface.name


def test_bodies_that_touch_face_each_other() -> None:
    stack = StackGeometry(kind=StackKind.cell)
    space = Discretisation(build_mesh(cap(44.0, 20.0), stack, MeshSize(fine_um=2.0), FREE_CU))
    for interface in space.stack.interfaces:
        for face, side in ((interface.slave, 1), (interface.master, -1)):
            line = chain(space, face)
            first, _, last = space.node_points[line.edges[len(line.edges) // 2]]
            along = last - first
            normal = line.outward * np.array([-along[1], along[0]]) / np.hypot(*along)
            # slaves are above or inside, but for the island, the foil and its counterpart
            down = interface.name in ("cu_li", "se_cu", "die_cu", "se_ce")
            axis = 0 if "peek" in interface.name else 1
            wanted = side * (-1 if down else 1)
            assert normal[axis] * wanted > 0.5, interface.name


def test_gmshs_failures_are_mesh_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        mesh_module, "draw_stack", lambda model, *_: model.mesh.setSize([(7, 7)], -1)
    )
    with pytest.raises(MeshError, match="gmsh could not mesh"):
        build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(), BONDED)
    monkeypatch.undo()
    assert build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=4.0), BONDED)


def test_folded_elements_are_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are varied until a mesh is sound; without such luck it is an error."""
    seen: list[float] = []

    def always_folded(*arguments: object) -> object:
        seen.append(float(arguments[4]))  # type: ignore[arg-type]
        raise MeshError("2 of 9 elements are folded over")

    monkeypatch.setattr(mesh_module, "_mesh_once", always_folded)
    with pytest.raises(MeshError, match="folded over"):
        build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(), BONDED)
    assert len(set(seen)) == len(mesh_module.SHRINK_ON_FAILURE)


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        (cap(2900.0, 50.0), MeshSize(), "radius 1450 um does not fit"),
        (cap(500.0, 460.0), MeshSize(), "height 460 um does not fit"),
        (cap(1000.0, 5.0), MeshSize(fine_um=0.02), "needs about .* elements"),
    ],
)
def test_refused_islands(shape: IslandProfile, size: MeshSize, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_mesh(shape, StackGeometry(), size, BONDED)


@pytest.mark.parametrize(
    ("geometry", "size"),
    [
        ({"radius_um": 1e6, "se_thickness_um": 1e5}, {}),
        ({}, {"growth": 1e-3}),
        ({}, {"rim_growth": 1e-3}),
        ({}, {"near_um": 1e5, "coarse_um": 2.0}),
        ({}, {"far_um": 0.1, "coarse_um": 1.0}),
    ],
    ids=["stack", "growth", "rim growth", "near", "far"],
)
def test_endless_meshes_are_refused_at_once(
    geometry: dict[str, float], size: dict[str, float]
) -> None:
    """An island as small as any, in what would keep the mesher busy for hours."""
    with pytest.raises(ValueError, match=r"needs about .* elements in a stack"):
        build_mesh(cap(40.0, 10.0), StackGeometry(**geometry), MeshSize(**size), BONDED)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [StackKind.canonical, StackKind.cell])
@pytest.mark.parametrize("size", [MeshSize(), MeshSize(fine_um=4.0, coarse_um=20.0, near_um=60.0)])
def test_the_number_of_elements_is_about_what_was_estimated(
    kind: StackKind, size: MeshSize
) -> None:
    shape, stack = cap(100.0, 20.0), StackGeometry(kind)
    estimate = estimated_cells(shape, stack, size, size.at_island_um(shape.height_um))
    cells = build_mesh(shape, stack, size, BONDED).mesh.topology.index_map(2).size_local
    assert 0.4 < estimate / cells < 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fine_um": 0.0}, "mesh.fine_um must be a positive"),
        ({"fine_um": 20.0}, "must not exceed mesh.coarse_um"),
        ({"order": 1}, "mesh.order must be 2"),
        ({"coarse_um": math.inf}, "mesh.coarse_um"),
    ],
)
def test_refused_sizes(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MeshSize(**options)  # type: ignore[arg-type]
