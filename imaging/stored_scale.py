"""Grey values that were stored as integers, with the factor and offset that lead back to them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

FACTOR, OFFSET = "scale_factor", "add_offset"
"""Attributes of the data by the CF conventions (netCDF, xarray)."""


def stored_scale(attributes: Mapping[str, Any]) -> tuple[float, float]:
    """Factor and offset by the attributes of an array, 1 and 0 where they say nothing.

    Raises
    ------
    ValueError
        If one is not a single finite number, or the factor is zero.
    """
    found = []
    for name, default in ((FACTOR, 1.0), (OFFSET, 0.0)):
        value = np.ravel(attributes.get(name, default))
        if value.size != 1 or value.dtype.kind not in "iuf" or not math.isfinite(value[0]):
            raise ValueError(f"{name} must be a finite number; got {attributes[name]}")
        found.append(float(value[0]))
    factor, offset = found
    if factor == 0:
        raise ValueError(f"{FACTOR} must not be 0: every grey value would be {offset:g}")
    return factor, offset


def unpacked(values: NDArray[Any], scale: tuple[float, float]) -> NDArray[Any]:
    """Grey values from the stored ones, float32; those without a scale as they are."""
    factor, offset = scale
    if (factor, offset) == (1.0, 0.0):
        return values
    log.info("grey values are %g times the stored ones, plus %g, as the file says", factor, offset)
    out = values.astype(np.float32)
    out *= np.float32(factor)
    out += np.float32(offset)
    return out
