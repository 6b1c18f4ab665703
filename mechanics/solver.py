"""Load stepping with cut-back, Newton's method, and commit or restore of the history."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mechanics.assembly import Discretisation, Ints, Stiffness
from mechanics.kinematics import RESPONSE, Body, History, virgin
from mechanics.materials import MaterialSet
from mechanics.mesh import Edge, Region, StackMesh
from mechanics.plasticity import IDENTITY
from mechanics.profile import Floats
from mechanics.stack import Kinematics, Loading, SolverOptions, StackKind
from mechanics.timing import Stopwatch

log = logging.getLogger(__name__)

SLOPE_LEFT = 0.3
"""Fraction of the potential's slope that may be left, uphill, after a line search."""
MAX_LINE_SEARCH = 8


class SolverError(RuntimeError):
    """The solution did not converge: an error, never a result."""

    exit_code = 3


@dataclass(frozen=True)
class Load:
    """One point of the loading path."""

    pressure_mpa: float
    growth: float
    """Linear strain of the island on each axis."""


@dataclass(frozen=True)
class State:
    """A converged equilibrium."""

    load: Load
    displacement: Floats
    """Degrees of freedom of the displacement, um."""
    stress: Floats
    """Cauchy stress at the quadrature points, shape (cells, q, 5), MPa."""
    history: History
    """Plastic history of the bodies that can yield."""


@dataclass(frozen=True)
class Effort:
    """What the solution cost."""

    newton_iterations: int = 0
    load_steps: int = 0
    cutbacks: int = 0


@dataclass(frozen=True)
class Solution:
    """Final state with the mesh it lives on."""

    discretisation: Discretisation
    materials: MaterialSet
    loading: Loading
    pressed: State
    """After the stack pressure, before the expansion."""
    state: State
    """At the end of the load."""
    effort: Effort


Progress = Callable[[float], None]
"""Called with the fraction of the load reached."""


