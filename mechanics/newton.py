"""Newton's method for one load step: displacements and contact tractions together.

Each iteration solves, for equilibrium R of the bodies with contact forces F(u, p, t) and what
the laws of contact lack (see `contact`),

    [ K - dF/du   -dF/dp   -dF/dt ] [du]   [ -R             ]
    [ dG/du       0 or 1          ] [dp] = [ -G   or  -p     ]
    [ dS/du       -d db/dp 0 or 1 ] [dt]   [ -S   or  d b - t ]

with one row of the last two kinds for each slave node, by its status: closed or open, sticking
or sliding in direction d at the bound b. Without contact K alone is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.contact import ContactState, Surfaces, Touch, Tractions
from mechanics.kinematics import RESPONSE, Body, virgin
from mechanics.layout import Edge, Region
from mechanics.materials import Material, MaterialSet
from mechanics.mortar import Geometry
from mechanics.pivoting import BlockRule
from mechanics.plasticity import IDENTITY, RZ, ZR
from mechanics.profile import Floats
from mechanics.stack import Kinematics, StackKind
from mechanics.state import Load, NotConvergedError, State
from mechanics.system import System
from mechanics.timing import Stopwatch
from mechanics.trial import Damping, Problem, Step, Trial

SLOPE_LEFT = 0.3
"""Fraction of the potential's slope that may be left, uphill, after a line search."""
SLOPE_LOST = 0.95
"""Fraction of it that may be left, downhill, where a correction was shortened."""
MAX_LINE_SEARCH = 8
HALF = 0.5
"""Reduction of the residual by a full correction that needs no line search."""
LEAST = 1e-4
"""Forces of the island, over those of the stack, below which its own no longer count."""
NEAR = 1e-2
"""Relative residual below which the status of the slave nodes is looked at again."""
PATIENCE = 4
"""Iterations with one status after which it is looked at again even far from equilibrium."""
CONTRACTION = 0.1
"""Reduction of the residual by an iteration after which the next one reuses its factors."""
MAX_CHANGES = 40
"""Changes of the status in one step."""
MUCH = 0.1
"""Part of the island's surface, by area, whose coming off starts a step anew."""

ContactLaw = Callable[[Geometry], Touch]
"""Gives the tractions at a geometry."""


