"""Sequences: a list of numbers, or of vectors, in a cell; lists may differ in length."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.cells import affordable, is_text, sample
from mapsto.columns.common.insides import StepsInside
from mapsto.columns.common.listtexts import share_of_lists, shortened
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.spans import Extents, Remark, Span
from mapsto.columns.common.state import State
from mapsto.columns.common.steps import (
    STATISTICS,
    Steps,
    StepsPart,
    channels_of,
    cut_at,
    differences,
    is_steps,
    lengths_of,
    likeness,
    shape_of,
    statistics,
    steps_of,
    stretches,
    thinned,
)
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence as Items

    from mapsto.columns.common.parts import Part

_SAMPLE = 500
_SHARE = 0.9
_NEAR = 0.3
"""Share of cells that are lists from which on it is told that the others are not."""
_FEW, _LONG = 50, 8
"""Whole numbers with so few different values are labels rather, unless lists are long and repeat them."""
_REPEAT = 0.3
_MOST = 4_000
"""Steps kept at most where the user does not say; of longer lists means of several steps."""
_LARGEST = 2**20
_LEARN_STEPS = 2**22
_FAR = 100.0
"""Standard deviations from the mean to which values are cut."""
_FULL, _CHANNELS, _FEW_STATISTICS = 4, 12, 4
_ONE_VECTOR = 8
"""Where each cell is one vector of at least so many numbers, they are steps, as arrays (rows, 1, length) mean them."""
_WIDE = 4
"""Vectors with so many times more numbers than there are steps may be series side by side."""
_LAGS = (1, 2, 4, 8, 16)
_SMALLEST, _WIDEST = 1e-150, 1e150
_FIGURES = 2
"""Of `features`: 1, in files written before, has none of stretches, differences and likeness."""


@dataclass
class Sequence(Column):
    """Numbers or vectors in an order, such as a measurement over time. It cannot be a target.

    Cells are lists of numbers, lists of vectors of one width, or text such as "[1.5, 2, 3]"; where each is one long
    vector (arrays `(rows, 1, length)`), its numbers are the steps. Each channel is
    standardised; a missing number inside a list becomes its channel's mean. Classical learners read statistics of each
    channel.

    >>> import polars as pl
    >>> column = Sequence(name="pulse")
    >>> column.learn(pl.Series([[60.0, 62.0, 64.0], [58.0]]))
    >>> column.encode(pl.Series([[61.0, None], None]))[0].values.tolist()
    [[0.0], [0.0]]
    """

    type: ClassVar[str] = "sequence"
    inner: ClassVar[str] = "steps"

    longest: int | None = None
    """Steps that are read of each cell; None: enough for all but the longest hundredth of the training rows. Where that
    is more than 4,000, each that is kept is the mean of several, so that nothing that comes late is lost.
    """

    _learned: bool = field(default=False, init=False)
    _figures: int = field(default=_FIGURES, init=False)
    _turned: bool = field(default=False, init=False)
    _channels: int = field(default=1, init=False)
    _longest: int = field(default=1, init=False)
    _every: int = field(default=1, init=False)
    _usual: int = field(default=1, init=False)
    _mean: np.ndarray = field(default_factory=lambda: np.zeros(1), init=False)
    _deviation: np.ndarray = field(default_factory=lambda: np.ones(1), init=False)

    def __post_init__(self) -> None:
        if self.longest is not None and not 1 <= self.longest <= _LARGEST:
            message = f"a sequence's longest={self.longest} must be 1 to {_LARGEST:,} steps"
            raise OptionError(message)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Lists of numbers or vectors; lists of few whole numbers that recur are left to be labels."""
        if target:
            message = "a sequence cannot be predicted yet"
            raise ColumnRefused(message)
        if series.dtype == pl.String:
            _refuse_other_text(sample(series, _SAMPLE))
            _refuse_other_text(affordable(series))
        elif not is_steps(series.dtype):
            message = f"cells are {series.dtype}, not lists of numbers"
            raise ColumnRefused(message)
        cells = affordable(series)
        turned, doubt = _way(cells)
        channels = 1 if turned else channels_of(cells)
        found = steps_of(cells, channels, _MOST, turned=turned)
        whole = series.dtype == pl.String or (isinstance(series.dtype, pl.List) and series.dtype.inner.is_integer())
        if channels == 1 and whole and _labels(found.values[:, 0], found.lengths):
            message = "lists of few whole numbers that recur, which are labels rather than measurements"
            raise ColumnRefused(message, near=True)
        what = f"vectors of {channels} numbers" if channels > 1 else "numbers"
        reason = f"lists of {what}, {found.lengths.mean() if len(cells) else 0:.0f} on average"
        return cls(name=name, reason=reason, doubt=doubt)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Channels, how far to read, mean and standard deviation of each channel."""
        cells = sample(series, len(series))
        readable = is_text(cells.dtype) or is_steps(cells.dtype)
        self._turned = readable and _way(cells)[0]
        self._channels = max(1, channels_of(cells)) if readable and not self._turned else 1
        lengths = self._read(cells, _LARGEST).lengths if readable else np.zeros(0, np.int64)
        lengths = lengths[lengths > 0]
        usual, long = (np.median(lengths), cut_at(lengths)) if len(lengths) else (1, 1)
        self._longest = self.longest or min(long, _LARGEST)
        self._every = 1 if self.longest else -(-self._longest // _MOST)
        self._usual = int(-(-min(max(usual, 1), self._longest) // self._every))
        rows = max(1, _LEARN_STEPS // (self._channels * self._longest))
        values = self._steps(sample(cells, rows)).values
        self._mean, self._deviation = _standards(values)
        self._learned = True
        self.span = Span.learn(self.extents(cells))

    def _steps(self, series: pl.Series) -> Steps:
        """The steps of every row, as they are kept."""
        return thinned(self._read(series, self._longest), self._every)

    def _read(self, series: pl.Series, longest: int) -> Steps:
        return steps_of(series, self._channels, longest, turned=self._turned)

    @property
    def parts(self) -> Items[Part]:
        """The steps."""
        return [StepsPart(self.name, channels=self._channels, usual=self._usual)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """Standardised steps, float32 `(steps, channels)`; none where missing, 0 where a number is."""
        found = self._steps(series)
        values = np.clip((found.values - self._mean) / self._deviation, -_FAR, _FAR)
        offsets = np.concatenate([[0], np.cumsum(found.lengths)])
        return [Ragged(np.nan_to_num(values).astype(np.float32), offsets)]

    def features(self, arrays: Items[np.ndarray | Ragged]) -> Features:
        """The length, and statistics of each channel: of all of it, of stretches, of changes, and how like itself it is
        a few steps later; of many channels fewer.
        """
        steps = arrays[0]
        if not isinstance(steps, Ragged):
            message = f"a sequence's features come from its steps, got {type(steps).__name__}"
            raise TypeError(message)
        several = self._channels > _FULL
        kept = [*(STATISTICS[:_FEW_STATISTICS] if several else STATISTICS)]
        shown = min(self._channels, _CHANNELS)
        few = Ragged(steps.values[:, :shown], steps.offsets)
        found = statistics(few, tuple(kept)).reshape(len(steps), shown * len(kept))
        found, kept = self._more(few, found, kept, several=several)
        length = np.diff(steps.offsets).astype(np.float32)[:, None]
        names = [f"{which}, channel {c + 1}" if self._channels > 1 else which for c in range(shown) for which in kept]
        names = [f"{self.name}, {name}" for name in ["length", *names]]
        return Features(np.hstack([length, found]), names, [False] * len(names))

    def _more(
        self, steps: Ragged, found: np.ndarray, names: list[str], *, several: bool
    ) -> tuple[np.ndarray, list[str]]:
        """These statistics, channel by channel, with those of stretches and differences, and their names."""
        if self._figures == 1:
            return found, names
        shown = steps.values.shape[1]
        parts, which = ((2, 4), ("mean", "deviation")) if several else ((2, 4, 8), ("mean", "deviation", "slope"))
        own, called = stretches(steps, parts, which)
        change, changes = stretches(differences(steps), (1,) if several else (1, *parts), ("mean", "deviation"))
        like = likeness(steps, _LAGS)
        every = np.concatenate([found.reshape(len(steps), shown, found.shape[1] // shown), own, change, like], axis=2)
        names = [
            *names,
            *called,
            *(f"{name} of changes" for name in changes),
            *(f"like itself {k} later" for k in _LAGS),
        ]
        return every.reshape(len(steps), shown * every.shape[2]), names

    def extents(self, series: pl.Series) -> Extents:
        """The least and the largest number of each list; of vectors in standard deviations from the mean."""
        found = self._read(series, self._longest)
        values = found.values if self._channels == 1 else (found.values - self._mean) / self._deviation
        return Extents.of_rows(values, found.lengths)

    def remarks(self, series: pl.Series) -> list[Remark]:
        """Numbers in another range than was learned, and lists that are cut."""
        long = np.flatnonzero(lengths_of(series, turned=self._turned) > self._longest)
        what = f"are longer than {self._longest:,} steps, and what follows is not read (Sequence(longest=) reads more)"
        return [*super().remarks(series), *([Remark(what, long)] if len(long) else [])]

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that are no list, or hold vectors of another width (before learning: than most of them)."""
        channels = self._channels
        if not self._learned and (is_text(series.dtype) or is_steps(series.dtype)):
            channels = max(1, channels_of(series))
        return steps_of(series, channels, self._longest, turned=self._turned).malformed

    def fault(self, value: Any) -> str:
        """That there is no number in it."""
        cells = pl.Series([value], strict=False)
        there = is_steps(cells.dtype) or cells.dtype in (pl.List(pl.Null), pl.List(pl.List(pl.Null)))
        return "it holds no number" if there and not np.isfinite(_flat(value)).any() else ""

    def lengths(self, arrays: Items[np.ndarray | Ragged]) -> np.ndarray | None:
        """Steps of each row."""
        return np.diff(arrays[0].offsets) if isinstance(arrays[0], Ragged) else None

    # -- for people, and persistence

    def inside(self, arrays: Items[np.ndarray | Ragged], text: str | None = None) -> StepsInside | None:
        """Stretches of steps."""
        steps = arrays[0].values if isinstance(arrays[0], Ragged) else np.zeros((0, 1), np.float32)
        return StepsInside(steps, steps * self._deviation + self._mean) if len(steps) else None

    def show(self, value: Any) -> str:
        """The first numbers, and how many there are."""
        if not isinstance(value, list | tuple | np.ndarray) or not len(value):
            return super().show(value)
        first = ", ".join(super(Sequence, self).show(each)[:12] for each in value[:2])
        return f"{first}{', ...' if len(value) > 2 else ''} ({len(value):,} steps)"

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, how long the lists are, and mean and deviation of each channel."""
        found = self._steps(series)
        known = found.lengths[found.lengths > 0]
        edges = np.unique(np.linspace(0, self._longest, 13).astype(int)).tolist()
        mean, deviation = _standards(found.values)
        return {
            "rows": len(series),
            "missing": len(series) - len(known),
            "channels": self._channels,
            "mean_steps": float(known.mean()) if len(known) else 0.0,
            "means": mean[:_CHANNELS].tolist(),
            "deviations": deviation[:_CHANNELS].tolist(),
            "edges": edges,
            "counts": np.histogram(known, edges)[0].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and lengths as JSON; mean and deviation of the channels as arrays."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "longest": self.longest,
            "read_longest": self._longest,
            "every": self._every,
            "usual": self._usual,
            "figures": self._figures,
            "turned": self._turned,
            "span": self.span_json,
        }
        return json, {"mean": self._mean, "deviation": self._deviation}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given = None if json.get("longest") is None else state.integer("longest", low=1, high=_LARGEST)
        column = state.make(cls, longest=given)
        column._longest = state.integer("read_longest", low=1, high=_LARGEST)
        column._every = state.integer("every", low=1, high=_LARGEST) if "every" in json else 1
        column._usual = state.integer("usual", low=1, high=column._longest)
        column._figures = state.integer("figures", low=1, high=_FIGURES) if "figures" in json else 1
        column._turned = state.flag("turned") if "turned" in json else False
        column._mean = state.array("mean", "float64", (None,), longest=_LARGEST)
        column._channels, column._learned = len(column._mean), True
        column._deviation = state.array("deviation", "float64", (column._channels,))
        if not column._channels or (column._deviation < _SMALLEST).any() or (abs(column._mean) > _WIDEST).any():
            raise state.refusal("deviation", column._deviation, "one deviation above 0 for each of its channels")
        return column


def _way(cells: pl.Series) -> tuple[bool, str]:
    """Whether cells are single vectors whose numbers are the steps; and which axis is time, where that is in doubt."""
    steps, width = shape_of(cells) or (0, 0)
    if steps == 1 and width >= _ONE_VECTOR:
        text = (
            f"each cell is one vector of {width} numbers, which is read as {width} steps of one number; if their order "
            "means nothing, give them as columns of their own"
        )
        return True, text
    if steps < 2 or width < _WIDE * steps:
        return False, ""
    text = (
        f"read as {steps} steps of {width} numbers each; if each cell is {steps} series of {width} steps, turn them: "
        "numpy.swapaxes(cells, 1, 2)"
    )
    return False, text


def _refuse_other_text(cells: pl.Series) -> None:
    """Only text that is lists of numbers is taken; that some was, or was cut when it was written, is told."""
    share = share_of_lists(cells)
    if share >= _SHARE:
        return
    if (cut := shortened(cells)) >= 1 - _SHARE:
        message = (
            f"{cut:.0%} of the lists were shortened with '...' when the table was written, so that their numbers are "
            "lost; write whole lists, as JSON does"
        )
        raise ColumnRefused(message, near=True)
    message = f"only {share:.0%} of cells are lists of numbers"
    raise ColumnRefused(message, near=share >= _NEAR)


def _flat(value: Any) -> np.ndarray:
    """The numbers of one cell, NaN for None."""
    flat = [one for each in value for one in (each if isinstance(each, list) else [each])]
    return np.array(flat, dtype=np.float64)


def _labels(numbers: np.ndarray, lengths: np.ndarray) -> bool:
    """Whether numbers in lists are labels: whole, none below 0, recurring in several lists but hardly within one."""
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return True
    if (known < 0).any() or (known != np.rint(known)).any():
        return False
    row = np.repeat(np.arange(len(lengths)), lengths)
    pairs = np.unique(np.stack([row, np.nan_to_num(numbers)]), axis=1)
    repeats = (lengths > np.bincount(pairs[0].astype(np.int64), minlength=len(lengths))).mean() > _REPEAT
    distinct = len(np.unique(known))
    if distinct <= _FEW:
        return not (repeats and lengths.mean() >= _LONG)
    return bool(distinct <= len(known) / 2 and not repeats)


def _standards(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel; 0 and 1 where there is nothing to know."""
    known = np.where(np.abs(values) <= _WIDEST, values, np.nan)
    count = np.maximum((~np.isnan(known)).sum(axis=0), 1)
    mean = np.nansum(known, axis=0) / count
    deviation = np.sqrt(np.nansum((known - mean) ** 2, axis=0) / count)
    return mean, np.where(deviation > _SMALLEST, deviation, 1.0)
