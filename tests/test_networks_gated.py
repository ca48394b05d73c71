"""Gates on columns before the layers."""

from __future__ import annotations

import torch

from mapsto.networks import get

Gated, Perceptron = get("gated"), get("perceptron")


def test_begins_as_a_plain_perceptron() -> None:
    gated, plain = Gated(4, Gated.Config(width=8, dropout=0.0)), Perceptron(4, Perceptron.Config(width=8, dropout=0.0))
    gated.know_columns([0, 0, 1, 1])
    plain.layers.load_state_dict(gated.layers.state_dict())
    x_BF = torch.randn(5, 4)
    torch.testing.assert_close(gated(x_BF), plain(x_BF))


def test_one_gate_lets_all_features_of_its_column_pass_or_none() -> None:
    network = Gated(4, Gated.Config(width=8, dropout=0.0)).eval()
    network.know_columns([0, 0, 1, 1])
    with torch.no_grad():
        network.gate.bias[1] = -1e3  # the second column is shut out
    x_BF, other_BF = torch.randn(5, 4), torch.randn(5, 4)
    other_BF[:, :2] = x_BF[:, :2]
    torch.testing.assert_close(network(x_BF), network(other_BF))
    assert not torch.allclose(network(x_BF), network(-x_BF))


def test_learns_which_column_holds_for_which_row() -> None:
    torch.manual_seed(0)
    x_BF = torch.randn(512, 3)
    y_B = torch.where(x_BF[:, 2] > 0, x_BF[:, 0], x_BF[:, 1])  # the third column says which of the others counts
    network = Gated(3, Gated.Config(width=32, depth=2, dropout=0.0))
    network.know_columns([0, 1, 2])
    head = torch.nn.Linear(32, 1)
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=5e-3)
    for _ in range(200):
        loss = (head(network(x_BF)).squeeze(1) - y_B).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gates_BC = network.gates(x_BF)
    leaning = gates_BC[:, 0] - gates_BC[:, 1]
    assert leaning[x_BF[:, 2] > 0.5].mean() > leaning[x_BF[:, 2] < -0.5].mean() + 0.1
