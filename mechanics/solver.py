"""Load stepping with cut-back, and commit or restore of the history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from mechanics.assembly import Discretisation
from mechanics.contact import Surfaces
from mechanics.materials import MaterialSet
from mechanics.mesh import StackMesh
from mechanics.newton import Newton
from mechanics.profile import Floats
from mechanics.stack import Kinematics, Loading, SolverOptions
from mechanics.state import Load, NotConvergedError, State
from mechanics.timing import Stopwatch
from mechanics.trial import Problem

log = logging.getLogger(__name__)


class SolverError(RuntimeError):
    """The solution did not converge: an error, never a result."""

    exit_code = 3


@dataclass(frozen=True)
class Effort:
    """What the solution cost."""

    newton_iterations: int = 0
    load_steps: int = 0
    cutbacks: int = 0

    def after(self, iterations: int, *, failed: bool = False) -> Effort:
        """Return the effort with one more step, taken or failed."""
        return Effort(
            self.newton_iterations + iterations,
            self.load_steps + (not failed),
            self.cutbacks + failed,
        )


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
    surfaces: Surfaces | None
    """The faces that may slip and open; None where all is bonded."""


Progress = Callable[[float], None]
"""Called with the fraction of the load reached."""


def solve(
    stack: StackMesh,
    materials: MaterialSet,
    loading: Loading,
    options: SolverOptions,
    kinematics: Kinematics = Kinematics.finite,
    *,
    watch: Stopwatch | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Apply the stack pressure, then expand the island step by step.

    Parameters
    ----------
    stack
        Mesh of the stack; it knows which bodies are bonded, and the friction between others.
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
    # Element matrices are small: a second thread of NumPy's BLAS would only wait, at full speed
    with threadpool_limits(1, user_api="blas"):
        return _solve(Problem(stack, materials, options, kinematics), loading, watch, progress)


def _solve(
    problem: Problem, loading: Loading, watch: Stopwatch | None, progress: Progress | None
) -> Solution:
    newton = Newton(problem, watch or Stopwatch())
    steps = loading.steps
    total = steps + 1
    pressed, effort = _advance(newton, newton.at_rest(), Load(loading.pressure_mpa, 0.0), Effort())
    state = pressed
    growth = loading.linear_expansion(problem.kinematics)
    before = None
    for step in range(1, steps + 1):
        if progress is not None:
            progress(step / total)
        target = Load(loading.pressure_mpa, growth * step / steps)
        previous = state
        state, effort = _advance(newton, state, target, effort, before)
        before = previous
    return Solution(
        newton.space, problem.materials, loading, pressed, state, effort, newton.surfaces
    )


def _advance(
    newton: Newton, start: State, target: Load, effort: Effort, before: State | None = None
) -> tuple[State, Effort]:
    """Go from a state to a load, in halves where a step fails; restore before each retry.

    A `before` state one step back lets the first guess follow the path so far.
    """
    state, fraction, size = start, 0.0, 1.0
    smallest = 0.5**newton.options.max_cutbacks
    while fraction < 1.0:
        reach = min(1.0, fraction + size)
        load = _between(start.load, target, reach)
        try:
            new, iterations = newton.equilibrium(state, load, _extrapolate(before, state, load))
        except NotConvergedError as failure:
            effort = effort.after(failure.iterations, failed=True)
            size = (reach - fraction) / 2  # half of what was tried, which the end may have cut
            if size < smallest:
                raise SolverError(_explain(failure, load, reach - fraction)) from failure
            log.info("step cut back to %g of its size: %s", size, failure)
            continue
        effort = effort.after(iterations)
        before, state, fraction, size = state, new, reach, 2 * size
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


def _explain(failure: NotConvergedError, load: Load, size: float) -> str:
    return (
        f"no equilibrium at a pressure of {load.pressure_mpa:g} MPa and a growth of "
        f"{load.growth:g}, even with {size:g} of a load step at a time: "
        f"{failure}. Try more load.steps, a coarser mesh.fine_um, or more hardening "
        f"(material.li.hardening_mpa, material.cu.hardening_mpa)"
    )
