"""Drift of the grey scale in scans cut close about the collector: no die tells the gain."""

import logging

import numpy as np
import pytest

from imaging.options import Drift, GreyOptions, ImageOptions
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.volume import Volume
from imaging.workflow import analyse_pair

GAIN, OFFSET = 1.05, -400.0
CORRECT = ImageOptions(register=False, grey=GreyOptions(drift=Drift.correct))


def cut_close(layer_um: float, collector_um: float) -> tuple[Volume, Volume]:
    """A pair of scans whose lowest slice is so far below the electrolyte; the later one drifted."""
    p: Phantom = make_phantom(
        PhantomOptions(
            shape=[92, 64, 64],
            islands=IslandChoice.none,
            layer_um=layer_um,
            cu_um=50.0,
            die_um=5.0,
            noise=0.01,
            shift_um=[0.0] * 3,
            rotation_deg=[0.0] * 3,
        )
    )
    first = round((55.0 - collector_um) / p.before.spacing_um[0])
    before, after = (Volume(v.values[first:], v.spacing_um) for v in (p.before, p.after))
    drifted = (GAIN * after.values + OFFSET).astype(np.float32)
    return before, after.with_values(drifted)


@pytest.mark.parametrize("layer_um", [0.0, 4.0, 8.0])
def test_deep_collector_tells_the_gain_where_no_die_is_left(layer_um: float) -> None:
    before, after = cut_close(layer_um, 28.0)
    result = analyse_pair(before, after, CORRECT)
    assert result.drift is not None
    assert result.drift.regions == ("bulk electrolyte", "deep collector")
    assert result.drift.gain == pytest.approx(GAIN, abs=1e-3)
    # With a gain of 1 the collector below would read 1.5 um too little.
    assert result.scalars["mean_thickness_um"] == pytest.approx(layer_um, abs=0.06)


def test_lithium_in_the_deepest_slice_leaves_the_gain_unknown_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, after = cut_close(14.0, 18.0)
    with caplog.at_level(logging.WARNING):
        result = analyse_pair(before, after, CORRECT)
    assert result.drift is not None
    assert not result.drift.gain_known
    assert result.scalars["grey_gain"] == 1.0
    assert "not measured" in str(result.decisions["grey_gain_source"])
    assert "5 slices more of collector" in caplog.text
