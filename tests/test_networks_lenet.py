"""LeNet-5 against the figures of its paper."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mapsto.networks.lenet import CONNECTIONS, LeNet, Squash, sized


def counts(network: LeNet) -> dict[str, int]:
    """Trainable numbers a layer; of C3 only those of connections that are there."""
    found = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.named_children()}
    found["c3"] -= int((network.c3.among == 0).sum()) * 25
    return found


def test_layers_have_the_published_sizes() -> None:
    assert counts(LeNet(1, LeNet.Config())) == {
        "c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "squash": 0
    }  # fmt: skip


def test_maps_have_the_published_sizes() -> None:
    network, shapes = LeNet(1, LeNet.Config()), {}
    for name in ("c1", "s2", "c3", "s4", "c5", "f6"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    network(torch.zeros(1, 1, 28, 28))
    assert shapes == {
        "c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "c5": (120, 1, 1), "f6": (84,)
    }  # fmt: skip


def test_the_table_of_connections() -> None:
    assert [len(read) for read in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(CONNECTIONS)) == 16
    assert all(sum(each in read for read in CONNECTIONS) == 10 for each in range(6))


def test_a_map_hears_only_what_it_is_connected_to() -> None:
    network, maps = LeNet(1, LeNet.Config()), torch.zeros(1, 6, 14, 14, requires_grad=True)
    for which, read in enumerate(CONNECTIONS):
        (gradient,) = torch.autograd.grad(network.c3(maps)[0, which].sum(), maps)
        assert gradient[0].abs().sum(dim=(1, 2)).nonzero().flatten().tolist() == list(read)


def test_subsampling_and_squash_by_hand() -> None:
    network = LeNet(1, LeNet.Config())
    x = torch.arange(16.0).view(1, 1, 4, 4).repeat(1, 6, 1, 1)
    with torch.no_grad():
        network.s2.scale.fill_(0.5)
        network.s2.bias.fill_(1.0)
    assert network.s2(x)[0, 0].tolist() == [[0.5 * (0 + 1 + 4 + 5) + 1, 0.5 * (2 + 3 + 6 + 7) + 1], [22.0, 26.0]]
    assert Squash()(torch.tensor([-1.0, 0.0, 1.0])) == pytest.approx([-1, 0, 1], abs=1e-4)


@pytest.mark.parametrize("side", [(28, 28), (16, 12), (40, 100), (32, 32)])
def test_pictures_of_any_size_become_32_by_32(side: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *side)
    found = sized(x)
    assert found.shape == (2, 3, 32, 32)
    if max(side) <= 32:
        top, left = (32 - side[0]) // 2, (32 - side[1]) // 2
        assert torch.equal(found[:, :, top : top + side[0], left : left + side[1]], x)
        assert torch.equal(found[:, :, 0, 0], x[:, :, 0, 0])
    assert LeNet(3, LeNet.Config())(x).shape == (2, 84)
    assert torch.isfinite(F.mse_loss(found, torch.zeros_like(found)))
