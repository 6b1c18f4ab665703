"""One island, solved: from its meridian to stresses, scalars and crack risk."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from coupling.criterion import RiskCriterion
from coupling.results import Scalar
from coupling.risk import CrackRisk, crack_risk
from coupling.schema_mechanics import MechanicsConfig
from mechanics.mesh import build_mesh
from mechanics.profile import IslandProfile
from mechanics.solver import Progress, Solution, solve
from mechanics.stress import ElectrolyteStress
from mechanics.summary import Summary, summarise
from mechanics.timing import Stopwatch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """A solved island with everything that is reported of it."""

    solution: Solution
    stress: ElectrolyteStress
    summary: Summary
    risk: CrackRisk
    criterion: RiskCriterion
    timing_s: dict[str, float]

    def scalars(self) -> dict[str, Scalar]:
        """Return the scalars of ``result.json``."""
        risk, criterion = self.risk, self.criterion
        return {
            **{field.name: getattr(self.summary, field.name) for field in fields(self.summary)},
            "risk_bulk": risk.bulk.risk,
            "risk_rim": risk.rim.risk,
            "risk_above": risk.above.risk,
            "risk_beside": risk.beside.risk,
            "risk_bulk_r_um": risk.bulk.r_um,
            "risk_bulk_z_um": risk.bulk.z_um,
            "risk_bulk_crack_angle_deg": risk.bulk.crack_angle_deg,
            "risk_rim_r_um": risk.rim.r_um,
            "risk_rim_z_um": risk.rim.z_um,
            "risk_rim_crack_angle_deg": risk.rim.crack_angle_deg,
            "risk_volume_above_1_um3": risk.volume_above_1_um3,
            **{f"criterion_{name}": value for name, value in asdict(criterion).items()},
        }


def solve_case(
    profile: IslandProfile,
    config: MechanicsConfig,
    *,
    msh_file: Path | None = None,
    progress: Progress | None = None,
) -> Case:
    """Mesh, solve and judge one island.

    Raises
    ------
    ValueError
        If the island does not fit into the stack.
    SolverError
        If the solution does not converge.
    """
    watch = Stopwatch()
    with watch.measure("mesh"):
        mesh = build_mesh(profile, config.stack, config.mesh, config.contact, msh_file)
    criterion = config.criterion()
    if criterion.length_um < 2 * mesh.fine_um:
        log.warning(
            "risk.length_um=%.3g is below two elements (%.3g um): refine mesh.fine_um",
            criterion.length_um,
            mesh.fine_um,
        )
    with watch.measure("solve"):
        solution = solve(
            mesh,
            config.material,
            config.load,
            config.solver,
            config.kinematics,
            watch=watch,
            progress=progress,
        )
    with watch.measure("evaluate"):
        stress = ElectrolyteStress(solution)
        summary = summarise(solution, stress)
        risk = crack_risk(solution, stress, criterion)
    return Case(solution, stress, summary, risk, criterion, watch.seconds)
