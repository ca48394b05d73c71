"""FT-Transformer: every column becomes a token, and tokens look at each other.

An extra token, the same for every row, gathers what it needs from the columns by attention, layer after layer, and
is all that the heads see. Each block normalises, attends, normalises, and passes every token through a gated
two-layer network, always adding to what was there.
Papers: Gorishniy et al., "Revisiting deep learning models for tabular data", arXiv 2106.11959; Vaswani et al.,
arXiv 1706.03762.

Shape legend: B batch, T tokens, D token width, N heads, H width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.errors import OptionError
from mapsto.networks.base import DataSize, Layout, Network, NetworkConfig, option
from mapsto.networks.blocks.activations import Gated
from mapsto.networks.blocks.attention import attend
from mapsto.networks.blocks.dropout import Dropout


class Attention(nn.Module):
    """Each of the `asking` tokens takes a weighted mean of what all tokens offer, once per head.

    Shape: `asking_BAD, all_BTD -> y_BAD`.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, asking: Tensor, offering: Tensor) -> Tensor:
        """`asking_BAD, offering_BTD -> y_BAD`."""
        key_BTD, value_BTD = self.key_value(offering).chunk(2, dim=-1)
        q_BNAH, k_BNTH, v_BNTH = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (self.query(asking), key_BTD, value_BTD)
        )
        dropout = self.dropout if self.training else 0.0
        mixed_BNAH = attend(q_BNAH, k_BNTH, v_BNTH, dropout=dropout)
        y_BAD: Tensor = self.out(mixed_BNAH.transpose(1, 2).flatten(2))
        return y_BAD


class Block(nn.Module):
    """Pre-norm attention, then a gated two-layer network on every token; both add to the shortcut.

    With `only_first`, just the first token is computed: in the last block nobody reads the others.
    """

    def __init__(self, config: FTTransformer.Config, *, only_first: bool) -> None:
        super().__init__()
        width, hidden = config.token_width, max(1, round(config.token_width * config.expansion))
        self.only_first = only_first
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads, config.attention_dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * hidden),
            Gated(config.activation),
            Dropout(config.dropout),
            nn.Linear(hidden, width),
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        """`x_BTD -> x_BTD`, or `-> x_B1D` with `only_first`."""
        normed_BTD = self.norm(x_BTD)
        if self.only_first:
            x_BTD = x_BTD[:, :1] + self.attention(normed_BTD[:, :1], normed_BTD)
        else:
            x_BTD = x_BTD + self.attention(normed_BTD, normed_BTD)
        out_BTD: Tensor = x_BTD + self.feed_forward(x_BTD)
        return out_BTD


class FTTransformer(Network):
    """A token for the answer in front of the columns' tokens, `depth` blocks, a last normalisation of that token.

    >>> network = FTTransformer(16, FTTransformer.Config(token_width=16))
    >>> network(torch.zeros(3, 5, 16)).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "ft-transformer"
    layout: ClassVar[Layout] = "tokens"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Token width, number of blocks and heads, and what is dropped in training."""

        token_width: int = option(64, low=1, high=1_024, doc="width of a token (D)")
        depth: int = option(3, low=1, high=64, doc="blocks")
        heads: int = option(4, low=1, high=64, doc="attention heads; they share the token width")
        expansion: float = option(4 / 3, low=0.1, high=8.0, doc="hidden width of a token's network, of its width")
        activation: str = option("reglu", among=("reglu", "geglu"), doc="gate of a token's network")
        attention_dropout: float = option(0.2, low=0.0, high=0.95, doc="share of attention silenced in training")
        dropout: float = option(0.1, low=0.0, high=0.95, doc="share of hidden units silenced in training")

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.token_width % self.heads:
                message = (
                    f"ft-transformer: token_width must be a multiple of heads; got {self.token_width} and {self.heads}."
                )
                raise OptionError(message)

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Fewer rows: narrower tokens and two blocks."""
            return {"token_width": 32, "depth": 2} if size.rows < 3_000 else {}

        @classmethod
        def encoding(cls, size: DataSize) -> dict[str, Any]:
            """Numbers embedded piecewise before they become tokens."""
            return {"numbers": "piecewise"}

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        if in_features != config.token_width:
            message = f"ft-transformer: tokens have {in_features} features; token_width says {config.token_width}."
            raise OptionError(message)
        self.out_features = config.token_width
        self.answer = nn.Parameter(torch.randn(1, 1, config.token_width) * config.token_width**-0.5)
        last = config.depth - 1
        self.blocks = nn.Sequential(*(Block(config, only_first=layer == last) for layer in range(config.depth)))
        self.last = nn.Sequential(nn.LayerNorm(config.token_width), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """`x_BTD -> h_BD`."""
        with_answer = torch.cat([self.answer.expand(len(x), -1, -1), x], dim=1)
        h_BD: Tensor = self.last(self.blocks(with_answer)[:, 0])
        return h_BD
