"""The interface of electrolyte and current collector is found however much else is in view."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.lvf import find_interface
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
