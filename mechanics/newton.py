"""Newton's method for one load step of a stack whose bodies share their nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mechanics.assembly import Discretisation, Ints, Stiffness
from mechanics.kinematics import RESPONSE, Body, virgin
from mechanics.materials import MaterialSet
from mechanics.mesh import Edge, Region, StackMesh
from mechanics.plasticity import IDENTITY
from mechanics.profile import Floats
from mechanics.stack import Kinematics, SolverOptions, StackKind
from mechanics.state import Load, NotConvergedError, State
from mechanics.timing import Stopwatch

SLOPE_LEFT = 0.3
"""Fraction of the potential's slope that may be left, uphill, after a line search."""
MAX_LINE_SEARCH = 8


@dataclass(frozen=True)
class Problem:
    """What is to be solved, but for its load."""

    stack: StackMesh
    kind: StackKind
    """Which stack; decides on the supports."""
    materials: MaterialSet
    options: SolverOptions
    kinematics: Kinematics


class Newton:
    """Newton's method on one mesh; keeps the matrix and its symbolic factorisation."""

    def __init__(self, problem: Problem, watch: Stopwatch) -> None:
        self.options = problem.options
        self.watch = watch
        self.space = Discretisation(problem.stack)
        self.respond = RESPONSE[problem.kinematics]
        materials = problem.materials
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
            self.fixed = _held_components(self.space, problem.kind)
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

    def opened_and_slid(self, state: State) -> tuple[float, float]:
        """Return the open area fraction and the greatest slip, um: none where all is bonded."""
        return 0.0, 0.0

    def equilibrium(self, start: State, load: Load, guess: Floats) -> tuple[State, int]:
        """Return the state in equilibrium with a load, and the iterations it took.

        Raises
        ------
        NotConvergedError
            If the residual does not fall below the tolerance; `start` is untouched.
        """
        options = self.options
        trial = self.respond_to(start, load, guess)
        for iteration in range(1, options.max_iterations + 1):
            if trial.relative <= options.relative_tolerance:
                return trial.state, iteration - 1
            trial = self._line_search(start, load, trial, self._correction(trial), iteration)
        if trial.relative <= options.relative_tolerance:
            return trial.state, options.max_iterations
        raise NotConvergedError(
            f"relative residual {trial.relative:.1e} after {options.max_iterations} Newton "
            f"iterations, wanted {options.relative_tolerance:g}; largest imbalance in the "
            f"{self.where(trial)}",
            options.max_iterations,
        )

    def _line_search(
        self, start: State, load: Load, trial: Trial, correction: Floats, iteration: int
    ) -> Trial:
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
            new = self.respond_to(start, load, trial.state.displacement + fraction * correction)
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

    def respond_to(self, start: State, load: Load, displacement: Floats) -> Trial:
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
        return Trial(state, response.stiffness, residual, scale)

    def _correction(self, trial: Trial) -> Floats:
        """Solve the linearised equations with MUMPS."""
        with self.watch.measure("stiffness"):
            self.stiffness.fill(trial.stiffness())
        with self.watch.measure("factorisation"):
            correction = self.stiffness.solve(-trial.residual)
        if not np.isfinite(correction).all():
            raise NotConvergedError("the stiffness matrix is singular", 1)
        return correction

    def where(self, trial: Trial) -> str:
        """Name the body with the largest imbalance."""
        worst = int(np.argmax(np.abs(trial.residual)))
        node = worst // 2
        touching = (self.space.element_nodes == node).any(axis=1)
        names = [body.region.name for body in self.bodies if touching[body.cells].any()]
        r, z = self.space.node_points[node]
        return f"{' and '.join(names)} at r = {r:.4g} um, z = {z:.4g} um"


@dataclass(frozen=True)
class Trial:
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
