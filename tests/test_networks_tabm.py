"""TabM against K perceptrons computed one by one."""

from __future__ import annotations

import pytest
import torch

from mapsto.networks.base import DataSize
from mapsto.networks.tabm import ScaledLinear, TabM

B, F, K, D = 7, 5, 3, 4


def make(scales: str) -> TabM:
    network = TabM(F, TabM.Config(views=K, width=D, depth=3, scales=scales)).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith((".r", ".s")):
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return network


@pytest.mark.parametrize("scales", ["first", "all"])
def test_each_view_is_a_perceptron_with_scaled_weights(scales: str) -> None:
    network, x = make(scales), torch.randn(B, F)
    linears = [network.entrance, *(layer for layer in network.layers if list(layer.parameters()))]
    for view in range(K):
        h = x
        for layer in linears:
            if isinstance(layer, torch.nn.Linear):
                h = layer(h)
            elif isinstance(layer, ScaledLinear):
                h = (h * layer.r[view]) @ layer.shared.weight.T * layer.s[view] + layer.bias[view]
            else:
                h = (h * layer.r[view]) @ layer.shared.weight.T + layer.shared.bias
            h = h.relu()
        torch.testing.assert_close(network(x)[:, view], h)


def test_views_start_apart_by_signs_alone() -> None:
    network = TabM(F, TabM.Config(views=8, width=D))
    signs = network.entrance.r
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    out = network.eval()(torch.randn(2, F))
    assert out.shape == (2, 8, D)
    assert len(out[0].detach().unique(dim=0)) > 1


def test_features_of_a_column_begin_with_one_sign() -> None:
    network = TabM(F, TabM.Config(views=64, width=D))
    network.know_columns([0, 0, 1, 2, 1])
    signs = network.entrance.r
    assert torch.equal(signs[:, 0], signs[:, 1])
    assert torch.equal(signs[:, 2], signs[:, 4])
    assert len(signs[:, [0, 2, 3]].unique(dim=0)) == 8


def test_a_view_costs_little() -> None:
    one, eight = (sum(p.numel() for p in TabM(100, TabM.Config(views=k)).parameters()) for k in (1, 8))
    assert eight < 1.1 * one


@pytest.mark.parametrize("features", [100, 160, 220])
def test_the_default_costs_at_most_half_a_million_multiplications_a_row(features: int) -> None:
    config = TabM.Config.for_data(DataSize(30_000, features, 2))
    multiplications = config.views * config.width * (features + (config.depth - 1) * config.width)
    assert 200_000 < multiplications < 500_000


def test_noise_against_overfitting_depends_on_rows_and_target() -> None:
    dropouts = [
        TabM.Config.for_data(DataSize(*size)).dropout for size in ((500, 9, 1, True), (500, 9, 2), (50_000, 9, 2))
    ]
    assert dropouts == [0.1, 0.3, 0.1]
    numbers = DataSize(50_000, 9, 1, regression=True)
    assert TabM.Config.for_data(numbers).dropout == 0
    assert TabM.Config.encoding(numbers)["number_activation"] == "relu"
