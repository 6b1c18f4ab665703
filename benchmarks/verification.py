"""The solver against closed forms and independent solutions, as tables.

    uv run python benchmarks/verification.py [--only hertz slip ...] [--out docs/verification.md]

Every number in the tables is computed when the script runs, references from closed forms
included; references from independent solvers are quoted.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "mechanics")]

import numpy as np  # noqa: E402
import two_bodies as scenes  # noqa: E402
from scipy.optimize import brentq  # noqa: E402
from solving import BONDED, ROLLER, solve_island  # noqa: E402

from mechanics import analytic  # noqa: E402
from mechanics.interfaces import ContactOptions  # noqa: E402
from mechanics.layout import Region  # noqa: E402
from mechanics.materials import Electrolyte, Material, MaterialSet  # noqa: E402
from mechanics.plasticity import RR, TT, ZZ  # noqa: E402
from mechanics.profile import cap, ellipsoid  # noqa: E402
from mechanics.solver import Solution  # noqa: E402
from mechanics.stack import Kinematics, Loading, MeshSize  # noqa: E402
from mechanics.state import Load  # noqa: E402
from mechanics.stress import ElectrolyteStress, pressure  # noqa: E402
from mechanics.summary import li_pressure_mpa, summarise  # noqa: E402

SE = Electrolyte(22100.0, 0.37)
LI = Material(7820.0, 0.381)
FLUID = Material(7820.0, 0.381, yield_mpa=1e-3)
"""Carries no shear worth the name."""
SHAPES = {"narrow": cap(44.44098, 20.0), "wide": cap(100.0, 5.0)}
STEP = Loading(pressure_mpa=0.0, expansion=0.01, steps=1)


@dataclass(frozen=True)
class Row:
    """One computed number with its reference."""

    what: str
    computed: float
    reference: float | None = None
    scale: float | None = None
    """What the difference is divided by; the reference where it is None."""

    def line(self) -> str:
        """Return the row of a table in Markdown."""
        if self.reference is None:
            return f"| {self.what} | {self.computed:.5g} | | |"
        scale = abs(self.reference if self.scale is None else self.scale)
        difference = f"{100 * (self.computed - self.reference) / scale:+.2g}"
        return f"| {self.what} | {self.computed:.5g} | {self.reference:.5g} | {difference} |"


@dataclass(frozen=True)
class Table:
    """A topic with its rows."""

    title: str
    text: str
    rows: list[Row]

    def markdown(self) -> str:
        """Return the section in Markdown."""
        head = "| quantity | computed | reference | difference, % |\n|---|---|---|---|"
        lines = "\n".join(row.line() for row in self.rows)
        return f"## {self.title}\n\n{self.text}\n\n{head}\n{lines}\n"


def patch_test() -> Table:
    """Hand a uniform pressure over faces whose meshes do not match."""
    materials = MaterialSet(se=Electrolyte(1000.0, 0.3), cu=Material(3000.0, 0.2))
    rows = []
    for edges in ((5, 7), (7, 5), (4, 8)):
        for mu, wall, sides in ((0.0, False, (0.0, 0.0)), (0.2, True, (-0.5, -6 / 7))):
            stack = scenes.patch(ContactOptions(mu=mu), wall=wall, graded=1.4, edges=edges)
            load = Loading(2.0, 0.0, steps=1)
            solution = scenes.solve_blocks(stack, materials, load, Kinematics.small)
            how = "wall, friction 0.2" if wall else "free side, no friction"
            error = scenes.patch_error(solution, sides, 2.0)
            rows.append(Row(f"{edges[0]} against {edges[1]} edges, {how}", error, 0.0, 1.0))
    text = "Largest error of any stress component or contact pressure over the applied pressure."
    return Table("Patch test", text, rows)


def hertz() -> Table:
    """Press a paraboloid on a half-space."""
    rows = []
    for hard in (True, False):
        scene, name = scenes.hertz(hard=hard), "rigid" if hard else "alike"
        seen = scene.found
        near = seen.r < 0.7 * scene.a
        # p^2 = p0^2 (1 - r^2 / a^2)
        slope, start = np.polyfit(seen.r[near] ** 2, seen.pressure[near] ** 2, 1)
        rows.append(Row(f"{name}: centre pressure, MPa", math.sqrt(start), scene.centre))
        rows.append(Row(f"{name}: contact radius, um", math.sqrt(-start / slope), scene.a))
        if hard:
            rows.append(Row(f"{name}: approach, um", scene.found_approach, scene.approach))
    text = (
        "Paraboloid (R = 1000 um) on a cylinder of 150 um radius and height without friction; "
        "pressures fitted by Hertz's ellipsoid within 0.7 of the contact radius."
    )
    return Table("Hertz contact", text, rows)


def slip_limit() -> Table:
    """Let a disc grow against friction."""
    rows = []
    for name, options, shear in (
        ("shear = mu p", ContactOptions(mu=0.2), 0.2),
        ("capped shear", ContactOptions(mu=0.2, shear_cap_mpa=0.1), 0.1),
    ):
        stack = scenes.disc(options, 4.0, 50, 2)
        load = Loading(1.0, 0.02, steps=2)
        solution = scenes.solve_blocks(stack, scenes.DISC, load, Kinematics.small)
        r, mean = scenes.radial_over_thickness(solution)
        for at in (20.0, 50.0, 80.0):
            exact = float(scenes.slip_limit(shear, 4.0, np.array(at)))
            what = f"{name}: mean radial stress at r = {at:g} um, MPa"
            rows.append(Row(what, float(np.interp(at, r, mean)), exact))
        seen = scenes.on_slave(solution.surfaces, solution.state.contact)
        limit = np.minimum(0.2 * seen.pressure, options.shear_cap_mpa or math.inf)
        worst = np.abs(np.abs(seen.shear) - limit)[seen.slides].max()
        rows.append(Row(f"{name}: largest error of a sliding node's shear, MPa", worst, 0.0, shear))
    text = (
        "An elastic disc (radius 100 um, 4 um thick) grows by 2 % on a rough rigid plane under "
        "1 MPa: sigma_r = -(tau/h) (2 + nu)/3 (R - r)."
    )
    return Table("Limit of friction", text, rows)


def large_sliding() -> Table:
    """Let a disc grow by 30 % without friction, and shrink again."""
    stack = scenes.disc(scenes.FREE, 10.0, 23, 2, plane=150.0)
    growth = [*np.linspace(0, 0.3, 7), *np.linspace(0.25, 0, 6)]
    states = list(scenes.follow(stack, scenes.DISC, [Load(1.0, g) for g in growth]))
    (newton, first), (_, grown), (_, last) = states[0], states[6], states[-1]
    rim = np.isclose(newton.space.node_points[:, 0], 100.0)
    stress = grown.stress[newton.space.cells_of(Region.island)]
    seen = scenes.on_slave(newton.surfaces, grown.contact)
    away = np.abs(last.displacement - first.displacement).max()
    rows = [
        Row("radius, um", 100 + grown.displacement[::2][rim].mean(), 130 * (1 + 0.3 / 1000)),
        Row("slip at the rim, um", seen.slip[seen.r.argmax()], 30.0),
        Row("axial stress, MPa", stress[..., ZZ].mean(), -1 / 1.3**2),
        Row("largest radial or hoop stress, MPa", np.abs(stress[..., [RR, TT]]).max(), 0.0, 1.0),
        Row("distance from the start after shrinking back, um", away, 0.0, 30.0),
    ]
    text = (
        "An elastic disc grows by 30 % on a smooth plane, over eight edges of the plane's mesh; "
        "finite strain."
    )
    return Table("Large sliding", text, rows)


def spheres() -> Table:
    """Let a sphere grow, and press one from afar."""
    materials, sphere = MaterialSet(li=LI, se=SE), ellipsoid(40.0, 20.0)
    grown = li_pressure_mpa(solve_island(sphere, materials, STEP, ROLLER))
    pressed = li_pressure_mpa(solve_island(sphere, materials, Loading(20.0, 1e-9, steps=1), ROLLER))
    side = -analytic.confined_radial_stress_mpa(SE.poisson, 20.0)
    remote = analytic.sphere_under_remote_pressure_mpa(LI, SE, (20.0 + 2 * side) / 3)
    rows = [
        Row(
            "growth by 1 %: pressure, MPa", grown, analytic.misfit_sphere_pressure_mpa(LI, SE, 0.01)
        ),
        Row("remote pressure: pressure, MPa", pressed, remote),
    ]
    return Table("Elastic sphere in an infinite matrix", "Half-sphere on a smooth plane.", rows)


def eshelby() -> Table:
    """Let spheroids with the matrix's constants grow."""
    rows = []
    scale = SE.youngs_mpa * 0.01 / (1 - SE.poisson)
    for aspect in (0.2, 0.5, 1.0, 2.0):
        island = ellipsoid(40.0, aspect * 20.0)
        materials = MaterialSet(li=Material(SE.youngs_mpa, SE.poisson), se=SE)
        solution = solve_island(island, materials, STEP, ROLLER, MeshSize(fine_um=0.7))
        exact, space = analytic.misfit_spheroid(SE, 0.01, aspect), solution.discretisation
        cells = space.cells_of(Region.island)
        stress = solution.state.stress[cells].reshape(-1, 5)
        inside = np.average(stress, axis=0, weights=space.volumes[cells].ravel())
        arc = ElectrolyteStress(solution).arc.stress
        for what, value, want in (
            ("inside, radial", inside[RR], exact.inside_rr_mpa),
            ("inside, axial", inside[ZZ], exact.inside_zz_mpa),
            ("pole, tangential", arc[0, RR], exact.pole_tangential_mpa),
            ("rim, hoop", arc[-1, TT], exact.rim_hoop_mpa),
            ("rim, meridional", arc[-1, ZZ], exact.rim_meridional_mpa),
        ):
            rows.append(Row(f"h/a = {aspect:g}: {what}, MPa", value, want, scale))
    text = f"Half-spheroid on a smooth plane; differences over E eps / (1 - nu) = {scale:.1f} MPa."
    return Table("Eshelby's spheroids, equal constants", text, rows)


