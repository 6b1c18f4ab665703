"""Work that the published narrow island takes, in counts that no busy machine changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from solving import solve_island

from mechanics.interfaces import ContactOptions
from mechanics.profile import cap
from mechanics.stack import Kinematics, Loading
from mechanics.system import System

MOST_ITERATIONS = 48
"""44 when this was written, with one load step for the pressure and ten for the growth."""
MOST_FACTORISATIONS = 35
"""32 when this was written: iterations near the solution reuse the last factors."""


def test_counts_of_the_narrow_island(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canonical stack, 1 um at the island, finite strain, frictional contact."""
    counts: Counter[str] = Counter()
    true = System.solve

    def counted(self: System, right: Any) -> Any:
        counts["factorisations"] += 1
        return true(self, right)

    monkeypatch.setattr(System, "solve", counted)
    solution = solve_island(
        cap(44.44098, 20.0), kinematics=Kinematics.finite, contact=ContactOptions()
    )
    effort = solution.effort
    assert (effort.load_steps, effort.cutbacks) == (1 + Loading().steps, 0)
    assert 20 < effort.newton_iterations <= MOST_ITERATIONS
    assert 10 < counts["factorisations"] <= MOST_FACTORISATIONS
    assert solution.discretisation.dof_count == pytest.approx(15704, rel=0.1)
