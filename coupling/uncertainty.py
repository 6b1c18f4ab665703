"""What uncertain inputs make of crack risk: quantiles, probability of R1 > 1, sensitivities.

Moduli, yield stress and growth are the same for all islands of a cell; contact diameter and
height are uncertain for each island by itself, independently of the others. Exact solutions
with changed inputs, spread over their whole range, are the nodes of an emulator in shape and
inputs together (`coupling.emulator`); Sobol points go through it. At the configured inputs an
island keeps the risk that is known: the emulator only tells how it changes. The error of the
emulator, as cross-validation finds it, is one of the inputs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coupling.dome import DomeShape, dome_shape
from coupling.electrode import EXACT, IslandRisk, SolveMany, require_any_solved
from coupling.emulator import Emulator, fit
from coupling.interpolation import DECISIVE, QUANTITIES, column
from coupling.ranking import farthest
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.schema_uncertainty import Spread, UncertaintyOptions, standard_normal
from coupling.sensitivity import Indices, Samples, sensitivities, sobol_samples
from mechanics.profile import Floats, IslandProfile, from_points
from mechanics.solver import SolverError

log = logging.getLogger(__name__)

DIAMETER, HEIGHT, EMULATOR = "contact_diameter", "height", "emulator"
CONTACT_DIAMETER_STD, HEIGHT_STD = "contact_diameter_std_um", "height_std_um"
"""Columns of a table of islands that say how well each shape is known."""
LEAST_SHARE = 0.3
"""Diameters and heights are not taken smaller than this share of what was measured."""
QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
LEVEL = 1.0
"""Risk from which a crack is predicted."""


@dataclass(frozen=True)
class Input:
    """One uncertain number of the configuration, common to all islands."""

    name: str
    spread: Spread
    change: Callable[[MechanicsConfig, float], MechanicsConfig]
    """Returns the configuration with the number multiplied by a factor."""


def common_inputs(config: MechanicsConfig, options: UncertaintyOptions) -> list[Input]:
    """Return the inputs of a configuration that are uncertain: those that it has, with a spread."""
    material, load = config.material, config.load
    every: list[Input] = [
        Input("se_youngs", options.se_youngs, _change_se),
        Input("li_youngs", options.li_youngs, _change_li),
    ]
    if material.cu.yield_mpa is not None:
        every.append(Input("cu_yield", options.cu_yield, _change_cu))
    if load.expansion != 0:
        every.append(Input("expansion", options.expansion, _change_expansion))
    return [one for one in every if one.spread.relative_std > 0]


def _change_se(config: MechanicsConfig, factor: float) -> MechanicsConfig:
    se = config.material.se
    changed = replace(config.material, se=replace(se, youngs_mpa=factor * se.youngs_mpa))
    # the strength is the configured body's: it does not follow the modulus
    return replace(config, material=changed)


def _change_li(config: MechanicsConfig, factor: float) -> MechanicsConfig:
    li = config.material.li
    changed = replace(config.material, li=replace(li, youngs_mpa=factor * li.youngs_mpa))
    return replace(config, material=changed)


def _change_cu(config: MechanicsConfig, factor: float) -> MechanicsConfig:
    cu = config.material.cu
    assert cu.yield_mpa is not None
    changed = replace(config.material, cu=replace(cu, yield_mpa=factor * cu.yield_mpa))
    return replace(config, material=changed)


def _change_expansion(config: MechanicsConfig, factor: float) -> MechanicsConfig:
    return replace(config, load=replace(config.load, expansion=factor * config.load.expansion))


@dataclass(frozen=True)
class ShapeSpread:
    """How well the shape of one island is known."""

    diameter_std_um: float
    height_std_um: float

    def scales(self, shape: DomeShape, u: Floats) -> Floats:
        """Return the factors of diameter and height at probabilities u, both of shape (n, 2)."""
        height = shape.aspect_ratio * shape.contact_diameter_um
        relative = np.array(
            [self.diameter_std_um / shape.contact_diameter_um, self.height_std_um / height]
        )
        factors: Floats = np.maximum(1 + relative * standard_normal(u), LEAST_SHARE)
        return factors


@dataclass(frozen=True)
class IslandUncertainty:
    """What is known of one island's risk."""

    label: int
    scalars: dict[str, Scalar]
    """``risk_bulk_p05, ..., probability`` (that the bulk risk exceeds 1)."""
    above: NDArray[np.bool_]
    """Whether the bulk risk exceeds 1, by sample, shape (2 n,)."""
    indices: Indices | None
    """Sobol indices of the bulk risk by input; None for islands that are not among the worst."""


