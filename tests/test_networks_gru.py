"""The GRU against its equations."""

from __future__ import annotations

import torch

from mapsto.networks.gru import GRU
from mapsto.networks.lstm import LSTM

L, F, H = 6, 4, 3


def test_states_are_those_of_the_equations() -> None:
    network = GRU(F, GRU.Config(width=H, bidirectional=False, pooling="last")).eval()
    kernel, x_LF = network.layers.kernel, torch.randn(L, F)
    h = torch.zeros(H)
    for x in x_LF:
        from_x = (kernel.weight_ih_l0 @ x + kernel.bias_ih_l0).chunk(3)
        from_h = (kernel.weight_hh_l0 @ h + kernel.bias_hh_l0).chunk(3)
        r, z = (from_x[0] + from_h[0]).sigmoid(), (from_x[1] + from_h[1]).sigmoid()
        h = (1 - z) * (from_x[2] + r * from_h[2]).tanh() + z * h
    torch.testing.assert_close(network(x_LF[None], torch.tensor([L]))[0], h)


def test_it_has_three_quarters_of_the_weights_of_an_lstm() -> None:
    gru, lstm = (sum(p.numel() for p in kind(F, kind.Config(width=H)).parameters()) for kind in (GRU, LSTM))
    assert gru / lstm == 0.75
