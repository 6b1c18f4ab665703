"""What the published chain makes of known layers: three biases, each beside the linear estimator.

Xu et al. (Small 2026, section 5.3) smooth both scans, divide by one grey value of the current
collector, take a median over a ball of radius 3 voxels, and have LVF between 0 and 1.
"""

import math

import numpy as np
import pytest

from imaging.options import (
    Estimator,
    GreyOptions,
    ImageOptions,
    Normalisation,
    RoiOptions,
)
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.result import ImageResult
from imaging.workflow import analyse_pair


def cell(width: int = 40, **changes: object) -> Phantom:
    still = {"shift_um": [0.0] * 3, "rotation_deg": [0.0] * 3}
    base = {"shape": [84, width, width], "islands": IslandChoice.none, "noise": 0.01}
    return make_phantom(PhantomOptions(**(base | still | changes)))  # type: ignore[arg-type]


def analysed(p: Phantom, **changes: object) -> ImageResult:
    options = {"register": False, "grey": GreyOptions(li=p.truth.grey_li)} | changes
    return analyse_pair(p.before, p.after, ImageOptions(**options))  # type: ignore[arg-type]


def bias(p: Phantom, **changes: object) -> float:
    """Relative error of the total over the ROI."""
    found = analysed(p, **changes).thickness_um
    inside = np.isfinite(found)
    return float(found[inside].mean() / p.truth.thickness_um[inside].mean() - 1)


@pytest.mark.parametrize(
    ("layer_um", "lost"), [(2.0, 0.137), (4.0, 0.044), (6.0, 0.087), (8.0, 0.030), (12.0, 0.010)]
)
def test_filters_lose_part_of_a_layer(layer_um: float, lost: float) -> None:
    # Rounded edges and a median that passes over what is thinner than half a ball: how much
    # depends on how the layer's faces lie in the grid of voxels.
    p = cell(layer_um=layer_um)
    paper = analysed(p, estimator=Estimator.paper).lvf.values
    assert 0 <= paper.min() <= paper.max() <= 1
    assert bias(p, estimator=Estimator.paper) == pytest.approx(-lost, abs=0.01)
    assert bias(p) == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize("layer_um", [0.5, 1.0])
def test_clipping_makes_lithium_of_noise(layer_um: float) -> None:
    noise = 0.02
    p = cell(layer_um=layer_um, noise=noise)
    linear = analysed(p)
    assert linear.setup is not None
    slices = linear.setup.place.slices
    step = linear.lvf.spacing_um[0]
    clipped = np.clip(linear.lvf.values[slices], 0, 1).sum(axis=0).mean() * step
    # Half of the noise of two scans stays: its mean is sigma / sqrt(2 pi) where no lithium is.
    empty = (slices.stop - slices.start) * step - layer_um - 4 * step
    rectified = math.sqrt(2) * noise / math.sqrt(2 * math.pi) * empty
    assert clipped - layer_um == pytest.approx(rectified, rel=0.1)
    assert clipped > 1.6 * layer_um
    # The median goes before the clipping and takes most of the noise away; stronger noise stays.
    assert abs(bias(p, estimator=Estimator.paper)) < 0.04
    assert bias(p) * layer_um == pytest.approx(0.0, abs=0.015)
    if layer_um == 0.5:
        noisy = cell(width=64, layer_um=0.5, noise=0.05)
        assert bias(noisy, estimator=Estimator.paper) == pytest.approx(0.135, abs=0.04)


def test_one_divisor_overstates_lithium_where_x_rays_are_starved() -> None:
    # Copper reads four times as bright at the rim as in the middle; lithium lies at the edge.
    p = cell(width=96, layer_um=1.0, layer_rim_um=9.0, cupping=3.0, noise=0.02)
    roi = RoiOptions(radius_um=75.0)
    # Divisor from a box half-way to the rim, as one would draw it in an image.
    box = GreyOptions(li=p.truth.grey_li, cc_region=[20, 26, 40, 56, 64, 80])
    assert bias(p, roi=roi, estimator=Estimator.paper, grey=box) == pytest.approx(0.376, abs=0.03)
    assert bias(p, roi=roi, grey=box) == pytest.approx(0.602, abs=0.03)
    # The collector's mean over the ROI, which is what we take: less, and still too much.
    assert bias(p, roi=roi) == pytest.approx(0.215, abs=0.02)
    assert bias(p, roi=roi, normalisation=Normalisation.radial) == pytest.approx(0.0, abs=0.01)


def test_one_divisor_fakes_plating_at_the_edge() -> None:
    p = cell(width=96, layer_um=6.0, cupping=3.0, noise=0.02)
    roi = RoiOptions(radius_um=75.0)
    y, x = np.ogrid[-47.5:48:96j, -47.5:48:96j]
    radius_um = 1.625 * np.hypot(y, x)
    ratios = []
    for normalisation in Normalisation:
        found = analysed(p, roi=roi, normalisation=normalisation).thickness_um
        rim = found[(radius_um > 60) & (radius_um < 72)].mean()
        ratios.append(rim / found[radius_um < 20].mean())
    # The totals agree, for the divisor is the mean over a ROI that is covered evenly.
    assert ratios[0] > 2.5
    assert ratios[1] == pytest.approx(1.0, abs=0.02)
