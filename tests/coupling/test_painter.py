"""Pictures are drawn in a process beside, which ends with the one that feeds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coupling.painter import Painter, painter
from coupling.picture import Picture


@pytest.fixture
def picture() -> Picture:
    """A square of electrolyte above an island."""
    points = np.array([[0.0, 0.0], [50.0, 0.0], [50.0, 50.0], [0.0, 50.0]])
    return Picture(
        points=points,
        displacement=np.zeros((4, 2)),
        triangles=np.array([[0, 1, 2], [0, 2, 3]]),
        sigma1_mpa=np.array([300.0, 100.0, -100.0, -300.0]),
        copper=np.array([[0.0, 0.0], [50.0, 0.0], [50.0, -20.0], [0.0, -20.0]]),
        copper_displacement=np.zeros((4, 2)),
        lithium=np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 10.0]]),
        lithium_displacement=np.zeros((3, 2)),
        undeformed=np.array([[0.0, 10.0], [20.0, 0.0]]),
        reach_um=40.0,
        arc=np.array([[0.0, 300.0], [25.0, 100.0]]),
    )


def test_it_draws_one_after_the_other(picture: Picture, tmp_path: Path) -> None:
    drawing = Painter()
    for name in ("a.png", "b.png"):
        drawing.begin(picture, tmp_path / name, name)
        drawing.finish()
        with Image.open(tmp_path / name) as drawn:
            assert len(np.unique(np.asarray(drawn).reshape(-1, 4), axis=0)) > 50
    drawing.close()
    assert not drawing.alive


def test_it_says_what_it_cannot_draw_and_goes_on(picture: Picture, tmp_path: Path) -> None:
    drawing = Painter()
    drawing.begin(picture, tmp_path / "nowhere" / "a.png", "a")
    with pytest.raises(RuntimeError, match="could not be drawn: FileNotFoundError"):
        drawing.finish()
    drawing.begin(picture, tmp_path / "b.png", "b")
    drawing.finish()
    drawing.close()
    assert (tmp_path / "b.png").exists()


def test_its_death_is_an_error_and_another_takes_its_place(
    picture: Picture, tmp_path: Path
) -> None:
    first = painter()
    assert painter() is first
    first._process.send_signal(signal.SIGKILL)
    with pytest.raises((RuntimeError, BrokenPipeError)):  # noqa: PT012  whichever notices it
        first._process.wait()
        first.begin(picture, tmp_path / "a.png", "a")
        first.finish()
    assert painter() is not first
    assert painter().alive


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    feed = "import coupling.painter, time; p = coupling.painter.painter()\n"
    feed += "print(p._process.pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", feed], stdout=subprocess.PIPE) as feeding:
        assert feeding.stdout is not None
        drawing = int(feeding.stdout.readline())
        feeding.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _runs(drawing):
        time.sleep(0.1)
    assert not _runs(drawing)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
