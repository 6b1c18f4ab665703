"""Progress bars on a terminal, on stderr, gone when done; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from imaging.slabs import Progress


@contextmanager
def percent(name: str) -> Iterator[Progress]:
    """Give a function that is told the fraction done."""
    with tqdm(total=100, desc=name, unit="%", disable=_quiet(), leave=False) as bar:

        def show(fraction: float) -> None:
            bar.update(round(100 * fraction) - bar.n)

        yield show


@contextmanager
def steps(name: str, total: int) -> Iterator[Callable[[], None]]:
    """Give a function that is called after each of a number of steps."""
    with tqdm(total=total, desc=name, disable=_quiet(), leave=False) as bar:

        def done() -> None:
            bar.update()

        yield done


def counted[T](work: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
    """Iterate, and count what has been done."""
    yield from tqdm(work, desc=name, total=total, disable=_quiet(), leave=False)


def _quiet() -> bool:
    return not sys.stderr.isatty()
