"""Mesh of the cell stack around one island: the only user of gmsh.

The mesh is of 9-node quadrilaterals that follow the island's curved surface:
thin plastic islands lock with triangles. gmsh meshes the stack at twice the
wanted size, pairs triangles into quadrilaterals, and splits every element into
quadrilaterals, so that no triangle is left for any shape.
"""

from __future__ import annotations

import errno
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mechanics.drawing import draw_stack
from mechanics.interfaces import Contact, ContactOptions
from mechanics.layout import Edge, Interface, interfaces_of
from mechanics.profile import Floats, IslandProfile
from mechanics.smoothing import smooth_profile
from mechanics.stack import MeshSize, StackGeometry, StackKind
from mechanics.whole import whole

log = logging.getLogger(__name__)

SHRINK_ON_FAILURE = (1.0, 0.87, 0.76, 0.66)
"""Element sizes tried at the island, over the wanted one, until no element is folded."""
MAX_CELLS_ESTIMATE = 60_000
"""The solver holds dense arrays of some 10 kB per element."""
SIZE_OVER_RADIUS = 0.35
"""Element size over the radius of curvature of the island's surface."""
SMALLEST_OVER_FINE = 0.125
"""How far the element size at the island may be reduced where its surface is sharply bent."""

_COARSENING, _COARSEST_OVER_FAR = 0.3, 3.0
"""Growth of the elements of dies and tube per distance from the electrolyte, and its limit."""


class MeshError(RuntimeError):
    """No sound mesh was found for a shape."""

    exit_code = 3


@dataclass(frozen=True)
class StackMesh:
    """A DOLFINx mesh of the stack with its regions and edges tagged."""

    mesh: Any
    """`dolfinx.mesh.Mesh` of second-order quadrilaterals, coordinates (r, z) in um."""
    cells: Any
    """`dolfinx.mesh.MeshTags` of `Region`."""
    edges: Any
    """`dolfinx.mesh.MeshTags` of `Edge`."""
    profile: IslandProfile
    """The smooth meridian that was meshed."""
    fine_um: float
    """Element size at the island."""
    geometry: StackGeometry
    contact: ContactOptions

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The faces that may slip and open."""
        return interfaces_of(self.geometry, self.contact)

    @property
    def electrolyte_cap(self) -> Edge:
        """The electrolyte's face towards the island."""
        return Edge.cap if self.contact.kind is Contact.bonded else Edge.hole_cap


def build_mesh(
    profile: IslandProfile,
    geometry: StackGeometry,
    size: MeshSize,
    contact: ContactOptions,
    msh_file: Path | None = None,
) -> StackMesh:
    """Mesh the stack around an island.

    Parameters
    ----------
    profile
        Meridian of the island; a smooth curve is laid through its points.
    geometry
        Dimensions of the stack.
    size
        Element sizes.
    contact
        Which bodies are bonded, and so share their nodes.
    msh_file
        Where to write the mesh in gmsh's format 4.1 as well.

    Raises
    ------
    ValueError
        If the island does not fit, or would need an unreasonably large mesh.
    MeshError
        If no mesh without folded elements is found for this shape.
    """
    geometry.check_fits(profile)
    wanted = size.at_island_um(profile.height_um)
    _check_effort(profile, geometry, size, wanted)
    for shrink in SHRINK_ON_FAILURE:
        try:
            return _mesh_once(profile, geometry, size, contact, shrink * wanted, msh_file)
        except MeshError as error:
            # a slightly different size leads the mesher along another path
            failure = error
            log.info(
                "elements of %.3g um at the island: %s; trying smaller ones", shrink * wanted, error
            )
    raise failure


def _mesh_once(
    profile: IslandProfile,
    geometry: StackGeometry,
    size: MeshSize,
    contact: ContactOptions,
    fine: float,
    msh_file: Path | None,
) -> StackMesh:
    """Mesh the stack with a given element size at the island."""
    smooth = smooth_profile(profile, fine / 2)
    with _gmsh_model("stack") as gmsh:
        curve = draw_stack(gmsh.model, smooth, geometry, contact)
        _set_sizes(gmsh, size, fine, smooth, curve, geometry)
        gmsh.model.mesh.generate(2)
        _check_elements(gmsh.model)
        if msh_file is not None:
            _write(gmsh, msh_file)
        from mechanics.fenics import MPI, gmsh_io

        data = gmsh_io.model_to_mesh(gmsh.model, MPI.COMM_SELF, 0, gdim=2)
    return StackMesh(data.mesh, data.cell_tags, data.facet_tags, smooth, fine, geometry, contact)


