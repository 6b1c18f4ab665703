"""Crack risk: independent of the mesh, bulk apart from rim, consistent with its criterion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from coarse import COARSE

from coupling.case import Case, solve_case
from coupling.electrode import electrode_scalars, risk_table, solve_islands
from coupling.island_risk import FAILED
from coupling.risk import crack_risk
from coupling.schema_mechanics import MechanicsConfig, RiskOptions
from mechanics.materials import PRESETS
from mechanics.profile import cap
from mechanics.solver import SolverError
from mechanics.stack import Loading, MeshSize, SolverOptions, StackGeometry

NARROW, WIDE = cap(44.44098, 20.0), cap(100.0, 5.0)


@pytest.fixture(scope="module")
def narrow() -> Case:
    return solve_case(NARROW, MechanicsConfig(stack=StackGeometry()))


@pytest.fixture(scope="module")
def wide() -> Case:
    return solve_case(WIDE, MechanicsConfig(stack=StackGeometry()))


def test_tall_islands_risk_the_bulk_and_flat_ones_the_rim(narrow: Case, wide: Case) -> None:
    assert narrow.risk.bulk.risk > 2 * wide.risk.bulk.risk
    assert wide.risk.rim.risk > 2 * wide.risk.bulk.risk
    # the worst site of the tall island is above it, that of the flat one beside it
    assert narrow.risk.bulk.z_um > 15
    assert narrow.risk.bulk.r_um < 10
    assert wide.risk.bulk.r_um > 45
    from_rim = np.hypot(wide.risk.bulk.r_um - 50, wide.risk.bulk.z_um)
    assert from_rim >= (1 - 1e-9) * wide.criterion.rim_um
    assert np.hypot(wide.risk.rim.r_um - 50, wide.risk.rim.z_um) <= narrow.criterion.rim_um


@pytest.mark.parametrize("name", ["narrow", "wide"])
def test_risk_does_not_depend_on_the_mesh(name: str, request: pytest.FixtureRequest) -> None:
    fine: Case = request.getfixturevalue(name)
    shape = {"narrow": NARROW, "wide": WIDE}[name]
    coarse = solve_case(shape, MechanicsConfig(stack=StackGeometry(), mesh=MeshSize(fine_um=2.0)))
    assert coarse.risk.bulk.risk == pytest.approx(fine.risk.bulk.risk, rel=0.02)
    assert coarse.risk.rim.risk == pytest.approx(fine.risk.rim.risk, rel=0.02)
    assert coarse.risk.volume_above_1_um3 == pytest.approx(fine.risk.volume_above_1_um3, rel=0.02)
    if name == "narrow":  # the flat island's mesh hardly changes, as its height limits the size
        assert fine.summary.sigma1_raw_max_mpa > 1.1 * coarse.summary.sigma1_raw_max_mpa


def test_risk_is_stress_over_strength(narrow: Case) -> None:
    stronger = replace(narrow.criterion, strength_mpa=2 * narrow.criterion.strength_mpa)
    risk = crack_risk(narrow.solution, narrow.stress, stronger)
    assert risk.bulk.risk == pytest.approx(narrow.risk.bulk.risk / 2)
    assert risk.volume_above_1_um3 < 0.5 * narrow.risk.volume_above_1_um3


def test_a_short_length_gives_the_local_stress(narrow: Case) -> None:
    local = replace(narrow.criterion, length_um=0.3, strength_mpa=1.0)
    risk = crack_risk(narrow.solution, narrow.stress, local)
    nodal = narrow.risk.field
    from_rim = np.hypot(nodal.points[:, 0] - 22.22049, nodal.points[:, 1])
    assert risk.bulk.risk == pytest.approx(narrow.stress.arc.sigma1_mpa[:20].max(), rel=0.05)
    assert (from_rim > 0).any()


def test_a_wide_rim_zone_still_leaves_a_bulk(narrow: Case) -> None:
    wide_rim = replace(narrow.criterion, rim_um=80.0)
    risk = crack_risk(narrow.solution, narrow.stress, wide_rim)
    assert risk.rim.risk == pytest.approx(narrow.risk.bulk.risk)
    assert risk.bulk.risk < 0.5 * narrow.risk.bulk.risk


def test_pellet_is_the_consistent_set_and_less_at_risk(narrow: Case) -> None:
    config = MechanicsConfig(stack=StackGeometry(), material=PRESETS["pellet"])
    pellet = solve_case(NARROW, config)
    assert pellet.criterion.toughness_is_own
    assert not narrow.criterion.toughness_is_own
    assert pellet.risk.bulk.risk < 0.6 * narrow.risk.bulk.risk


def test_strength_length_and_toughness_reach_the_scalars() -> None:
    config = MechanicsConfig(
        risk=RiskOptions(strength_mpa=60.0, length_um=4.0),
        stack=StackGeometry(),
        mesh=MeshSize(fine_um=4.0),
        load=Loading(steps=2),
    )
    scalars = solve_case(NARROW, config).scalars()
    assert scalars["criterion_strength_mpa"] == 60.0
    assert scalars["criterion_rim_um"] == 8.0
    assert scalars["criterion_k_ic_mpa_sqrt_m"] == pytest.approx(60 * np.sqrt(np.pi * 4e-6))


def _islands(*labels: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"label": labels, "x_um": 0.0, "y_um": 0.0, "contact_diameter_um": 44.0, "height_um": 20.0}
    )


def test_islands_solved_in_parallel_equal_those_solved_alone() -> None:
    profiles = {7: NARROW, 3: WIDE}
    # other threads round otherwise, which counts up to the tolerance of equilibrium
    exact = replace(COARSE, solver=SolverOptions(relative_tolerance=1e-10))
    alone = solve_islands(profiles, exact, workers=1)
    parallel = solve_islands(profiles, exact, workers=2)
    assert [risk.label for risk in parallel] == [7, 3]
    for a, b in zip(alone, parallel, strict=True):
        assert b.scalars == pytest.approx(a.scalars, rel=1e-9, nan_ok=True)
    table = risk_table(_islands(3, 7), parallel)
    assert list(table["label"]) == [7, 3]  # the riskiest first
    assert set(table["method"]) == {"exact"}
    assert electrode_scalars(table)["worst_label"] == 7


def test_a_failed_island_stays_in_the_table_without_risk() -> None:
    too_wide = cap(2900.0, 30.0)
    risks = solve_islands({1: NARROW, 2: too_wide}, COARSE, workers=1)
    table = risk_table(_islands(1, 2), risks)
    failed = table[table["label"] == 2].iloc[0]
    assert failed["method"] == FAILED
    assert np.isnan(failed["risk_bulk"])
    assert "does not fit" in failed["reason"]
    scalars = electrode_scalars(table)
    assert (scalars["islands"], scalars["islands_failed"], scalars["at_risk"]) == (2, 1, 1)


def test_no_solution_at_all_is_an_error() -> None:
    hopeless = replace(COARSE, solver=SolverOptions(max_iterations=2, max_cutbacks=0))
    with pytest.raises(SolverError, match="none of 1 islands"):
        solve_islands({1: NARROW}, hopeless, workers=1)


def test_an_electrode_without_islands_has_no_risk() -> None:
    table = risk_table(_islands(), solve_islands({}, COARSE, None))
    scalars = electrode_scalars(table)
    assert scalars["islands"] == scalars["at_risk"] == 0
    assert scalars["worst_label"] is None
