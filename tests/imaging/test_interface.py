"""The interface of electrolyte and current collector is found however much else is in view."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.lvf import find_interface, foil_grey
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.volume import BoolArray, Volume

type Scan = tuple[Volume, BoolArray, float]


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Die, collector, electrolyte, foil and die again, from low to high z."""
    phantom = make_phantom(PhantomOptions(shape=[92, 60, 60], islands=IslandChoice.none))
    roi = np.ones(phantom.before.shape[1:], dtype=bool)
    interface = find_interface(phantom.before, roi)
    assert interface.cc_is_low
    assert interface.z_um == pytest.approx(phantom.truth.interface_z_um, abs=0.1)
    return phantom.before, roi, interface.z_um


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("first", [0, 6, 12, 18, 24])
def test_interface_in_every_cut(scan: Scan, upright: bool, first: int) -> None:
    """Whatever share of the slices is die, collector or electrolyte."""
    before, roi, z_um = scan
    for last in range(42, before.shape[0] + 1):
        values = before.values[first:last]
        low = z_um - first * before.spacing_um[0]
        high = (values.shape[0] - 1) * before.spacing_um[0] - low
        cut = Volume(values if upright else values[::-1], before.spacing_um)
        found = find_interface(cut, roi)
        assert found.cc_is_low == upright, last
        assert found.z_um == pytest.approx(low if upright else high, abs=0.15), last


@pytest.mark.parametrize("roughness_voxel", [1.0, 3.0])
def test_foil_is_told_beside_a_rough_collector(scan: Scan, roughness_voxel: float) -> None:
    before, roi, z_um = scan
    bumps = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal(roi.shape), 4.0)
    height = z_um / before.spacing_um[0] + bumps / bumps.std() * roughness_voxel
    copper = np.clip(height - np.arange(before.shape[0])[:, None, None] + 0.5, 0.0, 1.0)
    grey_cc = float(before.values[int(z_um / before.spacing_um[0]) - 8].mean())
    rough = before.with_values(
        np.where(copper > 0, copper * grey_cc + (1 - copper) * before.values, before.values)
    )
    found = find_interface(rough, roi)
    assert found.cc_is_low
    exact = foil_grey(before, found, roi)
    assert exact is not None
    assert foil_grey(rough, found, roi) == pytest.approx(exact, rel=0.01)
