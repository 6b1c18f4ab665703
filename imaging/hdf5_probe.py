"""Look through an HDF5 file in a process of its own, before this one does.

Some damaged files send the HDF5 library round in circles, or crash it: no exception can be caught.
Whatever describes the data is therefore read once by a process that may be lost. It is given a
limit of processor time, not of time, so that a slow disk is none.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS = 30
"""Processor time that describing a sound file takes by far less of."""

_CODE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from imaging.hdf5 import describe
try:
    describe(sys.argv[2], sys.argv[3] or None)
except Exception:
    pass  # said by the process that reads
"""


def require_sound(path: Path, dataset: str | None, seconds: int = SECONDS) -> None:
    """Refuse a file that the HDF5 library cannot look through and live.

    Raises
    ------
    ValueError
        If the process that tried has crashed, or taken `seconds` of processor time.
    """
    if not sys.executable:  # inside another program there is no Python to start
        return
    line = [sys.executable, "-c", _CODE, str(seconds), str(path), dataset or ""]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode < 0:
        raise ValueError(
            f"{path}: a damaged HDF5 file: the HDF5 library crashes or does not end on it (signal "
            f"{-done.returncode})"
        )
