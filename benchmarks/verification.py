"""The solver against closed forms and independent solutions, as tables.

    uv run python benchmarks/verification.py [--only hertz slip ...] [--out docs/verification.md]

Every number computed is made when the script runs, and so are references from closed forms;
those from independent solvers are quoted. The docstring of a topic is the text above its table.
"""

from __future__ import annotations

import argparse
import inspect
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
# this folder's mechanics.py must not hide the package of that name
sys.path[:] = [p for p in sys.path if Path(p).resolve() != ROOT / "benchmarks"]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "mechanics")]

import numpy as np  # noqa: E402
import two_bodies as scenes  # noqa: E402
from scipy.optimize import brentq  # noqa: E402
from solving import BONDED, ROLLER, solve_island  # noqa: E402
from test_finite_strain import TRIAL  # noqa: E402
from test_reference import C0  # noqa: E402

from mechanics import analytic  # noqa: E402
from mechanics.interfaces import ContactOptions  # noqa: E402
from mechanics.layout import Region  # noqa: E402
from mechanics.materials import Electrolyte, Material, MaterialSet  # noqa: E402
from mechanics.plasticity import RR, TT, ZZ  # noqa: E402
from mechanics.profile import IslandProfile, cap, ellipsoid  # noqa: E402
from mechanics.solver import Solution  # noqa: E402
from mechanics.stack import Kinematics, Loading, MeshSize  # noqa: E402
from mechanics.state import Load  # noqa: E402
from mechanics.stress import ElectrolyteStress, pressure  # noqa: E402
from mechanics.summary import li_pressure_mpa, summarise  # noqa: E402

SE = Electrolyte(22100.0, 0.37)
LI = Material(7820.0, 0.381)
FLUID = Material(7820.0, 0.381, yield_mpa=1e-3)
SHAPES = {"narrow": cap(44.44098, 20.0), "wide": cap(100.0, 5.0)}
STEP = Loading(pressure_mpa=0.0, expansion=0.01, steps=1)
WITH_REFERENCE = "| quantity | computed | reference | difference, % |\n|---|---|---|---|\n"
BY_SIZE = "| quantity | 2 um | 1 um | 0.5 um | observed order |\n|---|---|---|---|---|\n"


def row(what: str, computed: float, reference: float | None = None, scale: float = 0.0) -> str:
    """Return a row of a table; the difference is over `scale`, or over the reference."""
    if reference is None:
        return f"| {what} | {computed:.5g} | | |\n"
    difference = 100 * (computed - reference) / (scale or abs(reference))
    return f"| {what} | {computed:.5g} | {reference:.5g} | {difference:+.2g} |\n"


Rows = Callable[[], list[str]]
TOPICS: dict[str, Callable[[], str]] = {}
"""What makes the section of each topic."""


def topic(name: str, title: str, head: str = WITH_REFERENCE) -> Callable[[Rows], Rows]:
    """Register a function that makes the rows of a topic's table."""

    def register(rows: Rows) -> Rows:
        text = f"## {title}\n\n{inspect.cleandoc(rows.__doc__ or '')}\n\n{head}"
        TOPICS[name] = lambda: text + "".join(rows())
        return rows

    return register


@topic("patch", "Patch test")
def patch_test() -> list[str]:
    """A uniform pressure passes faces of two cylinders whose meshes do not match: largest error
    of any stress component or contact pressure, over the applied pressure. Small strain.
    """
    materials = MaterialSet(se=Electrolyte(1000.0, 0.3), cu=Material(3000.0, 0.2))
    rows, load = [], Loading(2.0, 0.0, steps=1)
    for first, second in ((5, 7), (7, 5), (4, 8)):
        for mu, sides in ((0.0, (0.0, 0.0)), (0.2, (-0.5, -6 / 7))):
            edges = (first, second)
            stack = scenes.patch(ContactOptions(mu=mu), wall=mu > 0, graded=1.4, edges=edges)
            solution = scenes.solve_blocks(stack, materials, load, Kinematics.small)
            how = "wall, friction 0.2" if mu else "free side, no friction"
            error = scenes.patch_error(solution, sides, 2.0)
            rows.append(row(f"{first} against {second} edges, {how}", error, 0.0, 1.0))
    return rows


