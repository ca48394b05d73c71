from __future__ import annotations

import pytest
import torch
from torch import nn

from mapsto.networks.base import DataSize
from mapsto.networks.resnet import Corrected, ResNet


def multiplications(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiply-adds of the convolutions for one picture."""
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, out: found.append(out[0].numel() * layer.weight[0].numel()))
    network(torch.zeros(1, *shape))
    return sum(found)


def test_a_correction_is_added_to_what_was_there() -> None:
    block, x = Corrected(8).eval(), torch.randn(2, 8, 5, 5)
    conv, norm, _ = block.correction
    torch.testing.assert_close(block(x), x + norm(conv(x)).relu())
    nn.init.zeros_(conv.weight)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((1, 28, 28), [14, 7, 4]), ((3, 32, 32), [16, 8, 4]), ((3, 64, 64), [32, 16, 8, 4]), ((3, 16, 16), [16, 8, 4]),
     ((1, 112, 92), [28, 14, 7, 4]), ((3, 8, 8), [8, 4])],
)  # fmt: skip
def test_maps_shrink_to_about_four(shape: tuple[int, ...], sides: list[int]) -> None:
    network = ResNet(shape[0], ResNet.Config.for_data(DataSize(50_000, 1, 10, shape=shape)))
    found: list[int] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, out: found.append(out.shape[2]))
    assert network(torch.zeros(2, *shape)).shape == (2, network.out_features)
    assert list(dict.fromkeys(found)) == sides


def test_the_default_is_small_enough_for_processors() -> None:
    for shape, most in (((1, 28, 28), 10e6), ((3, 32, 32), 25e6)):
        network = ResNet(shape[0], ResNet.Config.for_data(DataSize(50_000, 1, 10, shape=shape)))
        assert 3e6 < multiplications(network, shape) < most


def test_bytes_and_maps_lie_channels_last_all_the_way() -> None:
    from mapsto.networks.blocks.pictures import PictureFront

    network = ResNet(1, ResNet.Config(width=8)).train()
    (x,) = PictureFront([1.0], [1.0])(torch.ones(3, 28, 28, 1, dtype=torch.uint8))
    turned: list[bool] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(
                lambda _, __, out: turned.append(not out.is_contiguous(memory_format=torch.channels_last))
            )
    network(x)
    assert turned == [False] * 6
