"""Rows of steps: lists of numbers or of vectors, each a row of its own length, and their statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from mapsto.columns.common.cells import as_text, is_text, missing
from mapsto.columns.common.listtexts import lists_of
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart

if TYPE_CHECKING:
    from torch import nn

_QUANTILES = {"10 %": 0.1, "median": 0.5, "90 %": 0.9}
STATISTICS = ("mean", "deviation", "least", "most", "first", "last", "slope", *_QUANTILES)
"""What `statistics` finds of each channel."""


@dataclass(frozen=True)
class StepsPart(SensePart):
    """A row of steps, `Ragged` of float32 `(steps, channels)`; empty where it is missing."""

    channels: int = 1
    usual: int = 1
    """Steps that a row usually has."""
    group: ClassVar[str] = "steps"
    senses: ClassVar[tuple[Sense, ...]] = ("sequence", "steps")
    network: ClassVar[str] = "gru"
    quick: ClassVar[str] = "rocket"

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(usual length, channels)`."""
        return self.usual, self.channels

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Side by side, filled up with zeros (`networks/blocks/frames.py`)."""
        from mapsto.networks.blocks.frames import StepsFront

        return StepsFront()

    def holds(self, block: Block) -> bool:
        """Finite numbers, so many a step."""
        if not isinstance(block, Ragged) or block.values.dtype != np.float32:
            return False
        return block.values.shape[1:] == (self.channels,) and bool(np.isfinite(block.values).all())


@dataclass(frozen=True)
class Steps:
    """The steps of all rows, one after another."""

    values: np.ndarray
    """float64 `(steps, channels)`; NaN where a number is missing or infinite."""
    lengths: np.ndarray
    """int64 `(rows,)`: steps of each row; 0 where it is missing or malformed."""
    malformed: np.ndarray
    """Boolean `(rows,)`: cells that are no row of steps of so many channels, or hold no number."""


def is_steps(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are lists of numbers, or lists of lists of numbers.

    >>> is_steps(pl.List(pl.Int8)), is_steps(pl.Array(pl.Float32, (5, 3))), is_steps(pl.List(pl.String))
    (True, True, False)
    """
    depth, inner = _unnested(dtype)
    return depth in (1, 2) and inner.is_numeric() and not inner.is_decimal()


def channels_of(cells: pl.Series) -> int:
    """The commonest number of channels of the steps; 1 for plain numbers."""
    lists = _lists(cells)
    if lists is None or _unnested(lists.dtype)[0] < 2:
        return 1
    widths = lists.drop_nulls().explode(empty_as_null=False).list.len().drop_nulls()
    return int(widths.mode().min() or 1)  # type: ignore[arg-type]


def shape_of(cells: pl.Series) -> tuple[int, int] | None:
    """Steps and numbers of each where all cells that are there are as long; of steps of several widths the commonest.

    None where cells differ in length, or are no lists of vectors.

    >>> shape_of(pl.Series([[[1, 2, 3]], None, [[4, 5, 6]]])), shape_of(pl.Series([[[1]], [[1], [2]]]))
    ((1, 3), None)
    """
    lists = _lists(cells)
    if lists is None or _unnested(lists.dtype)[0] < 2:
        return None
    lengths = lists.list.len().drop_nulls().unique()
    return (int(lengths[0]), channels_of(cells)) if len(lengths) == 1 else None