def _fluid(aspect: float) -> tuple[float, float]:
    """Return the pressure in a fluid-like half-spheroid, and the stress at its pole over it."""
    fine = min(0.7, 0.3 * aspect**2 * 20.0)
    solution = solve_island(
        ellipsoid(40.0, aspect * 20.0), MaterialSet(li=FLUID, se=SE),
        Loading(pressure_mpa=0.0, expansion=0.01, steps=4), ROLLER, MeshSize(fine_um=fine),
    )  # fmt: skip
    inside = li_pressure_mpa(solution)
    return inside, float(ElectrolyteStress(solution).arc.stress[0, RR]) / inside


def fluid_islands() -> Table:
    """Let spheroids without strength grow."""
    rows = []
    for aspect, (pole, _, beta_mu) in analytic.SPHEROID_CAVITY.items():
        inside, found = _fluid(aspect)
        exact = analytic.fluid_island_pressure_mpa(LI.bulk_mpa, 0.01, beta_mu / SE.shear_mpa)
        rows.append(Row(f"h/a = {aspect:g}: pressure, MPa", inside, exact))
        rows.append(Row(f"h/a = {aspect:g}: pole stress over pressure", found, pole, 1.0))
    text = "Half-spheroid on a smooth plane; differences of pole stresses over the pressure."
    return Table("Island without strength", text, rows)


