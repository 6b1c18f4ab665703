"""A thin collector that lithium pushes away: the die behind it hides part of the lithium."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from imaging.options import GreyOptions, ImageOptions, RoiOptions
from imaging.result import ImageResult
from imaging.volume import Volume
from imaging.workflow import analyse_pair

H = 1.625
COPPER, STEEL, ELECTROLYTE, LITHIUM = 118.7, 79.0, 3.5, 0.1  # attenuation, 1/cm
FRONT_UM = 60.0
OPTIONS = ImageOptions(register=False, grey=GreyOptions(li=LITHIUM))


def scan(lithium_um: float, copper_um: float, pushed_um: float, seed: int) -> Volume:
    """Die, copper, lithium and electrolyte along z, exact partial volumes, blurred by 1 voxel."""
    z = (np.arange(84) + 0.5) * H
    back = FRONT_UM - copper_um - pushed_um
    faces = [(back, STEEL - COPPER), (FRONT_UM - lithium_um, COPPER - LITHIUM)]
    faces.append((FRONT_UM, LITHIUM - ELECTROLYTE))
    profile = np.full(z.size, ELECTROLYTE)
    taps = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    for face, step in faces:
        below = np.clip((face - z) / H + 0.5, 0, 1)
        profile += step * np.convolve(np.pad(below, 4, mode="edge"), taps / taps.sum(), "valid")
    grey = profile[:, None, None] + np.random.default_rng(seed).normal(0, 1.2, (z.size, 48, 48))
    return Volume(grey.astype(np.float32), (H, H, H))


def plated(copper_um: float, pushed_um: float, options: ImageOptions = OPTIONS) -> ImageResult:
    """4 um of lithium."""
    return analyse_pair(scan(0.0, copper_um, 0.0, 1), scan(4.0, copper_um, pushed_um, 2), options)


def test_pushed_collector_is_told_and_a_lower_roi_finds_all_lithium(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        result = plated(20.0, 4.0)
    # Copper comes in the place of steel: a third of the lithium is hidden.
    short = 4.0 * (COPPER - STEEL) / (COPPER - LITHIUM)
    s = result.scalars
    assert s["mean_thickness_um"] == pytest.approx(4.0 - short, abs=0.06)
    assert s["mean_thickness_error_um"] == pytest.approx(short, abs=0.06)
    assert "moved by 4.0" in str(result.decisions["collector_back"])
    height = float(caplog.text.split("roi.height_um=")[1].split(" ")[0])
    low = plated(20.0, 4.0, replace(OPTIONS, roi=RoiOptions(height_um=height)))
    assert low.scalars["mean_thickness_um"] == pytest.approx(4.0, abs=0.06)
    assert low.scalars["mean_thickness_error_um"] < 0.04


@pytest.mark.parametrize("copper_um", [20.0, 26.0, 200.0])
def test_a_collector_that_stays_is_left_alone(
    copper_um: float, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        result = plated(copper_um, 0.0)
    assert result.scalars["mean_thickness_um"] == pytest.approx(4.0, abs=0.06)
    assert result.scalars["mean_thickness_error_um"] < 0.02
    assert "collector's back" not in caplog.text
    assert ("collector_back" in result.decisions) == (copper_um < 30)