@topic("hertz", "Hertz contact")
def hertz() -> list[str]:
    """A paraboloid (R = 1000 um) on a cylinder of 150 um radius and height, without friction;
    Hertz's ellipsoid is fitted to the pressures within 0.7 of the contact radius.
    """
    rows = []
    for hard in (True, False):
        scene, name = scenes.hertz(hard=hard), "rigid" if hard else "alike"
        near = scene.found.r < 0.7 * scene.a
        r, p = scene.found.r[near], scene.found.pressure[near]
        slope, start = np.polyfit(r**2, p**2, 1)  # p^2 = p0^2 (1 - r^2 / a^2)
        rows.append(row(f"{name}: centre pressure, MPa", math.sqrt(start), scene.centre))
        rows.append(row(f"{name}: contact radius, um", math.sqrt(-start / slope), scene.a))
        if hard:
            rows.append(row(f"{name}: approach, um", scene.found_approach, scene.approach))
    return rows


@topic("slip", "Limit of friction")
def slip_limit() -> list[str]:
    """An elastic disc (radius 100 um, 4 um thick) grows by 2 % on a rough rigid plane under 1 MPa:
    sigma_r = -(tau/h) (2 + nu)/3 (R - r), mean over the thickness.
    """
    rows = []
    for name, options, shear in (
        ("shear = mu p", ContactOptions(mu=0.2), 0.2),
        ("capped shear", ContactOptions(mu=0.2, shear_cap_mpa=0.1), 0.1),
    ):
        stack, load = scenes.disc(options, 4.0, 50, 2), Loading(1.0, 0.02, steps=2)
        solution = scenes.solve_blocks(stack, scenes.DISC, load, Kinematics.small)
        r, mean = scenes.radial_over_thickness(solution)
        for at in (20.0, 50.0, 80.0):
            exact = float(scenes.slip_limit(shear, 4.0, np.array(at)))
            found = float(np.interp(at, r, mean))
            rows.append(row(f"{name}: radial stress at r = {at:g} um, MPa", found, exact))
        seen = scenes.on_slave(solution.surfaces, solution.state.contact)
        limit = np.minimum(0.2 * seen.pressure, options.shear_cap_mpa or math.inf)
        worst = np.abs(np.abs(seen.shear) - limit)[seen.slides].max()
        rows.append(row(f"{name}: largest error of sliding shear, MPa", worst, 0.0, shear))
    return rows


@topic("sliding", "Large sliding")
def large_sliding() -> list[str]:
    """An elastic disc (radius 100 um) grows by 30 % on a smooth plane, over seven edges of the
    plane's mesh, and shrinks back; finite strain, pressure 1 MPa per undeformed area.
    """
    stack = scenes.disc(scenes.FREE, 10.0, 23, 2, plane=150.0)
    growth = [*np.linspace(0, 0.3, 7), *np.linspace(0.25, 0, 6)]
    states = list(scenes.follow(stack, scenes.DISC, [Load(1.0, g) for g in growth]))
    (newton, first), (_, grown), (_, last) = states[0], states[6], states[-1]
    rim = np.isclose(newton.space.node_points[:, 0], 100.0)
    stress = grown.stress[newton.space.cells_of(Region.island)]
    seen = scenes.on_slave(newton.surfaces, grown.contact)
    away = np.abs(last.displacement - first.displacement).max()
    radius = 130 * (1 + scenes.ELASTIC.poisson / 1.3**2 / scenes.ELASTIC.youngs_mpa)
    return [
        row("radius, um", 100 + grown.displacement[::2][rim].mean(), radius),
        row("slip at the rim, um", seen.slip[seen.r.argmax()], radius - 100),
        row("axial stress, MPa", stress[..., ZZ].mean(), -1 / 1.3**2),
        row("largest radial or hoop stress, MPa", np.abs(stress[..., [RR, TT]]).max(), 0.0, 1.0),
        row("distance from the start after shrinking back, um", away, 0.0, 30.0),
    ]


