"""Island shapes: volumes, any two parameters of four, and refused input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mechanics.profile import (
    SHAPE,
    VOLUME,
    IslandProfile,
    cap,
    ellipsoid,
    from_points,
    solve_diameter_height,
)
from mechanics.smoothing import smooth_profile


def test_published_islands_have_equal_volume() -> None:
    narrow, wide = cap(44.44098, 20.0), cap(100.0, 5.0)
    assert narrow.volume_um3 == pytest.approx(19700.404, rel=1e-5)
    assert wide.volume_um3 == pytest.approx(19700.404, rel=1e-5)
    assert narrow.aspect_ratio == pytest.approx(0.45, abs=1e-3)
    assert wide.contact_angle_deg == pytest.approx(2 * math.degrees(math.atan(0.1)))


@pytest.mark.parametrize("kind", ["cap", "ellipsoid"])
@pytest.mark.parametrize(("diameter", "height"), [(100.0, 5.0), (44.4, 20.0), (30.0, 25.0)])
def test_any_two_parameters_give_the_shape(kind: str, diameter: float, height: float) -> None:
    shape = {
        "contact_diameter_um": diameter,
        "height_um": height,
        "volume_um3": VOLUME[kind](diameter, height),
        "aspect_ratio": height / diameter,
    }
    names = list(shape)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            found = solve_diameter_height(kind, **{n: shape[n] for n in (first, second)})
            assert found == pytest.approx((diameter, height), rel=1e-9), (first, second)
    assert SHAPE[kind](diameter, height).volume_um3 == pytest.approx(shape["volume_um3"], rel=3e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"height_um": 5.0}, "needs two of"),
        ({"height_um": -5.0, "aspect_ratio": 0.1}, "height_um must be a positive number, got -5"),
        ({"height_um": math.nan, "aspect_ratio": 0.1}, "height_um must be a positive"),
        (
            {"height_um": 5.0, "contact_diameter_um": 100.0, "aspect_ratio": 0.06},
            "aspect_ratio=0.06 contradicts",
        ),
        ({"height_um": 50.0, "volume_um3": 100.0}, "too small for island.height_um=50"),
    ],
)
def test_refused_parameters(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve_diameter_height("cap", **given)


def test_redundant_parameters_that_agree_are_taken() -> None:
    found = solve_diameter_height(
        "cap", contact_diameter_um=100.0, height_um=5.0, aspect_ratio=0.05, volume_um3=19700.0
    )
    assert found == (100.0, 5.0)


@pytest.mark.parametrize(
    ("r", "z", "message"),
    [
        ([0, 10], [5, 0], "at least 3 points"),
        ([0, 5, 10], [5, 4], "equal length"),
        ([1, 5, 10], [5, 4, 0], "from the apex at r = 0"),
        ([0, 5, 10], [5, 4, 1], "to the contact line at z = 0"),
        ([0, 5, math.nan], [5, 4, 0], "NaN"),
        ([0, 5, 5, 10], [5, 4, 4, 0], "repeat a point"),
        ([0, 5, -1, 10], [5, 4, 3, 0], "r > 0 and z > 0"),
        ([0, 8, 2, 9, 10], [5, 4, 3, 6, 0], "cross itself"),
    ],
)
def test_refused_profiles(r: list[float], z: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_points(r, z)


def test_profiles_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        cap(10.0, 2.0).r_um[0] = 1.0


@pytest.mark.parametrize("shape", [cap(100.0, 5.0), ellipsoid(30.0, 25.0), cap(40.0, 30.0)])
def test_smoothing_keeps_the_shape(shape: IslandProfile) -> None:
    thinned = from_points(
        np.append(shape.r_um[:-1:20], shape.r_um[-1]), np.append(shape.z_um[:-1:20], 0.0)
    )
    smooth = smooth_profile(thinned, 0.25)
    assert smooth.volume_um3 == pytest.approx(shape.volume_um3, rel=2e-3)
    assert smooth.contact_diameter_um == pytest.approx(shape.contact_diameter_um)
    assert smooth.height_um == pytest.approx(shape.height_um)
    assert np.diff(smooth.arc_um) == pytest.approx(np.diff(smooth.arc_um)[0], rel=0.05)
