"""Damaged files by the hundred: the same ones every time, more where ISLET_FUZZ asks for them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

EXAMPLES = int(os.environ.get("ISLET_FUZZ", "0"))
"""Damaged files of each kind; 0 for as many as the tests can afford."""


def damaged(sound: list[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield files with a few bytes changed, runs of them copied or blanked, or the end cut off.

    Parameters
    ----------
    sound
        Files to start from.
    count
        How many are wanted, unless ISLET_FUZZ says so.
    seed
        Of the random numbers.
    """
    draw = random.Random(seed)
    for _ in range(EXAMPLES or count):
        content = bytearray(draw.choice(sound))
        for _ in range(draw.choice((1, 1, 2, 3, 8))):
            _spoil(content, draw)
        yield bytes(content)


def _spoil(content: bytearray, draw: random.Random) -> None:
    # most of what is told of the pixels stands at the beginning
    reach = len(content) if draw.random() < 0.5 else min(len(content), 600)
    at = draw.randrange(reach)
    match draw.randrange(6):
        case 0:
            content[at] = draw.randrange(256)
        case 1:
            content[at] ^= 1 << draw.randrange(8)
        case 2:
            word = draw.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\1\0\0\0"))
            content[at : at + 4] = word
        case 3:
            content[at : at + 8] = draw.choice((b"\xff", b"\0")) * 8
        case 4:
            other = draw.randrange(len(content))
            content[at : at + 16] = content[other : other + 16]
        case 5:
            del content[at + 1 :]
