"""What all networks for sequences share: padding does not matter, nor do empty rows; pools, attention, recurrence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mapsto import networks
from mapsto.networks.base import DataSize
from mapsto.networks.blocks.recurrence import Recurrence
from mapsto.networks.blocks.sequences import POOLS, AdditiveAttention, backwards

LENGTHS = torch.tensor([7, 3, 0, 1])
NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("bag", {}),
    ("textcnn", {"filters": 4}),
    ("rnn", {"width": 6, "depth": 2}),
    ("rnn", {"width": 6, "depth": 2, "feedback": "jordan"}),
    ("lstm", {"width": 6, "pooling": "last"}),
    ("gru", {"width": 6, "pooling": "mean"}),
    ("tcn", {"width": 6, "depth": 3}),
    ("tcn", {"width": 6, "depth": 3, "causal": True, "pooling": "mean"}),
    ("additive-attention", {"width": 6}),
    ("transformer", {"width": 8, "heads": 2}),
    ("transformer", {"width": 8, "heads": 2, "pooling": "last"}),
    ("hierarchical", {"width": 6, "passage": 3}),
]


@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_what_lies_behind_the_length_does_not_matter(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    kind = networks.get(name)
    network = kind(5, kind.Config(**options)).eval()
    x_BLD = torch.randn(4, 7, 5)
    found = network(x_BLD, LENGTHS)
    assert found.shape == (4, network.out_features)
    junk = torch.cat([x_BLD, torch.zeros(4, 6, 5)], dim=1)
    junk[torch.arange(13) >= LENGTHS[:, None]] = 100.0
    torch.testing.assert_close(network(junk, LENGTHS), found, atol=1e-5, rtol=1e-5)
    alone = network(x_BLD[1:2, :3], LENGTHS[1:2])
    torch.testing.assert_close(alone, found[1:2], atol=1e-5, rtol=1e-5)
    assert torch.isfinite(network(x_BLD, torch.zeros(4, dtype=torch.long))).all()


@pytest.mark.parametrize(("name", "options"), NETWORKS[1:])
def test_order_matters(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    kind = networks.get(name)
    network = kind(5, kind.Config(**options)).eval()
    x_BLD = torch.randn(1, 7, 5)
    assert not torch.allclose(network(x_BLD, LENGTHS[:1]), network(x_BLD.flip(1), LENGTHS[:1]), atol=1e-4)


@pytest.mark.parametrize("name", dict(NETWORKS))
def test_learning_takes_fewer_passes_over_more_rows_and_more_for_many_classes(name: str) -> None:
    config = networks.get(name).Config
    few, many, classes = (
        config.learning(DataSize(*size))["epochs"] for size in ((5000, 1, 2), (50_000, 1, 2), (5000, 1, 150))
    )
    assert many < few < classes
    assert config.for_data(DataSize(5000, 128, 2, shape=(40, 128))) is not None


def test_pools_look_only_at_what_is_there() -> None:
    x_BLD = torch.tensor([[[1.0], [-3.0], [9.0]], [[-1.0], [-2.0], [9.0]], [[9.0], [9.0], [9.0]]])
    lengths_B = torch.tensor([2, 1, 0])
    found = {name: pool(x_BLD, lengths_B).flatten().tolist() for name, pool in POOLS.items()}
    assert found == {"mean": [-1.0, -1.0, 0.0], "max": [1.0, -1.0, 0.0], "last": [-3.0, -1.0, 0.0]}


def test_reading_backwards_twice_is_reading_forwards() -> None:
    x_BLD = torch.randn(4, 7, 2)
    once = backwards(x_BLD, LENGTHS)
    assert torch.equal(once[1, :3], x_BLD[1, :3].flip(0))
    assert not once[1, 3:].any()
    assert torch.equal(backwards(once, LENGTHS)[0], x_BLD[0])


def test_attention_is_a_mean_weighted_by_a_small_network() -> None:
    attention = AdditiveAttention(5, 3)
    x_BLD = torch.randn(4, 7, 5)
    weights = attention.weights(x_BLD, LENGTHS)
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0, 1.0]))
    score_L = torch.tanh(x_BLD[1, :3] @ attention.map.weight.T + attention.map.bias) @ attention.context.weight[0]
    by_hand = (score_L.softmax(0)[:, None] * x_BLD[1, :3]).sum(0)
    torch.testing.assert_close(attention(x_BLD, LENGTHS)[1], by_hand)


@pytest.mark.parametrize("kernel", [nn.RNN, nn.LSTM, nn.GRU])
def test_packed_rows_are_read_as_if_each_were_alone(kernel: type[nn.GRU]) -> None:
    layers = Recurrence(kernel, 5, 3, depth=2, bidirectional=True)
    x_BLF = torch.randn(4, 7, 5)
    states = layers(x_BLF, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert not states[row, length:].any()
        if length:
            alone, _ = layers.kernel(x_BLF[row : row + 1, :length])
            torch.testing.assert_close(states[row, :length], alone[0], atol=1e-6, rtol=1e-5)
