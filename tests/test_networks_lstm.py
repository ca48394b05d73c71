"""The LSTM against its equations."""

from __future__ import annotations

import torch

from mapsto.networks.lstm import LSTM

L, F, H = 6, 4, 3


def by_hand(kernel: torch.nn.LSTM, x_LF: torch.Tensor, end: str = "") -> torch.Tensor:
    """The states, step by step; PyTorch keeps the gates in the order input, forget, candidate, output."""
    inner, outer, bias_in, bias_out = (
        getattr(kernel, f"{name}_l0{end}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = torch.zeros(H)
    states = []
    for x in x_LF:
        i, f, g, o = (inner @ x + bias_in + outer @ h + bias_out).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)


def test_states_are_those_of_the_equations() -> None:
    network = LSTM(F, LSTM.Config(width=H, pooling="max")).eval()
    x_LF = torch.randn(L, F)
    ahead = by_hand(network.layers.kernel, x_LF)
    back = by_hand(network.layers.kernel, x_LF.flip(0), "_reverse")
    expected = torch.cat([ahead.amax(0), back.amax(0)])
    torch.testing.assert_close(network(x_LF[None], torch.tensor([L]))[0], expected)


def test_the_last_states_of_both_directions() -> None:
    network = LSTM(F, LSTM.Config(width=H, pooling="last")).eval()
    x_LF = torch.randn(L, F)
    expected = [
        by_hand(network.layers.kernel, x_LF[:4])[-1],
        by_hand(network.layers.kernel, x_LF[:4].flip(0), "_reverse")[-1],
    ]
    torch.testing.assert_close(network(x_LF[None], torch.tensor([4]))[0], torch.cat(expected))


def test_only_the_first_steps_of_a_very_long_sequence_are_read() -> None:
    network = LSTM(F, LSTM.Config(width=H, longest=5)).eval()
    x_BLF = torch.randn(1, 50, F)
    torch.testing.assert_close(network(x_BLF, torch.tensor([50])), network(x_BLF[:, :5], torch.tensor([5])))
