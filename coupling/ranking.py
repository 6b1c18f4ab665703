"""Which islands of an electrode are solved exactly, and what becomes of the others.

An electrode has hundreds to thousands of islands; solving a few tens is enough:

1. islands spread evenly over all shapes and sizes are solved; the bulk risk is interpolated
   between them, and more are solved where it is least sure, until each is predicted by the
   others within a tolerance (`coupling.interpolation`);
2. some islands taken at random are solved, to test the claimed errors before they are used;
3. those that are not cap-like, which the interpolation does not know, are solved: where they
   are very many, the worst and some at random, to know how far to trust it on the others;
4. the worst of all are solved, and again, until the N worst are exact, and with them those
   that may be among the N worst for all that is claimed.

Everything that was solved stays in the table as exact.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coupling.dome import DomeShape, dome_shape
from coupling.electrode import (
    SolveMany,
    island_solver,
    require_any_solved,
    solve_islands,
    worker_count,
)
from coupling.interpolation import (
    BULK,
    DECISIVE,
    QUANTITIES,
    RiskInterpolation,
    coordinates,
    interpolate_risk,
)
from coupling.island_risk import EXACT, FAILED, INTERPOLATED, IslandRisk
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.schema_ranking import RankingOptions
from coupling.solved_store import SolvedStore
from mechanics.profile import Floats, IslandProfile
from mechanics.solver import SolverError

log = logging.getLogger(__name__)

FEWEST_NODES = 9
"""Fewest solutions to interpolate between: three per coordinate."""
BATCH = 8
"""Islands added at a time; the same however many are solved at once, for equal results."""
PATIENCE = 3
"""So many batches must bring the error down by `WORTH`, or the scatter of shapes bounds it."""
WORTH = 0.9
CHANCE_SHARE = 3
"""One in so many of the islands that are not cap-like is taken at random, where not all are solved:
errors met on the worst alone would say nothing of the others."""
CONTENDERS = 2
"""At most so many times N islands are solved that may be among the N worst."""
_SEED = 0


@dataclass(frozen=True)
class Ranking:
    """Every island of an electrode with its risk, exact or interpolated."""

    risks: list[IslandRisk]
    """In the order of the profiles."""
    scalars: dict[str, Scalar]
    """How the interpolation was made and tested; empty where every island was solved."""


def rank_islands(
    profiles: Mapping[int, IslandProfile],
    config: MechanicsConfig,
    options: RankingOptions,
    workers: int | None,
    store: SolvedStore | None = None,
) -> Ranking:
    """Find the risk of every island of an electrode, the worst of them exactly.

    Parameters
    ----------
    profiles
        Meridian of each island, by label.
    config
        Material, stack, load and criterion.
    options
        How many islands are solved, and how well the others must be known.
    workers
        Islands solved at the same time; one per core by default.
    store
        Where solved islands are kept until the run has ended.

    Raises
    ------
    SolverError
        If no island can be solved, or too few to interpolate between them.
    """
    few = options.exact is None or len(profiles) <= options.exact + options.nodes
    shapes = {label: dome_shape(profile) for label, profile in profiles.items()}
    cap_like = sum(shape.departure <= options.departure for shape in shapes.values())
    if few or cap_like <= options.nodes:
        if not few:
            log.info("only %d of %d islands are cap-like: all are solved", cap_like, len(profiles))
        return Ranking(solve_islands(profiles, config, workers, store), {})
    with island_solver(config, worker_count(workers), store) as solve_many:
        return _Electrode(profiles, shapes, options, solve_many).ranking()


class _Electrode:
    """A ranking on its way: what is solved so far, and the errors met on islands not yet known."""

    def __init__(
        self,
        profiles: Mapping[int, IslandProfile],
        shapes: Mapping[int, DomeShape],
        options: RankingOptions,
        solve_many: SolveMany,
    ) -> None:
        self.profiles, self.shapes, self.options = profiles, shapes, options
        self.solve_many = solve_many
        self.solved: dict[int, IslandRisk] = {}
        self.cap_like = {
            label: shape.departure <= options.departure for label, shape in shapes.items()
        }
        self.met: dict[bool, dict[str, float]] = {True: {}, False: {}}
        """Largest errors of the cap-like islands and of the others, in standard deviations."""
        self.tested = 0.0
        """Largest error met on islands taken at random, over what was claimed."""

    def ranking(self) -> Ranking:
        """Go through the four parts, then predict what is left."""
        self._spread()
        self._check()
        self._solve_irregular()
        unsettled = self._solve_worst()
        final = self._fit(tuple(QUANTITIES))
        rest = self._unsolved()
        rows = self._rows(final, rest)
        risks = [
            self.solved.get(label) or IslandRisk(label, INTERPOLATED, rows[label], None)
            for label in self.profiles
        ]
        return Ranking(risks, self._summary(final, len(rest), unsettled))

    # ------------------------------------------------------------------------ parts

    def _spread(self) -> None:
        """Solve islands of all shapes until each is predicted well by the others."""
        candidates = [label for label in self.profiles if self.cap_like[label]]
        at = coordinates([self.shapes[label] for label in candidates])
        self._solve([candidates[i] for i in farthest(at, self.options.nodes)])
        require_any_solved(list(self.solved.values()))
        errors: list[float] = []
        while True:
            fit = self._fit(DECISIVE)
            error = _rms(fit.left_out_errors())
            errors.append(error)
            count = len(self.solved)
            more = min(BATCH, self.options.max_nodes - count)
            rest = self._unsolved(cap_like=True)
            in_vain = len(errors) > PATIENCE and error > WORTH * errors[-1 - PATIENCE]
            if error <= self.options.tolerance or more <= 0 or not rest or in_vain:
                break
            chosen = fit.most_unsure([self.shapes[label] for label in rest], more)
            self._solve([rest[i] for i in chosen])
        if error > self.options.tolerance:
            log.warning(
                "interpolated risks are known to %.3f RMS after %d solutions, not to "
                "ranking.tolerance=%g: the claimed errors say so%s",
                error, count, self.options.tolerance,
                "; more would not help" if in_vain else "; ranking.max_nodes takes more",
            )  # fmt: skip

    def _check(self) -> None:
        """Solve islands taken at random, and hold the predictions against them."""
        rest = self._unsolved(cap_like=True)
        count = min(self.options.check, len(rest))
        if not count:
            return
        chosen = np.random.default_rng(_SEED).choice(len(rest), count, replace=False)
        labels = [rest[i] for i in sorted(chosen)]
        fit = self._fit(tuple(QUANTITIES))
        claim = fit.bulk([self.shapes[label] for label in labels])
        self._solve_and_test(fit, labels)
        errors = [
            abs(self.solved[label].risk_bulk - claim.value[i]) / claim.error[i]
            for i, label in enumerate(labels)
            if self.solved[label].method == EXACT
        ]
        self.tested = float(max(errors, default=0.0))

    def _solve_irregular(self) -> None:
        """Solve the islands that are not cap-like, the worst of them if they are very many."""
        rest = self._unsolved(cap_like=False)
        if not rest:
            return
        fit = self._fit(tuple(QUANTITIES))
        rows = self._rows(fit, rest)
        rest.sort(key=lambda label: -float(rows[label][BULK] or 0.0))
        count = self.options.max_irregular
        chosen = rest[:count]
        if count < len(rest):
            by_chance = count // CHANCE_SHARE
            others = rest[count - by_chance :]
            picked = np.random.default_rng(_SEED).choice(len(others), by_chance, replace=False)
            chosen = rest[: count - by_chance] + [others[i] for i in sorted(picked)]
            log.warning(
                "%d islands are not cap-like (profile farther than %g of the height from the dome "
                "of equal diameter, height and volume): the %d of most risk and %d others are "
                "solved (ranking.max_irregular=%d), the rest interpolated with a wider error",
                len(rest), self.options.departure, count - by_chance, by_chance, count,
            )  # fmt: skip
        self._solve_and_test(fit, chosen)

    def _solve_worst(self) -> int:
        """Solve the worst islands until the N worst are exact; return how many may be worse."""
        wanted = self.options.exact or 0
        budget = CONTENDERS * wanted
        while True:
            fit = self._fit(DECISIVE)
            rest = self._unsolved()
            rows = self._rows(fit, rest)
            value = {label: float(row[BULK] or 0.0) for label, row in rows.items()}
            known = {label: risk.risk_bulk for label, risk in self._exact().items()}
            ranked = sorted((value | known).items(), key=lambda item: -item[1])[:wanted]
            missing = [label for label, _ in ranked if label in value]
            bar = ranked[-1][1]
            could = {label: value[label] + float(rows[label]["error"] or 0.0) for label in rest}
            contenders = [label for label in rest if could[label] > bar]
            contenders.sort(key=lambda label: -could[label])
            batch = missing or contenders[: min(BATCH, budget)]
            if not batch:
                return len(contenders)
            budget -= 0 if missing else len(batch)
            self._solve_and_test(fit, batch)

    # ------------------------------------------------------------------------ tools

    def _solve(self, labels: Sequence[int]) -> None:
        found = self.solve_many({label: self.profiles[label] for label in labels})
        self.solved |= {risk.label: risk for risk in found}

    def _solve_and_test(self, fit: RiskInterpolation, labels: Sequence[int]) -> None:
        """Solve islands, and keep the largest errors that a prediction makes on them."""
        self._solve(labels)
        for kind, met in self.met.items():
            known = [
                self.solved[label]
                for label in labels
                if self.cap_like[label] is kind and self.solved[label].method == EXACT
            ]
            if known:
                shapes = [self.shapes[risk.label] for risk in known]
                for name, ratio in fit.ratios(shapes, [risk.scalars for risk in known]).items():
                    met[name] = max(met.get(name, 0.0), ratio)

    def _exact(self) -> dict[int, IslandRisk]:
        return {label: risk for label, risk in self.solved.items() if risk.method == EXACT}

    def _unsolved(self, *, cap_like: bool | None = None) -> list[int]:
        """Return the islands that are not solved yet, of one kind or of both."""
        return [
            label
            for label in self.profiles
            if label not in self.solved and cap_like in (None, self.cap_like[label])
        ]

    def _fit(self, names: Sequence[str]) -> RiskInterpolation:
        """Interpolate between all cap-like islands that are solved."""
        known = [risk for label, risk in self._exact().items() if self.cap_like[label]]
        if len(known) < FEWEST_NODES:
            failed = next(risk for risk in self.solved.values() if risk.method == FAILED)
            raise SolverError(
                f"only {len(known)} of {len(self.solved)} islands could be solved, too few to "
                f"interpolate the others; island {failed.label}: {failed.reason}"
            )
        shapes = [self.shapes[risk.label] for risk in known]
        return interpolate_risk(shapes, [risk.scalars for risk in known], names, self.met[True])

    def _rows(self, fit: RiskInterpolation, labels: Sequence[int]) -> dict[int, dict[str, Scalar]]:
        """Predict islands, those that are not cap-like with the errors met on their kind."""
        rows: dict[int, dict[str, Scalar]] = {}
        for kind, own in ((True, fit), (False, fit.at_least(self.met[False]))):
            part = [label for label in labels if self.cap_like[label] is kind]
            rows |= dict(zip(part, own.rows([self.shapes[i] for i in part]), strict=True))
        return rows

    def _summary(
        self, final: RiskInterpolation, interpolated: int, unsettled: int
    ) -> dict[str, Scalar]:
        errors = final.left_out_errors()
        exact = len(self._exact())
        log.info(
            "%d islands solved, %d interpolated; error of R1 in cross-validation %.3f RMS, %.3f at "
            "most (of R1 below 1, relative above); the largest on islands taken at random was "
            "%.2f of what was claimed",
            exact, interpolated, _rms(errors), float(np.abs(errors).max()), self.tested,
        )  # fmt: skip
        if unsettled:
            log.warning(
                "%d interpolated islands may be among the %d worst for all that is claimed: "
                "ranking.exact takes more",
                unsettled, self.options.exact,
            )  # fmt: skip
        return {
            "islands_exact": exact,
            "islands_interpolated": interpolated,
            "islands_not_cap_like": sum(not kind for kind in self.cap_like.values()),
            "islands_not_cap_like_interpolated": len(self._unsolved(cap_like=False)),
            "interpolation_nodes": len(errors),
            "interpolation_error_rms": _rms(errors),
            "interpolation_error_max": float(np.abs(errors).max()),
            "interpolation_check_error_over_claim": self.tested,
            "interpolation_contenders": unsettled,
        }


def farthest(points: Floats, count: int) -> list[int]:
    """Return points spread evenly: the most central one, then always the farthest from all so far.

    Parameters
    ----------
    points
        Coordinates, shape (n, d); each counts by its standard deviation.
    count
        How many, at most n.
    """
    spread = points.std(axis=0)
    scaled = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    chosen = [int(np.argmin((scaled**2).sum(axis=1)))]
    gap = ((scaled - scaled[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(points)):
        gap[chosen] = -1.0
        chosen.append(int(np.argmax(gap)))
        gap = np.minimum(gap, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))
