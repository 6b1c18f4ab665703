"""A process seen from outside: the time and the memory that it needed."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from pathlib import Path


def ran(command: list[str], folder: Path) -> resource.struct_rusage:
    """Run a command in a folder to its end, and return what it used; a failure ends this one."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read()}")
    return usage
