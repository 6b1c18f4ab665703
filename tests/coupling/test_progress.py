"""Progress on a terminal, and none elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from coupling.progress import counted, percent, steps
from imaging.phantom import IslandChoice, PhantomOptions, write_phantom

ROOT = Path(__file__).parents[2]
CELL = PhantomOptions(shape=[90, 64, 64], islands=IslandChoice.none, layer_um=4.0)


def said_on_a_terminal(code: str) -> str:
    """Run a script whose stderr is a terminal; return what it wrote there."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))  # without a size nothing fits
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], stderr=follower, env=environment)
    os.set_blocking(leader, False)  # a terminal on which nothing was written has no end
    text = os.read(leader, 65536)
    os.close(follower)
    os.close(leader)
    assert run.returncode == 0, text
    return text.decode()


def test_bars_are_drawn_on_a_terminal_and_wiped() -> None:
    said = said_on_a_terminal(
        "from coupling.progress import counted, percent, steps\n"
        "with percent('picture') as show: [show(x / 4) for x in range(5)]\n"
        "with steps('scan', 3) as done: done()\n"
        "assert list(counted('ab', 'island', 2)) == ['a', 'b']\n"
    )
    assert "picture:   0%" in said
    assert "scan:   0%" in said
    assert "island:   0%" in said
    assert said.endswith("\r")


def test_nothing_is_said_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with percent("picture") as show, steps("scan", 2) as done:
        show(1.0)
        done()
    assert list(counted("ab", "island")) == ["a", "b"]
    assert capfd.readouterr() == ("", "")


def test_the_phantom_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []
    write_phantom(CELL, tmp_path, progress=told.append)
    assert told == sorted(told)
    assert len(told) == 3 * CELL.grid[0]  # two scans and one truth
    assert told[-1] == 1.0
