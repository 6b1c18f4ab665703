"""What the tests of the command line share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import coupling.verbs
from coupling.results import Outcome

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
