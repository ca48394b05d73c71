"""Files of many cells, decoded in parallel: the decoders let go of Python's lock while they work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from threading import Condition
from typing import TYPE_CHECKING, Any, TypeVar

from mapsto import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_CHUNK = 16


class InFlight:
    """Lets threads work side by side as long as what they hold together stays below a bound.

    What is larger than the bound waits until it is alone.

    >>> room = InFlight(10)
    >>> with room.of(4), room.of(6):
    ...     room.free
    0
    """

    def __init__(self, most: int) -> None:
        self.most = self.free = most
        self._changed = Condition()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Room for so much, as soon as there is."""
        size = min(size, self.most)
        with self._changed:
            self._changed.wait_for(lambda: self.free >= size)
            self.free -= size
        try:
            yield
        finally:
            with self._changed:
                self.free += size
                self._changed.notify_all()


PIXELS = InFlight(50_000_000)
"""Pixels of pictures and frames that are decoded at any time: two large pictures at once could fill the memory."""


def in_parallel(
    sources: Sequence[Any], use: Callable[[Any], T], unreadable: tuple[type[Exception], ...]
) -> Iterator[T | None]:
    """`use` of every source, in order; None where there is none, or where it raises one of `unreadable`.

    >>> list(in_parallel(["1", None, "x"], int, (ValueError,)))
    [1, None, None]
    """

    def tried(source: Any) -> T | None:
        try:
            return None if source is None else use(source)
        except unreadable:
            return None

    def chunk(start: int) -> list[Any]:
        return [tried(source) for source in sources[start : start + _CHUNK]]

    with ThreadPoolExecutor(processors.available()) as pool:
        yield from chain.from_iterable(pool.map(chunk, range(0, len(sources), _CHUNK)))
