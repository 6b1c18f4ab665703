"""No number that is off by orders of magnitude gets as far as a mesher or a solver.

The schemas say what a number must be; they know no largest island and no smallest element. A
slip of unit (metres for micrometres) would pass them, and then hang a mesher or overflow
a power. The limits here are far outside of anything that is measured, and go by the unit at the
end of a key's name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

BY_UNIT = {
    "_um3": (1e-9, 1e15),
    "_um": (1e-3, 1e6),
    "_voxel": (1e-3, 1e4),
    "_mpa": (1e-6, 1e9),
    "_mpa_sqrt_m": (1e-6, 1e6),
    "_h": (1e-9, 1e6),
    "_cm2": (1e-9, 1e6),
    "_g_cm3": (1e-3, 1e2),
    "_deg": (1e-9, 360.0),
}
"""Least and greatest size of a number that is not zero, by the end of its key: 1 nm to 1 m, say."""
BY_KEY = {
    "load.steps": (1, 10_000),
    "solver.max_iterations": (1, 1_000),
    "solver.max_cutbacks": (1, 30),
    "solver.relative_tolerance": (1e-10, 1.0),
    "seed": (1, 2**63 - 1),
    "mesh.growth": (1e-3, 1e3),
    "mesh.rim_growth": (1e-3, 1e3),
    "mesh.rim_fraction": (1e-2, 1e2),
    "island.aspect_ratio": (1e-4, 1e4),
}
"""The same of single keys, and of those that end so after a dot."""
OTHERS = (1e-12, 1e9)
"""The same of numbers without a unit: counts, ratios, grey values."""


def check_limits(values: Mapping[str, Any]) -> None:
    """Refuse numbers beyond their limits, and texts that name nothing.

    Parameters
    ----------
    values
        A composed configuration as nested dictionaries and lists.

    Raises
    ------
    ValueError
        For the first value that is refused; the message names its key. NaN and infinity
        are left to the schemas, which refuse them in words of their own.
    """
    for key, value in leaves(values):
        if isinstance(value, str):
            _check_text(key, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            _check_number(key, value)


def limits_of(key: str) -> tuple[float, float]:
    """Return the least and greatest size of a key's number that is not zero."""
    for name, limits in BY_KEY.items():
        if key == name or key.endswith(f".{name}"):
            return limits
    endings = [ending for ending in BY_UNIT if key.endswith(ending)]
    return BY_UNIT[max(endings, key=len)] if endings else OTHERS


def _check_text(key: str, value: str) -> None:
    if not value.strip():
        raise ValueError(f"{key} is empty: give a value, or {key}=null where there is none")
    if "\0" in value:
        raise ValueError(f"{key}={value!r} holds a zero byte")


def _check_number(key: str, value: float) -> None:
    if value == 0 or (isinstance(value, float) and not math.isfinite(value)):
        return
    least, greatest = limits_of(key)
    if not least <= abs(value) <= greatest:
        raise ValueError(
            f"{key}={value:g} is beyond reason: its size must lie between {least:g} and "
            f"{greatest:g}"
        )


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no dictionary or list, with the key that leads to it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value
