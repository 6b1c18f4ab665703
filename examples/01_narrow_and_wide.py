"""Why flat lithium is safe and tall lithium is not.

Two islands hold the same lithium: one is narrow and tall, as on bare copper, the other flat
and wide, as on silver-coated copper (Xu et al., Small 2026, figure 7). Each is pressed into
the electrolyte by the stack and then grows by 5 % along each axis. Lithium is so soft that it
flows like a fluid and pushes on every side with one pressure; what differs is the cavity it
pushes on. A tall one is blown up like a balloon, and its roof is stretched. A flat one bends
its roof outwards like a lid, and the inner face of a bent lid is compressed.
"""

from mechanics.interfaces import Contact, ContactOptions
from mechanics.materials import PRESETS
from mechanics.mesh import build_mesh
from mechanics.profile import IslandProfile, cap
from mechanics.solver import solve
from mechanics.stack import Kinematics, Loading, MeshSize, SolverOptions, StackGeometry
from mechanics.stress import ElectrolyteStress
from mechanics.summary import Summary, summarise

NARROW = cap(contact_diameter_um=44.44098, height_um=20.0)
WIDE = cap(contact_diameter_um=100.0, height_um=5.0)


def solved(island: IslandProfile) -> Summary:
    """Return the scalars of one island, bonded, in the canonical stack at small strain.

    It is the simplest model that shows the effect; friction and finite strain change its
    numbers by a few per cent.
    """
    mesh = build_mesh(island, StackGeometry(), MeshSize(), ContactOptions(kind=Contact.bonded))
    load = Loading(pressure_mpa=20.0, expansion=0.05)
    solution = solve(mesh, PRESETS["paper"], load, SolverOptions(), Kinematics.small)
    return summarise(solution, ElectrolyteStress(solution))


def main() -> tuple[Summary, Summary]:
    """Solve both islands and check what the paper says of them."""
    narrow, wide = solved(NARROW), solved(WIDE)

    # the same volume, within the roundness of the published numbers
    assert abs(narrow.volume_um3 / wide.volume_um3 - 1) < 1e-3

    # narrow: several hundred MPa of tension above the island, wide: compression
    assert narrow.apex_sigma1_mpa > 200
    assert wide.apex_sigma1_mpa < -100

    # wide: tension only at the edges; narrow: all over
    assert wide.top_tension_fraction < 0.25
    assert narrow.top_tension_fraction == 1

    # two independent solvers found 583.7 and 220.8 MPa in the lithium
    assert abs(narrow.li_pressure_mpa / 583.7 - 1) < 0.01
    assert abs(wide.li_pressure_mpa / 220.8 - 1) < 0.01
    return narrow, wide


if __name__ == "__main__":
    for name, island in zip(("narrow", "wide"), main(), strict=True):
        print(
            f"{name:>6}: lithium at {island.li_pressure_mpa:.0f} MPa, "
            f"electrolyte above it at {island.apex_sigma1_mpa:+.0f} MPa"
        )