def _roller(
    island: IslandProfile, li: Material, load: Loading = STEP, se: Electrolyte = SE,
    fine: float = 0.7,
) -> Solution:  # fmt: skip
    """Solve half of a spheroid on a smooth plane: by symmetry, a full one in an infinite body."""
    return solve_island(island, MaterialSet(li=li, se=se), load, ROLLER, MeshSize(fine_um=fine))


@topic("spheres", "Elastic sphere in an infinite matrix")
def spheres() -> list[str]:
    """Half-sphere on a smooth plane, small strain."""
    sphere = ellipsoid(40.0, 20.0)
    grown = li_pressure_mpa(_roller(sphere, LI))
    pressed = li_pressure_mpa(_roller(sphere, LI, Loading(20.0, 1e-9, steps=1)))
    side = -analytic.confined_radial_stress_mpa(SE.poisson, 20.0)
    remote = analytic.sphere_under_remote_pressure_mpa(LI, SE, (20.0 + 2 * side) / 3)
    misfit = analytic.misfit_sphere_pressure_mpa(LI, SE, 0.01)
    return [
        row("growth by 1 %: pressure, MPa", grown, misfit),
        row("remote pressure: pressure, MPa", pressed, remote),
    ]


@topic("eshelby", "Eshelby's spheroids, equal constants")
def eshelby() -> list[str]:
    """Half-spheroid on a smooth plane, growth by 1 %, small strain; differences are over
    f = E eps / (1 - nu).
    """
    rows = []
    scale = SE.youngs_mpa * 0.01 / (1 - SE.poisson)
    for aspect in (0.2, 0.5, 1.0, 2.0):
        solution = _roller(ellipsoid(40.0, aspect * 20.0), Material(SE.youngs_mpa, SE.poisson))
        exact, space = analytic.misfit_spheroid(SE, 0.01, aspect), solution.discretisation
        cells = space.cells_of(Region.island)
        stress = solution.state.stress[cells].reshape(-1, 5)
        inside = np.average(stress, axis=0, weights=space.volumes[cells].ravel())
        arc = ElectrolyteStress(solution).arc.stress
        found = (inside[RR], inside[ZZ], arc[0, RR], arc[-1, TT], arc[-1, ZZ])
        names = ("inside, radial", "inside, axial", "pole", "rim, hoop", "rim, meridional")
        for what, value, want in zip(names, found, astuple(exact), strict=True):
            rows.append(row(f"h/a = {aspect:g}: {what}, MPa", value, want, scale))
    return rows


def _pole(aspect: float, li: Material, growth: float) -> tuple[float, float]:
    """Return the pressure in a plastic half-spheroid, and the stress at its pole over it."""
    fine = min(0.7, 0.3 * aspect**2 * 20.0)
    solution = _roller(ellipsoid(40.0, aspect * 20.0), li, Loading(0.0, growth, steps=4), fine=fine)
    inside = li_pressure_mpa(solution)
    return inside, float(ElectrolyteStress(solution).arc.stress[0, RR]) / inside


@topic("fluid", "Island without strength")
def fluid_islands() -> list[str]:
    """Half-spheroid on a smooth plane, growth by 1 %, small strain; the references' factors are
    given to two or three digits, and differences of pole stresses are over the pressure.
    """
    rows = []
    for aspect, (pole, _, beta_mu) in analytic.SPHEROID_CAVITY.items():
        inside, found = _pole(aspect, FLUID, 0.01)
        exact = analytic.fluid_island_pressure_mpa(LI.bulk_mpa, 0.01, beta_mu / SE.shear_mpa)
        rows.append(row(f"h/a = {aspect:g}: pressure, MPa", inside, exact))
        rows.append(row(f"h/a = {aspect:g}: pole stress over pressure", found, pole, 1.0))
    return rows


def _root(aspects: tuple[float, ...], values: list[float]) -> float:
    """Return where the quadratic through three values vanishes."""
    curve = np.polyfit(aspects, values, 2)
    return float(brentq(lambda x: np.polyval(curve, x), aspects[0], aspects[-1]))


