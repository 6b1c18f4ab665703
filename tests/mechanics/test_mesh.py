"""Meshes: every shape, sound elements, right regions, readable files, refused input."""

from __future__ import annotations

import math
from pathlib import Path

import meshio
import numpy as np
import pytest

from mechanics import mesh as mesh_module
from mechanics.assembly import Discretisation
from mechanics.mesh import Edge, MeshError, Region, build_mesh
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
    space = Discretisation(build_mesh(shape, stack, MeshSize()))
    volume = {region: space.volumes[space.cells_of(region)].sum() for region in Region}
    smooth = space.stack.profile
    assert volume[Region.island] == pytest.approx(smooth.volume_um3, rel=1e-4)
    disc = math.pi * stack.radius_um**2
    assert volume[Region.cu] == pytest.approx(disc * stack.cu_thickness_um, rel=1e-9)
    rest = disc * stack.se_thickness_um - volume[Region.island]
    assert volume[Region.se] == pytest.approx(rest, rel=1e-9)


def test_elements_are_as_small_as_asked() -> None:
    space = Discretisation(build_mesh(cap(100.0, 2.0), StackGeometry(), MeshSize()))
    size = np.sqrt(space.areas.sum(axis=1))
    assert space.stack.fine_um == 0.5  # a quarter of the height
    assert np.median(size[space.cells_of(Region.island)]) < 0.6
    centre = space.points.mean(axis=1)
    near = np.hypot(centre[:, 0] - 50, centre[:, 1]) < 100
    assert size[near].max() < 1.3 * 10
    assert size.max() < 1.3 * 40


def test_named_lines_lie_where_they_should() -> None:
    space = Discretisation(build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize()))
    at = {edge: space.node_points[space.nodes_on(edge)] for edge in Edge}
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
    mesh = build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=2.0), file)
    read = meshio.read(file)
    cells = sum(len(block.data) for block in read.cells if block.type == "quad9")
    assert cells == mesh.mesh.topology.index_map(2).size_local
    assert {"se", "cu", "island"} <= set(read.field_data)


def test_roller_stack_has_no_copper() -> None:
    stack = StackGeometry(kind=StackKind.roller)
    space = Discretisation(build_mesh(cap(44.0, 20.0), stack, MeshSize(fine_um=2.0)))
    assert len(space.cells_of(Region.cu)) == 0
    assert space.node_points[:, 1].min() == 0


def test_gmshs_failures_are_mesh_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_module, "_draw", lambda model, *_: model.mesh.setSize([(7, 7)], -1))
    with pytest.raises(MeshError, match="gmsh could not mesh"):
        build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize())
    monkeypatch.undo()
    assert build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=4.0))


def test_folded_elements_are_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are varied until a mesh is sound; without such luck it is an error."""
    seen: list[float] = []

    def always_folded(*arguments: object) -> object:
        seen.append(float(arguments[3]))  # type: ignore[arg-type]
        raise MeshError("2 of 9 elements are folded over")

    monkeypatch.setattr(mesh_module, "_mesh_once", always_folded)
    with pytest.raises(MeshError, match="folded over"):
        build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize())
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
        build_mesh(shape, StackGeometry(), size)


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
