"""Newton's method for one load step: displacements and contact tractions together.

With the status of the slave nodes given (see `contact`), the equations are as smooth as
without contact. Each iteration solves

    [ K - dF/du   -dF/dp   -dF/dt ] [du]   [ -R           ]
    [ dG/du       0 or 1          ] [dp] = [ -G  or  -p    ]
    [ dS/du       -mu d    0 or 1 ] [dt]   [ -S  or  d b - t ]

for equilibrium R, closed or open and sticking or sliding vertices (direction d, bound b), and
looks at the status again: a vertex opens where p - c G < 0 and closes where it is not; it
slides where |t - c S| exceeds its bound and sticks otherwise, c being a stiffness of the size
of the lithium's over an element. c decides on the way alone, not on the solution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mechanics.assembly import Discretisation, Ints
from mechanics.contact import ContactState, Status, Surfaces, Tractions
from mechanics.kinematics import RESPONSE, Body, virgin
from mechanics.layout import Edge, Region
from mechanics.materials import Material, MaterialSet
from mechanics.mesh import StackMesh
from mechanics.mortar import Geometry, Points
from mechanics.plasticity import IDENTITY
from mechanics.profile import Floats
from mechanics.stack import Kinematics, SolverOptions, StackKind
from mechanics.state import Load, NotConvergedError, State
from mechanics.system import Entries, System
from mechanics.timing import Stopwatch

SLOPE_LEFT = 0.3
"""Fraction of the potential's slope that may be left, uphill, after a line search."""
MAX_LINE_SEARCH = 8
STATUS_TOLERANCE = 1e-5
"""Relative residual below which the status of the slave nodes is looked at again."""
VIOLATION_UM = 1e-7
"""Penetration, or slip of a sticking vertex, that passes for none."""
TRACTION_MPA = 1e-6
"""Traction that passes for none."""
ANCHOR = 1e-9
"""Stiffness of a node, over the lithium's modulus times a um, that keeps the matrix regular where
a body has come off on all sides; it enters the matrix alone, never the forces."""


@dataclass(frozen=True)
class Problem:
    """What is to be solved, but for its load."""

    stack: StackMesh
    materials: MaterialSet
    options: SolverOptions
    kinematics: Kinematics