def _check_effort(
    profile: IslandProfile, geometry: StackGeometry, size: MeshSize, fine: float
) -> None:
    """Refuse a mesh that would not fit into memory, before gmsh tries."""
    estimate = estimated_cells(profile, geometry, size, fine)
    if estimate > MAX_CELLS_ESTIMATE:
        raise ValueError(
            f"an island of {profile.contact_diameter_um:g} um x {profile.height_um:g} um at "
            f"mesh.fine_um={fine:g} needs about {estimate:.3g} elements in a stack of "
            f"stack.radius_um={geometry.radius_um:g} (limit {MAX_CELLS_ESTIMATE}): choose a larger "
            "mesh.fine_um, mesh.coarse_um or mesh.far_um, more mesh.growth or mesh.rim_growth, or "
            "a smaller mesh.near_um"
        )


def estimated_cells(
    profile: IslandProfile, geometry: StackGeometry, size: MeshSize, fine: float
) -> float:
    """Return about how many elements a mesh has: the integral of area over squared size.

    The stack's area lies around the island in bands of equal distance, and around the contact
    line likewise; of the two sizes that a place is given the smaller one holds, so that the sum
    over both is on the safe side.
    """
    outer = geometry.radius_um
    height = geometry.se_thickness_um + geometry.cu_thickness_um
    largest = max(size.far_um, size.coarse_um)
    distance = np.concatenate(
        ([0.0], np.geomspace(fine / 10, max(math.hypot(outer, height), fine), 400))
    )
    middle = (distance[1:] + distance[:-1]) / 2
    near = np.minimum(fine + size.growth * middle, size.coarse_um)
    graded = np.minimum(near + size.growth * np.maximum(middle - size.near_um, 0), largest)
    rim = np.minimum(size.rim_fraction * fine + size.rim_growth * middle, largest)
    length = profile.arc_um[-1] + profile.r_um[-1]
    total = outer * height
    # the lines of the island with a half disc around their end, and whole discs about the rim
    around = np.minimum(2 * length * distance + math.pi / 2 * distance**2, total)
    about = np.minimum(math.pi * distance**2, total)
    cells = float((np.diff(around) / graded**2).sum())
    finer = np.maximum(1 / rim**2 - 1 / near**2, 0)
    return cells + float((np.diff(about) * finer).sum())


@contextmanager
def _gmsh_model(name: str) -> Iterator[Any]:
    """Open gmsh, which is global to the process, and close it whatever happens."""
    try:
        import gmsh
    except OSError as error:
        raise RuntimeError(
            f"gmsh cannot be loaded ({error}): a system library is missing; on Debian: "
            "apt-get install libglu1-mesa libxcursor1 libxft2 libxinerama1"
        ) from error
    # gmsh installs a signal handler by default, which only the main thread may do
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.add(name)
        yield gmsh
    except Exception as error:
        if type(error) is Exception:  # gmsh's own errors have no class
            raise MeshError(f"gmsh could not mesh the stack: {error}") from error
        raise
    finally:
        gmsh.finalize()


def _write(gmsh: Any, file: Path) -> None:
    """Write gmsh's file; gmsh itself says nothing where the disk is full."""
    with whole(file) as part:
        gmsh.write(str(part))
        with part.open("rb") as written:
            written.seek(-min(part.stat().st_size, 64), os.SEEK_END)
            if b"$EndElements" not in written.read():
                raise OSError(errno.ENOSPC, "the mesh was not written to its end", str(file))


