"""A smooth curve through the points of a measured meridian."""

from __future__ import annotations

import numpy as np

from mechanics.profile import Floats, IslandProfile

_CURVATURE_POINTS = 200


def smooth_profile(profile: IslandProfile, spacing_um: float) -> IslandProfile:
    """Return the profile resampled at equal arc length on a smooth curve through its points.

    The curve is piecewise cubic in arc length and does not overshoot the points
    (monotone where they are). At least 200 points are used, so that the
    faceting between them is far below the element size. A profile that has as many points
    already, as those of analytic shapes, is returned as it is.
    """
    s = profile.arc_um
    count = max(_CURVATURE_POINTS, int(np.ceil(s[-1] / spacing_um))) + 1
    if np.diff(s).max() <= s[-1] / (count - 1):
        return profile
    # here: it takes as long to load as an island takes to mesh
    from scipy.interpolate import PchipInterpolator

    at = np.linspace(0.0, s[-1], count)
    r: Floats = PchipInterpolator(s, profile.r_um)(at)
    z: Floats = PchipInterpolator(s, profile.z_um)(at)
    r[0], z[-1] = 0.0, 0.0
    return IslandProfile(r, z)
