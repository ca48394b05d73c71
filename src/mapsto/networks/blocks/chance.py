"""Where random numbers come from while a network learns: from a generator of the training's own.

PyTorch's own generators are the whole process's. Two trainings at once, or a training and its caller, would draw from
each other's. So a training brings its generator, and whatever is random in a network asks for it here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN: ContextVar[torch.Generator | None] = ContextVar("own", default=None)


def chance() -> torch.Generator | None:
    """What to draw from: the generator of the training under way in this thread; None: PyTorch's own.

    >>> with drawing_from(torch.Generator().manual_seed(0)):
    ...     first = torch.rand(1, generator=chance())
    >>> chance() is None, bool(first == torch.rand(1, generator=torch.Generator().manual_seed(0)))
    (True, True)
    """
    return _OWN.get()


@contextmanager
def drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """Inside, `chance` is this generator."""
    token = _OWN.set(generator)
    try:
        yield
    finally:
        _OWN.reset(token)
