"""Files of many cells, decoded in parallel: the decoders let go of Python's lock while they work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from mapsto import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_CHUNK = 16


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