def steps_of(series: pl.Series, channels: int, longest: int, *, turned: bool = False) -> Steps:
    """The first `longest` steps of every row; cells of another dtype hold none, nor do those without a finite number.

    `turned`: a cell that is one vector is read as a step for each of its numbers.

    >>> found = steps_of(pl.Series([[1, None, 2], [], None]), 1, 2)
    >>> found.values.tolist(), found.lengths.tolist(), found.malformed.tolist()
    ([[1.0], [nan]], [2, 0, 0], [False, False, False])
    """
    lists = _lists(series, turned=turned)
    if lists is None:
        rows = len(series)
        return Steps(np.zeros((0, channels)), np.zeros(rows, np.int64), _present(series))
    cut = lists.list.head(longest)
    good = _present(series) & cut.is_not_null().to_numpy()
    vectors = isinstance(cut.dtype, pl.List) and isinstance(cut.dtype.inner, pl.List)
    if vectors:
        good &= _all_so_wide(cut, channels)
    elif channels != 1:
        good &= (cut.list.len() == 0).fill_null(False).to_numpy()
    lengths = np.where(good, cut.list.len().fill_null(0).to_numpy(), 0).astype(np.int64)
    flat = cut.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode()
    numbers = (flat.explode() if vectors else flat).cast(pl.Float64).fill_null(np.nan).to_numpy()
    values = np.where(np.isfinite(numbers), numbers, np.nan).reshape(-1, channels)
    values, lengths, empty = _without_nothing(values, lengths)
    return Steps(values, lengths, _present(series) & (~good | empty))


