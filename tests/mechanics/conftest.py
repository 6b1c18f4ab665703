"""Solutions that several tests look at, made once."""

from __future__ import annotations

import pytest
from solving import solve_island

from mechanics.profile import cap
from mechanics.solver import Solution


@pytest.fixture(scope="session")
def narrow() -> Solution:
    """The published narrow island, canonical stack."""
    return solve_island(cap(44.44098, 20.0))


@pytest.fixture(scope="session")
def wide() -> Solution:
    """The published wide island, canonical stack."""
    return solve_island(cap(100.0, 5.0))
