"""How far a model that grows in steps (trees, boosting rounds) may grow.

It grows in stages that double. After each stage the next size is decided and recorded: with a time limit from the time
the stages took, without one by doubling up to the limit. So a run can be repeated without looking at a clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapsto.members.base import Work

_SAFETY = 0.8
"""Share of the time left that is planned: the last trees of a stage take longer than the first."""


def stages(work: Work, label: str, *, first: int, limit: int, seconds: float | None) -> Iterator[int]:
    """Sizes to grow to, rising from `first` to at most `limit`; the caller grows between two of them.

    Ends after the first stage if the run is stopping, or when `seconds` are nearly used. `label` must be unique in the
    run: it names the recorded decisions.
    """
    begun = time.monotonic()
    before, size, stage = 0, min(first, limit), 0
    while True:
        started = time.monotonic()
        yield size
        if size >= limit:
            return
        now = time.monotonic()
        pace, left = (now - started) / (size - before), None if seconds is None else seconds - (now - begun)
        following = int(work.run.decide(f"{label}: stage {stage}", lambda: _following(work, size, limit, pace, left)))  # noqa: B023
        if not size < following <= limit:
            return
        before, size, stage = size, following, stage + 1


def _following(work: Work, size: int, limit: int, pace: float, left: float | None) -> int:
    """The next size; the same size means stop."""
    if work.run.stopping:
        return size
    doubled = min(2 * size, limit)
    if left is None:
        return doubled
    affordable = size + int(_SAFETY * left / max(pace, 1e-9))
    return min(doubled, affordable) if affordable > 1.1 * size else size
