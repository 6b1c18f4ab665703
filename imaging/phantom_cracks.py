"""Where a synthetic cell's spallation cracks lie, if a rule places them.

The rules know heights and places of islands, but no stress: whether a computed risk finds
the cracks can be tested on them. Cracks at random places are the null of such a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from imaging.phantom_shapes import BasinCrack, IslandShape

TAG = 11
"""Keeps these random numbers apart from those of grains and noise."""
OFFSET_UM, RIM_UM, OPENING_UM = 16.0, 9.0, 5.0
"""Distances of the mid-surface from the interface, at axis and rim, and the opening."""
DIAMETER_UM = (44.0, 70.0)
HEIGHT_NOISE = 0.25
"""Standard deviation of the logarithm by which heights are disturbed before the tallest are taken:
islands of like height crack or do not by chance."""
ASIDE = 0.1
"""Standard deviation of a crack's place about the island's axis, over the contact diameter."""
_TRIES = 200


class CrackRule(Enum):
    """What places the cracks, beside those that are listed."""

    none = "none"
    above_tallest = "above_tallest"
    """Above the tallest islands, once their heights are disturbed at random."""
    random = "random"
    """Anywhere, whatever lies below."""


def ruled_cracks(
    rule: CrackRule,
    count: int,
    islands: Sequence[IslandShape],
    field_um: tuple[float, float],
    seed: int,
) -> list[BasinCrack]:
    """Return the cracks that a rule places.

    Parameters
    ----------
    rule, count
        What places them, and how many; fewer where there are fewer islands or no room is left.
    islands
        All islands.
    field_um
        Extent of the field of view along y and x.
    seed
        The same one gives the same cracks.
    """
    if rule is CrackRule.none:
        return []
    random = np.random.default_rng((seed, TAG))
    if rule is CrackRule.random:
        return _anywhere(count, field_um, random)
    heights = np.array([s.height_um for s in islands])
    disturbed = heights * np.exp(HEIGHT_NOISE * random.standard_normal(len(heights)))
    cracks = []
    for i in np.argsort(-disturbed)[:count]:
        island = islands[i]
        aside = ASIDE * island.diameter_um * random.standard_normal(2)
        diameter = float(np.clip(1.2 * island.diameter_um, *DIAMETER_UM))
        place = island.y_um + float(aside[0]), island.x_um + float(aside[1])
        cracks.append(BasinCrack(*place, diameter, OFFSET_UM, RIM_UM, OPENING_UM))
    return cracks


def _anywhere(
    count: int, field_um: tuple[float, float], random: np.random.Generator
) -> list[BasinCrack]:
    """Return cracks at random places that do not overlap each other."""
    cracks: list[BasinCrack] = []
    for _ in range(_TRIES * count):
        if len(cracks) == count:
            break
        diameter = random.uniform(*DIAMETER_UM)
        y, x = (float(random.uniform(diameter / 2, size - diameter / 2)) for size in field_um)
        apart = (
            np.hypot(y - c.y_um, x - c.x_um) > 0.5 * (diameter + c.diameter_um) for c in cracks
        )
        if all(apart):
            cracks.append(BasinCrack(y, x, diameter, OFFSET_UM, RIM_UM, OPENING_UM))
    return cracks
