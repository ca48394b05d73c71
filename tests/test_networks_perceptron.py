"""The perceptron against arithmetic by hand."""

from __future__ import annotations

import pytest
import torch

from mapsto.networks.base import DataSize
from mapsto.networks.blocks.activations import ACTIVATIONS
from mapsto.networks.perceptron import Perceptron


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_two_layers_by_hand(name: str) -> None:
    network = Perceptron(3, Perceptron.Config(width=4, depth=2, activation=name)).eval()
    x, curve = torch.randn(5, 3), ACTIVATIONS[name]()
    (first, second) = (layer[0] for layer in network.layers)
    expected = curve(curve(x @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    torch.testing.assert_close(network(x), expected)


def test_dropout_only_in_training() -> None:
    network = Perceptron(3, Perceptron.Config(width=64, depth=1, dropout=0.5))
    x = torch.randn(1, 3)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_more_rows_more_units() -> None:
    small, large = (Perceptron.Config.for_data(DataSize(rows, 10, 2)) for rows in (500, 1_000_000))
    assert small.width < large.width
    assert small.dropout > large.dropout
