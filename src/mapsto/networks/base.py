"""The contract of a network: a plain `nn.Module` between the encoders of the inputs and the heads of the targets.

A network knows nothing of columns. It reads `x_BF` (one vector a row, `layout = "flat"`) or `x_BTD` (one token a
column, `layout = "tokens"`) and returns features `h_BD`, or `h_BKD` when it holds `views` K > 1 predictors at once.
Heads (one linear map a target, one per view) are added by `mapsto.composition`.

Its options are a frozen dataclass, `Config`, whose fields carry their allowed values: a recipe, a flag and a model file
from a stranger pass the same check.

Shape legend: B batch, F features in, T tokens, D width out, K views.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from mapsto.errors import OptionError

Layout = Literal["flat", "tokens"]
"""What a trunk reads: one vector a row `(B, F)`, or one token (vector of equal width) per part `(B, T, D)`."""
Sense = Literal["picture", "pixels", "sequence", "steps", "subwords", "tree", "clip"]
SENSES: tuple[Sense, ...] = ("picture", "pixels", "sequence", "steps", "subwords", "tree", "clip")
"""What a network may read instead: the cells of one column that have an inner structure.

Such a network stands behind its column, and a trunk joins what it found with the other columns. Its `forward` takes

* picture: `x_BCHW` float32, about standardised;
* pixels: `x_BCHW` float32, from 0 to 1, for networks that standardise in their own way;
* sequence: `x_BLD` and `lengths_B` (int64, 0 where missing); what lies behind a row's length is padding and must not
  matter;
* steps: the same, where it is measurements as they are and no vectors that are learned, for networks with a fixed look;
* tree: a `mapsto.networks.blocks.trees.Forest`;
* clip: `x_BTCHW` and `lengths_B`;
* subwords: `ids_BL` and `lengths_B`, int64, as the tokenizer of a pretrained encoder gives them;

and returns `h_BD`.
"""


def option(
    default: Any, *, low: float | None = None, high: float | None = None, among: tuple[str, ...] = (), doc: str = ""
) -> Any:
    """A field of an `Options` class: its default, the values it may take, and a line that says what it does."""
    return field(default=default, metadata={"low": low, "high": high, "among": among, "doc": doc})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Named options with a check: unknown names, wrong types and values out of range are `OptionError`s."""

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _checked(type(self).title(), each, getattr(self, each.name)))

    @classmethod
    def title(cls) -> str:
        """How messages name these options."""
        return cls.__qualname__.removesuffix(".Config").lower()

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Self:
        """Options from names and values; what is not named has its default.

        Raises:
            OptionError: a name is unknown (the message lists the known ones) or a value is not allowed.
        """
        known = [each.name for each in fields(cls)]
        for name in entries:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"; did you mean '{close[0]}'?" if close else "."
                message = f"{cls.title()} has no option '{name}'{hint} Known: {', '.join(known) or 'none'}."
                raise OptionError(message)
        return cls(**entries)

    def to_json(self) -> dict[str, Any]:
        """Every option with its value; `of` reads it back."""
        return asdict(self)


def _checked(title: str, each: Field[Any], value: Any) -> Any:
    """The value of an option if it is allowed: same type as the default (a whole number passes for a float)."""
    kind, low, high = type(each.default), each.metadata.get("low"), each.metadata.get("high")
    if kind is float and type(value) is int:
        value = float(value)
    among = each.metadata.get("among", ())
    fits = type(value) is kind and (not among or value in among)
    if fits and kind in (int, float):
        fits = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
    if not fits:
        wanted = " or ".join(map(repr, among)) if among else f"{kind.__name__}" + _range(low, high)
        message = f"{title}: the option '{each.name}' must be {wanted}; got {value!r}."
        raise OptionError(message)
    return value


def _range(low: float | None, high: float | None) -> str:
    bounds = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    text = " and ".join(bound for bound in bounds if bound)
    return f", {text}" if text else ""


@dataclass(frozen=True)
class DataSize:
    """What a config may look at to choose its defaults: the one dial is the data's size."""

    rows: int
    features: int
    """Width of the flat input after encoding, or the number of tokens."""
    outputs: int
    """Sum of the widths of all heads."""
    regression: bool = False
    """Whether every target is a number. Networks for numbers need less against overfitting than for classes."""
    shape: tuple[int, ...] = ()
    """For a network that reads one column: what a cell looks like (`SensePart.shape`)."""


