"""What becomes of memory that is no longer used."""

from __future__ import annotations

import ctypes
import sys

# Parameters of glibc's mallopt.
TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next arrays.

    Every step of an analysis of volumes works in arrays of some ten to some hundred megabytes.
    By default each goes back to the system at once, which clears it before it gives it out again:
    a fifth of the processor time on volumes of paper size. The most that is held at a time hardly
    changes. For a process that does one analysis; has no effect elsewhere than with glibc.

    Returns
    -------
    Whether the allocator has taken the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)