@dataclass(frozen=True)
class Uncertainty:
    """Uncertain risk of one or more islands."""

    inputs: list[str]
    """Names of the uncertain inputs, `EMULATOR` last."""
    islands: list[IslandUncertainty]
    """In the order of the risks that were given."""
    scalars: dict[str, Scalar]
    """How well the emulator is known, and how many islands are at risk."""


def uncertain_risk(
    risks: Sequence[IslandRisk],
    profiles: Mapping[int, IslandProfile],
    spreads: Mapping[int, ShapeSpread],
    config: MechanicsConfig,
    options: UncertaintyOptions,
    solve_many: SolveMany,
) -> Uncertainty:
    """Follow uncertain inputs to the risk of islands.

    Parameters
    ----------
    risks
        Islands at the configured inputs, solved or interpolated, the worst first.
    profiles, spreads
        Their meridians and how well these are known, by label.
    config, options
        Configured inputs and their distributions.
    solve_many
        Solves islands exactly.

    Raises
    ------
    SolverError
        If too few of the changed cases can be solved.
    """
    risks = [risk for risk in risks if risk.scalars]
    common = common_inputs(config, options)
    study = _Study(
        common=common,
        profiles=profiles,
        shapes={risk.label: dome_shape(profiles[risk.label]) for risk in risks},
        spreads=spreads,
    )
    nodes, values = study.solve(risks, config, options, solve_many)
    emulators = {
        name: fit(nodes, QUANTITIES[name].forward(values[name], np.ones(len(nodes))))
        for name in (*DECISIVE, "risk_rim")
    }
    rms = {
        name: float(np.sqrt(np.mean(emulator.left_out().error ** 2)))
        for name, emulator in emulators.items()
    }
    names = [one.name for one in common] + [DIAMETER, HEIGHT, EMULATOR]
    samples = sobol_samples(len(names), options.samples, options.seed)
    islands = [
        study.island(
            risk, emulators, rms, turned(samples, options.seed, risk.label), k < options.worst
        )
        for k, risk in enumerate(risks)
    ]
    count = np.sum([island.above for island in islands], axis=0)
    scalars: dict[str, Scalar] = {
        "uncertainty_nodes": len(nodes),
        "uncertainty_emulator_rms_error": max(rms[name] for name in DECISIVE),
        "at_risk_mean": float(count.mean()),
        **{f"at_risk_{end}": float(np.quantile(count, q)) for end, q in QUANTILES.items()},
        "probability_any_at_risk": float((count > 0).mean()),
    }
    log.info(
        "uncertainty: %d solutions with changed inputs; the emulator's error is %.3f RMS in "
        "cross-validation (of R1 below 1, relative above)",
        len(nodes), scalars["uncertainty_emulator_rms_error"],
    )  # fmt: skip
    return Uncertainty(names, islands, scalars)


