"""FT-Transformer: attention against torch's own, and what depends on what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mapsto.errors import OptionError
from mapsto.networks.ft_transformer import Attention, Block, FTTransformer


def test_attention_equals_torch() -> None:
    ours, theirs = Attention(8, heads=2, dropout=0.0), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.weight.copy_(ours.out.weight)
        theirs.out_proj.bias.copy_(ours.out.bias)
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x, x), theirs(x, x, x, need_weights=False)[0])


def test_computing_only_the_first_token_changes_nothing_for_it() -> None:
    config = FTTransformer.Config(token_width=8, heads=2)
    whole, first = Block(config, only_first=False).eval(), Block(config, only_first=True).eval()
    first.load_state_dict(whole.state_dict())
    x = torch.randn(4, 6, 8)
    torch.testing.assert_close(first(x), whole(x)[:, :1])


def test_the_order_of_columns_does_not_matter_but_every_column_does() -> None:
    network = FTTransformer(16, FTTransformer.Config(token_width=16)).eval()
    x = torch.randn(2, 5, 16)
    out = network(x)
    torch.testing.assert_close(out, network(x[:, [3, 1, 4, 0, 2]]), rtol=0, atol=1e-5)
    for column in range(5):
        changed = x.clone()
        changed[:, column] = torch.randn(16)
        assert (network(changed) - out).abs().max() > 1e-3


def test_tokens_of_another_width_are_refused() -> None:
    with pytest.raises(OptionError, match="tokens have 32 features; token_width says 64"):
        FTTransformer(32, FTTransformer.Config())


def test_heads_must_share_the_width() -> None:
    with pytest.raises(OptionError, match="multiple of heads; got 10 and 4"):
        FTTransformer.Config(token_width=10)