@dataclass(frozen=True, kw_only=True)
class Encoding(Options):
    """How the inputs are turned into numbers for a network: the options that `Part.encoder` gets."""

    numbers: str = option("plain", among=("plain", "piecewise", "periodic"), doc="how numbers are embedded")
    number_width: int = option(16, low=1, high=256, doc="vector of a number, layout flat, when embedded")
    number_activation: str = option("identity", among=("identity", "relu"), doc="curve behind an embedded number")
    frequencies: int = option(24, low=1, high=256, doc="learned frequencies of a periodic embedding")
    frequency_scale: float = option(0.1, low=1e-4, high=100.0, doc="standard deviation of the first frequencies")
    codes: str = option("one-hot", among=("one-hot", "embedding"), doc="how categories are read, layout flat")
    one_hot_limit: int = option(128, low=1, high=100_000, doc="categories above which even 'one-hot' embeds")
    code_width: int = option(8, low=1, high=256, doc="vector of an embedded category, layout flat")
    bag_width: int = option(32, low=1, high=1024, doc="vector of a bag (set, text), layout flat")
    token_width: int = option(64, low=1, high=1024, doc="vector of every column, layout tokens")
    sense_width: int = option(128, low=1, high=4096, doc="vector of a word, a frame, a node")
    word_dropout: float = option(0.1, low=0.0, high=0.95, doc="share of a text's words read as unknown in training")
    picture_flip: str = option(
        "auto", among=("auto", "yes", "no"), doc="mirror pictures; auto: where validation allows it"
    )
    picture_shift: float = option(0.08, low=0.0, high=0.5, doc="how far pictures are moved in training, of their side")
    picture_rotate: float = option(0.0, low=0.0, high=180.0, doc="how far pictures are turned in training, degrees")
    picture_erase: float = option(0.0, low=0.0, high=1.0, doc="share of a picture's area that is hidden in training")
    picture_brightness: float = option(0.0, low=0.0, high=1.0, doc="how far brightness and contrast are varied")
    sound_shift: float = option(0.1, low=0.0, high=0.5, doc="how far recordings are moved in training")
    sound_masks: float = option(0.1, low=0.0, high=0.5, doc="largest share of bands, and of time, silenced in training")
    sound_loudness: float = option(0.3, low=0.0, high=3.0, doc="how far loudness is varied in training, deviations")
    sound_noise: float = option(0.1, low=0.0, high=3.0, doc="noise added to a spectrogram in training, deviations")
    column_dropout: float = option(0.0, low=0.0, high=0.95, doc="share of columns hidden from a row in training")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Options):
    """Options of a network. A subclass adds its fields; every one has a default, some are derived from the data.

    >>> NetworkConfig.of({"dept": 3})
    Traceback (most recent call last):
    mapsto.errors.OptionError: networkconfig has no option 'dept'. Known: none.
    """

    @classmethod
    def for_data(cls, size: DataSize, **given: Any) -> Self:
        """Defaults derived from the data's size; whatever is given explicitly wins."""
        return cls.of(cls.derived(size) | given)

    @classmethod
    def derived(cls, size: DataSize) -> dict[str, Any]:
        """The options whose defaults depend on the data's size: the one dial."""
        return {}

    @classmethod
    def encoding(cls, size: DataSize) -> dict[str, Any]:
        """How this network likes its inputs encoded (see `Encoding`); the recipe may override.

        `size.features` is the number of arrays that the columns contribute: their width is not known yet.
        """
        return {"numbers": "plain", "codes": "one-hot"}

    @classmethod
    def learning(cls, size: DataSize) -> dict[str, Any]:
        """Entries of the recipe's `learning` that this network learns best with; the recipe may override."""
        return {}


class Encoder(nn.Module):
    """Base of the modules that read a block of parts (made by `Part.encoder`).

    `forward` maps a batch of the block to `(B, out_features)` for the layout "flat", and to
    `(B, parts, out_features)` for "tokens".
    """

    out_features: int
    """Features a row, or the token width."""
    spans: list[tuple[int, int]]
    """In the order of the features (or tokens): index of a part, and how many features (or tokens) it became."""


class Network(nn.Module):
    """Base of the networks that come with mapsto; a user's own module needs only `forward`."""

    name: ClassVar[str]
    layout: ClassVar[Layout | Sense] = "flat"
    Config: ClassVar[type[NetworkConfig]]

    out_features: int
    """D, the width of what `forward` returns."""
    fixed: ClassVar[bool] = False
    """Whether `forward` is `read(look(...))`, and `look` (to `h_BF`, `seen_features` F) has nothing to learn: where
    cells are not varied, training looks at every row once and keeps what it saw."""
    seen_features: int
    views: int = 1
    """K; with K > 1 `forward` returns `(B, K, D)` and every view is trained to predict on its own."""

    def __init__(self, in_features: int, config: NetworkConfig) -> None:
        """`in_features`: F for "flat", token width for "tokens", channels C for "picture" and "clip", D for others."""
        super().__init__()

    def know_columns(self, columns: list[int]) -> None:
        """Hear, once and before training, which column each feature (or token) comes from. Few networks need to."""

    def rate_factors(self) -> list[tuple[nn.Parameter, float]]:
        """Parameters that learn at another rate, each with its share of the rate of the rest. Few networks need to."""
        return []

    def begin(self) -> None:
        """Take the weights it begins with, where these are not random. Called once by `Composition.build`, and not
        where a model file is opened.
        """

    def look(self, x: Tensor) -> Tensor:
        """Of `fixed` networks: what there is to see, `h_BF`."""
        raise TypeError(f"{type(self).__name__} has no fixed look")

    def read(self, h_BF: Tensor) -> Tensor:
        """Of `fixed` networks: what it makes of that, `h_BD`."""
        raise TypeError(f"{type(self).__name__} has no fixed look to read")

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BD`, `x_BTD -> h_BD`, or `-> h_BKD` with K views."""
        raise TypeError(f"{type(self).__name__} defines no forward")
