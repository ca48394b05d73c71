"""Elman's and Jordan's networks against their equations."""

from __future__ import annotations

import torch

from mapsto.networks.rnn import RNN, Jordan

L, F, H = 6, 4, 3
LENGTH = torch.tensor([L])


def test_elman_feeds_back_the_hidden_units() -> None:
    network = RNN(F, RNN.Config(width=H, bidirectional=False, pooling="last")).eval()
    x_LF, kernel = torch.randn(L, F), network.layers.kernel
    h = torch.zeros(H)
    for x in x_LF:
        h = torch.tanh(kernel.weight_ih_l0 @ x + kernel.bias_ih_l0 + kernel.weight_hh_l0 @ h + kernel.bias_hh_l0)
    torch.testing.assert_close(network(x_LF[None], LENGTH)[0], h)


def test_jordan_feeds_back_the_outputs() -> None:
    layer, x_LF = Jordan(F, H), torch.randn(L, F)
    y, expected = torch.zeros(H), []
    for x in x_LF:
        hidden = torch.tanh(layer.entrance.weight @ x + layer.entrance.bias + layer.back.weight @ y)
        y = torch.tanh(layer.exit.weight @ hidden + layer.exit.bias)
        expected.append(y)
    torch.testing.assert_close(layer(x_LF[None], LENGTH)[0], torch.stack(expected))


def test_both_directions_of_jordan_end_where_the_sequence_does() -> None:
    network = RNN(F, RNN.Config(width=H, feedback="jordan", pooling="last")).eval()
    x_BLF, lengths_B = torch.randn(2, L, F), torch.tensor([L, 2])
    both = network.layers.layers[0]
    ahead = both.ahead(x_BLF[1:, :2], lengths_B[1:])[0, -1]
    back = both.back(x_BLF[1:, :2].flip(1), lengths_B[1:])[0, -1]
    torch.testing.assert_close(network(x_BLF, lengths_B)[1], torch.cat([ahead, back]))
