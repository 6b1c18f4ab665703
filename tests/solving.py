"""Islands solved with the defaults of the command, for several test modules."""

from __future__ import annotations

from mechanics.materials import MaterialSet
from mechanics.mesh import build_mesh
from mechanics.profile import IslandProfile
from mechanics.solver import Solution, solve
from mechanics.stack import (
    Friction,
    Kinematics,
    Loading,
    MeshSize,
    SolverOptions,
    StackGeometry,
    StackKind,
)

ROLLER = StackGeometry(kind=StackKind.roller, radius_um=1500.0, se_thickness_um=1500.0)
"""Wide enough for the closed forms of an infinite body: (a/R)^3 is below 1e-5."""


def solve_island(
    profile: IslandProfile,
    materials: MaterialSet | None = None,
    loading: Loading | None = None,
    geometry: StackGeometry | None = None,
    size: MeshSize | None = None,
    kinematics: Kinematics = Kinematics.small,
    friction: Friction | None = None,
) -> Solution:
    """Mesh and solve one island with the defaults of the command."""
    geometry = geometry or StackGeometry()
    mesh = build_mesh(profile, geometry, size or MeshSize(), separate=friction is not None)
    return solve(
        mesh,
        geometry.kind,
        materials or MaterialSet(),
        loading or Loading(),
        SolverOptions(),
        kinematics,
        friction,
    )