def _sharp_points(profile: IslandProfile, fine: float) -> tuple[Any, float]:
    """Return the points where the meridian bends within an element, and the size they want.

    Curved elements fold over where an edge turns by more than half a radian.
    """
    heading = np.unwrap(np.arctan2(np.diff(profile.z_um), np.diff(profile.r_um)))
    middle = (profile.arc_um[1:] + profile.arc_um[:-1]) / 2
    window = fine / 4
    ahead = np.interp(profile.arc_um + window, middle, heading)
    behind = np.interp(profile.arc_um - window, middle, heading)
    bend = np.abs(ahead - behind) / (2 * window)
    radius = 1 / np.maximum(bend, 1e-12)
    wanted = np.maximum(SIZE_OVER_RADIUS * radius, SMALLEST_OVER_FINE * fine)
    sharp = np.flatnonzero(wanted < fine)
    return sharp, float(wanted.min())


def _set_sizes(
    gmsh: Any,
    size: MeshSize,
    fine: float,
    profile: IslandProfile,
    curve: list[int],
    geometry: StackGeometry,
) -> None:
    """Grade the element size with the distance from the island's surface."""
    field, model = gmsh.model.mesh.field, gmsh.model
    island_lines = [
        tag for edge in (Edge.cap, Edge.base) for tag in model.getEntitiesForPhysicalGroup(1, edge)
    ]
    field.add("Distance", 1)
    field.setNumbers(1, "CurvesList", island_lines)
    field.setNumber(1, "Sampling", 500)
    field.add("Distance", 2)
    field.setNumbers(2, "PointsList", [curve[-1]])
    largest = max(size.far_um, size.coarse_um)
    near = f"min({fine} + {size.growth} * F1, {size.coarse_um})"
    far = f"{size.growth} * max(F1 - {size.near_um}, 0)"
    if geometry.kind is StackKind.cell:
        # dies and tube are coarser the farther they are from foil and electrolyte
        above, below = geometry.se_thickness_um, geometry.cu_thickness_um
        outside = f"max(max(-{below} - y, y - {above}), x - {geometry.radius_um})"
        far += f" + {_COARSENING} * max({outside}, 0)"
        largest *= _COARSEST_OVER_FAR
        inside = f"{size.far_um} + {_COARSENING} * max({outside}, 0)"
        far = f"min({far}, {inside})"
    limits = [str(largest), f"{size.rim_fraction * fine} + {size.rim_growth} * F2"]
    sharp, sharp_size = _sharp_points(profile, fine)
    if len(sharp) > 0:
        field.add("Distance", 3)
        field.setNumbers(3, "PointsList", [curve[i] for i in sharp])
        limits.append(f"{sharp_size} + {size.rim_growth} * F3")
    smallest = f"{near} + {far}"
    for limit in limits:
        smallest = f"min({smallest}, {limit})"
    field.add("MathEval", 4)
    # twice the wanted size: every element is split in two each way afterwards
    field.setString(4, "F", f"2 * {smallest}")
    field.setAsBackgroundMesh(4)
    options = {
        "Mesh.MeshSizeExtendFromBoundary": 0,
        "Mesh.MeshSizeFromPoints": 0,
        "Mesh.Algorithm": 8,  # frontal Delaunay for quadrilaterals
        "Mesh.RecombineAll": 1,
        "Mesh.RecombinationAlgorithm": 1,  # blossom
        "Mesh.SubdivisionAlgorithm": 1,  # into quadrilaterals only
        "Mesh.RecombineMinimumQuality": 0.4,  # no degenerate quadrilaterals
        "Mesh.ElementOrder": size.order,
        "Mesh.SecondOrderIncomplete": 0,
        "Mesh.MshFileVersion": 4.1,
    }
    for name, value in options.items():
        gmsh.option.setNumber(name, value)


def _check_elements(model: Any) -> None:
    """Raise MeshError if an element is not a 9-node quadrilateral or is folded over."""
    types, tags, _ = model.mesh.getElements(2)
    names = [model.mesh.getElementProperties(kind)[0] for kind in types]
    if names != ["Quadrilateral 9"]:
        raise MeshError(f"the mesh holds {', '.join(names)}, wanted 9-node quadrilaterals only")
    worst: Floats = np.asarray(model.mesh.getElementQualities(tags[0], "minSJ"))
    if worst.min() <= 0:
        raise MeshError(
            f"{int((worst <= 0).sum())} of {len(worst)} elements are folded over: "
            "the island's profile is too rough for the element size; reduce mesh.fine_um"
        )
