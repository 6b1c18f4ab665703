"""Contact: geometry, derivatives, closed forms, and what sets it apart from bonding."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from solving import solve_island

from mechanics.assembly import Discretisation
from mechanics.contact import Status, Surfaces, Touch, Tractions
from mechanics.interfaces import Contact, ContactOptions
from mechanics.layout import Region
from mechanics.materials import Electrolyte, Material, MaterialSet
from mechanics.mesh import build_mesh
from mechanics.newton import Newton
from mechanics.plasticity import RR, RZ, TT, ZZ
from mechanics.profile import IslandProfile, cap
from mechanics.solver import Solution, solve
from mechanics.stack import (
    Kinematics,
    Loading,
    MeshSize,
    SolverOptions,
    StackGeometry,
    StackKind,
)
from mechanics.state import Load
from mechanics.stress import ElectrolyteStress
from mechanics.summary import Summary, summarise
from mechanics.trial import Damping, Step, Trial

# The suite runs with --import-mode=importlib: a helper beside the tests is found by its folder.
sys.path.append(str(Path(__file__).parent))

from two_bodies import (
    DISC,
    FREE,
    OnSlave,
    disc,
    follow,
    hertz,
    on_slave,
    patch,
    patch_error,
    radial_over_thickness,
    slip_limit,
    solve_blocks,
)  # fmt: skip

NARROW, WIDE = cap(44.44098, 20.0), cap(100.0, 5.0)
COARSE = MeshSize(fine_um=2.0)


# ---------------------------------------------------------------- geometry and derivatives


@pytest.fixture(scope="module")
def surfaces() -> Surfaces:
    """The faces of the narrow island."""
    stack = build_mesh(NARROW, StackGeometry(), COARSE, ContactOptions())
    space = Discretisation(stack)
    return Surfaces(space, stack.interfaces, stack.contact, MaterialSet().li, follows=True)


def test_closed_at_rest_and_weights_are_areas(surfaces: Surfaces) -> None:
    rest = np.zeros(surfaces.space.dof_count)
    geometry = surfaces.mortar.geometry(
        surfaces.mortar.start(surfaces.space.node_points), rest, rest
    )
    assert np.abs(surfaces.mean_gap(geometry)).max() < 1e-12
    assert np.abs(surfaces.mean_slip(geometry)).max() < 1e-9
    h, a = 20.0, 22.22049
    areas = [surfaces.weights[surfaces.of(i)].sum() for i in (0, 1)]
    assert areas[0] == pytest.approx(math.pi * (a**2 + h**2), rel=1e-4)
    assert areas[1] == pytest.approx(math.pi * a**2, rel=1e-6)


def test_the_meshes_of_cap_and_hole_leave_next_to_no_gap(surfaces: Surfaces) -> None:
    left = surfaces.mortar.initial / np.where(surfaces.carries, surfaces.weights, 1.0)
    assert np.abs(left).max() < 2e-3


def test_a_lifted_island_closes_by_the_motion(surfaces: Surfaces) -> None:
    """Lifted by d, the island opens at its base by d; the cap closes by d cos(slope)."""
    rest = np.zeros(surfaces.space.dof_count)
    lift = 1e-3
    moved = rest.copy()
    island = np.unique(surfaces.space.element_nodes[surfaces.space.cells_of(Region.island)])
    moved[2 * island + 1] = lift
    start = surfaces.mortar.start(surfaces.space.node_points)
    gap = surfaces.mean_gap(surfaces.mortar.geometry(start, moved, rest))
    cap_nodes, base = surfaces.of(0), surfaces.of(1)
    assert gap[base][1:] == pytest.approx(lift, rel=1e-6)
    r = surfaces.space.node_points[surfaces.nodes[cap_nodes], 0]
    radius = (22.22049**2 + 20.0**2) / (2 * 20.0)
    upright = np.sqrt(1 - (r / radius) ** 2)
    inner = (r > 0) & (r < 20)
    assert gap[cap_nodes][inner] == pytest.approx(-lift * upright[inner], rel=0.03, abs=0.01 * lift)


def _laws(surfaces: Surfaces, touch: Touch) -> np.ndarray:
    """Forces and laws, in the order and with the signs of the system's rows."""
    forces = surfaces.forces(touch.geometry, touch.tractions)
    return -np.concatenate((forces, *surfaces.missing(touch)))


