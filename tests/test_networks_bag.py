"""The bag: a mean, whatever the order."""

from __future__ import annotations

import torch

from mapsto.networks.bag import Bag


def test_it_is_the_mean_of_the_steps_in_any_order() -> None:
    network = Bag(4, Bag.Config()).eval()
    x_BLF, lengths_B = torch.randn(2, 5, 4), torch.tensor([5, 2])
    found = network(x_BLF, lengths_B)
    torch.testing.assert_close(found, torch.stack([x_BLF[0].mean(0), x_BLF[1, :2].mean(0)]))
    torch.testing.assert_close(network(x_BLF.flip(1), torch.tensor([5, 5]))[0], found[0])
    assert not list(network.parameters())


def test_layers_behind_the_mean() -> None:
    network = Bag(4, Bag.Config(depth=2, width=6)).eval()
    assert network(torch.randn(2, 5, 4), torch.tensor([5, 2])).shape == (2, 6)
    assert len(list(network.parameters())) == 4
