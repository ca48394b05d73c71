"""The contract of a column type.

A column type is one small class in one file. It claims a series with a reason or refuses with one, learns from
training rows only, encodes a whole series at once, and owns everything other rooms need of it, so that no other room
names a type. `mapsto.testing.check_column` runs the laws below on any type, ours or a plug-in's.

Life of a column::

    column = Number.claim(series, name="age")     # or raises ColumnRefused(reason)
    column.learn(training_series, guide)          # statistics, vocabulary, bins: training rows only
    arrays = column.encode(series)                # one array per column.parts, any rows, never fails on bad cells
    truth = column.encode_target(series)          # as target
    column.to_state() / Number.from_state(...)    # JSON + arrays: the only persistence
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from mapsto.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl

    from mapsto.columns.common.insides import Inside
    from mapsto.columns.common.parts import Part, Ragged
    from mapsto.columns.common.spans import Extents, Remark, Span
    from mapsto.losses import Loss
    from mapsto.table.frame import DecimalSign

Task = Literal["regression", "classification", "multilabel"]
"""The form a target's truth and predictions take; the only thing judging and members ask of a target.

* regression: truth `(rows,)` float64 in the user's units, NaN missing; prediction `(rows, 1)` in the same units.
* classification: truth `(rows,)` int64 class code, -1 missing, -2 a value that is no class; prediction
  `(rows, classes)` probabilities.
* multilabel: truth `(rows, labels)` float32 of 0/1, NaN row missing, with labels that are none of these counted as
  `mapsto.metrics.truth` says; prediction `(rows, labels)` probabilities.
