"""What a process does with memory that its arrays leave behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
if sys.argv[1] == "keep":
    from imaging.allocator import keep_freed_memory
    assert keep_freed_memory()
for _ in range(10):
    np.empty(2**23).fill(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="settings of glibc's allocator")
def test_freed_memory_is_used_again() -> None:
    faults = {}
    for way in ("keep", "return"):
        command = [sys.executable, "-c", PROGRAM, way]
        # Pages of one size, whatever the kernel offers.
        environment = {"NUMPY_MADVISE_HUGEPAGE": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        faults[way] = int(done.stdout)
    assert faults["return"] - faults["keep"] > 8 * 2**26 / 4096