def _roof_of_cap(ratio: float, kinematics: Kinematics, contact: ContactOptions) -> float:
    """Return sigma1 near the apex of a cap of the published volume, canonical stack."""
    a = (19700.404 / (math.pi * ratio * (3 + ratio**2) / 6)) ** (1 / 3)
    solution = solve_island(cap(2 * a, ratio * a), kinematics=kinematics, contact=contact)
    arc = ElectrolyteStress(solution).arc
    return arc.sigma1_at(0.1 * arc.s_um[-1])


@topic("roof", "Sign of the stress above the island")
def roof() -> list[str]:
    """h/a where the largest principal stress above the island vanishes: at the pole of spheroids
    (expected at 0.48 to 0.52), a tenth of the arc from the apex of caps of the published volume
    (the reference follows from an independent solver's values at h/a = 0.3, 0.4 and 0.5).
    """
    half, caps, rows = (0.45, 0.5, 0.55), (0.3, 0.4, 0.5), []
    for name, li, growth in (("no strength", FLUID, 0.01), ("Li", MaterialSet().li, 0.05)):
        found = _root(half, [_pole(x, li, growth)[1] for x in half])
        rows.append(row(f"half-spheroid on a smooth plane, {name}, {100 * growth:g} %", found))
    small = [_roof_of_cap(x, Kinematics.small, BONDED) for x in caps]
    touching = [_roof_of_cap(x, Kinematics.finite, ContactOptions()) for x in caps]
    quoted = _root(caps, [-55.0, 21.0, 91.0])
    rows.append(row("cap, canonical stack, bonded, small strain", _root(caps, small), quoted))
    rows.append(row("cap, canonical stack, contact, finite strain", _root(caps, touching)))
    return rows


@topic("hill", "Plastic matrix (Hill)")
def hill() -> list[str]:
    """Elastic sphere (a = 20 um) that grows by 3 % in a matrix of 300 MPa yield stress without
    hardening, small strain: p = (2Y/3)(1 + 3 ln(c/a)), c the radius of the plastic zone.
    """
    strength, growth, a, nu = 300.0, 0.03, 20.0, SE.poisson

    def at(log_c: float) -> tuple[float, float]:
        """Return the pressure and the displacement of the wall for ln(c/a)."""
        wall = (1 - nu) * math.exp(3 * log_c) - 2 / 3 * (1 - 2 * nu) * (1 + 3 * log_c)
        return 2 * strength / 3 * (1 + 3 * log_c), strength * a / SE.youngs_mpa * wall

    def excess(log_c: float) -> float:
        return growth - at(log_c)[0] / (3 * LI.bulk_mpa) - at(log_c)[1] / a

    log_c = brentq(excess, 0.0, 3.0)
    matrix = Electrolyte(SE.youngs_mpa, nu, strength, 1e-6)
    solution = _roller(ellipsoid(2 * a, a), LI, Loading(0.0, growth, steps=20), matrix, 0.5)
    space = solution.discretisation
    apex = np.argmin(np.abs(space.node_points - [0.0, a]).sum(1))
    rise = solution.state.displacement[2 * apex + 1]
    flows = solution.state.history[Region.se].equivalent > 1e-7
    distance = np.linalg.norm(space.points[space.cells_of(Region.se)].reshape(-1, 2), axis=1)
    return [
        row("pressure, MPa", li_pressure_mpa(solution), at(log_c)[0]),
        row("displacement of the wall, um", rise, at(log_c)[1]),
        row("radius of the plastic zone, um", distance[flows].max(), a * math.exp(log_c)),
    ]


@topic("collapse", "Limit load of a hollow sphere")
def collapse() -> list[str]:
    """Lithium without hardening, b/a = 3, burst by a ball that grows in it: where all flows, the
    pressure is 2 Y ln(b/a) whatever the elements, if they do not lock.
    """
    return [
        row(f"elements of {size:g} um, a = 10 um: pressure, MPa", *scenes.collapse(size))
        for size in (4.0, 2.0, 1.0)
    ]