"""


@dataclass(frozen=True)
class Guide:
    """What a target tells the inputs while they learn (target-aware bins), from training rows only.

    `truth` has the form that `task` says; rows align with the series given to `learn`.
    """

    task: Task
    truth: np.ndarray


@dataclass
class Features:
    """Flat numbers for classical learners: `values` is `(rows, n)` float32, NaN missing.

    `categorical[j]` says that column j holds unordered codes 0..size-1.
    """

    values: np.ndarray
    names: list[str]
    categorical: list[bool] = field(default_factory=list)


@dataclass
class Column(ABC):
    """One column of a table: its type, its options and, once learned, its vocabulary or statistics.

    A subclass is a dataclass whose fields are its options (given by the user, each with a working default) and its
    learned values (`field(init=False)`). Options may be set by the user: `types={"zip": Category(max_size=500)}`.
    """

    type: ClassVar[str] = ""
    """The name shown to the user and written to files: "number", "category", ..."""
    task: ClassVar[Task | None] = None
    """The form it takes as a target; None: it cannot be a target (`as_target` says why)."""
    is_input: ClassVar[bool] = True
    """Whether networks can read it; an identifier cannot."""
    tokenizes: ClassVar[bool] = False
    """Whether the tokenizer of a pretrained encoder can cut its cells; its option `pretrained` names the encoder."""
    inner: ClassVar[str] = ""
    """What a cell falls into, in the plural, where it has an inner structure that `inside` gives: "words"."""
    keeps_text: ClassVar[bool] = False
    """Whether `inside` needs the cell's own text, which the rows that a model keeps then hold."""
    suspect: ClassVar[bool] = True
    """Whether it is warned about if it predicts a target nearly perfectly alone; pictures are there to do so."""

    name: str = field(default="", kw_only=True)
    reason: str = field(default="given", kw_only=True)
    """Why this type was chosen, in plain words; "given" when the user said so."""
    span: Span | None = field(default=None, init=False, repr=False)
    """The range of its numbers, learned over the column: what they mean is a property of the column, not of a cell."""
    doubt: str = field(default="", kw_only=True, compare=False)
    """How else it could be read, or what nearly took it, where people should know; the fit tells it in a note."""

    # -- claim and learn

    @classmethod
    @abstractmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Take this series, with a reason, or raise `ColumnRefused` with one; changes nothing.

        All cells that are there decide, never the first that look alike: what a sample says is checked on all, or told
        as a sample where that would take as long as learning. A refusal that people should read although another type
        takes the column is `near`; what a claim leaves open is its `doubt`.
        """

    @abstractmethod
    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Learn statistics or vocabulary from training rows. Learning twice equals learning once."""

    def settle(self, series: pl.Series, decimal: DecimalSign | None = None) -> DecimalSign | None:
        """Decide how cells are written, once, from all rows at hand; `learn` and `encode` keep to it.

        Args:
            series: all rows.
            decimal: the decimal sign that is used where the cells leave it open, if it is known.

        Returns:
            The decimal sign that the cells show beyond doubt; None: they show none.
        """
        return None

    @property
    def decimal_sign(self) -> DecimalSign:
        """The sign by which numbers are read where a file has them as text."""
        return "."

    # -- as an input

    @property
    @abstractmethod
    def parts(self) -> Sequence[Part]:
        """What it hands to networks, known after `learn`."""

    @abstractmethod
    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """One array per part: `(rows,)` float32 or int32, or `Ragged`. Missing, unseen and malformed cells get the
        part's missing value; they never raise. No loop over rows in Python.
        """

    @abstractmethod
    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The encoded arrays as flat numbers for classical learners (trees, linear models, neighbours)."""

    def times(self, series: pl.Series) -> np.ndarray | None:
        """Each cell's place in time as float64 `(rows,)`, NaN where it has none; None where the type has no such order.

        Known before `learn`: a split by time asks for it.
        """
        return None

    def numbers(self, series: pl.Series) -> np.ndarray:
        """What a type that is no input could tell all the same, as float64 `(rows,)`, NaN where it is no number: the
        fit says so where the target can be guessed from it.
        """
        import numpy as np

        return np.full(len(series), np.nan)

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Boolean `(rows,)`: cells that are present but cannot be read as this type (they count as missing)."""
        import numpy as np

        return np.zeros(len(series), dtype=bool)

    def extents(self, series: pl.Series) -> Extents | None:
        """The least and the largest number of each cell, in the user's units; None where cells hold no numbers."""
        return None

    @property
    def span_json(self) -> dict[str, Any] | None:
        """The range as JSON, for `to_state`; `State.make` reads it."""
        return None if self.span is None else self.span.to_json()

    def remarks(self, series: pl.Series) -> list[Remark]:
        """What is to be told of cells that are read, though perhaps not as they are meant: numbers in another range
        than was learned, and what a type adds.
        """
        cells = None if self.span is None else self.extents(series)
        return [] if cells is None or self.span is None else self.span.remarks(cells)

    def fault(self, value: Any) -> str:
        """Why this cell cannot be read, in a few words, where that can be told: "there is no such file"."""
        return ""

    def sought(self, value: Any) -> str:
        """The same, and where it was looked for."""
        return self.fault(value)

    # -- as a target

    @property
    def out_features(self) -> int:
        """Width of the head."""
        raise TypeError(f"a {self.type} column cannot be a target")

    @property
    def classes(self) -> list[Any]:
        """User values of the classes or labels, in code order; empty for regression."""
        return []

    @property
    def origin(self) -> float:
        """Where learners count a number from that lies far from 0, in the user's units; see `Scaling.offset`."""
        return 0.0

    def put_last(self, value: Any) -> None:
        """Make `value` the last of two classes: the one that metrics and thresholds call positive.

        Raises `OptionError` if it is no class of this target. Called after `learn`, which keeps it.
        """
        message = f"positive={value!r}: the target {self.name!r} has no classes"
        raise OptionError(message)

    def encode_target(self, series: pl.Series) -> np.ndarray:
        """Truth in the form of `task` (see `Task`)."""
        raise TypeError(f"a {self.type} column cannot be a target")

    def strangers(self, series: pl.Series) -> pl.Series:
        """The truths in these rows that are none of its classes or labels, one entry each time, as text."""
        import polars as pl

        return pl.Series(self.name, [], dtype=pl.String)

    def to_training(self, truth: np.ndarray) -> np.ndarray:
        """Truth as the loss wants it: float32 standardised `(rows,)`, int64 codes, or float32 `(rows, labels)`."""
        return truth

    def loss(self, name: str | None, options: dict[str, Any]) -> Loss:
        """The loss `name` (None: the type's default): `(N, out_features), (N, ...) -> (N,)`, one value a row.

        Missing truth never reaches it: the objective masks those rows. `options`: `label_smoothing`, `class_weights`
        (array), `costs` (matrix `[truth, predicted]`), `quantile`, `delta`, `gamma`.
        """
        raise TypeError(f"a {self.type} column cannot be a target")

    def link(self, outputs: np.ndarray) -> np.ndarray:
        """Raw head outputs `(..., out_features)` to predictions in the form of `task`."""
        raise TypeError(f"a {self.type} column cannot be a target")

    def decode(self, prediction: np.ndarray, *, threshold: float | None = None) -> pl.Series:
        """Predictions in the form of `task` to a series of user values with this column's name and kind.

        `threshold`: probability from which the second of two classes is chosen (None: most probable).
        """
        raise TypeError(f"a {self.type} column cannot be a target")

    def naive(self, truth: np.ndarray, rows: int, weight: np.ndarray | None = None) -> np.ndarray:
        """The simplest guess from training truth: mean, or class frequencies, repeated `rows` times.

        `weight`: how much each truth counts, 0 for one that is not there; None: all alike.
        """
        raise TypeError(f"a {self.type} column cannot be a target")

    # -- for people, pages and explanations

    def units(self) -> list[str]:
        """What an explanation attributes to: by default the column as a whole."""
        return [self.name]

    def remove(self, arrays: Sequence[np.ndarray | Ragged]) -> list[np.ndarray | Ragged]:
        """The encoded arrays with this column's information taken away: every row missing."""
        import numpy as np

        from mapsto.columns.common.parts import Ragged

        def emptied(array: np.ndarray | Ragged) -> np.ndarray | Ragged:
            if isinstance(array, Ragged):
                weights = None if array.weights is None else array.weights[:0]
                return Ragged(array.values[:0], np.zeros_like(array.offsets), weights)
            return np.full_like(array, np.nan) if array.dtype.kind == "f" else np.zeros_like(array)

        return [emptied(array) for array in arrays]

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> Inside | None:
        """One cell in pieces that can be blanked; None where it is missing, or has no inner structure.

        Args:
            arrays: the cell encoded, one row.
            text: the cell as text, where `keeps_text` says so.
        """
        return None

    def lengths(self, arrays: Sequence[np.ndarray | Ragged]) -> np.ndarray | None:
        """Row lengths for bucketing ragged batches; None where every row costs the same."""
        return None

    def show(self, value: Any) -> str:
        """A value as a person reads it, short enough for a table cell."""
        if value is None:
            return "missing"
        text = f"{value:,.6g}" if isinstance(value, float) else str(value)
        return text if len(text) <= 60 else text[:57] + "..."

    def to_json(self, value: Any) -> Any:
        """A user value as JSON that `encode` reads like the value: ISO 8601 for times, seconds for durations."""
        if isinstance(value, list | tuple):
            return [self.to_json(item) for item in value]
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        return float(value) if isinstance(value, Decimal) else value

    def from_json(self, value: Any) -> Any:
        """JSON back to a user value."""
        return value

    @abstractmethod
    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Distribution for report and drift: JSON with at least "rows", "missing" and type-specific figures."""

    # -- persistence

    @abstractmethod
    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and learned values as JSON and arrays; `from_state` of these encodes identically."""

    @classmethod
    @abstractmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`. The contents may be hostile: sizes, dtypes and ranges are checked here and a
        `ModelFileError` says what is wrong.
        """
