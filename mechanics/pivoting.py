"""Which nodes change between open, sticking and sliding, and how many at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mechanics.mortar import Bools

CREDIT = 3
"""Changes of the status without fewer violations, after which nodes change one by one."""


@dataclass(frozen=True)
class Violations:
    """Slave nodes whose status must change, shape (n,) each."""

    opens: Bools
    closes: Bools
    breaks: Bools
    """From sticking to sliding."""
    turns_back: Bools
    """From sliding to sticking."""
    force_un: float
    """Tension, and shear above its bound, summed over these nodes, uN."""
    length_um: float
    """Largest penetration, or way slid along the shear, at one of them, um."""

    @property
    def any(self) -> Bools:
        """Nodes that change in any way."""
        return self.opens | self.closes | self.breaks | self.turns_back

    def last_alone(self) -> Violations:
        """Return the last node's violation alone."""
        last = np.zeros(len(self.opens), dtype=bool)
        last[np.flatnonzero(self.any)[-1:]] = True
        return replace(
            self,
            opens=self.opens & last,
            closes=self.closes & last,
            breaks=self.breaks & last,
            turns_back=self.turns_back & last,
        )


class BlockRule:
    """Which of the nodes whose status is violated change it.

    All at once, as long as that leaves fewer of them within a few changes; else the last one
    alone, which cannot cycle, until there are fewer (block principal pivoting; Judice and
    Pires 1994, 10.1016/0305-0548(94)90106-6).
    """

    def __init__(self) -> None:
        self.fewest = math.inf
        self.credit = CREDIT
        self.one_by_one = False

    def chosen(self, found: Violations) -> Violations:
        """Return the changes to be made."""
        count = int(found.any.sum())
        fewer = count < self.fewest
        if fewer:
            self.fewest, self.credit = count, CREDIT
        self.one_by_one = not fewer and self.credit == 0
        if not fewer and self.credit > 0:
            self.credit -= 1
        return found.last_alone() if self.one_by_one else found
