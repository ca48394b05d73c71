"""TabM: many perceptrons in one, that share nearly all their weights.

K views of a row pass through the same linear maps; each view owns little more than a scale for every input, set
apart at first by random signs, and its own head. Every view is trained on its own loss and their predictions are
averaged: the calm of an ensemble for little more than the price of one network.
Papers: Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling",
arXiv 2410.24210; the shared map with scales is BatchEnsemble, Wen et al., arXiv 2002.06715.

Shape legend: B batch, F features in, D width, K views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.base import DataSize, Network, NetworkConfig, option
from mapsto.networks.blocks.activations import NAMES, activation
from mapsto.networks.blocks.dropout import Dropout

_FEW_ROWS = 4_000
"""At or below, training needs more noise against learning rows by heart."""


_MANY_COLUMNS = 500


class Scale(nn.Module):
    """What a view owns at the entrance: a scale for every input, +1 or -1 at first; then one shared linear map.

    View k computes `(x * r_k) @ W + b`. The scales are multiplied into the weights and not into the inputs: the same
    result, and `K * F * D` multiplications instead of `K * B * F`.

    Shape: `x_BF -> y_KBD`.
    """

    def __init__(self, views: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.shared = nn.Linear(in_features, out_features)
        self.r = nn.Parameter(torch.randint(0, 2, (views, in_features)) * 2.0 - 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> y_KBD`."""
        weight_KFD = self.r.unsqueeze(2) * self.shared.weight.t()
        bias_K1D = self.shared.bias.expand(len(self.r), 1, -1)
        return torch.baddbmm(bias_K1D, x.expand(len(self.r), *x.shape), weight_KFD)


class ScaledLinear(nn.Module):
    """A linear map shared by K views, each with its own scale of every input and output, and its own bias.

    View k computes `((x_k * r_k) @ W) * s_k + b_k`, again with the scales multiplied into the weights.

    Shape: `x_KBF -> y_KBD`.
    """

    def __init__(self, views: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.shared = nn.Linear(in_features, out_features, bias=False)
        self.r = nn.Parameter(torch.ones(views, in_features))
        self.s = nn.Parameter(torch.ones(views, out_features))
        self.bias = nn.Parameter((torch.rand(out_features) * 2 - 1).mul(in_features**-0.5).repeat(views, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`x_KBF -> y_KBD`."""
        weight_KFD = self.r.unsqueeze(2) * self.shared.weight.t() * self.s.unsqueeze(1)
        return torch.baddbmm(self.bias.unsqueeze(1), x, weight_KFD)


class TabM(Network):
    """K perceptrons of `depth` layers with shared weights.

    >>> network = TabM(5, TabM.Config(views=4, width=8))
    >>> network(torch.zeros(3, 5)).shape
    torch.Size([3, 4, 8])
    """

    name: ClassVar[str] = "tabm"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Number of views, width and depth, what a view owns, activation and dropout.

        Scales in all maps ("all", the paper's TabM) were never better than in the first alone (TabM-mini) where both
        were tried, and cost more.
        """

        views: int = option(8, low=1, high=256, doc="predictors in one network (K)")
        width: int = option(128, low=1, high=8_192, doc="units in a layer")
        depth: int = option(2, low=1, high=64, doc="layers")
        scales: str = option("first", among=("first", "all"), doc="maps with own scales: the first (TabM-mini) or all")
        activation: str = option("relu", among=NAMES, doc="curve of every unit")
        dropout: float = option(0.1, low=0.0, high=0.95, doc="share of units silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """More dropout for few rows, less for numbers than for classes; half the views for numbers of few rows,
            which are learned over folds: views of several models are averaged.
            """
            few = size.rows <= _FEW_ROWS
            dropout = (0.1 if few else 0.0) if size.regression else (0.3 if few else 0.1)
            return {"dropout": dropout} | ({"views": 4} if few and size.regression else {})

        @classmethod
        def encoding(cls, size: DataSize) -> dict[str, Any]:
            """Numbers embedded piecewise, categories as short vectors; a tenth of the columns hidden in training.

            Of very many columns numbers stay as they are: embedded ones are 16 times as wide, and steps as slow.
            """
            chosen = {"numbers": "piecewise" if size.features <= _MANY_COLUMNS else "plain", "codes": "embedding"}
            if size.regression and size.rows > _FEW_ROWS:
                return chosen | {"number_activation": "relu"}
            return chosen | {"column_dropout": 0.1}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Classes of many rows: twice the rate that is best for a single perceptron."""
            return {} if size.regression or size.rows <= _FEW_ROWS else {"learning_rate": 0.01}

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        views, width = config.views, config.width
        self.views, self.out_features = views, width
        self.entrance = Scale(views, in_features, width)
        self.layers = nn.Sequential()
        for layer in range(config.depth):
            if layer > 0:
                all_own = config.scales == "all"
                self.layers.append(ScaledLinear(views, width, width) if all_own else nn.Linear(width, width))
            self.layers.extend([activation(config.activation), Dropout(config.dropout)])

    def know_columns(self, columns: list[int]) -> None:
        """Give all features of a column the same first sign: a view then turns whole columns around."""
        first: dict[int, int] = {}
        for feature, column in enumerate(columns):
            first.setdefault(column, feature)
        with torch.no_grad():
            self.entrance.r.copy_(self.entrance.r[:, [first[column] for column in columns]])

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BKD`."""
        h_KBD: Tensor = self.layers(self.entrance(x))
        return h_KBD.transpose(0, 1)
