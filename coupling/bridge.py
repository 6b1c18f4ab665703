"""From a measured island to the shape and the stack that are solved: the only meeting point.

Imaging sees lithium in the place of current collector, as column heights over the
contact plane; mechanics wants the same solid of revolution inside the electrolyte. The
bridge keeps volume and contact diameter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from coupling.schema_island import read_profile
from coupling.tables import read_table
from imaging.islands import Island
from mechanics.profile import Floats, IslandProfile, from_points

MAX_POINTS = 120
"""Points of a meridian that is handed to mechanics; measured ones carry no finer detail."""


def profile_of(island: Island) -> IslandProfile:
    """Return the meridian of a measured island, of the same contact diameter and volume.

    Raises
    ------
    ValueError
        If the island's profile describes no solid; the message names the island.
    """
    try:
        profile = from_points(island.profile_r_um, island.profile_z_um)
    except ValueError as error:
        raise ValueError(f"island {island.label}: {error}") from error
    return keep_volume(thin_out(profile), island.volume_um3)


def profile_from_file(file: Path, volume_um3: float) -> IslandProfile:
    """Return the meridian in a measured island's CSV, of the volume given in the table."""
    return keep_volume(thin_out(read_profile(file)), volume_um3)


def thin_out(profile: IslandProfile) -> IslandProfile:
    """Return a profile of at most `MAX_POINTS` points, equally far apart along the arc."""
    if len(profile.r_um) <= MAX_POINTS:
        return profile
    s = profile.arc_um
    at = np.linspace(0.0, s[-1], MAX_POINTS)
    return from_points(np.interp(at, s, profile.r_um), np.interp(at, s, profile.z_um))


def keep_volume(profile: IslandProfile, volume_um3: float) -> IslandProfile:
    """Return the profile with its heights scaled to a volume, the contact line kept."""
    scaled: Floats = profile.z_um * (volume_um3 / profile.volume_um3)
    return from_points(profile.r_um, scaled)


def measured_islands(folder: Path) -> pd.DataFrame:
    """Return the table of islands that an ``image`` run has written.

    Raises
    ------
    ValueError
        If the table lacks a column that risk needs, or holds what is no number there.
    """
    file = folder / "islands.csv"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; the image run has written no islands")
    sizes = ("contact_diameter_um", "height_um", "volume_um3")
    return read_table(file, finite=("x_um", "y_um"), positive=sizes, numbering=("label",))
