"""Perceptron: linear maps with an activation between them, the plain feed-forward network.

Every unit sums its inputs, each with its own weight, and passes the sum through a fixed curve; layers of such units
can approximate any continuous function. Weights are learned by back-propagation. Dropout silences random units
while training, so that none relies on another.
Papers: Rosenblatt, Psychological Review 65 (1958); Rumelhart, Hinton & Williams, Nature 323 (1986);
Srivastava et al., "Dropout", JMLR 15 (2014).

Shape legend: B batch, F features in, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mapsto.networks.blocks.layers import FeedForward, FeedForwardConfig


class Perceptron(FeedForward):
    """`depth` times: linear map, activation, dropout; `x_BF -> h_BD`.

    >>> import torch
    >>> network = Perceptron(5, Perceptron.Config(width=8, depth=2, activation="tanh"))
    >>> network(torch.zeros(3, 5)).shape
    torch.Size([3, 8])
    """

    name: ClassVar[str] = "perceptron"

    @dataclass(frozen=True, kw_only=True)
    class Config(FeedForwardConfig):
        """Width and depth of the network, its activation and its dropout."""