@topic("locking", "No volumetric locking")
def locking() -> list[str]:
    """Standard deviation of the pressure over its mean, all integration points of a flat
    half-spheroid (h/a = 0.2) that grows by 1 % and flows: elements that lock scatter.
    """
    rows = []
    for name, material in (("no strength", FLUID), ("lithium", MaterialSet().li)):
        solution = _roller(ellipsoid(60.0, 6.0), material, fine=1.0)
        inside = pressure(solution.state.stress[solution.discretisation.cells_of(Region.island)])
        rows.append(row(f"{name}: scatter over mean", inside.std() / inside.mean(), 0.0, 1.0))
    return rows


def _exponent(angle: float) -> float:
    """Return the smallest positive lambda of a wedge, fixed on one side and free on the other."""
    phi, nu, x = math.radians(180 - angle), SE.poisson, np.linspace(0.3, 1.0, 70_001)
    right = (4 * (1 - nu) ** 2 - (x * math.sin(phi)) ** 2) / (3 - 4 * nu)
    return float(x[np.argmax(np.sin(x * phi) ** 2 > right)])


@topic("corner", "Singularity at the contact line")
def corner() -> list[str]:
    """Electrolyte bonded to a rigid base around a void (a = 50 um) under 20 MPa, small strain:
    sigma ~ r^(lambda - 1), fitted 0.001 to 0.01 um from the contact line to the axial stress on
    the base; sin^2(lambda phi) = [4 (1 - nu)^2 - lambda^2 sin^2 phi] / (3 - 4 nu). At 30 degrees
    a second power, 0.664, lies near the first, and a fit of one power cannot tell them apart.
    """
    rows = []
    materials = MaterialSet(li=Material(1e-3, 0.0), se=SE, cu=Material(1e9, 0.3))
    size = MeshSize(rim_fraction=1e-4, rim_growth=0.15)
    for angle in (90.0, 60.0, 30.0):
        island = cap(100.0, 50.0 * math.tan(math.radians(angle) / 2))
        solution = solve_island(island, materials, Loading(20.0, 1e-12, steps=1), size=size)
        line = ElectrolyteStress(solution).interface
        near = (line.s_um > 1e-3) & (line.s_um < 1e-2)
        s, traction = line.s_um[near], np.abs(line.stress[near, ZZ])
        power = np.polyfit(np.log(s), np.log(traction), 1)[0]
        rows.append(row(f"contact angle {angle:g} degrees: lambda", 1 + power, _exponent(angle)))
    return rows


def _probes(solution: Solution) -> dict[str, float]:
    stress = ElectrolyteStress(solution)
    found, length = summarise(solution, stress), stress.arc.s_um[-1]
    return {
        "pressure in Li, MPa": found.li_pressure_mpa,
        "apex rise, um": found.apex_rise_um,
        "sigma1, apex, MPa": found.apex_sigma1_mpa,
        **{f"sigma1, arc {x:g}, MPa": stress.arc.sigma1_at(x * length) for x in (0.25, 0.5, 0.75)},
        **{f"sigma1, {x:g} um above apex, MPa": stress.axis.sigma1_at(x) for x in (5, 10)},
        **{f"sigma1, interface {x:g} um, MPa": stress.interface.sigma1_at(x) for x in (5, 10)},
        "cap area in tension": found.top_tension_fraction,
        "V(> 200 MPa), um3": found.volume_above_200mpa_um3,
        "the same without the rim, um3": found.volume_above_200mpa_bulk_um3,
        "largest sigma1 of the mesh, MPa": found.sigma1_raw_max_mpa,
    }


@topic("canonical", "Canonical case, bonded, small strain")
def canonical() -> list[str]:
    """References by CalculiX, with which GetFEM agrees, on a mesh of 1 um; ten steps."""
    rows = []
    for name, shape in SHAPES.items():
        wanted = np.hstack([np.ravel(value) for value in astuple(C0[name])])
        for (what, value), want in zip(_probes(solve_island(shape)).items(), wanted, strict=False):
            rows.append(row(f"{name}: {what}", value, want, 0.0 if want else 1.0))
    return rows


