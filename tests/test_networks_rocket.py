from __future__ import annotations

import numpy as np
import pytest
import torch

from mapsto.networks.base import DataSize
from mapsto.networks.rocket import Rocket


def made(steps: int, channels: int = 1) -> Rocket:
    return Rocket(channels, Rocket.Config(steps=steps, thresholds=2)).eval()


def series(rows: int, steps: int, channels: int = 1) -> torch.Tensor:
    draw = np.random.default_rng(0).normal(size=(rows, steps, channels)).cumsum(axis=1)
    return torch.tensor(draw, dtype=torch.float32)


def test_a_share_is_what_counting_finds() -> None:
    network, x = made(steps=40), series(1, 40)
    found = network.look(x, torch.tensor([40]))[0]
    whole = (x[0, :, 0] / x[0].square().mean().sqrt() * 256).round().numpy().astype(np.int64)
    gap = network.plain[1].gap
    taps = network.plain[1].taken[5, 0].numpy().astype(np.int64)
    padded = np.pad(whole, 4 * gap)
    answers = sum(taps[place] * padded[place * gap : place * gap + 40] for place in range(9))
    threshold = np.floor(np.sqrt((answers**2).mean()) * float(network.plain[1].thresholds[5, 1])) + 0.5
    assert found[84 * 3 + 84 + 5] == pytest.approx((answers > threshold).mean(), abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 30])
def test_rows_beside_and_padding_do_not_matter_to_the_last_digit(channels: int) -> None:
    network, x = made(60, channels), series(9, 60, channels)
    lengths = torch.tensor([60, 59, 40, 17, 9, 8, 2, 1, 0])
    together = network.look(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = network.look(x[row : row + 1, : max(1, length)], lengths[row : row + 1])
        assert torch.equal(together[row], alone[0])
    assert (together[-1].unflatten(0, (-1, 3 * 84))[:, : 2 * 84] == 0).all()


def test_loudness_is_in_the_deviations_alone_and_constant_rows_are_finite() -> None:
    network, x = made(60), series(4, 60)
    lengths = torch.full((4,), 60)
    loud, quiet = (network.look(scale * x, lengths).unflatten(1, (-1, 3 * 84)) for scale in (1.0, 1e-4))
    assert (loud - quiet)[..., : 2 * 84].abs().max() < 0.05
    assert (loud > quiet)[..., 2 * 84 :].all()
    assert network.look(torch.full((2, 60, 1), 7.0), lengths[:2]).isfinite().all()
    assert network.look(torch.full((2, 60, 1), 1e30), lengths[:2]).isfinite().all()


def test_the_same_kernels_are_drawn_everywhere() -> None:
    first = Rocket(5, Rocket.Config(steps=20)).plain[0]
    assert first.channels.sum(1)[:8].int().tolist() == [2, 1, 2, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("usual", [1, 2, 8, 9, 10, 1_460])
def test_gaps_follow_the_length(usual: int) -> None:
    config = Rocket.Config.for_data(DataSize(100, 1, 2, shape=(usual, 1)))
    network = Rocket(1, config).eval()
    x = series(2, usual)
    assert network.look(x, torch.tensor([usual, 1])).shape == (2, network.seen_features)
    assert max(kernels.gap for kernels in network.plain) * 8 < max(usual, 9)


def test_a_row_that_is_left_alone_can_be_learned_from() -> None:
    network = Rocket(1, Rocket.Config(steps=20)).train()
    assert network(series(1, 20), torch.tensor([20])).isfinite().all()
