"""What the tests of the command line share."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import coupling.verbs
from coupling.results import Outcome

ROOT = Path(__file__).parents[2]

type Verb = Callable[[Any, Path], Outcome]


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, and the logging that Hydra configures undone afterwards."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Verb], list[Any]]:
    """Put a function in the place of every verb; the configurations it was given are recorded."""

    def install(function: Verb) -> list[Any]:
        seen: list[Any] = []

        def run(config: Any, folder: Path) -> Outcome:
            seen.append(config)
            return function(config, folder)

        monkeypatch.setattr(coupling.verbs, "load", lambda name: run)
        return seen

    return install


def islet(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "coupling.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
