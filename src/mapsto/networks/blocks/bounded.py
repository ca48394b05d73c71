"""Building a network from a stranger's description without letting it fill the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from mapsto.errors import OptionError

MAX_NUMBERS = 2**28
"""Parameters and buffers that a network read from a file may have (1 GiB as float32)."""
_MAKERS = {"empty", "zeros", "ones", "full", "rand", "randn", "randint", "eye"}
_RANGES = {"arange", "linspace", "randperm"}
_REPEATERS = {"repeat", "expand", "tile"}


class Bounded(TorchFunctionMode):
    """Inside the block, tensors of at most `limit` numbers in all are made; the one too many is refused beforehand.

    Building on PyTorch's meta device would tell sizes too, but imports its compiler, which takes seconds.

    Raises:
        OptionError: more is asked for.
    """

    def __init__(self, limit: int = MAX_NUMBERS) -> None:
        super().__init__()
        self.limit = self.left = limit

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count what a function that makes tensors is asked for, then let it run."""
        name, given = getattr(func, "__name__", ""), kwargs or {}
        if name in _MAKERS:
            self._take(math.prod(_sizes([*args, given.get("size", ())])))
        elif name in _RANGES:
            self._take(max([1, *_sizes([*args, *given.values()])]))
        elif name in _REPEATERS and isinstance(args[0], Tensor):
            self._take(math.prod(_sizes(args[1:])) * (args[0].numel() if name != "expand" else 1))
        return func(*args, **given)

    def _take(self, numbers: int) -> None:
        self.left -= numbers
        if self.left < 0:
            message = f"it would have more than {self.limit:,} weights, which is refused."
            raise OptionError(message)


def _sizes(arguments: Iterable[Any]) -> list[int]:
    """All whole numbers among the arguments."""
    flat = [n for each in arguments for n in (each if isinstance(each, tuple | list) else [each])]
    return [max(1, abs(n)) for n in flat if isinstance(n, int) and not isinstance(n, bool)]