def _root(aspects: list[float], values: list[float]) -> float:
    """Return where the quadratic through three values vanishes."""
    curve = np.polyfit(aspects, values, 2)
    return float(brentq(lambda x: np.polyval(curve, x), aspects[0], aspects[-1]))


def _cap_roof(ratio: float, kinematics: Kinematics, contact: ContactOptions) -> float:
    """Return sigma1 above the apex of a cap of the published volume, canonical stack."""
    radius = (19700.404 / (math.pi * ratio * (3 + ratio**2) / 6)) ** (1 / 3)
    island = cap(2 * radius, ratio * radius)
    solution = solve_island(island, kinematics=kinematics, contact=contact)
    arc = ElectrolyteStress(solution).arc
    return arc.sigma1_at(0.1 * arc.s_um[-1])


def roof() -> Table:
    """Find the shape at which the stress above the island changes its sign."""
    aspects = [0.45, 0.5, 0.55]
    fluid = _root(aspects, [_fluid(aspect)[1] for aspect in aspects])
    plastic = []
    for aspect in aspects:
        solution = solve_island(ellipsoid(40.0, 20 * aspect), None, Loading(0.0), ROLLER)
        plastic.append(float(ElectrolyteStress(solution).arc.stress[0, RR]))
    rows = [
        Row("half-spheroid on a smooth plane, no strength, 1 %: h/a", fluid, 0.5),
        Row("the same, lithium, 5 %: h/a", _root(aspects, plastic), 0.5),
    ]
    ratios = [0.3, 0.4, 0.5]
    small = [_cap_roof(x, Kinematics.small, BONDED) for x in ratios]
    contact = [_cap_roof(x, Kinematics.finite, ContactOptions()) for x in ratios]
    rows.append(Row("cap, canonical stack, bonded, small strain: h/a", _root(ratios, small), 0.37))
    rows.append(Row("cap, canonical stack, contact, finite strain: h/a", _root(ratios, contact)))
    text = (
        "h/a where the largest principal stress above the island vanishes: at the pole of "
        "spheroids (expected at 0.48 to 0.52), a tenth of the arc from the apex of caps."
    )
    return Table("Sign of the stress above the island", text, rows)