def test_derivatives_against_central_differences(surfaces: Surfaces) -> None:
    """All of them at once: forces and laws by positions, pressures and shears."""
    rng = np.random.default_rng(0)
    space, mortar, n = surfaces.space, surfaces.mortar, surfaces.count
    r, z = space.node_points.T
    smooth = 0.02 * np.column_stack((r * (1 + z / 50), z - 0.2 * r)) * np.exp(-r[:, None] / 60)
    before = (0.5 * smooth + rng.normal(0, 0.02, smooth.shape)).ravel()
    now = (smooth + rng.normal(0, 0.02, smooth.shape)).ravel()
    points = mortar.start(space.node_points + before.reshape(-1, 2))
    sticks = surfaces.can_stick & (np.arange(n) % 2 == 0)
    status = Status(surfaces.carries, sticks, rng.choice([-1.0, 1.0], n))
    pressure, shear = rng.uniform(50, 500, n), rng.uniform(-100, 100, n)

    def touch(x: np.ndarray) -> Touch:
        u, p, t = np.split(x, [space.dof_count, space.dof_count + n])
        return Touch(mortar.geometry(points, u, before), Tractions(p, t), status)

    here = np.concatenate((now, pressure, shear))
    entries = surfaces.entries(touch(here))
    size = (len(here), len(here))
    matrix = coo_matrix((entries.values, (entries.rows, entries.columns)), shape=size).tocsr()
    parts = np.split(np.arange(len(here)), [space.dof_count, space.dof_count + n])
    for part, step in zip(parts, (1e-6, 1e-3, 1e-3), strict=True):
        direction = np.zeros(len(here))
        direction[part] = rng.normal(0, 1, len(part))
        ahead, behind = (_laws(surfaces, touch(here + s * direction)) for s in (step, -step))
        slope, predicted = (ahead - behind) / (2 * step), matrix @ direction
        for rows in parts:
            scale = max(np.abs(slope[rows]).max(), 1e-9)
            assert predicted[rows] == pytest.approx(slope[rows], abs=2e-6 * scale)


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize("edges", [(5, 7), (7, 5), (4, 8)])
@pytest.mark.parametrize("graded", [1.0, 1.4])
@pytest.mark.parametrize("wall", [False, True], ids=["free side", "wall and friction"])
def testpatch(edges: tuple[int, int], graded: float, wall: bool) -> None:
    """A uniform pressure passes faces whose meshes do not match, to round-off."""
    options = ContactOptions(mu=0.2 if wall else 0.0)
    materials = MaterialSet(se=Electrolyte(1000.0, 0.3), cu=Material(3000.0, 0.2))
    stack = patch(options, wall=wall, graded=graded, edges=edges)
    solution = solve_blocks(stack, materials, Loading(2.0, 0.0, steps=1), Kinematics.small)
    sides = (-2.0 * 0.2 / 0.8, -2.0 * 0.3 / 0.7) if wall else (0.0, 0.0)
    assert patch_error(solution, sides, 2.0) < 1e-8


def test_patch_at_finite_strain() -> None:
    """The load is dead, so that the pressure per deformed area is what the bulging leaves of it."""
    materials = MaterialSet(se=Electrolyte(1000.0, 0.3), cu=Material(1000.0, 0.3))
    stack = patch(FREE, wall=False, graded=1.3)
    solution = solve_blocks(stack, materials, Loading(100.0, 0.0, steps=1))
    u = solution.state.displacement.reshape(-1, 2)
    rim = np.isclose(solution.discretisation.node_points[:, 0], 10.0)
    assert rim.sum() == 7 + 5
    stretch = 1 + u[rim, 0] / 10.0
    assert stretch == pytest.approx(stretch[0], abs=1e-8)
    assert stretch[0] > 1.02
    true = 100.0 / stretch[0] ** 2
    # Hencky elasticity: Kirchhoff stress J sigma = E ln(axial stretch), ln(stretch) = -nu times it
    axial = -math.log(stretch[0]) / 0.3
    volume = math.exp((1 - 2 * 0.3) * axial)
    assert true * volume == pytest.approx(-1000.0 * axial, rel=1e-6)
    assert patch_error(solution, (0.0, 0.0), true) < 1e-6


@pytest.mark.parametrize("indenter", ["hard", "alike"])
def test_hertz(indenter: str) -> None:
    """A paraboloid of radius R on a half-space: a^3 = 3 F R / (4 E*), p0 = 3 F / (2 pi a^2)."""
    scene = hertz(hard=indenter == "hard")
    a, seen = scene.a, scene.found
    inside = seen.r < 0.7 * a
    exact = scene.centre * np.sqrt(1 - (seen.r[inside] / a) ** 2)
    assert seen.pressure[inside] == pytest.approx(exact, rel=0.02)
    touching, first_apart = seen.r[seen.closed].max(), seen.r[~seen.closed].min()
    assert 0.97 * touching < a < 1.03 * first_apart
    if indenter == "hard":
        assert scene.found_approach == pytest.approx(scene.approach, rel=0.03)


