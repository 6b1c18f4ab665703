"""The blur that an interface shows, on cells of another author; what islands agree on."""

from __future__ import annotations

from dataclasses import replace

import foreign_cell as foreign
import numpy as np
import pytest
from foreign_cell import Cell

from imaging.blur import DEFAULT_BLUR, LIKENESS, Blur, interface_blur
from imaging.common_blur import LEAST_UNCERTAINTY, agreed
from imaging.dome_factor import BENDS
from imaging.island_fit import LOBES, DomeFit
from imaging.lvf import Interface
from imaging.options import ImageOptions
from imaging.setup import find_place
from imaging.volume import Volume

CELL = Cell(shape=(44, 100, 100), noise=0.02, texture_contrast=0.04, seed=31)


def seen(cell: Cell) -> Blur:
    before = Volume(foreign.scan(cell, False), cell.voxel)
    place = find_place(before, ImageOptions(), {})
    return interface_blur(before, place.interface, place.roi)


@pytest.mark.parametrize(
    ("psf", "std", "tails"),
    [
        (("gauss", 0.7), 0.7, False),
        (("gauss", 1.6), 1.6, False),
        (("long", 1.0), 1.8, False),
        (("tails", 0.8), 1.56, True),
    ],
)
def test_interface_shows_width_and_tails(psf: tuple[str, float], std: float, tails: bool) -> None:
    blur = seen(replace(CELL, psf=psf, cc_high=tails))
    assert blur.std == pytest.approx(std, rel=0.06)
    assert (blur.tail > 0.25) == tails
    assert (blur.tail == 0) != tails


def test_a_tilted_interface_is_no_blurred_one() -> None:
    assert seen(replace(CELL, tilt=(1.0, -0.7))).std == pytest.approx(1.0, rel=0.08)


def test_too_little_of_an_interface() -> None:
    volume = Volume(foreign.scan(replace(CELL, shape=(44, 40, 40)), False), CELL.voxel)
    face = Interface(foreign.interface(CELL), True)
    assert interface_blur(volume, face, np.ones((40, 40), bool)) == DEFAULT_BLUR
    # Not enough collector beside it.
    cut = Volume(volume.values[13:], CELL.voxel)
    near = Interface(foreign.interface(CELL) - 13 * CELL.voxel[0], True)
    assert interface_blur(cut, near, np.ones((40, 40), bool)) == DEFAULT_BLUR


def fit(blur: float, spread: float) -> DomeFit:
    plain = np.zeros(2 * len(LOBES)), np.zeros(BENDS)
    covariance = np.diag([1e-4, 1e-4, spread**2])
    return DomeFit((0, 0), 3.0, 9.0, 0.8, 2.0, blur, *plain, covariance=covariance)


def test_islands_tell_each_other_their_blur() -> None:
    expected = Blur(1.0, 0.2, 0.3, 2.0)
    fits = [fit(1.3, 0.02), fit(1.3, 0.02), fit(1.3, 0.02), fit(2.2, 0.02), fit(1.0, 0.2)]
    found = agreed(fits, expected)
    # An island is not told its own blur again, and what is far off hardly counts.
    assert all(b.std == pytest.approx(1.3, rel=0.05) for b in found)
    assert all(LEAST_UNCERTAINTY <= b.uncertainty < 0.06 for b in found)
    assert found[3].std == pytest.approx(found[4].std, rel=0.02)
    assert {(b.tail, b.ratio) for b in found} == {(0.3, 2.0)}


def test_a_camera_blurs_alike_along_z_and_across_unless_islands_disagree() -> None:
    seen = Blur(1.0, LIKENESS)
    alone, differs = (agreed([fit(b, 0.02)], seen)[0] for b in (1.01, 1.6))
    assert alone.std == differs.std == pytest.approx(1.0)
    assert alone.uncertainty < 0.09
    assert differs.uncertainty > 0.16
    # One that knows no more than was expected tells nothing.
    nothing = agreed([fit(1.0, 0.2), fit(1.6, 0.02)], seen)[1]
    assert nothing.uncertainty == pytest.approx(differs.uncertainty, rel=0.05)
    # Where no interface has been seen, nothing is known along z.
    assert agreed([fit(1.01, 0.02)], DEFAULT_BLUR) == [DEFAULT_BLUR]