def hill() -> Table:
    """Let a sphere grow in a matrix that yields."""
    strength, growth, radius = 300.0, 0.03, 20.0
    matrix = Electrolyte(SE.youngs_mpa, SE.poisson, strength, 1e-6)

    def at(log_c: float) -> tuple[float, float]:
        """Return pressure and displacement of the cavity's wall for ln(c/a)."""
        wall = (1 - SE.poisson) * math.exp(3 * log_c)
        wall -= 2 / 3 * (1 - 2 * SE.poisson) * (1 + 3 * log_c)
        inside = 2 * strength / 3 * (1 + 3 * log_c)
        return inside, strength * radius / SE.youngs_mpa * wall

    def excess(log_c: float) -> float:
        inside, wall = at(log_c)
        return growth - inside / (3 * LI.bulk_mpa) - wall / radius

    log_c = brentq(excess, 0.0, 3.0)
    solution = solve_island(
        ellipsoid(2 * radius, radius), MaterialSet(li=LI, se=matrix),
        Loading(0.0, growth, steps=20), ROLLER, MeshSize(fine_um=0.5),
    )  # fmt: skip
    space = solution.discretisation
    apex = np.argmin(np.abs(space.node_points - [0.0, radius]).sum(1))
    cells = space.cells_of(Region.se)
    flows = solution.state.history[Region.se].equivalent > 1e-7
    reach = np.linalg.norm(space.points[cells].reshape(-1, 2), axis=1)[flows].max()
    inside, wall = at(log_c)
    rows = [
        Row("pressure, MPa", li_pressure_mpa(solution), inside),
        Row("displacement of the wall, um", solution.state.displacement[2 * apex + 1], wall),
        Row("radius of the plastic zone, um", reach, radius * math.exp(log_c)),
    ]
    text = (
        f"Elastic sphere that grows by {100 * growth:g} % in a matrix of {strength:g} MPa yield "
        "stress, without hardening: p = (2Y/3)(1 + 3 ln(c/a))."
    )
    return Table("Plastic matrix (Hill)", text, rows)


def locking() -> Table:
    """Look for pressure that jumps from point to point in flowing lithium."""
    rows = []
    for name, material in (("no strength", FLUID), ("lithium", MaterialSet().li)):
        solution = solve_island(
            ellipsoid(60.0, 6.0), MaterialSet(li=material, se=SE),
            Loading(pressure_mpa=0.0, expansion=0.01, steps=2), ROLLER,
        )  # fmt: skip
        inside = pressure(solution.state.stress[solution.discretisation.cells_of(Region.island)])
        rows.append(Row(f"{name}: scatter over mean", inside.std() / inside.mean(), 0.0, 1.0))
    text = (
        "Standard deviation of the pressure over its mean, all integration points of a flat "
        "half-spheroid (h/a = 0.2): elements that lock scatter. Lithium has strength, and so a "
        "pressure that is not uniform."
    )
    return Table("No volumetric locking", text, rows)


