"""The contract of a network: a plain `nn.Module` between the encoders of the inputs and the heads of the targets.

A network knows nothing of columns. It reads `x_BF` (one vector a row, `layout = "flat"`) or `x_BTD` (one token a
column, `layout = "tokens"`) and returns features `h_BD`, or `h_BKD` when it holds `views` K > 1 predictors at once.
Heads (one linear map a target, one per view) are added by `mapsto.composition`.

Shape legend: B batch, F features in, T tokens, D width out, K views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn


@dataclass(frozen=True)
class DataSize:
    """What a config may look at to choose its defaults: the one dial is the data's size."""

    rows: int
    features: int
    """Width of the flat input after encoding, or the number of tokens."""
    outputs: int
    """Sum of the widths of all heads."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Options of a network. A subclass adds its fields; every one has a default or is derived in `for_data`."""

    @classmethod
    def for_data(cls, size: DataSize, **given: Any) -> Self:
        """Defaults derived from the data's size; whatever is given explicitly wins."""
        return cls(**given)

    @classmethod
    def encoding(cls) -> dict[str, Any]:
        """How this network likes its inputs encoded (options for `Part.encoder`); the recipe may override."""
        return {"numbers": "plain", "codes": "one-hot"}


class Network(nn.Module):
    """Base of the networks that come with mapsto; a user's own module needs only `forward`."""

    name: ClassVar[str]
    layout: ClassVar[Literal["flat", "tokens"]] = "flat"
    Config: ClassVar[type[NetworkConfig]]

    out_features: int
    """D, the width of what `forward` returns."""
    views: int = 1
    """K; with K > 1 `forward` returns `(B, K, D)` and every view is trained to predict on its own."""

    def __init__(self, in_features: int, config: NetworkConfig) -> None:
        """`in_features`: F for the layout "flat", the token width for "tokens"."""
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BD`, `x_BTD -> h_BD`, or `-> h_BKD` with K views."""
        raise TypeError(f"{type(self).__name__} defines no forward")
