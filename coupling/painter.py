"""Draw pictures of solved islands in a process beside, which loads Matplotlib meanwhile.

Called as ``python -m coupling.painter`` it draws what it reads from its standard input, one
pickled ``(Picture, file, title, vector)`` after the other, and answers each by a line: empty, or
what went wrong. It ends with its input, and so with the process that feeds it,
however that one ends.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from coupling.picture import Picture


class Painter:
    """The process that draws."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "coupling.painter"], env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it still draws."""
        return self._process.poll() is None

    def begin(self, picture: Picture, file: Path, title: str, vector: str = "") -> None:
        """Let it draw a picture into a file, while this process goes on; see `draw_picture`."""
        assert self._process.stdin is not None
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # gmsh lets a broken pipe end the process
        if not self.alive:
            raise RuntimeError("the process that draws pictures has ended")
        left = memoryview(pickle.dumps((picture, file, title, vector)))
        while left:
            left = left[self._process.stdin.write(left) :]

    def finish(self) -> None:
        """Wait until the picture is there.

        Raises
        ------
        RuntimeError
            If it could not be drawn.
        """
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode()
        if not answer.endswith("\n"):
            code = self._process.wait()
            raise RuntimeError(f"the process that draws pictures has ended (exit code {code})")
        if answer.strip():
            raise RuntimeError(f"a picture could not be drawn: {answer.strip()}")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def painter() -> Painter:
    """Return this process's painter; it is started once and serves every job."""
    if not _painter().alive:
        _painter.cache_clear()
    return _painter()


@functools.cache
def _painter() -> Painter:
    started = Painter()
    atexit.register(started.close)
    return started


def main() -> NoReturn:
    """Draw until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that feeds this one
    from coupling.stress_figures import draw_picture

    while True:
        try:
            picture, file, title, vector = pickle.load(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # who feeds this process waits for its end
        try:
            draw_picture(picture, file, title, vector)
            answer = ""
        except Exception as error:
            answer = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
