"""What members that hold a network share beside learning: threads while it runs, settings from a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mapsto.errors import OptionError
from mapsto.members.common import states
from mapsto.recipe import Learning, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator


def saved_learning(json: dict[str, Any]) -> Learning:
    """The entry "learning" of a saved state."""
    try:
        return Recipe.parse({"learning": states.entry(json, "learning", dict)}).learning
    except OptionError as error:
        raise states.refused(str(error)) from error


@contextmanager
def threads_within(count: int | None) -> Iterator[None]:
    """Let PyTorch's operations use `count` threads inside the block; None: as many as it does anyway.

    Sums are split differently for another count, so equal weights need equal threads.
    """
    import torch

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
