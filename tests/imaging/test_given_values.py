"""Grey values that are given: taken as they are, or sampled where they are said to stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from imaging.counter import analyse_foil
from imaging.options import (
    CcSide,
    CrackOptions,
    Estimator,
    GreyOptions,
    ImageOptions,
    InterfaceOptions,
    Normalisation,
)
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.transform import apply
from imaging.workflow import analyse_pair

STILL = ImageOptions(register=False, cracks=CrackOptions(find=False))
COLLECTOR = [14, 24, 20, 60, 20, 60]
FOIL = [76, 80, 20, 60, 20, 60]


@pytest.fixture(scope="module")
def cell() -> Phantom:
    return make_phantom(
        PhantomOptions(
            shape=[96, 110, 110], islands=IslandChoice.listed, caps_um=[[90.0, 90.0, 60.0, 15.0]],
            foil_depletion_um=6.0, grain_um=14.0, shift_um=[0.0] * 3, rotation_deg=[0.0] * 3,
        )
    )  # fmt: skip


def mean(cell: Phantom, box: list[int]) -> float:
    z0, z1, y0, y1, x0, x1 = box
    return float(cell.before.values[z0:z1, y0:y1, x0:x1].mean())


def given(**greys: Any) -> ImageOptions:
    return replace(STILL, grey=GreyOptions(**greys))


def test_a_box_gives_its_mean(cell: Phantom) -> None:
    greys = mean(cell, COLLECTOR), mean(cell, FOIL)
    contrast = cell.truth.grey_cc - cell.truth.grey_li
    assert greys == pytest.approx((cell.truth.grey_cc, cell.truth.grey_li), abs=0.02 * contrast)
    boxes = analyse_pair(cell.before, cell.after, given(cc_region=COLLECTOR, li_region=FOIL))
    assert boxes.decisions["grey_cc"] == pytest.approx(greys[0], rel=1e-4)
    assert boxes.decisions["grey_li"] == pytest.approx(greys[1], rel=1e-4)
    numbers = analyse_pair(cell.before, cell.after, given(cc=greys[0], li=greys[1]))
    assert "grey_cc" not in numbers.decisions
    volume = boxes.scalars["li_volume_um3"]
    assert volume == pytest.approx(numbers.scalars["li_volume_um3"], rel=1e-5)
    assert volume == pytest.approx(cell.truth.thickness_um.sum() * 1.625**2, rel=0.05)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_lithium_goes_by_the_contrast_given(cell: Phantom, share: float) -> None:
    """Twice the contrast is half the lithium."""
    contrast = cell.truth.grey_cc - cell.truth.grey_li
    found = [
        analyse_pair(
            cell.before,
            cell.after,
            given(cc=cell.truth.grey_li + s * contrast, li=cell.truth.grey_li),
        ).scalars["li_volume_um3"]
        for s in (1.0, share)
    ]
    assert found[1] == pytest.approx(found[0] / share, rel=1e-4)


def test_found_grey_values_are_those_of_the_materials(cell: Phantom) -> None:
    """An offset of one per cent of the contrast would show."""
    found = analyse_pair(cell.before, cell.after, STILL).decisions
    contrast = cell.truth.grey_cc - cell.truth.grey_li
    assert abs(float(found["grey_cc"]) - cell.truth.grey_cc) < 0.004 * contrast
    assert abs(float(found["grey_li"]) - cell.truth.grey_li) < 0.02 * contrast


def test_the_foil_takes_boxes_and_numbers_alike(cell: Phantom) -> None:
    grey_cc = mean(cell, COLLECTOR)
    boxes = analyse_foil(cell.before, cell.after, given(cc_region=COLLECTOR, li_region=FOIL))
    assert boxes.decisions["grey_cc"] == pytest.approx(grey_cc, rel=1e-4)
    assert boxes.decisions["grey_li"] == pytest.approx(mean(cell, FOIL), rel=1e-4)
    numbers = analyse_foil(cell.before, cell.after, given(cc=grey_cc, li_region=FOIL))
    depletion = boxes.scalars["mean_depletion_um"]
    assert numbers.scalars["mean_depletion_um"] == pytest.approx(depletion, rel=1e-5)
    side = replace(STILL, interface=InterfaceOptions(cc_side=CcSide.low))
    assert analyse_foil(cell.before, cell.after, side).decisions["foil_side"] == "high"


@pytest.mark.parametrize("analyse", [analyse_pair, analyse_foil])
@pytest.mark.parametrize("greys", [{"cc": 5e4}, {"cc_region": COLLECTOR}])
def test_radial_normalisation_takes_no_collector(cell: Phantom, analyse: Any, greys: Any) -> None:
    options = replace(given(**greys), normalisation=Normalisation.radial)
    with pytest.raises(ValueError, match=r"grey\.cc"):
        analyse(cell.before, cell.after, options)


@pytest.mark.parametrize("analyse", [analyse_pair, analyse_foil])
def test_boxes_beyond_the_volume(cell: Phantom, analyse: Any) -> None:
    with pytest.raises(ValueError, match=r"grey\.li_region: 90\.\.97 along z must be .* 0\.\.96"):
        analyse(cell.before, cell.after, given(li_region=[90, 97, 0, 9, 0, 9]))


def test_scans_of_two_grids(cell: Phantom) -> None:
    cut = type(cell.after)(cell.after.values[:, 1:], cell.after.spacing_um)
    wide = type(cell.after)(cell.after.values, (1.625, 1.625, 1.7))
    for later, what in ((cut, "shape"), (wide, "spacing_um")):
        with pytest.raises(ValueError, match=f"{what} .* must be equal"):
            analyse_foil(cell.before, later, STILL)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"z_um": -1.0}, "at or beyond the end of the volume"),
        ({"z_um": 155.0}, "at or beyond the end of the volume"),
        ({"z_um": 154.0, "cc_side": CcSide.high}, r"give grey\.cc"),
    ],
)
def test_interfaces_beyond_the_volume(cell: Phantom, place: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse_pair(cell.before, cell.after, replace(STILL, interface=InterfaceOptions(**place)))


def test_a_given_interface_is_taken(cell: Phantom) -> None:
    found = analyse_pair(cell.before, cell.after, STILL)
    z = float(found.decisions["interface_z_um"])
    for more in ({}, {"cc_side": CcSide.low}):
        options = replace(STILL, interface=InterfaceOptions(z_um=z, **more))
        again = analyse_pair(cell.before, cell.after, options)
        assert "interface_z_um" not in again.decisions
        np.testing.assert_allclose(again.thickness_um, found.thickness_um, atol=1e-3)


@pytest.mark.parametrize("estimator", list(Estimator))
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_the_aligned_scan_is_at_hand(
    cell: Phantom, estimator: Estimator, normalisation: Normalisation
) -> None:
    """Also where LVF has taken its memory; scans that are given stay as they are."""
    options = replace(STILL, register=True, estimator=estimator, normalisation=normalisation)
    kept = cell.after.values.copy()
    result = analyse_pair(cell.before, cell.after, options)
    np.testing.assert_array_equal(cell.after.values, kept)
    assert result.transform is not None
    assert result.after_registered is not None
    expected = apply(result.transform, cell.after)
    difference = result.after_registered.values - expected.values
    assert np.abs(difference).max() < 1e-6 * 65535
    assert replace(result, before=None, aligned=None).after_registered is None


def test_scans_of_floats_stay_as_they_are(cell: Phantom) -> None:
    scans = [v.with_values(v.values.astype(np.float32)) for v in (cell.before, cell.after)]
    kept = [v.values.copy() for v in scans]
    result = analyse_pair(*scans, STILL)
    for scan, values in zip(scans, kept, strict=True):
        np.testing.assert_array_equal(scan.values, values)
    assert result.after_registered is scans[1]
