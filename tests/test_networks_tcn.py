"""TCN: who sees what, and how far."""

from __future__ import annotations

import pytest
import torch

from mapsto.networks.base import DataSize
from mapsto.networks.tcn import TCN


def seen_from(config: TCN.Config, step: int, length: int) -> list[int]:
    """The steps that the last block's answer at `step` depends on."""
    network = TCN(2, config).eval()
    x_BFL = torch.randn(1, 2, length, requires_grad=True)
    h_BDL = x_BFL
    for block in network.blocks:
        h_BDL = block(h_BDL, torch.ones(1, 1, length))
    h_BDL[..., step].square().sum().backward()
    return x_BFL.grad[0].abs().sum(0).nonzero().flatten().tolist()


def test_a_causal_network_sees_only_what_came_before() -> None:
    torch.manual_seed(0)
    seen = seen_from(TCN.Config(width=16, depth=3, causal=True), step=40, length=64)
    assert max(seen) == 40
    assert min(seen) >= 40 - 2 * 2 * (1 + 2 + 4)
    assert len(seen) > 20


def test_otherwise_it_looks_both_ways_twice_as_far_with_every_block() -> None:
    torch.manual_seed(0)
    for depth, reach in ((1, 2), (2, 6), (3, 14)):
        seen = seen_from(TCN.Config(width=24, depth=depth), step=32, length=64)
        assert (min(seen), max(seen)) == (32 - reach, 32 + reach)


@pytest.mark.parametrize(("length", "depth"), [(8, 2), (64, 4), (10_000, 8)])
def test_depth_follows_the_usual_length(length: int, depth: int) -> None:
    assert TCN.Config.for_data(DataSize(5000, 128, 2, shape=(length, 128))).depth == depth