def solve(
    stack: StackMesh,
    kind: StackKind,
    materials: MaterialSet,
    loading: Loading,
    options: SolverOptions,
    kinematics: Kinematics = Kinematics.small,
    *,
    watch: Stopwatch | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Apply the stack pressure, then expand the island step by step.

    Parameters
    ----------
    stack
        Mesh of the stack.
    kind
        Which stack; decides on the supports.
    materials, loading, options, kinematics
        What is to be solved, and how.
    watch
        Adds up the time spent in each part.
    progress
        Told of the fraction of the load that is reached.

    Raises
    ------
    SolverError
        If a step does not converge after the allowed number of cut-backs.
    """
    newton = _Newton(stack, kind, materials, options, kinematics, watch or Stopwatch())
    steps = loading.steps
    total = steps + 1
    pressed, effort = _advance(newton, newton.at_rest(), Load(loading.pressure_mpa, 0.0), Effort())
    pressed_at, state = pressed, pressed
    growth = loading.linear_expansion(kinematics)
    before = None
    for step in range(1, steps + 1):
        if progress is not None:
            progress(step / total)
        target = Load(loading.pressure_mpa, growth * step / steps)
        previous = state
        state, effort = _advance(newton, state, target, effort, before)
        before = previous
    return Solution(newton.space, materials, loading, pressed_at, state, effort)


def _advance(
    newton: _Newton, start: State, target: Load, effort: Effort, before: State | None = None
) -> tuple[State, Effort]:
    """Go from a state to a load, in halves where a step fails; restore before each retry.

    A `before` state one step back lets the first guess follow the path so far.
    """
    state, fraction, size, cutbacks = start, 0.0, 1.0, 0
    while fraction < 1.0:
        reach = min(1.0, fraction + size)
        load = _between(start.load, target, reach)
        try:
            new, iterations = newton.equilibrium(state, load, _extrapolate(before, state, load))
        except NotConvergedError as failure:
            cutbacks += 1
            effort = replace(
                effort,
                cutbacks=effort.cutbacks + 1,
                newton_iterations=effort.newton_iterations + failure.iterations,
            )
            if cutbacks > newton.options.max_cutbacks:
                raise SolverError(_explain(failure, load, size, cutbacks - 1)) from failure
            size /= 2
            log.info("step cut back to %g of its size: %s", size, failure)
            continue
        effort = replace(
            effort,
            load_steps=effort.load_steps + 1,
            newton_iterations=effort.newton_iterations + iterations,
        )
        before, state, fraction, cutbacks = state, new, reach, 0
    return state, effort


def _between(start: Load, end: Load, fraction: float) -> Load:
    """Interpolate loads; exact at the end."""
    if fraction >= 1.0:
        return end
    pressure = start.pressure_mpa + fraction * (end.pressure_mpa - start.pressure_mpa)
    return Load(pressure, start.growth + fraction * (end.growth - start.growth))


def _extrapolate(before: State | None, state: State, load: Load) -> Floats:
    """Guess the displacement at a load by going on along the last growth step."""
    if before is None or state.load.growth == before.load.growth:
        return state.displacement
    ratio = (load.growth - state.load.growth) / (state.load.growth - before.load.growth)
    return state.displacement + ratio * (state.displacement - before.displacement)


def _explain(failure: NotConvergedError, load: Load, size: float, cutbacks: int) -> str:
    return (
        f"no equilibrium at a pressure of {load.pressure_mpa:g} MPa and a growth of "
        f"{load.growth:g} after {cutbacks} cut-backs (smallest step {size:g} of a load step): "
        f"{failure}. Try more load.steps, a coarser mesh.fine_um, or more hardening "
        f"(material.li.hardening_mpa, material.cu.hardening_mpa)"
    )


class NotConvergedError(Exception):
    """One load step failed; it can be tried again with a smaller one."""

    def __init__(self, message: str, iterations: int) -> None:
        super().__init__(message)
        self.iterations = iterations


class _Newton:
    """Newton's method on one mesh; keeps the matrix and its symbolic factorisation."""

    def __init__(
        self,
        stack: StackMesh,
        kind: StackKind,
        materials: MaterialSet,
        options: SolverOptions,
        kinematics: Kinematics,
        watch: Stopwatch,
    ) -> None:
        self.options = options
        self.watch = watch
        self.space = Discretisation(stack)
        self.respond = RESPONSE[kinematics]
        material_of = {
            Region.se: materials.se,
            Region.cu: materials.cu,
            Region.island: materials.li,
        }
        self.bodies = [
            Body(region, cells, material)
            for region, material in material_of.items()
            if len(cells := self.space.cells_of(region)) > 0
        ]
        with watch.measure("setup"):
            self.fixed = _held_components(self.space, kind)
            self.unit_pressure = self.space.unit_pressure_forces()
            self.stiffness = Stiffness(self.space, self.fixed)

    @cached_property
    def round_off(self) -> float:
        """Return the residual that a strain of the size of the machine's precision makes."""
        stress = np.zeros((self.space.cell_count, self.space.point_count, 5))
        for body in self.bodies:
            stress[body.cells] = body.material.bulk_mpa * IDENTITY
        forces = np.abs(self.space.element_forces(self.space.plain_operator, stress))
        return 4 * np.finfo(float).eps * float(np.linalg.norm(self.space.sum_forces(forces)))

    def at_rest(self) -> State:
        """Return the unloaded state."""
        stress = np.zeros((self.space.cell_count, self.space.point_count, 5))
        zero = np.zeros(self.space.dof_count)
        return State(Load(0.0, 0.0), zero, stress, virgin(self.space, self.bodies))

    def equilibrium(self, start: State, load: Load, guess: Floats) -> tuple[State, int]:
        """Return the state in equilibrium with a load, and the iterations it took.

        Raises
        ------
        NotConvergedError
            If the residual does not fall below the tolerance; `start` is untouched.
        """
        options = self.options
        trial = self._respond(start, load, guess)
        for iteration in range(1, options.max_iterations + 1):
            if trial.relative <= options.relative_tolerance:
                return trial.state, iteration - 1
            trial = self._line_search(start, load, trial, self._correction(trial), iteration)
        if trial.relative <= options.relative_tolerance:
            return trial.state, options.max_iterations
        raise NotConvergedError(
            f"relative residual {trial.relative:.1e} after {options.max_iterations} Newton "
            f"iterations, wanted {options.relative_tolerance:g}; largest imbalance in the "
            f"{self._where(trial)}",
            options.max_iterations,
        )

    def _line_search(
        self, start: State, load: Load, trial: _Trial, correction: Floats, iteration: int
    ) -> _Trial:
        """Go along a correction until the residual is nearly orthogonal to it.

        With an associated flow rule and hardening, a step minimises a convex
        potential whose slope along the correction is residual . correction. Full
        corrections that overshoot its minimum are shortened by false position
        (Illinois variant), which is what keeps Newton's method from cycling
        between yielding and unloading.
        """
        low, slope_low = 0.0, float(trial.residual @ correction)
        allowed = SLOPE_LEFT * abs(slope_low)
        high, slope_high = 1.0, math.inf
        fraction, new = 1.0, trial
        for _ in range(MAX_LINE_SEARCH):
            new = self._respond(start, load, trial.state.displacement + fraction * correction)
            slope = float(new.residual @ correction)
            if not math.isfinite(slope):
                fraction = high = fraction / 4
                continue
            if slope <= allowed or new.relative <= self.options.relative_tolerance:
                return new
            if slope < 0:
                low, slope_low, slope_high = fraction, slope, slope_high / 2
            else:
                high, slope_high, slope_low = fraction, slope, slope_low / 2
            fraction = (low * slope_high - high * slope_low) / (slope_high - slope_low)
        if not math.isfinite(new.norm):
            raise NotConvergedError("the residual is not finite", iteration)
        return new

    def _respond(self, start: State, load: Load, displacement: Floats) -> _Trial:
        """Evaluate stresses, tangents and the residual at a displacement."""
        with self.watch.measure("material"):
            response = self.respond(
                self.space, self.bodies, start.history, load.growth, displacement
            )
            by_body = [self.space.sum_forces(response.forces, b.cells) for b in self.bodies]
            residual = sum(by_body) - load.pressure_mpa * self.unit_pressure
            residual[self.fixed] = 0.0
            exerted = math.sqrt(sum(float(f @ f) for f in by_body))
            # without load there are no forces to compare with, but those of round-off
            scale = max(exerted, self.round_off / self.options.relative_tolerance)
        state = State(load, displacement, response.stress, response.history)
        return _Trial(state, response.stiffness, residual, scale)

    def _correction(self, trial: _Trial) -> Floats:
        """Solve the linearised equations with MUMPS."""
        with self.watch.measure("stiffness"):
            self.stiffness.fill(trial.stiffness())
        with self.watch.measure("factorisation"):
            correction = self.stiffness.solve(-trial.residual)
        if not np.isfinite(correction).all():
            raise NotConvergedError("the stiffness matrix is singular", 1)
        return correction

    def _where(self, trial: _Trial) -> str:
        """Name the body with the largest imbalance."""
        worst = int(np.argmax(np.abs(trial.residual)))
        node = worst // 2
        touching = (self.space.element_nodes == node).any(axis=1)
        names = [body.region.name for body in self.bodies if touching[body.cells].any()]
        r, z = self.space.node_points[node]
        return f"{' and '.join(names)} at r = {r:.4g} um, z = {z:.4g} um"


@dataclass(frozen=True)
class _Trial:
    """A displacement with all that follows from it."""

    state: State
    stiffness: Callable[[], Floats]
    residual: Floats
    scale: float

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(self.residual))

    @property
    def relative(self) -> float:
        """Residual against the forces that the bodies exert on each other."""
        return self.norm / self.scale


def _held_components(space: Discretisation, kind: StackKind) -> Ints:
    """Return the displacement components held at zero: axis and wall in r, the floor in z."""
    floor = [Edge.base, Edge.interface] if kind is StackKind.roller else [Edge.bottom]
    in_r = [2 * space.nodes_on(edge) for edge in (Edge.axis, Edge.wall)]
    in_z = [2 * space.nodes_on(edge) + 1 for edge in floor]
    return np.unique(np.concatenate(in_r + in_z))
