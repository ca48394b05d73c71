"""The recipe: every setting of a fit, derived from the data where it is not given, printable, editable, repeatable.

A `None` means "derived from the data"; after a fit, `model.recipe` holds the derived values, and running it again
repeats them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapsto.errors import OptionError, translated

Optimizer = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "muon"]
Schedule = Literal["constant", "step", "cosine", "one-cycle", "warmup-stable-decay"]
Initialization = Literal["default", "xavier", "he", "orthogonal"]


MOST_LETTERS = 1 << 20
"""Of a recipe file."""
DEPTH, ENTRIES = 12, 20_000
"""Mappings and lists inside each other, and all entries together."""


def _require_plain(entries: Any) -> None:
    """Refuse entries nested without end, or numbers that no setting can have."""
    count, level, depth = 0, [entries], 0
    while level:
        _require_depth(depth)
        inside = [pair for each in level for pair in (each.items() if isinstance(each, dict) else enumerate(each))]
        count, depth = count + len(inside), depth + 1
        for name, value in inside:
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                message = (
                    f"recipe entry {str(name)[:100]!r}: a number of {value.bit_length():,} bits; expected at most 63"
                )
                raise OptionError(message)
        if count > ENTRIES:
            message = f"the recipe holds {count:,} entries; expected at most {ENTRIES:,}"
            raise OptionError(message)
        level = [value for _, value in inside if isinstance(value, dict | list | tuple)]


def _require_depth(depth: int) -> None:
    if depth > DEPTH:
        message = f"the recipe is nested more than {DEPTH} deep; its entries are mappings of settings"
        raise OptionError(message)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Learning(_Section):
    """How a network is trained. Units: learning rates per step, `epochs` passes over the training rows."""

    optimizer: Optimizer | None = None
    learning_rate: float | None = Field(None, gt=0)
    weight_decay: float | None = Field(None, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    batch_size: int | None = Field(None, ge=1)
    """Rows an update; 0 is not allowed, "full batch" is any value >= the number of rows."""
    epochs: int | None = Field(None, ge=1)
    patience: int | None = Field(None, ge=1)
    """Epochs without a better validation figure before stopping."""
    schedule: Schedule | None = None
    restarts: int | None = Field(None, ge=0, le=8)
    """How often the schedule begins anew, each time with twice the epochs (Loshchilov and Hutter 2017); what
    validates best is kept. None: as long as what is learned holds on validation rows, where classes are predicted and
    `epochs` is derived from the number of rows; else 0."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the planned steps during which the rate rises from 0."""
    clip_norm: float | None = Field(None, gt=0)
    clip_value: float | None = Field(None, gt=0)
    averaging: float | None = Field(None, ge=0, lt=1)
    """Decay a step of the averaged weights; 0 keeps none."""
    initialization: Initialization = "default"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of what a step computes; weights are float32. Muon makes wide updates orthogonal in whatever is fastest."""
    compile: Literal["auto", "always", "never"] = "auto"
    loss: str | dict[str, str] | None = None
    """A loss by name, or one for each target."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mixing: Literal["none", "mixup", "cutmix"] = "none"
    """Whether pictures are mixed in pairs (networks that read pictures alone)."""
    class_weights: Literal["balanced"] | None = None
    pretrain: bool | None = None
    """Masked-cell pretraining with rows that lack a target; None: tried when there are enough such rows."""
    self_train: bool | None = None
    """Learning also from rows that lack a class, by the class that a first network is sure of; None: tried when there
    are enough such rows and no numbers or categories to pretrain on."""


class Recipe(_Section):
    """Every setting of a fit."""

    network: str | list[str] = "auto"
    objective: str = "auto"
    seed: int = Field(0, ge=0, lt=2**31)
    time: float | None = Field(None, gt=0)
    """Seconds from call to return; None: until validation stops improving, ten minutes at most."""
    folds: int | None = Field(None, ge=2, le=20)
    """Folds whose models are averaged and whose out-of-fold predictions choose and calibrate; None: by size."""
    metric: str | dict[str, str] | None = None
    learning: Learning = Field(default_factory=Learning)
    encoding: dict[str, Any] = Field(default_factory=dict)
    """Options of the input encoders (`numbers`, `number_width`, `codes`, `code_width`, `token_width`)."""
    networks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options by network name, as its `Config` has them (`mapsto networks NAME` prints them)."""
    members: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options by member name (`boosting`, `forest`, ...)."""

    @classmethod
    def parse(cls, entries: dict[str, Any]) -> Recipe:
        """A recipe from a mapping; an unknown or malformed entry is an `OptionError` that names it."""
        _require_plain(entries)
        try:
            return cls.model_validate(entries)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            known = ", ".join((Learning if where.startswith("learning.") else cls).model_fields)
            got = repr(first["input"])[:200]
            message = f"recipe entry '{where}': {first['msg']} (got {got}). Known entries: {known}."
            raise OptionError(message) from error

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """A recipe from YAML text."""
        import yaml

        if len(text) > MOST_LETTERS:
            message = f"the recipe has {len(text):,} letters; expected at most {MOST_LETTERS:,}"
            raise OptionError(message)
        try:
            depth = 0
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                _require_depth(depth)
                if isinstance(event, yaml.AliasEvent):
                    message = (
                        f"the recipe: '*{event.anchor}' repeats another entry, which "
                        "may grow without end; write the entry out"
                    )
                    raise OptionError(message)
            with translated("the recipe holds a value that cannot be read", OptionError):
                entries = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            message = f"the recipe is not valid YAML: {error}"
            raise OptionError(message) from error
        if not isinstance(entries, dict):
            message = f"a recipe is a mapping of entries, got {type(entries).__name__}"
            raise OptionError(message)
        return cls.parse(entries)

    def to_yaml(self) -> str:
        """YAML that `from_yaml` reads back to the same recipe."""
        import yaml

        return yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)
