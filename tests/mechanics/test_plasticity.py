"""The material law on single points: uniaxial tension, flow, hardening, tangent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from mechanics.materials import Material
from mechanics.plasticity import IDENTITY, PlasticState, update

LI = Material(7820.0, 0.381, 0.8, 10.0)


def _uniaxial(material: Material, strain: float, state: PlasticState) -> tuple[float, PlasticState]:
    """Return the axial stress at an axial strain with free sides, and the new history."""

    def side_stress(lateral: float) -> float:
        gradient = np.array([[lateral, 0.0, 0.0, strain, lateral]])
        return float(update(material, gradient, 0.0, state)[0][0, 0])

    lateral = brentq(side_stress, -abs(strain) - 1e-9, abs(strain) + 1e-9, xtol=1e-15)
    gradient = np.array([[lateral, 0.0, 0.0, strain, lateral]])
    stress, _, new = update(material, gradient, 0.0, state)
    return float(stress[0, 3]), new


def test_uniaxial_curve_is_bilinear() -> None:
    yield_strain = LI.yield_mpa / LI.youngs_mpa
    below, _ = _uniaxial(LI, 0.5 * yield_strain, PlasticState.virgin(1))
    assert below == pytest.approx(0.5 * LI.yield_mpa, rel=1e-9)
    slope = LI.youngs_mpa * LI.hardening_mpa / (LI.youngs_mpa + LI.hardening_mpa)
    for strain in (0.01, 0.2):
        stress, _ = _uniaxial(LI, strain, PlasticState.virgin(1))
        assert stress == pytest.approx(LI.yield_mpa + slope * (strain - yield_strain), rel=1e-7)


def test_unloading_is_elastic_and_yield_has_hardened() -> None:
    peak, state = _uniaxial(LI, 0.1, PlasticState.virgin(1))
    back, after = _uniaxial(LI, 0.1 - 1e-4, state)
    assert back == pytest.approx(peak - 1e-4 * LI.youngs_mpa, rel=1e-6)
    assert after.equivalent == pytest.approx(state.equivalent)
    assert state.equivalent[0] == pytest.approx(0.1 - peak / LI.youngs_mpa, rel=1e-6)


def test_flow_keeps_volume_and_growth_adds_pressure_only() -> None:
    rng = np.random.default_rng(1)
    gradient = rng.normal(0, 0.02, (50, 5))
    stress, _, state = update(LI, gradient, 0.05, PlasticState.virgin(50))
    assert np.abs(state.tensor @ IDENTITY).max() < 1e-14
    mean = stress @ IDENTITY / 3
    assert mean == pytest.approx(LI.bulk_mpa * (gradient @ IDENTITY - 0.15), rel=1e-12)


def test_stress_is_symmetric_and_blind_to_rotation() -> None:
    spin = np.array([[0.0, 0.01, -0.01, 0.0, 0.0]])
    stress, _, _ = update(LI, spin, 0.0, PlasticState.virgin(1))
    assert np.abs(stress).max() < 1e-12
    shear = np.array([[0.001, 0.03, -0.02, 0.002, -0.001]])
    stress, _, _ = update(LI, shear, 0.0, PlasticState.virgin(1))
    assert stress[0, 1] == pytest.approx(stress[0, 2])


@pytest.mark.parametrize("material", [LI, Material(7820.0, 0.381, 0.8, 0.0), Material(3e4, 0.3)])
def test_tangent_is_the_derivative(material: Material) -> None:
    rng = np.random.default_rng(2)
    state = PlasticState.virgin(40)
    _, _, state = update(material, rng.normal(0, 3e-4, (40, 5)), 0.0, state)
    gradient = rng.normal(0, 1e-3, (40, 5))
    _, tangent, _ = update(material, gradient, 0.0, state)
    step = 1e-8
    for i in range(5):
        moved = np.zeros(5)
        moved[i] = step
        plus = update(material, gradient + moved, 0.0, state)[0]
        minus = update(material, gradient - moved, 0.0, state)[0]
        slope = (plus - minus) / (2 * step)
        assert tangent[:, :, i] == pytest.approx(slope, rel=1e-5, abs=1e-4 * material.youngs_mpa)
