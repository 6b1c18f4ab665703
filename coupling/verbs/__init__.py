"""What `islet` can do: one module per verb, each with ``run(config, folder) -> Outcome``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from coupling.results import Outcome

SUMMARY = {
    "phantom": "write a synthetic pair of tomograms with its ground truth",
    "image": "tomograms to lithium volume fraction, thickness map and islands",
    "solve": "one island's stress field and crack risk; -m sweeps its shape",
    "collect": "gather a sweep's results into one table",
    "risk": "crack risk of every island that an image run has found",
    "run": "tomograms to crack-risk report, all in one (default: the phantom)",
    "validate": "compare with the published cases and the paper's checklist",
}
"""One line per verb, in the order of the story."""


def load(verb: str) -> Callable[[Any, Path], Outcome]:
    """Return the function that does a verb's work.

    Imported only now: the solver's libraries take seconds to load, and
    ``--help`` needs none of them.
    """
    run: Callable[[Any, Path], Outcome] = import_module(f"coupling.verbs.{verb}").run
    return run
