"""The convolutional LSTM against its equations, one step after another."""

from __future__ import annotations

import torch

from mapsto.networks.base import DataSize
from mapsto.networks.convlstm import ConvLSTM


def made(**options: object) -> ConvLSTM:
    torch.manual_seed(0)
    return ConvLSTM(2, ConvLSTM.Config(width=3, shrink=0, side=3, **options)).eval()


def test_states_follow_the_equations() -> None:
    network, x = made(), torch.randn(2, 4, 2, 6, 5, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([4, 2])
    with torch.no_grad():
        found = network(x, lengths)
        for row in range(2):
            h = c = torch.zeros(1, 3, 6, 5)
            for frame in x[row, : lengths[row]]:
                i, f, o, u = (network.frame(frame[None]) + network.state(h)).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * u.tanh()
                h = o.sigmoid() * c.tanh()
            expected = torch.cat([h.mean(dim=(2, 3)), h.amax(dim=(2, 3))], 1)[0]
            assert torch.allclose(found[row], expected, atol=1e-6)


def test_order_matters_and_padding_does_not() -> None:
    network, x = made(), torch.randn(1, 3, 2, 6, 6, generator=torch.Generator().manual_seed(1))
    three = torch.tensor([3])
    assert not torch.allclose(network(x, three), network(x.flip(1), three))
    padded = torch.cat([x, torch.full((1, 2, 2, 6, 6), 7.0)], 1)
    assert torch.allclose(network(x, three), network(padded, three))
    assert not network(x, torch.tensor([0])).any()


def test_larger_frames_are_shrunk_further() -> None:
    for side, shrink in ((12, 0), (28, 1), (64, 2), (200, 4)):
        assert ConvLSTM.Config.derived(DataSize(100, 1, 2, shape=(8, 1, side, side))) == {"shrink": shrink}