def _probes(solution: Solution) -> dict[str, float]:
    stress = ElectrolyteStress(solution)
    found, length = summarise(solution, stress), stress.arc.s_um[-1]
    return {
        "pressure in Li, MPa": found.li_pressure_mpa,
        "apex rise, um": found.apex_rise_um,
        "sigma1, apex, MPa": found.apex_sigma1_mpa,
        **{f"sigma1, arc {x:g}, MPa": stress.arc.sigma1_at(x * length) for x in (0.25, 0.5, 0.75)},
        "sigma1, 5 um above apex, MPa": stress.axis.sigma1_at(5.0),
        "sigma1, 10 um above apex, MPa": stress.axis.sigma1_at(10.0),
        "sigma1, interface 5 um, MPa": stress.interface.sigma1_at(5.0),
        "sigma1, interface 10 um, MPa": stress.interface.sigma1_at(10.0),
        "cap area in tension": found.top_tension_fraction,
        "V(> 200 MPa), um3": found.volume_above_200mpa_um3,
        "the same without the rim, um3": found.volume_above_200mpa_bulk_um3,
        "largest sigma1 of the mesh, MPa": found.sigma1_raw_max_mpa,
    }


C0 = {
    "narrow": (583.68, 0.44359, 261.9, 258.4, 235.4, 188.5, 131.2, 72.9, 67.4, 51.5, 1, 1989, 1744),
    "wide": (220.79, 0.49606, -140.2, -138.0, -128.8, -100.3, -105.7, -77.3, 99.2, 44.7, 0.147,
             3104, 0),
}  # fmt: skip


def canonical() -> Table:
    """Solve the canonical case, bonded, at small strain."""
    rows = []
    for name, shape in SHAPES.items():
        found = _probes(solve_island(shape))
        for (what, value), want in zip(found.items(), C0[name], strict=False):
            rows.append(Row(f"{name}: {what}", value, want, 1.0 if want == 0 else None))
    text = "CalculiX and GetFEM agree on the references; elements of 1 um, ten steps."
    return Table("Canonical case, bonded, small strain", text, rows)


TRIAL = {
    "narrow": (581.5, 0.4504, None, 265.6, 244.1, 201.1, 136.8),
    "wide": (226.1, 0.5052, None, -137.1, -127.7, -101.4, -105.0),
}
CONTACT = {"narrow": (1.000, 1.001), "wide": (0.989, 0.986)}


def finite_strain() -> list[Table]:
    """Solve the canonical case at finite strain, bonded and in contact."""
    rows, ratios = [], []
    for name, shape in SHAPES.items():
        bonded = _probes(solve_island(shape, kinematics=Kinematics.finite))
        free = _probes(solve_island(shape, kinematics=Kinematics.finite, contact=ContactOptions()))
        for (what, value), want in zip(bonded.items(), TRIAL[name], strict=False):
            if want is not None:
                rows.append(Row(f"{name}: {what}", value, want))
        for what, want in zip(("pressure in Li, MPa", "apex rise, um"), CONTACT[name], strict=True):
            label = f"{name}: {what.split(',')[0]}, contact over bonded"
            ratios.append(Row(label, free[what] / bonded[what], want))
        ratios.append(Row(f"{name}: sigma1 at arc 0.5, contact, MPa", free["sigma1, arc 0.5, MPa"]))
    return [
        Table(
            "Canonical case, bonded, finite strain",
            "Against an independent implementation of the same law (Hencky elasticity, "
            "multiplicative flow).",
            rows,
        ),
        Table(
            "Canonical case in contact, friction 0.2",
            "What contact changes, against the same ratio of an independent solver (CalculiX).",
            ratios,
        ),
    ]