@dataclass(frozen=True)
class Step:
    """What stays the same in all iterations of one load step."""

    start: State
    load: Load
    points: Points | None
    """Where the faces in contact are integrated; None where all is bonded."""


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
                self.surfaces = Surfaces(self.space, stack.interfaces, stack.contact, follows)
            further = 0 if self.surfaces is None else 2 * self.surfaces.count
            self.system = System(self.space, self.fixed, further)
        self.yield_stiffness = problem.materials.li.youngs_mpa

    @cached_property
    def round_off(self) -> float:
        """Return the residual that a strain of the size of the machine's precision makes."""
        stress = np.zeros((self.space.cell_count, self.space.point_count, 5))
        for body in self.bodies:
            stress[body.cells] = body.material.bulk_mpa * IDENTITY
        forces = np.abs(self.space.element_forces(self.space.plain_operator, stress))
        return 4 * np.finfo(float).eps * float(np.linalg.norm(self.space.sum_forces(forces)))

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
        status = None if start.contact is None else start.contact.status
        tractions = None if start.contact is None else start.contact.tractions
        trial = self.respond_to(step, guess, tractions)
        for iteration in range(options.max_iterations + 1):
            kept = self._keeps(trial, status)
            if status is not None and kept and trial.relative <= STATUS_TOLERANCE:
                new = self._look_again(trial, status, iteration)
                kept, status = new.same_as(status), new
            if kept and trial.relative <= tolerance:
                return self._accepted(step, trial, status), iteration
            if iteration < options.max_iterations:
                trial = self._improved(step, trial, status, iteration)
        raise NotConvergedError(
            f"relative residual {trial.relative:.1e} after {options.max_iterations} Newton "
            f"iterations, wanted {tolerance:g}; largest imbalance in the {self.where(trial)}",
            options.max_iterations,
        )

    def _step(self, start: State, load: Load) -> Step:
        if self.surfaces is None:
            return Step(start, load, None)
        moved = start.displacement.reshape(-1, 2)
        return Step(start, load, self.surfaces.mortar.start(self.space.node_points + moved))

    def _accepted(self, step: Step, trial: Trial, status: Status | None) -> State:
        if self.surfaces is None:
            return trial.state
        assert step.start.contact is not None
        assert trial.tractions is not None
        assert trial.geometry is not None
        assert status is not None
        slip = np.abs(self.surfaces.mean_slip(trial.geometry)) * status.slides
        return replace(
            trial.state,
            contact=ContactState(
                trial.tractions,
                status,
                np.maximum(self.surfaces.mean_gap(trial.geometry), 0.0),
                step.start.contact.slip_um + slip,
            ),
        )

    def respond_to(
        self, step: Step, displacement: Floats, tractions: Tractions | None = None
    ) -> Trial:
        """Evaluate stresses, tangents and the residual at displacements and tractions."""
        with self.watch.measure("material"):
            response = self.respond(
                self.space, self.bodies, step.start.history, step.load.growth, displacement
            )
            by_body = [self.space.sum_forces(response.forces, b.cells) for b in self.bodies]
            internal = sum(by_body) - step.load.pressure_mpa * self.unit_pressure
            internal[self.fixed] = 0.0
            exerted = math.sqrt(sum(float(f @ f) for f in by_body))
            # without load there are no forces to compare with, but those of round-off
            scale = max(exerted, self.round_off / self.options.relative_tolerance)
        state = State(step.load, displacement, response.stress, response.history)
        geometry, residual = None, internal
        if self.surfaces is not None and tractions is not None:
            assert step.points is not None
            with self.watch.measure("contact"):
                geometry = self.surfaces.mortar.geometry(
                    step.points, displacement, step.start.displacement
                )
                residual = internal - self._contact_forces(geometry, tractions)
        return Trial(state, response.stiffness, internal, residual, scale, tractions, geometry)

    def _contact_forces(self, geometry: Geometry, tractions: Tractions) -> Floats:
        """Return the nodal forces of tractions on free displacement components, (dofs,), uN."""
        forces = geometry.forces(tractions.pressure, tractions.shear)
        dofs = _dofs(geometry.points.slave, geometry.master)
        total = np.bincount(dofs.ravel(), forces.ravel(), minlength=self.space.dof_count)
        total[self.fixed] = 0.0
        return total

    def _improved(
        self, step: Step, trial: Trial, status: Status | None, iteration: int
    ) -> Trial:
        """Solve the linearised equations and go along until the residual is orthogonal.

        With an associated flow rule and hardening, a step minimises a convex potential whose
        slope along the correction is residual . correction. Full corrections that overshoot
        its minimum are shortened by false position (Illinois variant), which is what keeps
        Newton's method from cycling between yielding and unloading. In contact, the slope is
        taken at the tractions of the full correction, whose work vanishes along corrections
        that keep the gaps.
        """
        change, tractions = self._correction(trial, status)

        def slope_of(at: Trial) -> float:
            residual = at.residual
            if tractions is not None:
                assert trial.geometry is not None
                residual = at.internal - self._contact_forces(trial.geometry, tractions)
            return float(residual @ change)

        def at(fraction: float) -> Trial:
            moved = trial.state.displacement + fraction * change
            return self.respond_to(step, moved, _between(trial.tractions, tractions, fraction))

        low, slope_low = 0.0, slope_of(trial)
        allowed = SLOPE_LEFT * abs(slope_low)
        high, slope_high = 1.0, math.inf
        fraction, new = 1.0, trial
        for _ in range(MAX_LINE_SEARCH):
            new = at(fraction)
            slope = slope_of(new)
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
            raise NotConvergedError("the residual is not finite", iteration + 1)
        return new

    def _correction(
        self, trial: Trial, status: Status | None
    ) -> tuple[Floats, Tractions | None]:
        """Solve the linearised equations: change of displacement, and the new tractions."""
        count = self.space.dof_count
        with self.watch.measure("assembly"):
            right = -trial.residual
            entries = None
            if status is not None:
                assert self.surfaces is not None
                right = np.concatenate((right, *self._contact_right(trial, status)))
                entries = self._contact_entries(trial, status)
            self.system.fill(trial.stiffness(), entries)
        with self.watch.measure("factorisation"):
            answer = self.system.solve(right)
        if not np.isfinite(answer).all():
            raise NotConvergedError("the stiffness matrix is singular", 1)
        if trial.tractions is None:
            return answer, None
        pressure, shear = answer[count:].reshape(2, -1)
        old = trial.tractions
        return answer[:count], Tractions(old.pressure + pressure, old.shear + shear)

    def _contact_right(self, trial: Trial, status: Status) -> tuple[Floats, Floats]:
        """Return what is missing of the laws of contact: right sides of their rows."""
        assert self.surfaces is not None
        assert trial.geometry is not None
        assert trial.tractions is not None
        pressure, shear = trial.tractions.pressure, trial.tractions.shear
        bound = self.surfaces.limit(pressure) * status.direction
        wanted = np.where(status.slides & self.surfaces.can_stick, bound, 0.0)
        return (
            np.where(status.closed, -trial.geometry.gap, -pressure),
            np.where(status.sticks, -trial.geometry.slip, wanted - shear),
        )

    def _contact_entries(self, trial: Trial, status: Status) -> Entries:
        """Return all entries of the matrix beside the elements' stiffness."""
        surfaces, geometry, tractions = self.surfaces, trial.geometry, trial.tractions
        assert surfaces is not None
        assert geometry is not None
        assert tractions is not None
        first, n = self.space.dof_count, surfaces.count
        at = geometry.points
        dofs = _dofs(at.slave, geometry.master)
        dofs_start = _dofs(at.slave, geometry.master_start)
        p_rows = first + at.carriers
        t_rows = p_rows + n
        every = first + np.arange(n)
        by_pressure, by_shear = geometry.by_tractions()
        closed, sticks = (1.0 * flags[at.carriers] for flags in (status.closed, status.sticks))
        gap_rows = (at.hats * closed * at.area[:, None])[:, :, None, None] * (
            geometry.gap_motion[:, None]
        )
        slip_rows = (at.shear_hats * sticks * at.area[:, None])[:, :, None, None] * (
            geometry.slip_motion[:, None]
        )
        capped = surfaces.mu * np.maximum(tractions.pressure, 0.0) > surfaces.cap
        grows = status.slides & surfaces.can_stick & ~capped & (tractions.pressure > 0)
        by_p = -np.where(grows, surfaces.mu * status.direction, 0.0)
        anchored = 2 * surfaces.nodes + 1
        blocks = [
            (dofs[..., None], p_rows[:, None, None, :], -by_pressure),
            (dofs[..., None], t_rows[:, None, None, :], -by_shear),
            (p_rows[:, :, None, None], dofs[:, None], gap_rows),
            (t_rows[:, :, None, None], dofs_start[:, None], slip_rows),
            (every, every, 1.0 - status.closed),
            (every + n, every + n, 1.0 - status.sticks),
            (every + n, every, by_p),
            (anchored, anchored, np.array(ANCHOR * self.yield_stiffness)),
        ]
        if geometry.moves:
            change = geometry.by_positions(tractions.pressure, tractions.shear)
            blocks.append((dofs[..., None, None], dofs[:, None, None], -change))
        return Entries.joined(blocks)

    def _keeps(self, trial: Trial, status: Status | None) -> bool:
        """Whether a trial obeys the laws of contact of a status."""
        if status is None:
            return True
        assert self.surfaces is not None
        assert trial.geometry is not None
        normal, shear = self._contact_right(trial, status)
        weights = np.where(self.surfaces.carries, self.surfaces.weights, 1.0)
        return bool(
            (np.abs(normal / weights)[status.closed] <= VIOLATION_UM).all()
            and (np.abs(normal)[~status.closed] <= TRACTION_MPA).all()
            and (np.abs(shear / weights)[status.sticks] <= VIOLATION_UM).all()
            and (np.abs(shear)[~status.sticks] <= TRACTION_MPA).all()
        )

    def _look_again(self, trial: Trial, status: Status, iteration: int) -> Status:
        """Return the status that a trial calls for."""
        surfaces, tractions, geometry = self.surfaces, trial.tractions, trial.geometry
        assert surfaces is not None
        assert tractions is not None
        assert geometry is not None
        stiffness = self.yield_stiffness / self.space.stack.fine_um
        drive = tractions.pressure - stiffness * surfaces.mean_gap(geometry)
        closed = np.where(status.closed, drive > -TRACTION_MPA, drive > TRACTION_MPA)
        closed &= surfaces.carries
        can = closed & surfaces.can_stick
        limit = surfaces.limit(tractions.pressure)
        slip = surfaces.mean_slip(geometry)
        goes_on = status.slides & can & (slip * status.direction < 0)
        begins = status.sticks & can & (np.abs(tractions.shear) > (1 + 1e-6) * limit + TRACTION_MPA)
        direction = np.where(begins, np.sign(tractions.shear), status.direction)
        return Status(closed, can & ~goes_on & ~begins, direction)

    def where(self, trial: Trial) -> str:
        """Name the body with the largest imbalance."""
        worst = int(np.argmax(np.abs(trial.residual)))
        node = worst // 2
        touching = (self.space.element_nodes == node).any(axis=1)
        names = [body.region.name for body in self.bodies if touching[body.cells].any()]
        r, z = self.space.node_points[node]
        return f"{' and '.join(names)} at r = {r:.4g} um, z = {z:.4g} um"


def _dofs(slave: Ints, master: Ints) -> Ints:
    """Return the displacement components of slave and master nodes, shape (P, 6, 2)."""
    return 2 * np.concatenate((slave, master), axis=1)[:, :, None] + np.arange(2)


def _between(old: Tractions | None, new: Tractions | None, fraction: float) -> Tractions | None:
    """Interpolate tractions."""
    if old is None or new is None:
        return None
    return Tractions(
        old.pressure + fraction * (new.pressure - old.pressure),
        old.shear + fraction * (new.shear - old.shear),
    )


@dataclass(frozen=True)
class Trial:
    """A displacement with all that follows from it."""

    state: State
    stiffness: Callable[[], Floats]
    internal: Floats
    """Nodal forces of the bodies less the applied ones, shape (dofs,), uN."""
    residual: Floats
    """The same less the forces of contact."""
    scale: float
    tractions: Tractions | None
    geometry: Geometry | None

    @property
    def norm(self) -> float:
        """Norm of the residual, uN."""
        return float(np.linalg.norm(self.residual))

    @property
    def relative(self) -> float:
        """Residual against the forces that the bodies exert on each other."""
        return self.norm / self.scale


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
