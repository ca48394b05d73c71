"""Numbers: scaled, with bins for the piecewise-linear encoding. Also numbers written as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide, Task
from mapsto.columns.common import bins
from mapsto.columns.common.cells import SAMPLE, as_text, examples, is_number, is_text, sample
from mapsto.columns.common.evidence import few_whole_numbers, maybe_classes, named_like_code, refuse_one_value, too_long
from mapsto.columns.common.parts import NumberPart
from mapsto.columns.common.scaling import LIMIT, Scaling, ScalingName
from mapsto.columns.common.spans import Extents, Span
from mapsto.columns.common.state import State
from mapsto.errors import ColumnRefused, OptionError
from mapsto.table import numerals, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part, Ragged
    from mapsto.losses import Loss
    from mapsto.table.frame import DecimalSign

_READABLE = 0.9
_LIKELY = 0.5
"""Share of cells from which on people are told why a column is not read as numbers."""
_OPEN = "a comma is taken for a mark of thousands (if it is not: types=Number(decimal=','))"
_HISTOGRAM = 20
_MOST_BINS = 512
_LOSS_OPTIONS = ("quantile", "delta")


@dataclass
class Number(Column):
    """A quantity. Infinite, unreadable and missing cells are missing.

    As a target it is learned standardised and predicted in the user's units.

    >>> import polars as pl
    >>> column = Number(name="age")
    >>> column.learn(pl.Series([20, 30, 40, None]))
    >>> column.encode(pl.Series([30, None]))
    [array([ 0., nan], dtype=float32)]
    """

    type: ClassVar[str] = "number"
    task: ClassVar[Task | None] = "regression"

    scaling: ScalingName = "robust"
    edges: Literal["auto", "target", "quantile"] = "auto"
    """Where bins come from: where the target changes, or quantiles; "auto": the target for few distinct values."""
    bins: int = bins.MOST
    """Bins at most."""
    decimal: DecimalSign | None = None
    """How numbers in text are written; None: found in the training rows."""

    unit: str | None = None
    """What stands behind numbers in text and says the same of all, "kg"; None: found in the training rows; "": nothing.
    """

    _decimal: DecimalSign = field(default=".", init=False)
    _unit: str = field(default="", init=False)
    _scaling: Scaling = field(default_factory=Scaling, init=False)
    _edges: tuple[float, ...] = field(default=(), init=False)
    _jumps: bool = field(default=False, init=False)
    _mean: float = field(default=0.0, init=False)
    _deviation: float = field(default=1.0, init=False)
    _histogram: tuple[float, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        _check_option("scaling", self.scaling, ("robust", "standard", "minmax", "quantile"))
        _check_option("edges", self.edges, ("auto", "target", "quantile"))
        _check_option("decimal", self.decimal, (None, ".", ","))
        if not 2 <= self.bins <= _MOST_BINS:
            message = f"a number's bins={self.bins!r}; expected 2 to {_MOST_BINS}"
            raise OptionError(message)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Numeric cells, durations, and text that reads as numbers."""
        refuse_one_value(series, target=target)
        cells = sample(series)
        if series.dtype in (pl.Categorical, pl.Enum):
            message = "cells are categories"
            raise ColumnRefused(message)
        if is_text(series.dtype):
            return cls._claim_text(as_text(series), name=name, target=target)
        if series.dtype == pl.Duration:
            return cls(name=name, reason="durations, in seconds")
        if not (is_number(series.dtype) or series.dtype.is_decimal()):
            message = f"cells are {series.dtype}, not numbers"
            raise ColumnRefused(message)
        _refuse_codes(series.cast(pl.Float64) if series.dtype.is_decimal() else series, name, target=target)
        whole = "whole numbers" if series.dtype.is_integer() else "numbers"
        reason = f"{whole}, such as {examples(cells.unique(maintain_order=True).to_list())}"
        distinct = maybe_classes(series) if target else 0
        doubt = f"if its {distinct} distinct values are classes, types={{{name!r}: 'category'}}" if distinct else ""
        return cls(name=name, reason=reason, doubt=doubt)

    @classmethod
    def _claim_text(cls, text: pl.Series, *, name: str, target: bool) -> Self:
        unit = cls._claim_unit(text)
        as_written, text = text, units.without(text, unit)
        few = numerals.written(sample(text))
        found = few if few.share < _LIKELY or len(text) <= SAMPLE else numerals.written(text)
        if found.share < _READABLE:
            message = f"only {found.share:.0%} of cells read as numbers"
            if found.share >= _LIKELY:
                message += f", not such as {examples(_unread(text, found.decimal).head(20).unique().sort().to_list())}"
            raise ColumnRefused(message, near=found.share >= _LIKELY)
        if why := numerals.codes(text):
            message = f"they have {why}: codes, not quantities"
            raise ColumnRefused(message)
        numbers = numerals.parse(text, found.decimal)
        _refuse_codes(pl.Series(numbers[np.isfinite(numbers)]), name, target=target)
        of = f" with the unit {unit!r}" if unit else ""
        reason = f"numbers written as text{of}, such as {examples(sample(as_written).head(3).to_list())}"
        if found.decimal == ",":
            reason += ", with a decimal comma"
        if len(bad := _unread(text, found.decimal)):
            reason += f"; cells like {examples(bad.to_list(), 1)} cannot be read and count as missing"
        doubt = _OPEN if found.ambiguous else ""
        return cls(decimal=found.decimal, unit=unit, name=name, reason=reason, doubt=doubt)

    @staticmethod
    def _claim_unit(text: pl.Series) -> str:
        """The unit of all cells; refused where there are several, which are no numbers of one scale."""
        found = units.find(sample(text))
        if found.several:
            message = (
                f"nearly numbers, but in several units, {examples(list(found.several), len(found.several))}: write "
                "all cells in one"
            )
            raise ColumnRefused(message, near=True)
        return found.unit

    # -- learn and encode

    def settle(self, series: pl.Series, decimal: DecimalSign | None = None) -> DecimalSign | None:
        """The decimal sign: what the user said, else what the cells show, else what is known of the table."""
        if not is_text(series.dtype):
            self.decimal = self.decimal or decimal
            return None
        self.unit = self._found_unit(series) if self.unit is None else self.unit
        found = numerals.written(units.without(as_text(series), self.unit))
        if self.decimal is None:
            self.decimal, self.doubt = found.decimal, _OPEN if found.ambiguous else ""
        if found.ambiguous and decimal is not None and _OPEN in self.doubt:
            self.decimal = decimal
            self.doubt = self.doubt.replace(_OPEN, "").strip("; ")
            self.reason = self.reason.replace(_OPEN, f"{decimal!r} is the decimal sign, as it is in other columns")
        return found.decimal if found.sure else None

    @property
    def decimal_sign(self) -> DecimalSign:
        """The sign by which the training rows were read."""
        return self._decimal

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Scale, bin edges, mean and deviation."""
        self._unit = self._found_unit(series) if self.unit is None else self.unit
        self._decimal = self.decimal or self._found_decimal(series)
        x = self._values(series)
        known = x[np.isfinite(x)]
        self.span = Span.learn(Extents.of(x[:, None]))
        self._scaling = Scaling.learn(known, self.scaling)
        self._edges, self._jumps = bins.learn_edges(self._scaling.forward(x), guide, self.bins, how=self.edges)
        self._mean, self._deviation = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
        self._histogram = _histogram_edges(known)

    @property
    def parts(self) -> Sequence[Part]:
        """One number."""
        return [NumberPart(self.name, self._edges, jumps=self._jumps)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """Scaled float32, NaN missing."""
        return [self._scaling.forward(self._values(series))]

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The number in user units, so that ratios mean something; far from 0 from the middle, see `Scaling.offset`."""
        (scaled,) = arrays
        return Features(self._scaling.units(scaled)[:, None], [self.name], [False])  # type: ignore[arg-type]

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Text that is no number, and infinities."""
        dtype = series.dtype
        if dtype.is_integer() or dtype in (pl.Null, pl.Boolean, pl.Duration) or dtype.is_decimal():
            return np.zeros(len(series), dtype=bool)
        if dtype.is_float():
            x = series.to_numpy().astype(np.float64)
            return np.asarray(~(np.isnan(x) | (np.abs(x) <= LIMIT)))
        if is_text(dtype):
            text = as_text(series)
            return np.asarray(~np.isfinite(self._values(text)) & numerals.unmarked(text))
        return series.is_not_null().to_numpy()

    def extents(self, series: pl.Series) -> Extents:
        """Each number itself."""
        return Extents.of(self._values(series)[:, None])

    def _found_decimal(self, series: pl.Series) -> DecimalSign:
        return numerals.written(units.without(as_text(series), self._unit)).decimal if is_text(series.dtype) else "."

    @staticmethod
    def _found_unit(series: pl.Series) -> str:
        return units.find(sample(as_text(series))).unit if is_text(series.dtype) else ""

    def _values(self, series: pl.Series) -> np.ndarray:
        """float64 `(rows,)` in user units, NaN where missing, infinite or unreadable."""
        dtype = series.dtype
        if is_number(dtype):
            x = series.to_numpy().astype(np.float64)
        elif dtype.is_decimal() or dtype in (pl.Boolean, pl.Null):
            x = series.cast(pl.Float64).to_numpy().copy()
        elif dtype == pl.Duration:
            x = series.dt.total_microseconds(fractional=True).to_numpy() / 1e6
        elif is_text(dtype):
            x = numerals.parse(units.without(as_text(series), self._unit), self._decimal).copy()
        else:
            return np.full(len(series), np.nan)
        x[~(np.abs(x) <= LIMIT)] = np.nan
        return x

    # -- as a target

    @property
    def out_features(self) -> int:
        """One output."""
        return 1

    @property
    def origin(self) -> float:
        """The middle of the training rows where they lie far from 0."""
        return self._scaling.offset

    def encode_target(self, series: pl.Series) -> np.ndarray:
        """float64 in user units, NaN missing."""
        return self._values(series)

    def to_training(self, truth: np.ndarray) -> np.ndarray:
        """Standardised float32: losses and their options (`delta`) are in standard deviations."""
        return ((truth - self._mean) / self._deviation).astype(np.float32)

    def loss(self, name: str | None, options: dict[str, Any]) -> Loss:
        """Squared error by default."""
        from mapsto import losses

        given = {key: options[key] for key in _LOSS_OPTIONS if options.get(key) is not None}
        return losses.get(name or "mse", "regression", **given)

    def link(self, outputs: np.ndarray) -> np.ndarray:
        """Back to user units, float64."""
        return outputs.astype(np.float64) * self._deviation + self._mean

    def decode(self, prediction: np.ndarray, *, threshold: float | None = None) -> pl.Series:
        """Floats, also for a column of integers: a mean of integers is none. NaN is null."""
        return pl.Series(self.name, prediction[:, 0].astype(np.float64), nan_to_null=True)

    def naive(self, truth: np.ndarray, rows: int, weight: np.ndarray | None = None) -> np.ndarray:
        """The mean."""
        weight = np.isfinite(truth) * (1.0 if weight is None else weight)
        return np.full((rows, 1), np.average(np.nan_to_num(truth), weights=weight) if weight.any() else 0.0)

    # -- for people, and persistence

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, mean, extremes, and counts in the bins of the training rows (the outer ones open)."""
        x = self._values(series)
        known = x[np.isfinite(x)]
        found: dict[str, Any] = {"rows": len(x), "missing": len(x) - len(known)}
        edges = np.array(self._histogram or _histogram_edges(known))
        if len(known):
            found |= {"mean": float(known.mean()), "low": float(known.min()), "high": float(known.max())}
        if len(edges):
            counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
            found |= {"edges": edges.tolist(), "counts": counts.tolist()}
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and statistics."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "edges_from": self.edges,
            "bins": self.bins,
            "decimal": self.decimal,
            "read_decimal": self._decimal,
            "unit": self.unit,
            "read_unit": self._unit,
            "mean": self._mean,
            "deviation": self._deviation,
            "edges": list(self._edges),
            "jumps": self._jumps,
            "histogram": list(self._histogram),
            "span": self.span_json,
            **self._scaling.to_json(),
        }
        return json, {"knots": self._scaling.knots} if self.scaling == "quantile" else {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        scaling = Scaling.from_state(state)
        column = state.make(
            cls,
            scaling=scaling.how,
            edges=state.text("edges_from"),
            bins=state.integer("bins"),
            decimal=state.optional_text("decimal"),
            unit=state.optional_text("unit") if "unit" in json else "",
        )
        column._scaling = scaling
        column._decimal = state.text("read_decimal", allowed=(".", ","))  # type: ignore[assignment]
        column._unit = state.text("read_unit") if "read_unit" in json else ""  # files of earlier versions know no units
        column._mean = state.number("mean")
        column._deviation = state.number("deviation", low=np.finfo(np.float64).smallest_subnormal)
        column._edges = tuple(state.rising_list("edges", longest=1000))
        column._jumps = state.flag("jumps")
        column._histogram = tuple(state.rising_list("histogram", longest=_HISTOGRAM + 1))
        return column


def _check_option(name: str, given: Any, allowed: tuple[Any, ...]) -> None:
    if given not in allowed:
        message = f"a number's {name}={given!r}; expected one of {allowed}"
        raise OptionError(message)


def _refuse_codes(cells: pl.Series, name: str, *, target: bool) -> None:
    """Numbers that name something rather than measure it are left to other types."""
    if target and (distinct := few_whole_numbers(cells)):
        message = f"{distinct} distinct whole numbers: classes rather than a quantity"
        raise ColumnRefused(message)
    if too_long(cells):
        message = "whole numbers of more digits than a quantity keeps, so that different ones would be the same"
        raise ColumnRefused(message)
    whole = cells.dtype.is_integer() or bool((cells == cells.round()).all())
    if not target and whole and named_like_code(name):
        message = "whole numbers, but the name says that they are codes"
        raise ColumnRefused(message)


def _unread(text: pl.Series, decimal: DecimalSign) -> pl.Series:
    """Cells that are there and are no number written this way."""
    return text.filter(pl.Series(np.isnan(numerals.parse(text, decimal)) & numerals.unmarked(text), dtype=pl.Boolean))


def _histogram_edges(known: np.ndarray) -> tuple[float, ...]:
    """Equal bins between the 1st and 99th percentile."""
    if not len(known):
        return ()
    low, high = np.quantile(known, [0.01, 0.99])
    edges = np.unique(np.linspace(low, high, _HISTOGRAM + 1))
    return tuple(edges.tolist()) if len(edges) > 1 else ()
