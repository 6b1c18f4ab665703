"""Run a command line and kill it, as SIGKILL does, when it is about to touch its folder again.

python killing.py FOLDER COUNT VERB [key=value ...]

The process counts whatever it does to files below FOLDER (opened for writing, renamed, removed, a
folder made) and kills itself before number COUNT of these. COUNT 0 kills never; the number
of events is then printed. How often threads try to make one folder is chance: it counts once.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
_WRITING = os.O_WRONLY | os.O_RDWR


def main() -> int:
    """Count, kill or finish."""
    folder, stop = os.path.abspath(sys.argv[1]), int(sys.argv[2])  # noqa: PTH100
    seen, made = 0, set[str]()

    def count(event: str, given: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or not isinstance(given[0], str | os.PathLike):
            return
        path = os.path.abspath(given[0])  # noqa: PTH100
        if not path.startswith(folder):
            return
        if event == "os.mkdir":
            if path in made:
                return
            made.add(path)
        if event == "open" and not (int(given[2] or 0) & _WRITING):
            return
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    from coupling import cli

    sys.addaudithook(count)
    code = cli.run(sys.argv[3:])
    print(f"events {seen}")
    return code


if __name__ == "__main__":
    sys.exit(main())
