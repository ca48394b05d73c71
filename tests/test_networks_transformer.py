"""The transformer against PyTorch's attention, and its positions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mapsto.errors import OptionError
from mapsto.networks.transformer import Attention, Transformer, waves


def test_attention_is_that_of_pytorch() -> None:
    ours, theirs = Attention(8, 2, dropout=0.0).eval(), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.query_key_value.weight)
        theirs.in_proj_bias.copy_(ours.query_key_value.bias)
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    x_BLD = torch.randn(3, 5, 8)
    there_BL = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]
    expected, _ = theirs(x_BLD, x_BLD, x_BLD, key_padding_mask=~there_BL)
    torch.testing.assert_close(ours(x_BLD, there_BL[:, None, None]), expected)


def test_positions_are_sines_of_many_wavelengths() -> None:
    found = waves(50, 6, torch.zeros(1))
    assert found.shape == (50, 6)
    place = torch.arange(50.0)
    torch.testing.assert_close(found[:, 0], place.sin())
    torch.testing.assert_close(found[:, 3], (place * 10_000 ** (-2 / 6)).cos(), atol=1e-5, rtol=1e-5)


def test_without_positions_order_would_not_matter() -> None:
    network = Transformer(3, Transformer.Config(width=8, heads=2, depth=1)).eval()
    block, x_BLD = network.blocks[0], torch.randn(1, 5, 8)
    seen = torch.ones(1, 1, 1, 5, dtype=torch.bool)
    torch.testing.assert_close(block(x_BLD.flip(1), seen), block(x_BLD, seen).flip(1))


def test_heads_must_share_the_width() -> None:
    with pytest.raises(OptionError, match="multiple of heads"):
        Transformer.Config(width=10, heads=4)
