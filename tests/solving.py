"""Islands solved with the defaults of the command, for several test modules."""

from __future__ import annotations

from mechanics.interfaces import Contact, ContactOptions
from mechanics.materials import MaterialSet
from mechanics.mesh import build_mesh
from mechanics.profile import IslandProfile
from mechanics.solver import Solution, solve
from mechanics.stack import (
    Kinematics,
    Loading,
    MeshSize,
    SolverOptions,
    StackGeometry,
    StackKind,
)

ROLLER = StackGeometry(kind=StackKind.roller, radius_um=1500.0, se_thickness_um=1500.0)
"""Wide enough for the closed forms of an infinite body: (a/R)^3 is below 1e-5."""
BONDED = ContactOptions(kind=Contact.bonded)


def solve_island(
    profile: IslandProfile,
    materials: MaterialSet | None = None,
    loading: Loading | None = None,
    geometry: StackGeometry | None = None,
    size: MeshSize | None = None,
    kinematics: Kinematics = Kinematics.small,
    contact: ContactOptions = BONDED,
) -> Solution:
    """Mesh and solve one island; bonded, at small strain and canonical unless said otherwise."""
    geometry = geometry or StackGeometry()
    mesh = build_mesh(profile, geometry, size or MeshSize(), contact)
    return solve(
        mesh, materials or MaterialSet(), loading or Loading(), SolverOptions(), kinematics
    )
