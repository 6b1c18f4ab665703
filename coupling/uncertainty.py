"""What uncertain inputs make of crack risk: quantiles, probability of R1 > 1, sensitivities.

Moduli, yield stress and growth are the same for all islands of a cell; contact diameter and
height are uncertain for each island by itself, independently of the others. Islands that were
solved are solved again with changed inputs, spread over their whole range. The change of the
risk is what an emulator in shape and inputs is made of (`coupling.emulator`); Sobol points go
through it. At the configured inputs an island keeps the risk that is known. The error of the
emulator, as cross-validation finds it, is one of the inputs, with that of the interpolation
where an island was not solved.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coupling.criterion import LEVEL
from coupling.dome import DomeShape, dome_shape
from coupling.electrode import SolveMany, require_any_solved
from coupling.emulator import FEWEST_PER_COORDINATE, Emulator, fit
from coupling.interpolation import DECISIVE, QUANTITIES, column
from coupling.island_risk import EXACT, IslandRisk
from coupling.ranking import farthest
from coupling.results import Scalar
from coupling.schema_mechanics import MechanicsConfig
from coupling.schema_uncertainty import Spread, UncertaintyOptions, standard_normal
from coupling.sensitivity import Indices, Samples, sensitivities, sobol_samples
from mechanics.profile import Floats, IslandProfile, from_points
from mechanics.solver import SolverError

log = logging.getLogger(__name__)

RIM = "risk_rim"
_SHAPE = 3
"""Coordinates of the emulator that are an island's shape; those after it are changes of inputs."""
DIAMETER, HEIGHT, EMULATOR = "contact_diameter", "height", "emulator"
CONTACT_DIAMETER_STD, HEIGHT_STD = "contact_diameter_std_um", "height_std_um"
"""Columns of a table of islands that say how well each shape is known."""
LARGEST_SHARE = 0.2
"""Largest relative standard deviation of a diameter or height: islands that are hardly seen have
no less certain shape, or it would not stay positive."""
FEWEST_ISLANDS = 16
"""Islands that are solved again, where there are so many."""
QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}


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
        factors: Floats = 1 + np.minimum(relative, LARGEST_SHARE) * standard_normal(u)
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
    solved = [risk for risk in risks if risk.method == EXACT]
    nodes, changes = study.solve(solved, config, options, solve_many)
    extra = len(common) + 2
    emulators = {name: fit(nodes[name], changes[name], trend_only=extra) for name in nodes}
    moved = np.abs(nodes[RIM][:, _SHAPE:]).max(axis=1) > 0
    rms = {
        name: float(np.sqrt(np.mean(emulator.left_out().error[moved] ** 2)))
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
        "uncertainty_solutions": int(moved.sum()),
        "uncertainty_emulator_rms_error": max(rms[name] for name in DECISIVE),
        "at_risk_mean": float(count.mean()),
        **{f"at_risk_{end}": float(np.quantile(count, q)) for end, q in QUANTILES.items()},
        "probability_any_at_risk": float((count > 0).mean()),
    }
    log.info(
        "uncertainty: %d solutions with changed inputs; the emulator's error is %.3f RMS in "
        "cross-validation (of R1 below 1, relative above)",
        moved.sum(), scalars["uncertainty_emulator_rms_error"],
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
        solved: Sequence[IslandRisk],
        config: MechanicsConfig,
        options: UncertaintyOptions,
        solve_many: SolveMany,
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return the nodes of the emulators, and the changes of the risks there, by risk.

        A Sobol design over all inputs, in which each point takes the next of the islands of most
        risk, in an order that spreads them evenly. The same islands as they are, where nothing
        changes, stand beside it.
        """
        # the riskier half: what changes a small risk tells little of a large one
        solved = solved[: max(len(solved) // 2, FEWEST_ISLANDS)]
        at = np.array([self.shapes[risk.label].coordinates for risk in solved])
        turn = [solved[i] for i in farthest(at, options.solutions)]
        count = 1 << (options.solutions - 1).bit_length()
        u = sobol_samples(len(self.common) + 2, count, options.seed + 1).first[: options.solutions]
        factors = self._factors(u)
        profiles: dict[int, IslandProfile] = {}
        configs: dict[int, MechanicsConfig] = {}
        scales, origin = {}, {}
        for k in range(options.solutions):
            origin[k] = turn[k % len(turn)]
            label = origin[k].label
            scales[k] = self.spreads[label].scales(self.shapes[label], u[k, -2:])[None]
            configs[k] = config
            for one, factor in zip(self.common, factors[k], strict=True):
                configs[k] = one.change(configs[k], float(factor))
            island, by = self.profiles[label], scales[k][0]
            profiles[k] = from_points(island.r_um * by[0], island.z_um * by[1])
        found = solve_many(profiles, configs)
        require_any_solved(found)
        found = [risk for risk in found if risk.method == EXACT]
        still = np.ones((1, len(self.common))), np.ones((1, 2))
        nodes, changes = {}, {}
        for name in (*DECISIVE, RIM):
            rows = [
                self._nodes(name, origin[risk.label], factors[[risk.label]], scales[risk.label])
                for risk in found
            ]
            rows += [self._nodes(name, risk, *still) for risk in turn]
            nodes[name] = np.concatenate(rows)
            before = _on_scale(name, [origin[risk.label] for risk in found])
            changes[name] = np.append(_on_scale(name, found) - before, np.zeros(len(turn)))
        varied = int((np.ptp(nodes[RIM][:, : _SHAPE + len(self.common) + 2], axis=0) > 0).sum())
        if len(nodes[RIM]) < FEWEST_PER_COORDINATE * varied:
            raise SolverError(
                f"only {len(found)} of {options.solutions} islands with changed inputs could be "
                f"solved, too few for {varied} inputs and coordinates of shape"
            )
        return nodes, changes

    def _factors(self, u: Floats) -> Floats:
        """Return the factors of the common inputs, shape (n, k), at points (n, k or more)."""
        columns = [one.spread.factor(u[:, i]) for i, one in enumerate(self.common)]
        return np.column_stack(columns) if columns else np.empty((len(u), 0))

    def _nodes(self, name: str, risk: IslandRisk, factors: Floats, scales: Floats) -> Floats:
        """Return the emulator's coordinates for factors (n, k) and scales (n, 2) of one island.

        Shape and changes, then the changes times R1 / sqrt(1 + R1^2): where R1 is a power of an
        input, its asinh changes by that part of the input's logarithm.
        """
        own = np.tile(self.shapes[risk.label].coordinates, (len(factors), 1))
        changes = np.column_stack((np.log(factors), np.log(scales)))
        return np.column_stack((own, changes, np.tanh(_on_scale(name, [risk])) * changes))

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
        claim = risk.scalars.get("error")
        # claims are three standard deviations or more; in asinh(R1) as the emulator's own
        guess = float(claim or 0.0) / 3 / math.hypot(1.0, risk.risk_bulk)

        def evaluate(name: str, u: Floats) -> Floats:
            points = self._nodes(name, risk, self._factors(u), spread.scales(shape, u[:, -3:-1]))
            off = math.hypot(rms[name], guess) * standard_normal(u[:, -1])
            found = _on_scale(name, [risk]) + emulators[name].mean(points) + off
            return QUANTITIES[name].back(found, np.ones(1))

        def bulk(u: Floats) -> Floats:
            values: Floats = np.stack([evaluate(name, u) for name in DECISIVE]).max(axis=0)
            return values

        values, rim = bulk(samples.both), evaluate(RIM, samples.both)
        above: NDArray[np.bool_] = values > LEVEL
        scalars: dict[str, Scalar] = {
            f"risk_bulk_{end}": float(np.quantile(values, q)) for end, q in QUANTILES.items()
        }
        scalars |= {f"risk_rim_{end}": float(np.quantile(rim, q)) for end, q in QUANTILES.items()}
        scalars["probability"] = float(above.mean())
        indices = sensitivities(bulk, samples) if worst else None
        return IslandUncertainty(risk.label, scalars, above, indices)


def _on_scale(name: str, risks: Sequence[IslandRisk]) -> Floats:
    """Return a risk of islands on the scale of the emulator, shape (n,)."""
    values = column([risk.scalars for risk in risks], name)
    return QUANTITIES[name].forward(values, np.ones(len(risks)))


def turned(samples: Samples, seed: int, label: int) -> Samples:
    """Return samples whose last three inputs, an island's own, are turned in the unit cube.

    Each island by another amount: their errors are independent of each other, and the points
    as evenly spread as before (a rotation of Cranley and Patterson).
    """
    turn = np.zeros(samples.first.shape[1])
    turn[-3:] = np.random.default_rng([seed, label]).random(3)
    return Samples((samples.first + turn) % 1.0, (samples.second + turn) % 1.0)
