from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.base import DataSize
from mapsto.networks.vit import Attention, ViT


def test_patches_are_squares_of_the_picture_line_by_line() -> None:
    network = ViT(3, ViT.Config(rows=2, columns=3, patch=4, width=16, depth=1))
    x = torch.randn(2, 3, 8, 12)
    found = network.patches(x)
    assert found.shape == (2, 6, 48)
    assert torch.equal(found[1, 4].view(3, 4, 4), x[1, :, 4:8, 4:8])


def test_a_linear_map_of_patches_is_a_convolution() -> None:
    network = ViT(3, ViT.Config(rows=2, columns=3, patch=4, width=16, depth=1))
    x = torch.randn(2, 3, 8, 12)
    kernel = network.entrance.weight.view(16, 3, 4, 4)
    expected = F.conv2d(x, kernel, network.entrance.bias, stride=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(network.entrance(network.patches(x)), expected)


def test_the_rim_is_repeated_where_patches_are_not_whole() -> None:
    network = ViT(1, ViT.Config(rows=2, columns=2, patch=4, width=16, depth=1))
    x = torch.randn(1, 1, 7, 6)
    last = network.patches(x)[0, 3].view(4, 4)
    assert torch.equal(last[:3, :2], x[0, 0, 4:, 4:])
    assert (last[3, 2:] == x[0, 0, 6, 5]).all()


def test_attention_agrees_with_pytorchs_own() -> None:
    mine, theirs, x = Attention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True), torch.randn(3, 5, 16)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(mine.query_key_value.weight)
        theirs.in_proj_bias.copy_(mine.query_key_value.bias)
        theirs.out_proj.load_state_dict(mine.out.state_dict())
    torch.testing.assert_close(mine(x), theirs(x, x, x, need_weights=False)[0])


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 16, 16), (1, 112, 92), (3, 8, 40)])
def test_patches_follow_the_size(shape: tuple[int, ...]) -> None:
    config = ViT.Config.for_data(DataSize(1_000, 1, 10, shape=shape), width=16, depth=1)
    assert 5 <= max(config.rows, config.columns) <= 9
    assert ViT(shape[0], config)(torch.zeros(2, *shape)).shape == (2, 16)


def test_heads_must_share_the_width() -> None:
    with pytest.raises(OptionError, match="multiple of heads"):
        ViT.Config(width=10)