@dataclass(frozen=True)
class _Study:
    """Islands with their uncertain inputs."""

    common: list[Input]
    profiles: Mapping[int, IslandProfile]
    shapes: Mapping[int, DomeShape]
    spreads: Mapping[int, ShapeSpread]

    def solve(
        self,
        risks: Sequence[IslandRisk],
        config: MechanicsConfig,
        options: UncertaintyOptions,
        solve_many: SolveMany,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Return the nodes of the emulator, and the risks there.

        Beside the islands solved at the configured inputs, a Sobol design over all inputs, in
        which each point takes the next of the islands that are spread most evenly.
        """
        labels = list(self.shapes)
        at = np.array([self.shapes[label].coordinates for label in labels])
        turn = [labels[i] for i in farthest(at, options.solutions)]
        count = 1 << (options.solutions - 1).bit_length()
        u = sobol_samples(len(self.common) + 2, count, options.seed + 1).first[: options.solutions]
        factors = self._factors(u)
        changed: dict[int, tuple[IslandProfile, MechanicsConfig]] = {}
        for k in range(options.solutions):
            label = turn[k % len(turn)]
            scale = self.spreads[label].scales(self.shapes[label], u[k, -2:])
            own = config
            for one, factor in zip(self.common, factors[k], strict=True):
                own = one.change(own, float(factor))
            profile = self.profiles[label]
            changed[k] = (from_points(profile.r_um * scale[0], profile.z_um * scale[1]), own)
        found = solve_many(
            {k: profile for k, (profile, _) in changed.items()},
            {k: own for k, (_, own) in changed.items()},
        )
        require_any_solved(found)
        solved = [risk for risk in found if risk.method == EXACT]
        known = [risk for risk in risks if risk.method == EXACT]
        nodes = [self._node(dome_shape(changed[r.label][0]), factors[r.label]) for r in solved]
        nodes += [self._node(self.shapes[r.label], np.ones(len(self.common))) for r in known]
        if len(nodes) < 3 * len(nodes[0]):
            raise SolverError(
                f"only {len(nodes)} solutions for {len(nodes[0])} uncertain inputs and coordinates "
                f"of shape: too few; raise uncertainty.solutions={options.solutions}"
            )
        scalars = [risk.scalars for risk in (*solved, *known)]
        return np.array(nodes), {n: column(scalars, n) for n in (*DECISIVE, "risk_rim")}

    def _factors(self, u: Floats) -> Floats:
        """Return the factors of the common inputs, shape (n, k), at points (n, k or more)."""
        columns = [one.spread.factor(u[:, i]) for i, one in enumerate(self.common)]
        return np.column_stack(columns) if columns else np.empty((len(u), 0))

    @staticmethod
    def _node(shape: DomeShape, factors: Floats) -> Floats:
        return np.concatenate((shape.coordinates, np.log(factors)))

    def island(
        self,
        risk: IslandRisk,
        emulators: Mapping[str, Emulator],
        rms: Mapping[str, float],
        samples: Samples,
        worst: bool,
    ) -> IslandUncertainty:
        """Send samples through the emulators for one island; the worst get sensitivities."""
        shape, spread = self.shapes[risk.label], self.spreads[risk.label]
        here = self._node(shape, np.ones(len(self.common)))

        def evaluate(name: str, u: Floats) -> Floats:
            emulator, quantity = emulators[name], QUANTITIES[name]
            scale = np.log(spread.scales(shape, u[:, -3:-1]))
            moved = np.tile(shape.coordinates, (len(u), 1))
            moved[:, 0] += scale[:, 0]
            moved[:, 1] += scale[:, 1] - scale[:, 0]
            points = np.column_stack((moved, np.log(self._factors(u))))
            nominal = column([risk.scalars], name)
            shift = quantity.forward(nominal, np.ones(1)) - emulator.mean(here)
            off = rms[name] * standard_normal(u[:, -1])
            return quantity.back(emulator.mean(points) + shift + off, np.ones(1))

        def bulk(u: Floats) -> Floats:
            values: Floats = np.stack([evaluate(name, u) for name in DECISIVE]).max(axis=0)
            return values

        values, rim = bulk(samples.both), evaluate("risk_rim", samples.both)
        above: NDArray[np.bool_] = values > LEVEL
        scalars: dict[str, Scalar] = {
            f"risk_bulk_{end}": float(np.quantile(values, q)) for end, q in QUANTILES.items()
        }
        scalars |= {f"risk_rim_{end}": float(np.quantile(rim, q)) for end, q in QUANTILES.items()}
        scalars["probability"] = float(above.mean())
        indices = sensitivities(bulk, samples) if worst else None
        return IslandUncertainty(risk.label, scalars, above, indices)


def turned(samples: Samples, seed: int, label: int) -> Samples:
    """Return samples whose last three inputs, an island's own, are turned in the unit cube.

    Each island by another amount: their errors are independent of each other, and the points
    as evenly spread as before (a rotation of Cranley and Patterson).
    """
    turn = np.zeros(samples.first.shape[1])
    turn[-3:] = np.random.default_rng([seed, label]).random(3)
    return Samples((samples.first + turn) % 1.0, (samples.second + turn) % 1.0)
