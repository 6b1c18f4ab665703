"""The counter electrode's foil against the phantom's truth."""

from dataclasses import replace

import numpy as np
import pytest

from imaging.counter import FoilResult, analyse_foil
from imaging.counter_series import FoilCharge
from imaging.options import CrackOptions, Estimator, FoilOptions, ImageOptions, InterfaceOptions
from imaging.order import SwappedScansError
from imaging.phantom import Deposit, IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.volume import Volume

V = 1.625
SPOTS = [[80.0, 100.0, 60.0], [150.0, 150.0, 30.0]]
STILL = {"shift_um": [0.0] * 3, "rotation_deg": [0.0] * 3}
NO_SEARCH = CrackOptions(find=False)


def cell(**changes: object) -> Phantom:
    base = {
        "shape": [96, 130, 130],
        "islands": IslandChoice.none,
        "deposit": Deposit.bare_cu,
        "deposit_um": 4.0,
        "grain_um": 14.0,
        "foil_depletion_um": 6.0,
    }
    return make_phantom(PhantomOptions(**(base | changes)))  # type: ignore[arg-type]


def errors(result: FoilResult, phantom: Phantom) -> tuple[float, float]:
    """Error of the mean depletion, and scatter of the map's error."""
    gap = result.depletion_um - phantom.truth.foil_loss_um
    inside = np.isfinite(gap)
    return float(gap[inside].mean()), float(gap[inside].std())


@pytest.fixture(scope="module")
def depleted() -> tuple[Phantom, FoilResult]:
    phantom = cell(foil_spots_um=SPOTS)
    told: list[float] = []
    result = analyse_foil(phantom.before, phantom.after, ImageOptions(), progress=told.append)
    assert told == sorted(told)
    assert len(told) > 3
    return phantom, result


def test_depletion_after_drift(depleted: tuple[Phantom, FoilResult]) -> None:
    phantom, result = depleted
    mean, scatter = errors(result, phantom)
    assert abs(mean) < 0.3  # 0.2 um is a misalignment of 0.12 voxel
    assert scatter < 0.8  # noise of 0.3, and the blurred rims of the spots
    scalars = result.scalars
    assert scalars["mean_depletion_um"] == pytest.approx(np.nanmean(result.depletion_um))
    assert scalars["std_depletion_um"] == pytest.approx(np.nanstd(result.depletion_um))
    assert scalars["foil_thickness_um"] == pytest.approx(20.0, abs=0.4)
    left = 20.0 - phantom.truth.foil_loss_um.mean()
    assert scalars["foil_left_um"] == pytest.approx(left, abs=0.5)
    assert result.decisions["foil_side"] == "high"
    assert result.decisions["foil_back_z_um"] == pytest.approx(136.0 - V / 2, abs=0.1)
    assert result.decisions["foil_front_z_um"] == pytest.approx(116.0 - V / 2, abs=0.4)


def test_bare_spots_are_found(depleted: tuple[Phantom, FoilResult]) -> None:
    _, result = depleted
    assert [spot.label for spot in result.bare_spots] == [1, 2]
    for spot, (y, x, diameter) in zip(result.bare_spots, SPOTS, strict=True):
        assert np.hypot(spot.y_um - y, spot.x_um - x) < V
        assert spot.equivalent_diameter_um == pytest.approx(diameter, abs=1.5 * V)
        assert spot.left_um == pytest.approx(0.0, abs=0.8)
        assert not spot.touches_edge
        assert result.bare_labels[round(y / V), round(x / V)] == spot.label
    area = sum(np.pi / 4 * d**2 for _, _, d in SPOTS)
    assert result.scalars["bare_area_um2"] == pytest.approx(area, rel=0.06)
    assert result.cracks is not None
    assert result.cracks.cracks == []  # a collector that touches the electrolyte is no crack


def test_without_misalignment_it_is_exact() -> None:
    phantom = cell(foil_spots_um=SPOTS, **STILL)
    options = ImageOptions(register=False, cracks=NO_SEARCH)
    result = analyse_foil(phantom.before, phantom.after, options)
    assert abs(errors(result, phantom)[0]) < 0.03
    assert abs(result.scalars["electrolyte_advance_um"]) < 0.3
    told = replace(options, interface=InterfaceOptions(z_um=116.0 - V / 2))
    again = analyse_foil(phantom.before, phantom.after, told)
    assert again.scalars["mean_depletion_um"] == pytest.approx(
        result.scalars["mean_depletion_um"], abs=0.05
    )
    paper = replace(options, estimator=Estimator.paper)
    clipped = analyse_foil(phantom.before, phantom.after, paper)
    assert clipped.scalars["mean_depletion_um"] == pytest.approx(7.1, rel=0.1)
    generous = replace(options, foil=FoilOptions(bare_um=15.0))
    assert analyse_foil(phantom.before, phantom.after, generous).scalars["bare_fraction"] > 0.9


