"""TextCNN: filters that each look for a phrase, and report only the place where it fits best.

A convolution slides over the words; a filter of height 3 sees three words at a time and answers to a pattern of three.
Of each filter only the largest answer over the text is kept, so it does not matter where the phrase stands or how long
the text is. Filters of several heights stand side by side.
Paper: Kim, "Convolutional neural networks for sentence classification", arXiv 1408.5882.

Shape legend: B batch, L length, F features in, C channels (filters of one height), D width out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.sequences import SequenceNetwork, blanked, largest, learning


class Filters(nn.Module):
    """Filters of one height over all windows that hold at least one step; the largest answer of each."""

    def __init__(self, in_features: int, filters: int, height: int) -> None:
        super().__init__()
        self.before = height - 1
        self.slide = nn.Conv1d(in_features, filters, height, padding=self.before)

    def forward(self, x_BFL: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BFL` (zeros behind a row's length), `lengths_B -> h_BC`."""
        answers_BLC = self.slide(x_BFL).relu().transpose(1, 2)
        return largest(answers_BLC, torch.where(lengths_B > 0, lengths_B + self.before, 0))


class TextCNN(SequenceNetwork):
    """Filters of heights `shortest` to `tallest`, rectified, the largest answer of each, dropout.

    >>> network = TextCNN(5, TextCNN.Config(filters=8))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 24])
    """

    name: ClassVar[str] = "textcnn"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Number and heights of the filters, and what is dropped in training."""

        filters: int = option(100, low=1, high=4_096, doc="filters of each height")
        shortest: int = option(3, low=1, high=64, doc="steps that the smallest filters see")
        tallest: int = option(5, low=1, high=64, doc="steps that the largest filters see")
        input_dropout: float = option(0.0, low=0.0, high=0.95, doc="share of inputs silenced in training")
        dropout: float = option(0.5, low=0.0, high=0.95, doc="share of answers silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Fewer rows: fewer filters."""
            return {"filters": 64} if size.rows < 20_000 else {}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW."""
            return learning(size, rate=0.002)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        heights = range(config.shortest, max(config.shortest, config.tallest) + 1)
        self.filters = nn.ModuleList(Filters(in_features, config.filters, height) for height in heights)
        self.out_features = config.filters * len(heights)
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        x_BFL = blanked(self.input_dropout(x), lengths).transpose(1, 2)
        h_BD: Tensor = self.dropout(torch.cat([filters(x_BFL, lengths) for filters in self.filters], dim=1))
        return h_BD