@pytest.mark.parametrize(
    ("options", "shear"),
    [(ContactOptions(mu=0.2), 0.2), (ContactOptions(mu=0.2, shear_cap_mpa=0.1), 0.1)],
    ids=["mu p", "cap"],
)
def test_a_disc_that_grows_against_friction(options: ContactOptions, shear: float) -> None:
    """In full slip, which only a small core next to the axis may lack."""
    height = 4.0
    stack = disc(options, height, 50, 2)
    solution = solve_blocks(stack, DISC, Loading(1.0, 0.02, steps=2), Kinematics.small)
    seen = on_slave(solution.surfaces, solution.state.contact)
    slides = seen.slides
    assert slides[seen.r > 10].all()
    limit = np.minimum(0.2 * seen.pressure, options.shear_cap_mpa or math.inf)
    assert np.abs(seen.shear[slides]) == pytest.approx(limit[slides], rel=1e-6)
    assert (seen.shear[slides] < 0).all()  # against the growth
    r, mean = radial_over_thickness(solution)
    exact = slip_limit(shear, height, r)
    middle = (r > 15) & (r < 85)
    assert mean[middle] == pytest.approx(exact[middle], rel=0.03, abs=0.01 * np.abs(exact).max())


def _slid(state_slip: OnSlave) -> float:
    return float(state_slip.slip[state_slip.r.argmax()])


def test_large_sliding_is_free_of_friction() -> None:
    """Growth by 30 % over many edges of the master stresses nothing, and its reversal neither."""
    stack = disc(FREE, 10.0, 23, 2, plane=150.0)
    growth = [*np.linspace(0, 0.3, 7), *np.linspace(0.25, 0, 6)]
    states = list(follow(stack, DISC, [Load(1.0, g) for g in growth]))
    newton, grown = states[6]
    space = newton.space
    stress = grown.stress[space.cells_of(Region.island)]
    rim = np.isclose(space.node_points[:, 0], 100.0)
    assert rim.sum() == 2 * 2 + 1
    radius = 100.0 + grown.displacement[::2][rim]
    widening = 0.3 / 1.3**2 / 1000.0  # the pressure that is left widens the disc by nu p / E
    assert radius == pytest.approx(130.0 * (1 + widening), rel=1e-6)
    # the load is dead: per deformed area it is less
    assert stress[..., ZZ] == pytest.approx(-1 / 1.3**2, rel=2e-3)
    for part in (RR, TT, RZ):
        assert np.abs(stress[..., part]).max() < 2e-3
    assert _slid(on_slave(newton.surfaces, grown.contact)) == pytest.approx(30.0, rel=0.01)
    _, first = states[0]
    _, last = states[-1]
    assert last.displacement == pytest.approx(first.displacement, abs=1e-6)
    assert _slid(on_slave(newton.surfaces, last.contact)) == pytest.approx(60.0, rel=0.01)


# ---------------------------------------------------------------- against bonded islands


def _solved(
    shape: IslandProfile,
    contact: ContactOptions | None = None,
    loading: Loading | None = None,
    geometry: StackGeometry | None = None,
) -> tuple[Solution, Summary]:
    """Solve an island at finite strain; with contact unless said otherwise."""
    solution = solve_island(
        shape, None, loading, geometry, COARSE, Kinematics.finite, contact or ContactOptions()
    )
    return solution, summarise(solution, ElectrolyteStress(solution))


BONDED = ContactOptions(kind=Contact.bonded)


@pytest.mark.parametrize(
    ("shape", "tension"), [(NARROW, -100.0), (WIDE, -50.0)], ids=["narrow", "wide"]
)
def test_a_shrinking_island_comes_off(shape: IslandProfile, tension: float) -> None:
    """Bonded, it is torn at high tension; free, it opens a gap and is left in peace."""
    loading = Loading(0.0, -0.02, steps=4)
    _, free = _solved(shape, None, loading)
    _, bonded = _solved(shape, BONDED, loading)
    assert abs(free.li_pressure_mpa) < 1
    assert free.contact_open_fraction > 0.95
    assert bonded.li_pressure_mpa < tension


