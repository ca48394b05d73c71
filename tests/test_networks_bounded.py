"""A description from a stranger does not fill the memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mapsto.errors import OptionError
from mapsto.networks.blocks.bounded import Bounded

HUGE = 10**12
MAKERS: list[Callable[[], object]] = [
    lambda: torch.empty(HUGE),
    lambda: torch.zeros((10**6, 10**6)),
    lambda: torch.randn(10**6, 10**6),
    lambda: torch.randint(0, 2, (10**6, 10**6)),
    lambda: torch.zeros(size=(HUGE,)),
    lambda: torch.arange(HUGE),
    lambda: torch.ones(1000).repeat(10**9),
    lambda: nn.Linear(10**6, 10**6),
    lambda: nn.Embedding(HUGE, 1),
    lambda: nn.LSTM(10**6, 10**6),
    lambda: nn.Conv2d(10**5, 10**5, 3),
]


@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_too_large_is_refused_before_it_is_made(maker: Callable[[], object]) -> None:
    with pytest.raises(OptionError, match="refused"), Bounded():
        maker()


def test_many_small_ones_add_up() -> None:
    with pytest.raises(OptionError, match="refused"), Bounded(1000):
        [torch.zeros(5, 4) for _ in range(100)]


def test_ordinary_networks_are_made() -> None:
    with Bounded():
        made = nn.Sequential(nn.Linear(100, 100), nn.LSTM(10, 10), nn.Embedding(1000, 32))
    assert sum(each.numel() for each in made.parameters()) > 40_000


def test_outside_nothing_is_counted() -> None:
    with Bounded(10):
        torch.zeros(10)
    assert len(torch.zeros(1000)) == 1000
