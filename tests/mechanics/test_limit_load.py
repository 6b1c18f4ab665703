"""Plastic collapse, where elements that lock carry too much."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The suite runs with --import-mode=importlib: a helper beside the tests is found by its folder.
sys.path.append(str(Path(__file__).parent))

from two_bodies import collapse


@pytest.mark.parametrize("size_um", [4.0, 2.0])
def test_a_hollow_sphere_bursts_at_its_limit_load(size_um: float) -> None:
    pressure, limit = collapse(size_um)
    assert pressure == pytest.approx(limit, rel=1e-4)
