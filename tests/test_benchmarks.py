"""The benchmarks that need no other program, at a small size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]


@pytest.mark.slow
def test_imaging_benchmark(tmp_path: Path) -> None:
    command = [sys.executable, str(HOME / "benchmarks" / "imaging.py")]
    command += ["--shape", "56", "240", "240", "--smaller", "--islands", "2"]
    command += ["--data", str(tmp_path), "--out", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    (run,) = found["runs"]
    assert run["shape"] == [56, 240, 240]
    assert run["islands_found"] == run["islands_true"] == 2
    assert abs(run["li_volume_error"]) < 0.03
    assert run["cpu_s"] > 0
    assert 100 < run["peak_mib"] < 2000
    assert found["naive"]["steps_s"]["median_filter"] > 0
    assert "naive chain" in done.stdout
