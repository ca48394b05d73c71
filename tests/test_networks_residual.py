"""Residual blocks: the shortcut, and stochastic depth."""

from __future__ import annotations

import torch
from torch import nn

from mapsto.networks.residual import Block, Residual, StochasticDepth


def test_without_its_correction_a_block_changes_nothing() -> None:
    block = Block(width=6, hidden=12, dropout=0.0, drop_path=0.0)
    last = block.correction[4]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    x = torch.randn(4, 6)
    assert torch.equal(block(x), x)


def test_gradients_reach_the_first_layer_through_many_blocks() -> None:
    network = Residual(5, Residual.Config(width=16, depth=60, dropout=0.0))
    network(torch.randn(32, 5)).sum().backward()
    assert network.first.weight.grad is not None
    assert network.first.weight.grad.abs().mean() > 1e-3


def test_stochastic_depth_drops_whole_rows_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = StochasticDepth(0.4)
    out = layer(torch.ones(20_000, 3))
    assert torch.equal(out[:, 0], out[:, 1])
    assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / 0.6).item()}
    assert abs(out.mean().item() - 1) < 0.03
    assert torch.equal(layer.eval()(torch.ones(3, 3)), torch.ones(3, 3))


def test_later_blocks_are_dropped_more_often() -> None:
    network = Residual(5, Residual.Config(width=8, depth=4, stochastic_depth=0.4))
    drops = [block.correction[-1].drop for block in network.blocks]
    torch.testing.assert_close(torch.tensor(drops), torch.tensor([0.1, 0.2, 0.3, 0.4]))