@topic("finite", "Canonical case, bonded, finite strain")
def finite_strain() -> list[str]:
    """References by an independent implementation of the same law (Hencky elasticity,
    multiplicative flow).
    """
    rows = []
    for name, shape in SHAPES.items():
        found = _probes(solve_island(shape, kinematics=Kinematics.finite))
        found.pop("sigma1, apex, MPa")
        for (what, value), want in zip(found.items(), TRIAL[name], strict=False):
            rows.append(row(f"{name}: {what}", value, want))
    return rows


@topic("contact", "Canonical case in contact")
def contact() -> list[str]:
    """Friction 0.2 against bonded islands, finite strain: quotient of each quantity, and the same
    of an independent solver (CalculiX), whose accuracy is about 2 %. Where all of the island
    sticks, contact is bonding: lithium shears before friction lets go.
    """
    rows, quoted = [], {"narrow": (1.000, 1.001), "wide": (0.989, 0.986)}
    for name, shape in SHAPES.items():
        bonded, free = (
            _probes(solve_island(shape, kinematics=Kinematics.finite, contact=options))
            for options in (BONDED, ContactOptions())
        )
        for what, want in zip(list(free)[:6], (*quoted[name], *[None] * 4), strict=True):
            rows.append(row(f"{name}: {what.rsplit(',', 1)[0]}", free[what] / bonded[what], want))
    return rows


@topic("mesh", "Mesh convergence, bonded, small strain", BY_SIZE)
def mesh_convergence() -> list[str]:
    """Size of the elements at the island (1.25 um in the place of 2 um for the wide one, a quarter
    of its height), and the order of successive differences where they have one sign. Meshes are
    unstructured and differences small, so that orders scatter. The largest stress of the mesh
    does not converge: the stress at the contact line is singular.
    """
    rows = []
    for name, shape in SHAPES.items():
        sizes = [MeshSize(fine_um=size) for size in (2.0, 1.0, 0.5)]
        found = [_probes(solve_island(shape, size=size)) for size in sizes]
        h = [size.at_island_um(shape.height_um) for size in sizes]
        for what in found[0]:
            a, b, c = (probes[what] for probes in found)
            order = _order((a, b, c), h)
            rows.append(f"| {name}: {what} | {a:.5g} | {b:.5g} | {c:.5g} | {order} |\n")
    return rows


def _order(values: tuple[float, float, float], h: list[float]) -> str:
    """Return the power of h that three values follow, if they do."""
    (a, b, c), n = values, np.linspace(-2.995, 7.995, 1100)
    quotient = (h[0] ** n - h[1] ** n) / (h[1] ** n - h[2] ** n)  # grows with n
    if (a - b) * (b - c) <= 0 or not quotient[0] < (a - b) / (b - c) < quotient[-1]:
        return ""
    return f"{np.interp((a - b) / (b - c), quotient, n):.1f}"


def main() -> None:
    """Compute the tables and write them."""
    parser = argparse.ArgumentParser(description="The solver against known solutions, as tables.")
    parser.add_argument("--only", nargs="+", choices=TOPICS, default=list(TOPICS))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "verification.md")
    options = parser.parse_args()
    packages = {"islet": "islet", "DOLFINx": "dolfinx-solver-real", "gmsh": "gmsh"}
    versions = ", ".join(f"{name} {version(package)}" for name, package in packages.items())
    sections = [
        "# Verification\n\nMade by `uv run python benchmarks/verification.py` with "
        f"Python {platform.python_version()}, {versions}. Stresses are positive in tension; "
        "elements have 1 um at the island, 0.7 um at spheroids, unless said otherwise. "
        "Differences are over the reference unless said otherwise. `tests/mechanics` asserts most "
        "of what follows.\n",
    ]
    for name in options.only:
        start = time.perf_counter()
        sections.append(TOPICS[name]())
        print(f"{sections[-1]}\n{name}: {time.perf_counter() - start:.1f} s\n", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(sections))


if __name__ == "__main__":
    main()
