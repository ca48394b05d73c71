"""Rows in chunks, on one thread when they are few and on several when they are many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from mapsto import processors

if TYPE_CHECKING:
    from collections.abc import Callable

_FEWEST_ROWS, _ROWS = 2**13, 2**16
"""Rows a chunk: enough that threads seldom wait for each other between two calls into compiled code."""
FEW = 1000
"""Rows below which starting a second thread costs more than it gives."""


def by_chunks(
    function: Callable[[np.ndarray], dict[str, np.ndarray]], values: np.ndarray, *, threads: int | None = None
) -> dict[str, np.ndarray]:
    """`function` of the rows of `values`, chunk by chunk, each of the arrays it gives joined.

    `threads`: at most this many at once; None: as many as there are processors. Fewer than a thousand rows run on the
    calling thread.
    """
    if len(values) < FEW:
        return function(values)
    workers = threads or processors.available()
    step = min(_ROWS, max(_FEWEST_ROWS, -(-len(values) // workers)))
    pieces = [values[at : at + step] for at in range(0, len(values), step)]
    workers = min(workers, len(pieces))
    if workers == 1:
        found = [function(piece) for piece in pieces]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(function, pieces))
    return {key: np.concatenate([each[key] for each in found]) for key in found[0]}
