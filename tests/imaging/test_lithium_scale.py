"""Thin islands tell the grey value of lithium by how they are spread along z."""

from __future__ import annotations

from dataclasses import replace

import foreign_cell as foreign
import numpy as np
import pytest
from foreign_cell import Cell, Lump

from imaging.lithium_scale import Scale, agreed_scale
from imaging.volume import Volume
from imaging.workflow import GreyOptions, ImageOptions, ImageResult, analyse_pair

V = 1.625
THIN = Cell(
    (
        Lump("cap", -35, -35, 36, 3.6 * V),
        Lump("ellipsoid", -35, 38, 40, 3.3 * V),
        Lump("cone", 40, -30, 40, 3.4 * V, 0.4),
        Lump("ellipse", 38, 40, 34, 3.2 * V, 1.3),
    ),
    shape=(56, 128, 128),
    texture_contrast=0.03,
    shift=(0.6, -0.4, 0.8),
    noise=0.02,
    seed=83,
)


def analysed(cell: Cell, options: ImageOptions | None = None) -> ImageResult:
    before, after = (Volume(foreign.scan(cell, later), cell.voxel) for later in (False, True))
    return analyse_pair(before, after, options or ImageOptions())


@pytest.mark.parametrize("psf", [("gauss", 1.0), ("tails", 0.5)])
def test_thin_islands_have_their_volume(psf: tuple[str, float]) -> None:
    cell = replace(THIN, psf=psf)
    result = analysed(cell)
    assert result.lithium_scale is not None
    assert result.lithium_scale.value > 1.03  # what the darkest voxels would make of it
    true = sum(fact.volume for fact in foreign.facts(cell))
    found = sum(island.volume_um3 for island in result.islands)
    assert found == pytest.approx(true, rel=0.03)
    for fact, island in zip(
        sorted(foreign.facts(cell), key=lambda f: f.lump.y + 3 * f.lump.x),
        sorted(result.islands, key=lambda i: i.y_um + 3 * i.x_um),
        strict=True,
    ):
        assert island.height_um == pytest.approx(fact.height, abs=0.3 * V)
        assert abs(island.height_um - fact.height) < 3 * island.height_std_um
    # Everything has the new scale: the map, the volume, what later pairs take over.
    area = cell.voxel[1] * cell.voxel[2]
    assert np.nansum(result.thickness_um) * area == pytest.approx(true, rel=0.03)
    assert result.lvf.values.sum() * V**3 == pytest.approx(true, rel=0.04)
    assert result.setup is not None
    assert result.setup.grey_li == pytest.approx(foreign.greys(cell)[0], abs=0.03 * 30000)
    assert result.decisions["grey_li"] == result.setup.grey_li
    assert "corrected" in str(result.decisions["grey_li_source"])


def test_a_value_that_is_given_stays() -> None:
    result = analysed(THIN, ImageOptions(grey=GreyOptions(li=9000.0)))
    assert result.lithium_scale is None
    assert result.setup is not None
    assert result.setup.grey_li == 9000.0


def test_islands_that_know_nothing_are_not_heard() -> None:
    assert agreed_scale([]) is None
    assert agreed_scale([None, Scale(1.2, 0.3)]) is None
    found = agreed_scale([Scale(1.1, 0.01), Scale(1.11, 0.01), Scale(0.9, 0.01), None])
    assert found is not None
    assert found.value == pytest.approx(1.105, abs=0.02)
    assert found.std == pytest.approx(0.011, abs=0.003)
