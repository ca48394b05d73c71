"""Additive attention learns where to look."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from mapsto.networks.additive_attention import Attentive


def test_it_learns_to_look_at_the_step_that_matters() -> None:
    """One step of each sequence is marked and says the answer; the others are noise."""
    torch.manual_seed(0)
    network = Attentive(4, Attentive.Config(width=8, dropout=0.0, input_dropout=0.0))
    head = torch.nn.Linear(network.out_features, 1)
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=0.02)
    generator = torch.Generator().manual_seed(1)
    lengths_B = torch.full((64,), 10)
    for _ in range(80):
        x_BLF = torch.randn(64, 10, 4, generator=generator)
        place_B = torch.randint(0, 10, (64,), generator=generator)
        x_BLF[..., 0] = F.one_hot(place_B, 10) * 3.0
        truth_B = (x_BLF[torch.arange(64), place_B, 1] > 0).float()
        loss = F.binary_cross_entropy_with_logits(head(network(x_BLF, lengths_B)).squeeze(1), truth_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights_BL = network.attention.weights(network.states(x_BLF, lengths_B), lengths_B)
    near_B = sum(weights_BL[torch.arange(64), (place_B + step).clamp(0, 9)] for step in (-1, 0, 1))
    assert loss < 0.3
    assert near_B.mean() > 0.5
