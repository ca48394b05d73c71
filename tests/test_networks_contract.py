"""The laws of `check_network` on every network, with every way of reading numbers and categories."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mapsto import networks
from mapsto.composition import Composition
from mapsto.networks.base import Network, NetworkConfig
from mapsto.testing_networks import check_network, sample_columns, sample_rows
from tiny_encoders import BERT, RESNET, VIT, described

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    ("perceptron", {"width": 32}),
    ("gated", {"width": 24}),
    ("residual", {"width": 24, "depth": 2, "stochastic_depth": 0.2}),
    ("tabm", {"views": 4, "width": 24}),
    ("tabm", {"views": 3, "width": 20, "scales": "all", "depth": 3}),
    ("ft-transformer", {"token_width": 16, "depth": 2, "activation": "geglu"}),
    ("hog", {"hidden": 24}),
    ("rocket", {"thresholds": 2}),
    ("lenet", {}),
    ("convnet", {"filters": 8, "hidden": 32}),
    ("resnet", {"width": 8}),
    ("vit", {"width": 16, "depth": 2, "heads": 2}),
    ("bag", {"depth": 2, "width": 32}),
    ("textcnn", {"filters": 8}),
    ("rnn", {"width": 12}),
    ("rnn", {"width": 12, "feedback": "jordan", "depth": 2, "bidirectional": False}),
    ("lstm", {"width": 12}),
    ("gru", {"width": 12, "depth": 2, "pooling": "last"}),
    ("tcn", {"width": 16, "depth": 2, "causal": True, "pooling": "last"}),
    ("tcn", {"width": 16, "depth": 2}),
    ("additive-attention", {"width": 12}),
    ("transformer", {"width": 16}),
    ("hierarchical", {"width": 12, "passage": 3}),
    ("treelstm", {"width": 24}),
    ("convlstm", {"width": 12, "side": 3}),
    ("treelstm", {"width": 24, "cell": "child-sum", "judgements": 0}),
    ("pretrained-text", {"model": described("bert", BERT)}),
    ("pretrained-picture", {"model": described("vit", VIT), "height": 16, "width": 16}),
    ("pretrained-picture", {"model": described("resnet", RESNET), "height": 20, "width": 20}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_every_network_keeps_the_laws(name: str, options: dict[str, Any]) -> None:
    check_network(networks.get(name), **options)


@pytest.mark.parametrize("name", ["perceptron", "ft-transformer"])
@pytest.mark.parametrize("numbers", ["plain", "piecewise", "periodic"])
@pytest.mark.parametrize("codes", ["one-hot", "embedding"])
def test_every_encoding_fits_every_layout(name: str, numbers: str, codes: str) -> None:
    encoding = {"numbers": numbers, "codes": codes, "number_width": 4, "token_width": 8}
    made = Composition.build(sample_columns(), name, rows=100, encoding=encoding)
    found = made.predict_numpy(sample_rows(5, missing=0.5))
    assert found["kind"].shape == (5, made.views, 3)


class Ignorant(Network):
    name = "ignorant"
    Config = NetworkConfig

    def __init__(self, in_features: int, config: NetworkConfig) -> None:
        super().__init__(in_features, config)
        self.out_features = 4
        self.used, self.unused = nn.Linear(in_features, 4), nn.Linear(in_features, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


class Mixing(Ignorant):
    def forward(self, x: Tensor) -> Tensor:
        return self.used(x) + self.unused(x) - x.mean(0, keepdim=True).mean()


class Random(Ignorant):
    def forward(self, x: Tensor) -> Tensor:
        return self.used(x) + self.unused(x) * torch.rand(1)


class Stubborn(Ignorant):
    def forward(self, x: Tensor) -> Tensor:
        return 0.0 * (self.used(x) + self.unused(x))


@pytest.mark.parametrize(
    ("network", "law"),
    [
        (Ignorant, "has a gradient"),
        (Mixing, "does not depend on other rows|does not depend on its place|do not depend"),
        (Random, "deterministic"),
        (Stubborn, "learns 32 rows|bfloat16"),
    ],
)
def test_broken_laws_are_found(network: type[Network], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_network(network)
