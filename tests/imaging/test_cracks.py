"""Spallation cracks against the phantom's truth, and none where there are none."""

from dataclasses import replace

import numpy as np
import pytest

from imaging.crack_exclusion import corrected_cracks
from imaging.crack_profiles import crack_profiles
from imaging.cracks import CrackMap, CrackOptions, find_cracks
from imaging.estimators import linear_lvf
from imaging.lvf import Interface
from imaging.phantom import CrackFill, Deposit, IslandChoice, PhantomOptions, make_phantom
from imaging.phantom_shapes import BasinCrack
from imaging.volume import Volume
from imaging.workflow import ImageOptions, analyse_pair

V = 1.625
BASINS = [
    [90.0, 90.0, 80.0, 14.0, 7.0, 4.0],
    [170.0, 170.0, 70.0, 12.0, 6.0, 5.0],
    [75.0, 190.0, 50.0, 16.0, 12.0, 5.0],
]
CAPS = [[90.0, 90.0, 60.0, 12.0], [170.0, 170.0, 60.0, 8.0]]


def cell(**changes: object) -> PhantomOptions:
    base = {"shape": [84, 160, 160], "islands": IslandChoice.none, "grain_um": 14.0, "noise": 0.01}
    return PhantomOptions(**(base | changes))  # type: ignore[arg-type]


def searched(options: PhantomOptions) -> CrackMap:
    """Cracks of a pair that is aligned and normalised first."""
    phantom = make_phantom(replace(options, shape=[96, 160, 160]))  # room for the alignment
    result = analyse_pair(phantom.before, phantom.after, ImageOptions())
    setup = result.setup
    assert setup is not None
    return find_cracks(
        result.lvf,
        setup.place.interface,
        np.isfinite(result.thickness_um),
        phantom.before,
        setup.grey_cc,
        setup.grey_li,
    )


def check(found: CrackMap, truth: list[BasinCrack]) -> None:
    assert len(found.cracks) == len(truth)
    for true in truth:
        crack = min(found.cracks, key=lambda c: np.hypot(c.x_um - true.x_um, c.y_um - true.y_um))
        assert np.hypot(crack.x_um - true.x_um, crack.y_um - true.y_um) < 1.5 * V
        assert crack.volume_um3 == pytest.approx(true.volume_um3, rel=0.10)
        assert abs(crack.offset_um - true.mean_offset_um) < 1.0 * V
        assert crack.equivalent_diameter_um == pytest.approx(true.diameter_um, rel=0.1)
        assert crack.max_extent_um == pytest.approx(true.diameter_um, rel=0.15)
        assert crack.opening_um == pytest.approx(true.opening_um, rel=0.25)
        assert not crack.touches_edge


def still(**changes: object) -> tuple[PhantomOptions, Volume, Volume, CrackMap]:
    """A pair that needs no alignment."""
    options = cell(shift_um=[0.0] * 3, rotation_deg=[0.0] * 3, **changes)
    p = make_phantom(options)
    lvf = p.before.with_values(linear_lvf(p.before, p.after, p.truth.grey_cc, p.truth.grey_li))
    found = find_cracks(
        lvf,
        Interface(p.truth.interface_z_um, options.cc_side == "low"),
        np.ones(lvf.shape[1:], dtype=bool),
        p.before,
        p.truth.grey_cc,
        p.truth.grey_li,
    )
    return options, p.before, p.after, found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"deposit": Deposit.bare_cu, "deposit_um": 4.0},
        {"cc_side": "high", "crack_fill": CrackFill.empty},
        {"noise": 0.02},
    ],
    ids=["alone", "above a layer", "empty, collector at high z", "noise of the default cell"],
)
def test_basins_are_found(changes: dict[str, object]) -> None:
    options, _, _, found = still(cracks_um=BASINS, **changes)
    check(found, options.cracks)
    labels = [c.label for c in found.cracks]
    assert labels == [1, 2, 3]
    volumes = [c.volume_um3 for c in found.cracks]
    assert volumes == sorted(volumes, reverse=True)
    assert set(np.unique(found.labels)) == {0, 1, 2, 3}
    total = found.opening_um.sum() * V**2
    assert total == pytest.approx(sum(volumes), rel=1e-3)


def test_basins_above_islands_after_drift() -> None:
    options = cell(cracks_um=BASINS, islands=IslandChoice.listed, caps_um=CAPS)
    check(searched(options), options.cracks)


