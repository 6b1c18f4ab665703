"""Numbers and libraries packed into a web page that needs no network."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def squeezed(data: bytes) -> str:
    """Return bytes compressed, as text that a page may hold; browsers unpack it themselves."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def packed(values: ArrayLike, step: float | None = None) -> dict[str, Any]:
    """Return an array as a page's script reads it.

    Parameters
    ----------
    values
        Numbers, all finite, of any shape.
    step
        Round to multiples of it, at most 32767 of them: two bytes a number. None for four.

    Returns
    -------
    dict
        `shape`, `type` (of a JavaScript array), `step`, and the little-endian bytes in `gzip`.

    Raises
    ------
    ValueError
        If a number is not finite, or more than 32767 steps from zero.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("only finite numbers can be packed")
    kind, name, unit = "<f4", "Float32Array", 1.0
    if step is not None:
        kind, name, unit = "<i2", "Int16Array", step
        array = np.rint(array / step)
        if array.size and np.abs(array).max() > np.iinfo(np.int16).max:
            raise ValueError(f"numbers of up to {np.abs(array).max() * step:g} need another step")
    return _entry(array.astype(kind), name, unit)


def packed_indices(values: ArrayLike) -> dict[str, Any]:
    """Return an array of row numbers as a page's script reads it, see `packed`."""
    return _entry(np.asarray(values).astype("<u4"), "Uint32Array", 1.0)


def _entry(array: np.ndarray[Any, Any], name: str, step: float) -> dict[str, Any]:
    data = squeezed(np.ascontiguousarray(array).tobytes())
    return {"shape": list(array.shape), "type": name, "step": step, "gzip": data}
