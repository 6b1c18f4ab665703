"""Every island of cells of another author, found without hints, against the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import foreign_cell as foreign
import numpy as np
import pytest
from foreign_cell import Cell, Lump
from scattered_cells import Shape

from imaging.volume import Volume
from imaging.workflow import GreyOptions, ImageOptions, analyse_pair

BASE = Cell(
    (
        Lump("cap", -53, -53, 55, 15.4),
        Lump("ellipsoid", -50, 50, 68, 8.8),
        Lump("cone", 50, -53, 61.6, 11, 0.35),
        Lump("ellipse", 53, 46, 55, 9.9, 1.5),
    ),
    shape=(60, 160, 160),
    texture_contrast=0.03,
    shift=(0.7, -0.6, 1.1),
    turn=(0.05, 0.03, -0.04),
)
WALLS = (
    Shape("steps", -50, -50, 56, 11),
    Shape("pill", -48, 50, 50, 12, 0.5),
    Shape("pill", 50, -50, 60, 8, 0.3),
    Shape("steps", 50, 50, 66, 9),
)
SCENES = {
    "collector high, blur with tails": replace(BASE, psf=("lorentz", 1.0), cc_high=True, seed=57),
    "on a layer": replace(BASE, layer=2.0, seed=58),
    "tilted, rough": replace(BASE, tilt=(0.4, -0.2), rough=0.3, seed=59),
    "walls": replace(BASE, lumps=WALLS, noise=0.02, seed=93),
    "cells of grains": replace(
        BASE, texture="voronoi", texture_contrast=0.08, cc_high=True, seed=65
    ),
}
SLOW = {"cells of grains", "tilted, rough"}
"""Scenes whose scans take ten seconds or so to make."""


def pair(cell: foreign.Cell) -> tuple[Volume, Volume]:
    before, after = (Volume(foreign.scan(cell, later), cell.voxel) for later in (False, True))
    return before, after


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in SCENES]
)
def test_every_island_meets_the_goals(name: str) -> None:
    cell = SCENES[name]
    result = analyse_pair(*pair(cell), ImageOptions())
    assert len(result.islands) == len(cell.lumps)
    y0, x0 = (0.5 * (n - 1) * cell.voxel[1] for n in cell.shape[1:])
    for fact in foreign.facts(cell):
        island = min(
            result.islands,
            key=lambda i: math.hypot(i.y_um - y0 - fact.lump.y, i.x_um - x0 - fact.lump.x),
        )
        angle = 2 * math.degrees(math.atan(2 * fact.height / fact.diameter))
        assert island.volume_um3 == pytest.approx(fact.volume, rel=0.03)
        assert abs(island.contact_diameter_um - fact.diameter) < cell.voxel[1]
        assert abs(island.height_um - fact.height) < 0.3 * cell.voxel[1]
        assert abs(island.contact_angle_deg - angle) < 2.0
    assert result.scalars["registration_corner_error_voxel"] < 0.05
    assert abs(result.decisions["interface_z_um"] - foreign.interface(cell)) < 0.2


LAYER = replace(BASE, lumps=(), shape=(60, 110, 110))


@pytest.mark.parametrize(("layer", "error"), [(0.5, 0.05), (2.0, 0.05), (6.0, 0.09)])
def test_layers_at_a_volume_end_that_drifts_out_of_view(layer: float, error: float) -> None:
    cell = replace(LAYER, layer=layer, cc_high=True, shift=(1.7, 0.4, -0.3), noise=0.02, seed=68)
    result = analyse_pair(*pair(cell), ImageOptions(grey=GreyOptions(li=foreign.greys(cell)[0])))
    assert "left the field" in str(result.decisions["roi_drift"])
    assert abs(result.scalars["mean_thickness_um"] - layer) < error
    assert np.isfinite(result.thickness_um).mean() > 0.9


def test_thin_layers_do_not_stand_for_lithium() -> None:
    scans = pair(replace(LAYER, layer=2.0, seed=69))
    with pytest.raises(ValueError, match=r"give grey\.li"):
        analyse_pair(*scans, ImageOptions())