@pytest.mark.parametrize("error", [-0.008, 0.008])  # of the contrast of collector and lithium
def test_a_better_grey_value_of_lithium_corrects_their_volume(error: float) -> None:
    options = cell(shift_um=[0.0] * 3, rotation_deg=[0.0] * 3, cracks_um=BASINS)
    p = make_phantom(options)
    cc, li, roi = p.truth.grey_cc, p.truth.grey_li, np.ones(p.before.shape[1:], dtype=bool)
    guess = li + error * (cc - li)
    lvf = p.before.with_values(linear_lvf(p.before, p.after, cc, guess))
    found = find_cracks(lvf, Interface(p.truth.interface_z_um, True), roi, p.before, cc, guess)
    thin, true = (sum(c.volume_um3 for c in cracks) for cracks in (found.cracks, options.cracks))
    assert abs(thin / true - 1) > 0.06
    better = corrected_cracks(found, p.before, roi, guess, li)
    assert better is not None
    check(better, options.cracks)
    whole = sum(c.volume_um3 for c in better.cracks)
    assert whole == pytest.approx(true, rel=0.03)
    assert better.opening_um.sum() * V**2 == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"deposit": Deposit.bare_cu, "noise": 0.02},
        {
            "deposit": Deposit.bare_cu,
            "residual_fraction": 0.3,
            "void_fraction": 0.4,
            "foil_depletion_um": 6.0,
            "foil_spots_um": [[80.0, 80.0, 60.0]],
        },
        {
            "deposit": Deposit.ag_cu,
            "residual_fraction": 0.1,
            "void_fraction": 0.7,
            "noise": 0.02,
            "rings": 0.003,
            "gain_drift": 0.01,
        },
    ],
    ids=["plated", "stripped", "stripped, rings, grey drift"],
)
def test_no_crack_where_there_is_none_after_drift(changes: dict[str, object]) -> None:
    assert searched(cell(deposit_um=6.0, **changes)).cracks == []


def test_no_crack_above_a_uniform_layer() -> None:
    assert still(layer_um=6.0)[3].cracks == []


def test_no_crack_above_the_nine_islands() -> None:
    nine = {"shape": [84, 300, 300], "islands": IslandChoice.mixed}
    assert still(noise=0.02, **nine)[3].cracks == []


def test_without_noise_the_volume_is_right() -> None:
    options, _, _, found = still(noise=1e-4, cracks_um=BASINS)
    assert len(found.cracks) == 3
    for true in options.cracks:
        crack = min(found.cracks, key=lambda c: np.hypot(c.x_um - true.x_um, c.y_um - true.y_um))
        assert crack.volume_um3 == pytest.approx(true.volume_um3, rel=0.03)


def test_profiles_dip_inside_the_crack() -> None:
    _, before, after, found = still(noise=0.005, cracks_um=[[130.0, 130.0, 80.0, 14.0, 8.0, 6.0]])
    (crack,) = found.cracks
    profiles = crack_profiles([before, after], crack, "z", half_length_um=12.0)
    assert profiles.grey.shape == (2, profiles.distance_um.size)
    loss = profiles.grey[0] - profiles.grey[1]
    # Axis of the basin: its bottom lies beyond the centre of gravity, away from the collector.
    at = profiles.distance_um[np.argmax(loss)]
    assert at == pytest.approx(14.0 - crack.offset_um, abs=1.5 * V)
    assert loss.max() > 5 * np.median(np.abs(loss))
    along = crack_profiles([before, after], crack, "x", half_length_um=60.0)
    assert along.distance_um[0] == pytest.approx(-along.distance_um[-1])
    middle = np.abs(along.distance_um) < 30
    assert np.mean(along.grey[0] - along.grey[1], where=middle) > 100


def test_bad_requests_are_named() -> None:
    _, before, after, found = still(noise=0.005, cracks_um=[[130.0, 130.0, 80.0, 14.0, 8.0, 6.0]])
    (crack,) = found.cracks
    with pytest.raises(ValueError, match="axis must be"):
        crack_profiles([before], crack, "r")
    with pytest.raises(ValueError, match="one grid"):
        crack_profiles([before, Volume(after.values[1:], after.spacing_um)], crack)
    with pytest.raises(ValueError, match="no scans"):
        crack_profiles([], crack)
    with pytest.raises(ValueError, match="outside"):
        crack_profiles([before], replace(crack, x_um=9e3))
    with pytest.raises(ValueError, match="threshold"):
        CrackOptions(threshold=0.0)
    roi = np.ones(before.shape[1:], dtype=bool)
    with pytest.raises(ValueError, match="brighter"):
        find_cracks(before, Interface(80.0, True), roi, before, 1.0, 2.0)
    with pytest.raises(ValueError, match="must fit"):
        find_cracks(before, Interface(80.0, True), roi[1:], before, 2.0, 1.0)