class Newton:
    """Newton's method on one mesh; keeps the matrix and its symbolic factorisation."""

    def __init__(self, problem: Problem, watch: Stopwatch) -> None:
        self.options = problem.options
        self.watch = watch
        stack = problem.stack
        self.space = Discretisation(stack)
        self.respond = RESPONSE[problem.kinematics]
        self.bodies = [
            Body(region, cells, material)
            for region, material in _material_of(problem.materials).items()
            if len(cells := self.space.cells_of(region)) > 0
        ]
        with watch.measure("setup"):
            self.fixed = _held_components(self.space, stack.geometry.kind)
            self.unit_pressure = self.space.unit_pressure_forces()
            self.surfaces: Surfaces | None = None
            if stack.interfaces:
                follows = problem.kinematics is Kinematics.finite
                self.surfaces = Surfaces(
                    self.space, stack.interfaces, stack.contact, problem.materials.li, follows
                )
            further = 0 if self.surfaces is None else 2 * self.surfaces.count
            self.system = System(self.space, self.fixed, further)

    @cached_property
    def round_off(self) -> float:
        """Return the residual that a strain of the size of the machine's precision makes."""
        stress = np.zeros((self.space.cell_count, self.space.point_count, 5))
        for body in self.bodies:
            stress[body.cells] = body.material.bulk_mpa * IDENTITY
        forces = np.abs(self.space.element_forces(self.space.plain_operator, stress))
        return 4 * np.finfo(float).eps * float(np.linalg.norm(self.space.sum_forces(forces)))

    @cached_property
    def island_shear(self) -> tuple[Ints, Floats]:
        """Return the island's elements, and their stiffness against elastic shear at rest."""
        (island,) = (body for body in self.bodies if body.region is Region.island)
        symmetric = np.eye(5)
        symmetric[np.ix_([RZ, ZR], [RZ, ZR])] = 0.5
        shear = 2 * island.material.shear_mpa * (symmetric - np.outer(IDENTITY, IDENTITY) / 3)
        shape = (self.space.cell_count, self.space.point_count, 5, 5)
        tangent = np.broadcast_to(shear, shape)
        stiffness = self.space.element_stiffness(self.space.plain_operator, tangent)
        return island.cells, stiffness[island.cells]

    def _scale(self, exerted: list[float]) -> float:
        """Return the force that residuals are compared with, from the norms of all bodies.

        What matters are the forces of the island, thousands of times below those of the stack.
        """
        of_stack = math.hypot(*exerted)
        of_island = [
            force
            for body, force in zip(self.bodies, exerted, strict=True)
            if body.region is Region.island
        ]
        # without load there are no forces to compare with, but those of round-off
        least = self.round_off / self.options.relative_tolerance
        return max([*of_island, LEAST * of_stack, least]) if of_island else max(of_stack, least)

    def at_rest(self) -> State:
        """Return the unloaded state, everything closed."""
        stress = np.zeros((self.space.cell_count, self.space.point_count, 5))
        zero = np.zeros(self.space.dof_count)
        contact = None if self.surfaces is None else self.surfaces.untouched()
        return State(Load(0.0, 0.0), zero, stress, virgin(self.space, self.bodies), contact)

    def equilibrium(self, start: State, load: Load, guess: Floats) -> tuple[State, int]:
        """Return the state in equilibrium with a load, and the iterations it took.

        Raises
        ------
        NotConvergedError
            If Newton's method fails; `start` is untouched.
        """
        options, tolerance = self.options, self.options.relative_tolerance
        step = self._step(start, load)
        trial = self.respond_to(step, guess, self._first_law(step))
        total = since_change = changes = 0
        reuse, block, damping = False, BlockRule(), Damping()
        while changes <= MAX_CHANGES:
            obeys = self._obeys(trial)
            if (obeys and trial.relative <= NEAR) or since_change == PATIENCE:
                looked = self._looked_again(step, trial, guess, block)
                if looked is not trial:
                    trial, since_change, changes = looked, 0, changes + 1
                    obeys = reuse = False
            if obeys and trial.relative <= tolerance:
                return self._accepted(step, trial), total
            if since_change > options.max_iterations:
                break
            old, trial = trial, self._improved(step, trial, total, reuse, damping)
            # near the solution the last factors lead on at a fraction of the cost
            reuse = options.reuse_factors and trial.relative <= min(
                NEAR, CONTRACTION * old.relative
            )
            total, since_change = total + 1, since_change + 1
        if changes > MAX_CHANGES:
            raise NotConvergedError(
                f"the nodes in contact keep changing between open, sticking and sliding "
                f"({changes} changes)",
                total,
            )
        raise NotConvergedError(
            f"relative residual {trial.relative:.1e} after {since_change} Newton "
            f"iterations, wanted {tolerance:g}; largest imbalance in the {self.where(trial)}",
            total,
        )

    def _step(self, start: State, load: Load) -> Step:
        if self.surfaces is None:
            return Step(start, load, None)
        moved = start.displacement.reshape(-1, 2)
        return Step(start, load, self.surfaces.mortar.start(self.space.node_points + moved))

    def _obeys(self, trial: Trial) -> bool:
        """Whether a trial obeys the laws of contact of its status."""
        return self.surfaces is None or trial.touch is None or self.surfaces.holds(trial.touch)

    def _looked_again(self, step: Step, trial: Trial, guess: Floats, block: BlockRule) -> Trial:
        """Return a trial with the status that it calls for; itself where that is its own.

        Where much of the island comes off, the way on starts from the guess: lithium that was
        torn meanwhile would have to be brought back.
        """
        surfaces, touch = self.surfaces, trial.touch
        if surfaces is None or touch is None:
            return trial
        found = surfaces.violations(touch)
        chosen = block.chosen(found)
        if block.one_by_one and surfaces.are_negligible(found, touch):
            return trial
        status = surfaces.looked_again(touch, chosen)
        if status.same_as(touch.status):
            return trial
        opened = touch.status.closed & ~status.closed
        island = surfaces.weights * surfaces.of_island
        if island[opened].sum() > MUCH * island.sum():
            now = touch.tractions
            free = Tractions(
                np.where(status.closed, now.pressure, 0.0), np.where(status.closed, now.shear, 0.0)
            )
            return self.respond_to(step, guess, lambda geometry: Touch(geometry, free, status))
        return self._with_touch(trial, replace(touch, status=status))

    def _accepted(self, step: Step, trial: Trial) -> State:
        surfaces, touch, before = self.surfaces, trial.touch, step.start.contact
        if surfaces is None or touch is None or before is None:
            return trial.state
        slip = np.abs(surfaces.mean_slip(touch.geometry)) * touch.status.slides
        gap = np.maximum(surfaces.mean_gap(touch.geometry), 0.0)
        contact = ContactState(touch.tractions, touch.status, gap, before.slip_um + slip)
        return replace(trial.state, contact=contact)

    def respond_to(self, step: Step, displacement: Floats, law: ContactLaw | None = None) -> Trial:
        """Evaluate stresses, tangents, contact and the residual at a displacement."""
        with self.watch.measure("material"):
            response = self.respond(
                self.space, self.bodies, step.start.history, step.load.growth, displacement
            )
            by_body = [self.space.sum_forces(response.forces, b.cells) for b in self.bodies]
            internal = sum(by_body) - step.load.pressure_mpa * self.unit_pressure
            internal[self.fixed] = 0.0
            scale = self._scale([float(np.linalg.norm(forces)) for forces in by_body])
        state = State(step.load, displacement, response.stress, response.history)
        trial = Trial(state, response.stiffness, internal, internal, scale, None)
        if self.surfaces is None or law is None:
            return trial
        assert step.points is not None
        with self.watch.measure("contact"):
            geometry = self.surfaces.mortar.geometry(
                step.points, displacement, step.start.displacement
            )
            return self._with_touch(trial, law(geometry))

    def _with_touch(self, trial: Trial, touch: Touch) -> Trial:
        """Return a trial with other tractions."""
        assert self.surfaces is not None
        residual = trial.internal - self.surfaces.forces(touch.geometry, touch.tractions)
        residual[self.fixed] = 0.0
        return replace(trial, touch=touch, residual=residual)

    def _first_law(self, step: Step) -> ContactLaw | None:
        """Return the tractions and the status that a step starts with."""
        surfaces, contact = self.surfaces, step.start.contact
        if surfaces is None or contact is None:
            return None
        grows = step.load.growth >= step.start.load.growth
        status = surfaces.status_at_start(contact, grows)
        return lambda geometry: Touch(geometry, contact.tractions, status)

    def _improved(
        self, step: Step, trial: Trial, iteration: int, reuse: bool, damping: Damping
    ) -> Trial:
        """Solve the linearised equations and go along until the residual is orthogonal.

        With an associated flow rule and hardening, a step minimises a convex potential whose
        slope along the correction is residual . correction. Full corrections that overshoot
        its minimum are shortened by false position (Illinois variant), which is what keeps
        Newton's method from cycling between yielding and unloading. In contact, the slope is
        taken at the tractions of the full correction, whose work vanishes along corrections
        that keep the gaps.
        """
        change, tractions = self._correction(trial, reuse, damping.share)

        def slope_of(at: Trial) -> float:
            residual = at.residual
            if tractions is not None and at.touch is not None:
                assert self.surfaces is not None
                residual = at.internal - self.surfaces.forces(at.touch.geometry, tractions)
                residual[self.fixed] = 0.0
            return float(residual @ change)

        def at(fraction: float) -> Trial:
            moved = trial.state.displacement + fraction * change
            touch = trial.touch
            if touch is None or tractions is None:
                return self.respond_to(step, moved)
            reached, status = touch.tractions.towards(tractions, fraction), touch.status
            return self.respond_to(step, moved, lambda geometry: Touch(geometry, reached, status))

        slope_start = slope_of(trial)
        low, slope_low, high, slope_high = 0.0, slope_start, 1.0, math.inf
        fraction, best, best_fraction = 1.0, None, 0.0
        for _ in range(MAX_LINE_SEARCH):
            new = at(fraction)
            slope = slope_of(new)
            finite = math.isfinite(slope)
            if slope_start >= 0:
                # of no potential: the residual itself is all that can tell
                merit, good = new.norm, new.norm < trial.norm
            else:
                far_enough = fraction == 1.0 or slope >= -SLOPE_LOST * abs(slope_start)
                merit, good = abs(slope), far_enough and slope <= SLOPE_LEFT * abs(slope_start)
            good = finite and (good or self._is_plainly_good(trial, new, fraction))
            if finite and (good or best is None or merit < best[0]):
                best, best_fraction = (merit, new), fraction
            if good:
                break
            if slope_start >= 0 or not finite:
                high, slope_high = fraction, math.inf
            elif slope < 0:
                low, slope_low, slope_high = fraction, slope, slope_high / 2
            else:
                high, slope_high, slope_low = fraction, slope, slope_low / 2
            if math.isfinite(slope_high):
                fraction = (low * slope_high - high * slope_low) / (slope_high - slope_low)
            else:
                fraction = low + (high - low) / 4
        if best is None:
            raise NotConvergedError("the residual is not finite", iteration + 1)
        damping.went(best_fraction)
        return best[1]

    def _is_plainly_good(self, trial: Trial, new: Trial, fraction: float) -> bool:
        """Whether a trial is to be taken whatever its slope says, which may be round-off.

        Only a full correction fulfils the linearised laws of contact.
        """
        tolerance = self.options.relative_tolerance
        if fraction < 1.0:
            return new.relative <= tolerance and self._obeys(new)
        at_rest = trial.relative <= tolerance and new.relative <= NEAR
        return new.relative <= tolerance or new.norm <= HALF * trial.norm or at_rest

    def _correction(
        self, trial: Trial, reuse: bool, damping: float
    ) -> tuple[Floats, Tractions | None]:
        """Solve the linearised equations: change of displacement, and the new tractions."""
        count, surfaces, touch = self.space.dof_count, self.surfaces, trial.touch
        with self.watch.measure("assembly"):
            right, entries = -trial.residual, None
            if surfaces is not None and touch is not None:
                right = np.concatenate((right, *surfaces.missing(touch)))
                entries = None if reuse else surfaces.entries(touch)
            if not reuse:
                stiffness = trial.stiffness()
                if damping > 0:
                    cells, shear = self.island_shear
                    stiffness[cells] += damping * shear
                self.system.fill(stiffness, entries)
        with self.watch.measure("factorisation"):
            answer = self.system.solve_again(right) if reuse else self.system.solve(right)
        if not np.isfinite(answer).all():
            raise NotConvergedError("the stiffness matrix is singular", 1)
        if touch is None:
            return answer, None
        pressure, shear = answer[count:].reshape(2, -1)
        old = touch.tractions
        return answer[:count], Tractions(old.pressure + pressure, old.shear + shear)

    def where(self, trial: Trial) -> str:
        """Name the body with the largest imbalance."""
        worst = int(np.argmax(np.abs(trial.residual)))
        node = worst // 2
        touching = (self.space.element_nodes == node).any(axis=1)
        names = [body.region.name for body in self.bodies if touching[body.cells].any()]
        r, z = self.space.node_points[node]
        return f"{' and '.join(names)} at r = {r:.4g} um, z = {z:.4g} um"


def _material_of(materials: MaterialSet) -> dict[Region, Material]:
    return {
        Region.se: materials.se,
        Region.cu: materials.cu,
        Region.island: materials.li,
        Region.ce: materials.li,
        Region.ce_cu: materials.cu,
        Region.lower_die: materials.steel,
        Region.upper_die: materials.steel,
        Region.peek: materials.peek,
    }


def _held_components(space: Discretisation, kind: StackKind) -> Ints:
    """Return the displacement components held at zero: axis and wall in r, the floor in z."""
    floor = [Edge.base, Edge.interface] if kind is StackKind.roller else [Edge.bottom]
    in_r = [2 * space.nodes_on(edge) for edge in (Edge.axis, Edge.wall)]
    in_z = [2 * space.nodes_on(edge) + 1 for edge in floor]
    return np.unique(np.concatenate(in_r + in_z))
