"""Every island by itself: volume, contact diameter, height, without knowing the blur."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from imaging.islands import Island
from imaging.workflow import GreyOptions, ImageOptions, ImageResult, analyse_lvf, analyse_pair

# The suite runs with --import-mode=importlib: a helper beside the tests is loaded by its path.
spec = importlib.util.spec_from_file_location(
    "independent_scene", Path(__file__).with_name("independent_scene.py")
)
assert spec is not None
assert spec.loader is not None
independent = importlib.util.module_from_spec(spec)
spec.loader.exec_module(independent)
V, scene = independent.V, independent.scene

KNOWN_LI = ImageOptions(register=False, grey=GreyOptions(li=10.0))
ISLANDS = [
    ("cap", 42.0, 40.5, 44.44, 20.0, 0.0),
    ("superellipsoid", 50.2, 118.0, 80.0, 6.0, 4.0),
    ("ellipsoid", 122.0, 45.0, 60.0, 7.0, 1.4),
    ("wobbly", 125.6, 100.3, 45.0, 8.0, 0.08),
    ("cap", 120.0, 143.4, 32.0, 5.0, 0.0),
]


def nearest(result: ImageResult, y_um: float, x_um: float) -> Island:
    return min(result.islands, key=lambda i: math.hypot(i.y_um - y_um, i.x_um - x_um))


def check_profile(island: Island) -> None:
    r, z = island.profile_r_um, island.profile_z_um
    assert (r[0], z[-1]) == (0.0, 0.0)
    assert z[0] == pytest.approx(island.height_um)
    assert r[-1] == pytest.approx(0.5 * island.contact_diameter_um)
    assert (np.diff(z) < 0).all()
    assert (np.diff(r) > 0).all()
    discs = math.pi * -np.trapezoid(r**2, z)
    cones = math.pi / 3 * np.sum((r[1:] ** 2 + r[1:] * r[:-1] + r[:-1] ** 2) * -np.diff(z))
    assert discs == pytest.approx(island.volume_um3, rel=1e-9)
    assert cones == pytest.approx(island.volume_um3, rel=1e-5)  # steep walls


@pytest.mark.parametrize("blur", [("gauss", 0.5), ("gauss", 1.8), ("disc", 2.0), ("lorentz", 1.0)])
def test_shapes_under_blurs_the_fit_does_not_know(blur: tuple[str, float]) -> None:
    before, after, truth = scene(ISLANDS, blur, noise=0.025)
    result = analyse_pair(before, after, KNOWN_LI)
    assert result.decisions["cc_side"] == "high"
    assert len(result.islands) == len(truth)
    assert [i.label for i in result.islands] == [1, 2, 3, 4, 5]
    for y, x, diameter, height, volume in truth:
        island = nearest(result, y, x)
        assert math.hypot(island.y_um - y, island.x_um - x) < 1.0
        assert island.volume_um3 == pytest.approx(volume, rel=0.03)
        assert abs(island.contact_diameter_um - diameter) < 1.2 * V
        assert abs(island.height_um - height) < 0.3 * V
        assert not island.touches_edge
        check_profile(island)


def test_touching_islands_share_their_lithium() -> None:
    pair = [("cap", 60.0, 50.0, 60.0, 10.0, 0.0), ("cap", 60.0, 86.0, 60.0, 6.0, 0.0)]
    before, after, truth = scene(pair, ("gauss", 1.0), 0.02, size=(56, 120, 136))
    result = analyse_pair(before, after, KNOWN_LI)
    assert len(result.islands) == 2
    for y, x, diameter, height, volume in truth:
        island = nearest(result, y, x)
        assert island.volume_um3 == pytest.approx(volume, rel=0.05)
        assert abs(island.contact_diameter_um - diameter) < 2 * V
        assert abs(island.height_um - height) < 0.5 * V


def test_island_at_the_edge_is_flagged() -> None:
    islands = [("cap", 60.0, 4.0, 50.0, 8.0, 0.0), ("cap", 60.0, 70.0, 50.0, 8.0, 0.0)]
    before, after, truth = scene(islands, ("gauss", 1.0), 0.02, size=(56, 120, 110))
    result = analyse_pair(before, after, KNOWN_LI)
    assert len(result.islands) == 2
    assert nearest(result, 60 * V, 4 * V).touches_edge
    whole = nearest(result, 60 * V, 70 * V)
    assert not whole.touches_edge
    # A part of the first lies outside: its volume is what is seen.
    assert result.islands[1].volume_um3 == pytest.approx(truth[0][4], rel=0.05)
    check_profile(result.islands[1])


@pytest.mark.parametrize("layer_um", [4.0, 9.0])
def test_a_layer_is_no_island_and_its_sum_is_exact(layer_um: float) -> None:
    before, after, _ = scene([], ("disc", 1.5), 0.025, layer_um=layer_um, size=(56, 90, 90))
    result = analyse_pair(before, after, KNOWN_LI)
    assert result.islands == []
    assert result.scalars["mean_thickness_um"] == pytest.approx(layer_um, rel=0.015)
    assert result.scalars["coverage_fraction"] > 0.999
    assert result.scalars["pixel_noise_um"] == pytest.approx(
        result.scalars["std_thickness_um"], rel=0.1
    )
    if layer_um < 4.5:  # nowhere unmixed with its neighbours: 10 % too much
        with pytest.raises(ValueError, match=r"give grey\.li"):
            analyse_pair(before, after, ImageOptions(register=False))
    else:
        found_li = analyse_pair(before, after, ImageOptions(register=False))
        assert "darkest" in str(found_li.decisions["grey_li_source"])


def test_bare_pair_shows_nothing() -> None:
    before, after, _ = scene([], ("gauss", 1.0), 0.03, size=(56, 100, 100))
    result = analyse_pair(before, after, KNOWN_LI)
    assert result.islands == []
    assert abs(result.scalars["mean_thickness_um"]) < 0.02
    assert result.scalars["coverage_fraction"] < 0.002


def test_ready_lvf_gives_the_same_islands() -> None:
    before, after, truth = scene(ISLANDS[:1], ("gauss", 1.0), 0.02, size=(56, 84, 84))
    pair = analyse_pair(before, after, KNOWN_LI)
    again = analyse_lvf(pair.lvf, ImageOptions())
    assert again.before is None
    assert again.transform is None
    assert len(again.islands) == 1
    assert again.islands[0].volume_um3 == pytest.approx(truth[0][4], rel=0.02)
    assert again.islands[0].height_um == pytest.approx(pair.islands[0].height_um, abs=0.1)


def test_layer_without_foil_finds_the_grey_value_of_lithium() -> None:
    before, after, _ = scene([], ("gauss", 1.0), 0.02, layer_um=8.0, size=(56, 110, 110))
    result = analyse_pair(before, after, ImageOptions(register=False))
    assert "darkest" in str(result.decisions["grey_li_source"])
    assert result.scalars["mean_thickness_um"] == pytest.approx(8.0, rel=0.015)
