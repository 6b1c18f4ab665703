"""Newton's method for one load step of a stack whose island may slide and open.

Displacements, contact pressures and shear tractions are solved for together. For a fixed
status of the nodes (open, sticking, sliding) the equations are as smooth as without
contact, and Newton's method with a line search solves them; then the status is looked
at anew, until it stays. Node by node:

- a closed node opens where p - c g < 0, an open one closes where p - c g > 0;
- a sticking node slides where |t| exceeds its limit, in the direction of t;
- a sliding node sticks again where it would slide back, against its own traction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from mechanics.assembly import Ints, solve_once
from mechanics.contact import ContactState, ContactSurfaces, Geometry, Pair, Status, Tractions, line
from mechanics.mesh import Edge
from mechanics.newton import MAX_LINE_SEARCH, SLOPE_LEFT, Newton, Problem, Trial
from mechanics.profile import Floats
from mechanics.stack import Friction, Kinematics
from mechanics.state import Load, NotConvergedError, State
from mechanics.timing import Stopwatch

MAX_STATUS_CHANGES = 30
VIOLATION_UM = 1e-7
"""Penetration, or slip of sticking nodes, that passes for none."""
TRACTION_MPA = 1e-6
"""Excess of shear that passes for none."""
ANCHOR = 1e-9
"""Stiffness, over the lithium's modulus times a um, that keeps the matrix regular where an
island has come off on all sides; it enters the matrix alone, never the forces."""


@dataclass(frozen=True)
class _Touch:
    """A displacement with tractions, and all that follows from them."""

    trial: Trial
    geometry: Geometry
    tractions: Tractions
    slip: Floats
    """Tangential motion since the last accepted step, shape (n,), um."""
    residual: Floats

    @property
    def relative(self) -> float:
        return float(np.linalg.norm(self.residual)) / self.trial.scale


class ContactNewton(Newton):
    """Newton's method with the status of the contact nodes as an outer loop."""

    def __init__(self, problem: Problem, watch: Stopwatch, friction: Friction) -> None:
        super().__init__(problem, watch)
        cap = friction.shear_cap_mpa
        space = self.space
        pairs = [
            Pair("se_li", line(space, Edge.cap), line(space, Edge.hole_cap), -1,
                 friction.mu_se_li, cap),
            Pair("cu_li", line(space, Edge.base), line(space, Edge.hole_base), 1,
                 friction.mu_cu_li, cap),
        ]  # fmt: skip
        self.surfaces = ContactSurfaces(space, pairs, problem.kinematics is Kinematics.finite)
        self.stiffness_scale = problem.materials.li.youngs_mpa
        island = np.unique(np.concatenate([pair.slave for pair in pairs]))
        self.anchored: Ints = np.flatnonzero(np.isin(self.stiffness.free, 2 * island + 1))

    def at_rest(self) -> State:
        """Return the unloaded state, everything closed."""
        return replace(super().at_rest(), contact=self.surfaces.untouched())

    def opened_and_slid(self, state: State) -> tuple[float, float]:
        """Return the open area fraction and the greatest slip, um."""
        assert state.contact is not None
        surfaces, own = self.surfaces, ~self.surfaces.silent
        weights = surfaces.weights[own]
        opened = weights[~state.contact.status.closed[own]].sum() / weights.sum()
        return float(opened), float(state.contact.slip_um.max())

    def equilibrium(self, start: State, load: Load, guess: Floats) -> tuple[State, int]:
        """Return the state in equilibrium with a load, and the iterations it took.

        Raises
        ------
        NotConvergedError
            If Newton's method or the search for the status of the nodes fails.
        """
        assert start.contact is not None
        status = start.contact.status
        touch = self._touch(start, load, guess, start.contact.tractions)
        total = 0
        for _ in range(MAX_STATUS_CHANGES):
            touch, iterations = self._solve(start, load, touch, status, total)
            total += iterations
            new = self._look_again(touch, status)
            same = (new.closed == status.closed).all() and (new.sticks == status.sticks).all()
            if same:
                slip = start.contact.slip_um + np.abs(touch.slip) * status.slides
                contact = ContactState(touch.tractions, status, slip)
                return replace(touch.trial.state, contact=contact), total
            status = new
        raise NotConvergedError(
            f"the contact nodes keep changing between open, sticking and sliding "
            f"({MAX_STATUS_CHANGES} changes)",
            total,
        )

    def _touch(
        self, start: State, load: Load, displacement: Floats, tractions: Tractions
    ) -> _Touch:
        """Evaluate everything at a displacement and tractions."""
        trial = self.respond_to(start, load, displacement)
        with self.watch.measure("contact"):
            geometry = self.surfaces.geometry(displacement)
            residual = trial.residual + self.surfaces.forces(geometry, tractions)
            residual[self.fixed] = 0.0
            slip = geometry.tangent @ (displacement - start.displacement)
        return _Touch(trial, geometry, tractions, slip, residual)

    def _solve(
        self, start: State, load: Load, touch: _Touch, status: Status, before: int
    ) -> tuple[_Touch, int]:
        """Solve the equations of a fixed status."""
        tolerance = self.options.relative_tolerance
        for iteration in range(self.options.max_iterations + 1):
            if touch.relative <= tolerance and self._keeps(touch, status):
                return touch, iteration
            if iteration < self.options.max_iterations:
                touch = self._step(start, load, touch, status, iteration)
        raise NotConvergedError(
            f"relative residual {touch.relative:.1e} after {self.options.max_iterations} Newton "
            f"iterations, wanted {tolerance:g}; largest imbalance in the "
            f"{self.where(touch.trial)}",
            before + self.options.max_iterations,
        )

    def _keeps(self, touch: _Touch, status: Status) -> bool:
        """Whether a touch obeys the laws of its status."""
        tractions, slides = touch.tractions, status.slides
        limit = self.surfaces.limit(tractions.pressure) * status.direction
        return bool(
            (np.abs(touch.geometry.gap[status.closed]) <= VIOLATION_UM).all()
            and (np.abs(touch.slip[status.sticks]) <= VIOLATION_UM).all()
            and (np.abs(tractions.shear - limit)[slides] <= TRACTION_MPA).all()
            and (np.abs(tractions.pressure[~status.closed]) <= TRACTION_MPA).all()
        )

    def _step(
        self, start: State, load: Load, touch: _Touch, status: Status, iteration: int
    ) -> _Touch:
        """Take one Newton step, shortened where it overshoots.

        As without contact, the slope of the potential along the step tells; it is taken at
        the tractions at the step's end, whose work vanishes along steps that keep the gaps.
        """
        correction, pressure, shear = self._correction_with(touch, status)
        old = touch.tractions
        at_end = Tractions(old.pressure + pressure, old.shear + shear)
        ends = self.surfaces.forces(touch.geometry, at_end)

        def slope(of: _Touch) -> float:
            forces = of.trial.residual + ends
            forces[self.fixed] = 0.0
            return float(forces @ correction)

        slope_start = slope(touch)
        low, slope_low, high, slope_high = 0.0, slope_start, 1.0, math.inf
        left = SLOPE_LEFT if iteration < 6 else SLOPE_LEFT / 5
        fraction = 1.0
        for attempt in range(MAX_LINE_SEARCH):
            tractions = Tractions(old.pressure + fraction * pressure, old.shear + fraction * shear)
            moved = touch.trial.state.displacement + fraction * correction
            new = self._touch(start, load, moved, tractions)
            here = slope(new)
            if not math.isfinite(here):
                high, slope_high, fraction = fraction, math.inf, fraction / 4
                continue
            if slope_start >= 0 or new.relative <= self.options.relative_tolerance:
                break
            if here > left * abs(slope_start):
                high, slope_high = fraction, here
            elif here < -0.7 * abs(slope_start) and attempt > 0:
                low, slope_low = fraction, here
            else:
                break
            if math.isfinite(slope_high):
                fraction = (low * slope_high - high * slope_low) / (slope_high - slope_low)
            else:
                fraction = (low + high) / 2
            fraction = float(np.clip(fraction, 0.85 * low + 0.15 * high, 0.15 * low + 0.85 * high))
        if not math.isfinite(new.relative):
            raise NotConvergedError("the residual is not finite", iteration)
        return new

    def _correction_with(self, touch: _Touch, status: Status) -> tuple[Floats, Floats, Floats]:
        """Solve the linearised equations: changes of displacement, pressure and shear.

        Rows: equilibrium; g = 0 or p = 0; s = 0, or t = direction * limit(p), or t = 0.
        """
        surfaces, geometry, old = self.surfaces, touch.geometry, touch.tractions
        free, count = self.stiffness.free, surfaces.count
        with self.watch.measure("stiffness"):
            matrix = self.stiffness.sparse(touch.trial.stiffness())
            if surfaces.follows:
                change = geometry.stiffness(old, self.space.dof_count)
                matrix = matrix + change[free][:, free]
            anchor = np.zeros(len(free))
            anchor[self.anchored] = ANCHOR * self.stiffness_scale
            weights = surfaces.weights
            normal, tangent = geometry.normal[:, free], geometry.tangent[:, free]
            diagonal = sparse.diags_array
            closed, sticks = diagonal(weights * status.closed), diagonal(weights * status.sticks)
            capped = surfaces.mu * np.maximum(old.pressure, 0.0) > surfaces.cap
            grows = status.slides & surfaces.can_stick & ~capped
            by_pressure = diagonal(-np.where(grows, surfaces.mu * status.direction, 0.0))
            system = sparse.block_array(
                [
                    [
                        matrix + diagonal(anchor),
                        -(normal.T @ diagonal(weights)),
                        tangent.T @ diagonal(weights),
                    ],
                    [closed @ normal, diagonal(1.0 - status.closed), None],
                    [sticks @ tangent, by_pressure, diagonal(1.0 - status.sticks)],
                ],
                format="csr",
            )
            limit = surfaces.limit(old.pressure) * status.direction
            wanted = np.where(status.slides & surfaces.can_stick, limit, 0.0)
            right = np.concatenate(
                (
                    -touch.residual[free],
                    np.where(status.closed, -weights * geometry.gap, -old.pressure),
                    np.where(status.sticks, -weights * touch.slip, wanted - old.shear),
                )
            )
        with self.watch.measure("factorisation"):
            answer = solve_once(system, right)
        if not np.isfinite(answer).all():
            raise NotConvergedError("the system with contact is singular", 1)
        correction = np.zeros(self.space.dof_count)
        correction[free] = answer[: len(free)]
        return correction, answer[len(free) : len(free) + count], answer[len(free) + count :]

    def _look_again(self, touch: _Touch, status: Status) -> Status:
        """Return the status that a solution calls for."""
        surfaces, tractions = self.surfaces, touch.tractions
        stiffness = self.stiffness_scale / self.space.stack.fine_um
        closed = (tractions.pressure - stiffness * touch.geometry.gap > 0) & ~surfaces.silent
        if not tractions.pressure.any():  # nothing pushes nor pulls: leave what is closed
            closed = status.closed
        can = closed & surfaces.can_stick
        limit = surfaces.limit(tractions.pressure)
        goes_on = status.slides & can & (touch.slip * status.direction >= 0)
        begins = status.sticks & can & (np.abs(tractions.shear) > (1 + 1e-6) * limit + TRACTION_MPA)
        direction = np.where(begins, np.sign(tractions.shear), status.direction)
        return Status(closed, can & ~goes_on & ~begins, direction)
