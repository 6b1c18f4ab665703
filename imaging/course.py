"""How far an analysis is, and how long each of its steps took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from imaging.slabs import Progress


class Course:
    """Steps of known share, measured as they are done.

    Parameters
    ----------
    shares
        The steps, and about what part of the time each takes, in any unit.
    progress
        Called with the fraction done of the whole.
    """

    def __init__(self, shares: Mapping[str, float], progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        """Wall-clock time of each step so far, s."""
        self._shares = shares
        self._progress = progress
        self._done = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[Progress]:
        """Measure one step, which may say how far it is."""
        share = self._shares[name] / sum(self._shares.values())
        start = time.perf_counter()
        yield lambda fraction: self._say(self._done + fraction * share)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self._done += share
        self._say(self._done)

    def _say(self, fraction: float) -> None:
        if self._progress is not None:
            self._progress(min(fraction, 1.0))