def _without_nothing(values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps without those of rows that have steps but no number; how long rows are; and which have none, boolean."""
    empty = np.zeros(len(lengths), bool)
    known = ~np.isnan(values).all(axis=1)
    if known.all():
        return values, lengths, empty
    rows = np.flatnonzero(lengths)
    empty[rows] = ~np.logical_or.reduceat(known, np.cumsum(lengths[rows]) - lengths[rows])
    return values[~np.repeat(empty, lengths)], np.where(empty, 0, lengths), empty


def thinned(steps: Steps, every: int) -> Steps:
    """Steps of which each is the mean of so many that follow each other, without those that are missing.

    >>> found = thinned(steps_of(pl.Series([[1, 3, None, 5, 9], []]), 1, 9), 2)
    >>> found.values.tolist(), found.lengths.tolist()
    ([[2.0], [5.0], [9.0]], [3, 0])
    """
    if every == 1 or not len(steps.values):
        return steps
    lengths = -(-steps.lengths // every)
    place = np.arange(len(steps.values)) - np.repeat(np.cumsum(steps.lengths) - steps.lengths, steps.lengths)
    starts = np.flatnonzero(place % every == 0)
    known = ~np.isnan(steps.values)
    counts = np.add.reduceat(known.astype(np.int64), starts, axis=0)
    sums = np.add.reduceat(np.where(known, steps.values, 0.0), starts, axis=0)
    return Steps(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), lengths, steps.malformed)


def lengths_of(series: pl.Series, *, turned: bool = False) -> np.ndarray:
    """How many steps each cell has, read or not; int64 `(rows,)`."""
    lists = _lists(series, turned=turned)
    return (
        np.zeros(len(series), np.int64) if lists is None else lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    )


def cut_at(lengths: np.ndarray) -> int:
    """How far to read rows of these lengths: all of them, or where a few are much longer, nearly all."""
    long, most = float(np.quantile(lengths, 0.99)), float(lengths.max())
    return int(np.ceil(most if most <= 2 * long else long))


def _lists(series: pl.Series, *, turned: bool = False) -> pl.Series | None:
    """Cells as lists of numbers, or of lists of them; None where they are of another kind."""
    if is_text(series.dtype):
        lists: pl.Series | None = lists_of(as_text(series))
    else:
        lists = series.cast(_listed(series.dtype)) if is_steps(series.dtype) else None
    return lists if lists is None or not turned or _unnested(lists.dtype)[0] < 2 else _turned(lists)


def _turned(lists: pl.Series) -> pl.Series:
    """The numbers of cells that are one vector, or vectors of one number; null where a cell is neither."""
    flat = lists.list.eval(pl.element().explode(empty_as_null=False))
    one = (lists.list.len() <= 1).fill_null(value=False).to_numpy() | _all_so_wide(lists, 1)
    return flat.zip_with(pl.Series(one), pl.Series([None], dtype=flat.dtype).new_from_index(0, len(flat)))


def _listed(dtype: pl.DataType) -> pl.DataType:
    return pl.List(pl.Float64) if _unnested(dtype)[0] == 1 else pl.List(pl.List(pl.Float64))


def _unnested(dtype: pl.DataType) -> tuple[int, pl.DataType]:
    depth = 0
    while isinstance(dtype, pl.List | pl.Array):
        depth, dtype = depth + 1, dtype.inner  # type: ignore[assignment]
    return depth, dtype


def _present(series: pl.Series) -> np.ndarray:
    """Boolean `(rows,)`: cells that are there; text is where it is not blank."""
    if not is_text(series.dtype):
        return np.asarray(~missing(series))
    return (as_text(series).str.strip_chars().str.len_bytes() > 0).fill_null(False).to_numpy()


def _all_so_wide(lists: pl.Series, channels: int) -> np.ndarray:
    """Boolean `(rows,)`: every vector of the row has so many numbers."""
    wrong = pl.element().list.len().fill_null(0) != channels
    return lists.list.eval(wrong.any()).list.first().fill_null(False).not_().to_numpy()


def statistics(steps: Ragged, which: tuple[str, ...] = STATISTICS) -> np.ndarray:
    """float32 `(rows, channels, len(which))`: figures of each channel of each row, NaN of empty rows.

    The slope is the change from the first to the last step along the straight line that fits best.

    >>> statistics(Ragged(np.array([[1.0], [2.0], [6.0]]), np.array([0, 3, 3])), ("mean", "slope")).tolist()
    [[[3.0, 5.0]], [[nan, nan]]]
    """
    lengths, (_, channels) = np.diff(steps.offsets), steps.values.shape
    found = np.full((len(lengths), channels, len(which)), np.nan, dtype=np.float32)
    rows = np.flatnonzero(lengths)
    if len(rows):
        known = _Known(steps.values.astype(np.float64), steps.offsets[rows], lengths[rows])
        for place, name in enumerate(which):
            found[rows, :, place] = known.quantile(_QUANTILES[name]) if name in _QUANTILES else getattr(known, name)
    return found


class _Known:
    """Steps of rows that are not empty, one after another, and figures of them, each `(rows, channels)`."""

    def __init__(self, x: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> None:
        self.x, self.starts, self.lengths, self.n = x, starts, lengths, lengths[:, None]
        self.row = np.repeat(np.arange(len(lengths)), lengths)

    def sums(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(x, self.starts))

    @cached_property
    def mean(self) -> np.ndarray:
        return np.asarray(self.sums(self.x) / self.n)

    @cached_property
    def apart(self) -> np.ndarray:
        """What each step is from the mean of its row."""
        return np.asarray(self.x - self.mean[self.row])

    @property
    def deviation(self) -> np.ndarray:
        return np.asarray(np.sqrt(self.sums(self.apart**2) / self.n))

    @property
    def least(self) -> np.ndarray:
        return np.asarray(np.minimum.reduceat(self.x, self.starts))

    @property
    def most(self) -> np.ndarray:
        return np.asarray(np.maximum.reduceat(self.x, self.starts))

    @property
    def first(self) -> np.ndarray:
        return np.asarray(self.x[self.starts])

    @property
    def last(self) -> np.ndarray:
        return np.asarray(self.x[self.starts + self.lengths - 1])

    @property
    def slope(self) -> np.ndarray:
        place = (np.arange(len(self.x)) - self.starts[self.row]) / np.maximum(self.n[self.row, 0] - 1, 1) - 0.5
        spread = self.sums(place * place)[:, None]
        return np.where(self.n > 1, self.sums(self.apart * place[:, None]) / spread, 0.0)

    @cached_property
    def ordered(self) -> np.ndarray:
        """The numbers of each row in rising order, channel by channel."""
        return np.stack([column[np.lexsort([column, self.row])] for column in self.x.T], axis=1)

    def quantile(self, share: float) -> np.ndarray:
        return np.asarray(self.ordered[self.starts + np.rint(share * (self.lengths - 1)).astype(np.int64)])


def stretches(steps: Ragged, parts: tuple[int, ...], which: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Figures of each of 2, 4, ... equal stretches of each channel of each row, and their names.

    Returns:
        float32 `(rows, channels, figures)`, NaN of empty rows. Neighbouring stretches share a step where a row does not
        divide; `which`: of "mean", "deviation" and "slope", the change along the straight line that fits best.

    >>> figures, names = stretches(Ragged(np.array([[1.0], [2.0], [6.0], [6.0]]), np.array([0, 4, 4])), (2,), ("mean",))
    >>> figures.tolist(), names
    ([[[1.5, 6.0]], [[nan, nan]]], ['mean of stretch 1 of 2', 'mean of stretch 2 of 2'])
    """
    x, begin, lengths = steps.values.astype(np.float64), steps.offsets[:-1], np.diff(steps.offsets)
    place = (np.arange(len(x)) - np.repeat(begin, lengths))[:, None]
    square, moment = x * x, x * place
    found, names = [], []
    for count in parts:
        for number in range(count):
            start, end = lengths * number // count, -(-lengths * (number + 1) // count)
            steps_R1 = np.maximum(end - start, 1)[:, None]
            total, squares, moments = (_between(each, begin + start, begin + end) for each in (x, square, moment))
            mean = total / steps_R1
            of = {"mean": mean, "deviation": np.sqrt(np.maximum(squares / steps_R1 - mean * mean, 0.0))}
            middle = start[:, None] + (steps_R1 - 1) / 2
            spread = np.where(steps_R1 > 1, steps_R1 * (steps_R1**2 - 1.0) / 12, 1.0)
            of["slope"] = (moments - middle * total) / spread * (steps_R1 - 1)
            found += [of[name] for name in which]
            names += [f"{name} of stretch {number + 1} of {count}" if count > 1 else name for name in which]
    figures = np.stack(found, axis=2).astype(np.float32)
    figures[lengths == 0] = np.nan
    return figures, names


def differences(steps: Ragged) -> Ragged:
    """What each step adds to the one before; a row has one step less."""
    lengths = np.diff(steps.offsets)
    inner = np.ones(max(0, len(steps.values) - 1), bool)
    inner[steps.offsets[1:-1][(steps.offsets[1:-1] > 0) & (steps.offsets[1:-1] <= len(inner))] - 1] = False
    return Ragged(np.diff(steps.values, axis=0)[inner], np.concatenate([[0], np.cumsum(np.maximum(lengths - 1, 0))]))


def likeness(steps: Ragged, lags: tuple[int, ...]) -> np.ndarray:
    """How like itself each channel of each row is so many steps later: autocorrelations, `(rows, channels, lags)`.

    0 where a row is too short; NaN of empty rows.
    """
    lengths = np.diff(steps.offsets)
    row = np.repeat(np.arange(len(lengths)), lengths)
    x, begin, end = steps.values.astype(np.float64), steps.offsets[:-1], steps.offsets[1:]
    apart = x - (_between(x, begin, end) / np.maximum(lengths, 1)[:, None])[row]
    whole = np.maximum(_between(apart * apart, begin, end), np.finfo(np.float32).tiny)
    found = np.zeros((len(lengths), x.shape[1], len(lags)), np.float32)
    for place, lag in enumerate(lags):
        product = np.zeros_like(apart)
        if lag < len(x):
            product[:-lag] = apart[:-lag] * apart[lag:] * (row[:-lag] == row[lag:])[:, None]
        found[:, :, place] = _between(product, begin, end) / whole
    found[lengths == 0] = np.nan
    return found


def _between(x: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Sums of the steps from each start to before each end, `(rows, channels)`, each by itself: a difference of running
    sums would depend on the rows before.
    """
    closed = np.concatenate([x, np.zeros((1, x.shape[1]))])
    return np.asarray(np.add.reduceat(closed, np.stack([start, end], axis=1).ravel())[::2])
