"""At which shape the stress above an island changes from compression to tension.

Lithium under pressure is a fluid in a cavity, so the sign of the stress in the roof is a question
of the cavity's shape alone: a lens-shaped one bends its roof, a tall one stretches it. For half
spheroids on a frictionless roller the change is known in closed form, near h/a = 0.5. Here the same
is found by finite elements, for islands of one volume.
"""

import numpy as np

from mechanics.analytic import spheroid_cavity
from mechanics.interfaces import Contact, ContactOptions
from mechanics.materials import PRESETS
from mechanics.mesh import build_mesh
from mechanics.profile import ellipsoid
from mechanics.solver import solve
from mechanics.stack import Kinematics, Loading, MeshSize, SolverOptions, StackGeometry, StackKind
from mechanics.stress import ElectrolyteStress
from mechanics.summary import Summary, summarise

VOLUME_UM3 = 19_700.0
SHAPES = (0.30, 0.45, 0.60)
"""Height over radius, h/a."""


def solved(height_over_radius: float) -> Summary:
    """Return the scalars of a growing half spheroid on a roller, without stack pressure."""
    radius = (VOLUME_UM3 / (2 / 3 * np.pi * height_over_radius)) ** (1 / 3)
    island = ellipsoid(2 * radius, height_over_radius * radius)
    stack = StackGeometry(StackKind.roller)
    mesh = build_mesh(island, stack, MeshSize(fine_um=1.5), ContactOptions(kind=Contact.bonded))
    load = Loading(pressure_mpa=0.0, expansion=0.01, steps=3)
    solution = solve(mesh, PRESETS["paper"], load, SolverOptions(), Kinematics.small)
    return summarise(solution, ElectrolyteStress(solution))


def main() -> list[tuple[float, float, float]]:
    """Return h/a, and stress above the island over the pressure in it, computed and exact."""
    poisson = PRESETS["paper"].se.poisson
    rows = []
    for shape in SHAPES:
        island = solved(shape)
        ratio = island.apex_sigma1_mpa / island.li_pressure_mpa
        rows.append((shape, ratio, spheroid_cavity(shape, poisson).pole))

    # flat: compression, tall: tension, as the closed form has it
    computed, exact = (np.array([row[i] for row in rows]) for i in (1, 2))
    assert computed[0] < 0 < computed[-1]
    assert np.abs(computed - exact).max() < 0.06

    # the change of sign lies near half a radius of height
    change = np.interp(0.0, computed, SHAPES)
    assert 0.45 < change < 0.58
    return rows


if __name__ == "__main__":
    print(" h/a   apex stress / pressure   exact")
    for shape, ratio, exact in main():
        print(f"{shape:4.2f}   {ratio:22.3f}   {exact:5.3f}")