@pytest.mark.parametrize(
    ("shape", "pressure", "rise"),
    [
        pytest.param(NARROW, 1.000, 1.001, id="narrow"),
        pytest.param(WIDE, 0.989, 0.986, id="wide", marks=pytest.mark.slow),
    ],
)
def test_friction_hardly_changes_a_pressed_island(
    shape: IslandProfile, pressure: float, rise: float
) -> None:
    """What contact changes, against the same by an independent solver."""
    _, free = _solved(shape)
    _, bonded = _solved(shape, BONDED)
    assert free.li_pressure_mpa / bonded.li_pressure_mpa == pytest.approx(pressure, abs=0.02)
    assert free.apex_rise_um / bonded.apex_rise_um == pytest.approx(rise, abs=0.02)
    assert free.contact_open_fraction < 0.01


@pytest.mark.slow
def test_a_loose_foil_changes_the_pressure_little() -> None:
    """The stack pressure keeps electrolyte and foil together beside the island."""
    _, bonded = _solved(NARROW)
    _, loose = _solved(NARROW, ContactOptions(se_cu=Contact.frictional))
    assert loose.li_pressure_mpa == pytest.approx(bonded.li_pressure_mpa, rel=0.02)


# ---------------------------------------------------------------- the whole cell; convergence


CELL_FACES = {"se_li", "cu_li", "die_cu", "se_ce", "ce_cu", "cu_die", "se_peek", "cu_peek",
              "die_peek"}  # fmt: skip
CELLS = pytest.mark.parametrize("ce_radius", [None, 1000.0], ids=["full", "disc"])


@CELLS
def test_every_face_of_the_cell_is_closed_at_rest(ce_radius: float | None) -> None:
    geometry = StackGeometry(StackKind.cell, ce_radius_um=ce_radius)
    stack = build_mesh(NARROW, geometry, COARSE, ContactOptions(se_cu=Contact.frictional))
    names = {interface.name for interface in stack.interfaces}
    assert names == CELL_FACES | {"se_cu"} | ({"ce_peek"} if ce_radius is None else set())
    surfaces = Surfaces(
        Discretisation(stack), stack.interfaces, stack.contact, MaterialSet().li, True
    )
    assert surfaces.untouched().status.closed[surfaces.carries].all()
    assert np.abs(surfaces.mortar.initial / surfaces.weights.max()).max() < 2e-3
    for i, interface in enumerate(stack.interfaces):
        assert surfaces.weights[surfaces.of(i)].sum() > 0, interface.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ce_radius", "least", "most"), [(None, 0.96, 1.04), (1000.0, 1.02, 1.12)],
    ids=["full", "disc"],
)  # fmt: skip
def test_the_cell_is_solved(ce_radius: float | None, least: float, most: float) -> None:
    """The whole cell changes the narrow island's pressure little; a counter electrode of 4/9 of
    the area hands on the force with 2.25 times the pressure, above the island too.
    """
    geometry = StackGeometry(StackKind.cell, ce_radius_um=ce_radius)
    _, cell = _solved(NARROW, None, Loading(steps=4), geometry)
    _, canonical = _solved(NARROW, None, Loading(steps=4))
    assert least < cell.li_pressure_mpa / canonical.li_pressure_mpa < most


def test_newton_converges_quadratically(monkeypatch: pytest.MonkeyPatch) -> None:
    """While plastic lithium slides, residuals end as the square of those before."""
    pairs: list[tuple[float, float]] = []
    improved = Newton._improved

    def watched(
        self: Newton, step: Step, trial: Trial, iteration: int, reuse: bool, damping: Damping
    ) -> Trial:
        new = improved(self, step, trial, iteration, False, damping)
        pairs.append((trial.relative, new.relative))
        return new

    monkeypatch.setattr(Newton, "_improved", watched)
    stack = build_mesh(NARROW, StackGeometry(), COARSE, ContactOptions(mu=0.05))
    tight = SolverOptions(relative_tolerance=1e-9)
    solution = solve(stack, MaterialSet(), Loading(steps=4), tight)
    assert solution.state.contact is not None
    assert solution.state.contact.status.slides.any()
    starts = [i for i, (old, _) in enumerate(pairs) if i == 0 or old > pairs[i - 1][1]]
    assert len(starts) == 5  # a step begins where the residual is larger than the last one's
    for end in [*starts[1:], len(pairs)]:
        for old, new in pairs[end - 2 : end]:
            assert new < max(400 * old**2, 3e-10)  # the last digits are round-off
