"""Pictures of solved islands: the largest principal stress around them, as the paper's figure 7."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Polygon
from matplotlib.tri import Triangulation

from coupling.case import Case
from coupling.figure_style import (
    ABOVE,
    COPPER,
    DOUBLE_COLUMN_IN,
    LITHIUM,
    SIGMA1_MAP,
    SINGLE_COLUMN_IN,
    colour_bar,
    figure,
)
from mechanics.mesh import Edge, Region
from mechanics.profile import Floats
from mechanics.stress import NodalStress, principal_max, recover
from mechanics.summary import THRESHOLD_MPA

DEFORMATION_SCALE = 5
"""Magnification of the displacements, the paper's."""
_LOWEST_MPA = -200.0
_SPLIT = [(0, 4, 5), (4, 1, 6), (4, 6, 8), (4, 8, 5), (5, 8, 2), (8, 7, 2), (8, 6, 7), (6, 3, 7)]
"""Triangles of a 9-node quadrilateral in DOLFINx's order."""


@dataclass(frozen=True)
class Picture:
    """What is drawn of a solved island; small enough to be handed between processes."""

    electrolyte: NodalStress
    copper: Floats
    """Outline of the deformed current collector under the island, shape (n, 2), um."""
    lithium: Floats
    """Outline of the deformed island, shape (n, 2), um."""
    undeformed: Floats
    """Meridian of the undeformed island, shape (n, 2), um."""
    reach_um: float


def picture_of(case: Case) -> Picture:
    """Return what is drawn of a solved island."""
    space = case.solution.discretisation
    island = space.stack.profile
    reach = 1.5 * max(island.max_radius_um, 1.3 * island.height_um) + 12.0
    electrolyte = _nearby(case.stress.nodal, 2.0 * reach)
    meridian = _deformed_line(case, Edge.cap)
    base = _deformed_line(case, Edge.base)
    interface = _deformed_line(case, Edge.interface)
    surface = np.concatenate((base, interface[np.argsort(interface[:, 0])]))
    depth = -1.5 * reach
    copper = np.concatenate((surface, [[surface[-1, 0], depth], [0.0, depth]]))
    return Picture(
        electrolyte=electrolyte,
        copper=copper,
        lithium=np.concatenate((base, meridian)),
        undeformed=np.column_stack((island.r_um, island.z_um)),
        reach_um=reach,
    )


def _nearby(nodal: NodalStress, reach_um: float) -> NodalStress:
    centre = nodal.points[nodal.connectivity].mean(axis=1)
    rows = np.hypot(centre[:, 0], centre[:, 1]) < reach_um
    used, inverse = np.unique(nodal.connectivity[rows], return_inverse=True)
    return NodalStress(
        nodal.cells[rows],
        nodal.nodes[used],
        inverse.reshape(-1, 9),
        nodal.points[used],
        nodal.stress[used],
        nodal.displacement[used],
    )