def test_nothing_lost_reads_zero_and_bares_nothing() -> None:
    phantom = cell(foil_depletion_um=0.0, **STILL)
    options = ImageOptions(register=False, cracks=NO_SEARCH)
    result = analyse_foil(phantom.before, phantom.after, options)
    assert abs(result.scalars["mean_depletion_um"]) < 0.02
    assert result.bare_spots == []


def test_thick_foil_in_a_tube_with_a_crack_beside_it() -> None:
    phantom = cell(
        shape=[116, 130, 130],
        li_foil_um=50.0,
        foil_depletion_um=14.0,  # as in the first plating of the paper
        peek_radius_um=90.0,
        cracks_um=[[105.0, 105.0, 60.0, 58.0, 52.0, 5.0]],
    )
    result = analyse_foil(phantom.before, phantom.after, ImageOptions())
    assert result.scalars["mean_depletion_um"] == pytest.approx(14.0, abs=0.3)
    y, x = (np.arange(130) - 64.5) * V, (np.arange(130) - 64.5) * V
    in_tube = np.hypot(y[:, None], x[None, :]) < 90
    assert not np.isfinite(result.depletion_um[~in_tube]).any()
    assert result.bare_spots == []
    assert result.cracks is not None
    (crack,) = result.cracks.cracks
    (true,) = phantom.truth.cracks
    assert crack.volume_um3 == pytest.approx(true.volume_um3, rel=0.1)
    assert crack.offset_um == pytest.approx(68.5 - true.mean_offset_um, abs=0.5 * V)


def test_foil_at_low_z_told_by_the_other_electrodes_side() -> None:
    phantom = cell(cc_side="high", foil_depletion_um=3.0, **STILL)
    options = ImageOptions(register=False, cracks=NO_SEARCH)
    result = analyse_foil(phantom.before, phantom.after, options)
    assert result.decisions["foil_side"] == "low"
    assert result.scalars["mean_depletion_um"] == pytest.approx(3.0, abs=0.03)
    with pytest.raises(SwappedScansError, match="later scan holds more lithium"):
        analyse_foil(phantom.after, phantom.before, options)
    part = slice(0, 60)  # the working electrode out of view
    before, after = (
        Volume(scan.values[part], scan.spacing_um) for scan in (phantom.before, phantom.after)
    )
    alone = analyse_foil(before, after, options)
    assert alone.scalars["mean_depletion_um"] == pytest.approx(3.0, abs=0.03)


def test_what_moves_in_behind_the_foil_sets_the_scale() -> None:
    """Copper on a darker die: the die's grey value counts where the die comes into the window."""
    z = np.arange(70)
    grey = np.select([z < 30, z < 42, z < 50], [3000.0, 2000.0, 30000.0], 20000.0)
    moved = np.select([z < 30, z < 34, z < 42], [3000.0, 2000.0, 30000.0], 20000.0)
    rng = np.random.default_rng(0)
    before, after = (
        Volume(p[:, None, None] + rng.normal(0, 20, (70, 40, 40)), (1.0, 1.0, 1.0))
        for p in (grey, moved)
    )
    options = ImageOptions(register=False, cracks=NO_SEARCH)
    result = analyse_foil(before, after, options)
    assert result.scalars["mean_depletion_um"] == pytest.approx(8.0, rel=0.01)


def test_charge_and_depletion() -> None:
    law = FoilCharge(area_ratio=2.25)  # 3 mm of copper, 2 mm of foil
    found = law.scalars(1.0, 10.0)
    assert found["faraday_depletion_um"] == pytest.approx(2.25 * 4.851, rel=1e-3)
    assert found["void_max_um"] == pytest.approx(0.916, abs=0.01)
    assert found["depletion_over_faraday"] == pytest.approx(10 / 10.916, rel=1e-3)
    assert law.scalars(0.0, 0.1)["void_max_um"] == 0.0


def test_no_foil_is_said() -> None:
    phantom = cell(foil_depletion_um=0.0, **STILL)
    part = slice(0, 60)  # the working electrode alone
    before = Volume(phantom.before.values[part], phantom.before.spacing_um)
    after = Volume(phantom.after.values[part], phantom.before.spacing_um)
    with pytest.raises(ValueError, match="no lithium foil told apart"):
        analyse_foil(before, after, ImageOptions(register=False))
    cut, later = (
        Volume(scan.values[:86], scan.spacing_um) for scan in (phantom.before, phantom.after)
    )
    with pytest.raises(ValueError, match="ends within 5 voxels of the lithium foil"):
        analyse_foil(cut, later, ImageOptions(register=False))
    beyond = ImageOptions(register=False, interface=InterfaceOptions(z_um=140.0))
    with pytest.raises(ValueError, match="must lie on the electrolyte's side"):
        analyse_foil(phantom.before, phantom.after, beyond)