def mesh_convergence() -> Table:
    """Refine the mesh of the canonical case twice."""
    rows = []
    for name, shape in SHAPES.items():
        sizes = (2.0, 1.0, 0.5)  # the wide island's mesh starts at a quarter of its height
        found = [_probes(solve_island(shape, size=MeshSize(fine_um=s))) for s in sizes]
        for what in found[0]:
            coarse, middle, fine = (probes[what] for probes in found)
            rows.append(Row(f"{name}: {what}, 2 um", coarse, fine, abs(fine) or 1.0))
            rows.append(Row(f"{name}: {what}, 1 um", middle, fine, abs(fine) or 1.0))
            change = (coarse - middle) / (middle - fine) if middle != fine else 0.0
            if change > 0:
                order = math.log(change, 2)
                rows.append(Row(f"{name}: {what}, observed order", order))
    text = (
        "Elements of 2 and 1 um at the island against 0.5 um (the reference column); the order is "
        "that of successive differences, where these have one sign. The wide island's coarsest "
        "mesh has 1.25 um, so that its orders are too low. The largest stress of the mesh "
        "grows without bound: it lies at the contact line, where the stress is singular."
    )
    return Table("Mesh convergence, bonded, small strain", text, rows)


def corner() -> Table:
    """Fit the power of the stress at a contact line whose island carries nothing."""
    rows = []
    void, rigid, a = Material(1e-3, 0.0), Material(1e9, 0.3), 50.0
    for angle in (90.0, 60.0, 30.0):
        solution = solve_island(
            cap(2 * a, a * math.tan(math.radians(angle) / 2)),
            MaterialSet(li=void, se=SE, cu=rigid), Loading(20.0, 1e-12, steps=1),
            size=MeshSize(rim_fraction=0.02, rim_growth=0.15),
        )  # fmt: skip
        line = ElectrolyteStress(solution).interface
        near = (line.s_um > 0.1) & (line.s_um < 0.6)
        traction = np.log(np.abs(line.stress[near, ZZ]))
        power = np.polyfit(np.log(line.s_um[near]), traction, 1)[0]
        rows.append(Row(f"contact angle {angle:g} degrees: lambda", 1 + power, _exponent(angle)))
    text = (
        "Electrolyte bonded to a rigid base around a void under 20 MPa of pressure: "
        "sigma ~ r^(lambda - 1), fitted 0.1 to 0.6 um from the contact line to the axial stress "
        "on the base; lambda from sin^2(lambda phi) = [4 (1 - nu)^2 - lambda^2 sin^2 phi] / "
        "(3 - 4 nu)."
    )
    return Table("Singularity at the contact line", text, rows)


def _exponent(angle: float) -> float:
    """Return the smallest positive lambda of a wedge, fixed on one side and free on the other."""
    phi, nu = math.radians(180 - angle), SE.poisson

    def law(x: float) -> float:
        right = (4 * (1 - nu) ** 2 - (x * math.sin(phi)) ** 2) / (3 - 4 * nu)
        return math.sin(x * phi) ** 2 - right

    start = next(x for x in np.arange(0.3, 1.0, 0.01) if law(x) * law(x + 0.01) <= 0)
    return float(brentq(law, start, start + 0.01))


TOPICS: dict[str, Callable[[], Table | list[Table]]] = {
    "patch": patch_test,
    "hertz": hertz,
    "slip": slip_limit,
    "sliding": large_sliding,
    "spheres": spheres,
    "eshelby": eshelby,
    "fluid": fluid_islands,
    "roof": roof,
    "hill": hill,
    "locking": locking,
    "corner": corner,
    "canonical": canonical,
    "finite": finite_strain,
    "mesh": mesh_convergence,
}


def main() -> None:
    """Compute the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=TOPICS, default=list(TOPICS))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "verification.md")
    options = parser.parse_args()
    packages = ", ".join(
        f"{name} {version(package)}"
        for name, package in (
            ("islet", "islet"), ("DOLFINx", "dolfinx-solver-real"), ("gmsh", "gmsh"),
            ("numpy", "numpy"),
        )
    )  # fmt: skip
    sections = [
        "# Verification\n",
        "Made by `uv run python benchmarks/verification.py` with "
        f"Python {platform.python_version()}, {packages}. Lengths in um, stresses in MPa, "
        "tension positive; elements of 1 um at the island unless said otherwise. A difference is "
        "over the reference unless said otherwise. `tests/mechanics` asserts the same.\n",
    ]
    for name in options.only:
        start = time.perf_counter()
        made = TOPICS[name]()
        for table in made if isinstance(made, list) else [made]:
            sections.append(table.markdown())
            print(table.markdown(), f"{name}: {time.perf_counter() - start:.1f} s\n", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(sections))


if __name__ == "__main__":
    main()
