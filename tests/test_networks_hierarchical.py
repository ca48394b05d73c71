"""Hierarchical attention: passages read alone, then together; very long documents."""

from __future__ import annotations

import torch

from mapsto.networks.base import DataSize
from mapsto.networks.hierarchical import Hierarchical


def test_passages_are_read_alone_and_then_in_their_order() -> None:
    network = Hierarchical(4, Hierarchical.Config(width=3, passage=3)).eval()
    x_LF = torch.randn(8, 4)
    passages = [network.steps(part[None], torch.tensor([len(part)])) for part in x_LF.split(3)]
    expected = network.passages(torch.stack(passages, dim=1), torch.tensor([3]))
    torch.testing.assert_close(network(x_LF[None], torch.tensor([8])), expected)


def test_a_document_of_twenty_thousand_steps_is_read_in_few() -> None:
    config = Hierarchical.Config.for_data(DataSize(1000, 4, 2, shape=(20_000, 4)), width=4)
    assert config.passage == 141
    network = Hierarchical(4, config).eval()
    x_BLF = torch.randn(2, 20_000, 4, requires_grad=True)
    network(x_BLF, torch.tensor([20_000, 50])).sum().backward()
    assert x_BLF.grad[0, -1].any()
    assert not x_BLF.grad[1, 50:].any()
