"""Dates and times: a trend in years and the calendar's cycles, as far as they vary in the training rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common import bins, numerals
from mapsto.columns.common.cells import as_text, examples, is_text, sample
from mapsto.columns.common.evidence import refuse_one_value
from mapsto.columns.common.instants import find_format, instants, is_format, is_zone
from mapsto.columns.common.parts import NumberPart
from mapsto.columns.common.scaling import Scaling
from mapsto.columns.common.state import State
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part, Ragged

_READABLE = 0.9
_YEAR = 365.2425
_MINUTE = 60_000_000
_HISTOGRAM = 20


class _Cycle(NamedTuple):
    period: int
    wave: np.ndarray
    """`(period, 2)` float32: sine and cosine of each position."""


def _cycle(period: int) -> _Cycle:
    angle = 2 * np.pi * np.arange(period) / period
    return _Cycle(period, np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32))


_CYCLES = {
    "day of year": _cycle(366),
    "day of month": _cycle(31),
    "weekday": _cycle(7),
    "minute of day": _cycle(1440),
}


@dataclass
class Date(Column):
    """A date, a time of day, or both; text in a common format is read.

    Networks read a trend (years, scaled robustly) and sine and cosine of the position in each cycle (day of year and
    of month, weekday, minute of the day) that varies in training. Times with a zone are read as wall-clock time of
    the training rows' zone; text with UTC offsets as UTC.

    >>> import polars as pl
    >>> column = Date(name="when")
    >>> column.learn(pl.Series(["2024-01-01", "2024-01-02", "2024-01-03"]))
    >>> [part.name for part in column.parts]
    ['years', 'day of year, sine', 'day of year, cosine', ... 'weekday, sine', 'weekday, cosine']
    """

    type: ClassVar[str] = "date"

    format: str | None = None
    """How text is read, in chrono's syntax such as "%d/%m/%Y"; None: found in the training rows."""

    _format: str | None = field(default=None, init=False)
    _zone: str | None = field(default=None, init=False)
    _trend: bool = field(default=False, init=False)
    _cycles: tuple[str, ...] = field(default=(), init=False)
    _scaling: Scaling = field(default_factory=Scaling, init=False)
    _edges: tuple[float, ...] = field(default=(), init=False)
    _histogram: tuple[float, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.format is not None and not is_format(self.format):
            message = f"a date's format={self.format!r} cannot be read with; expected a pattern such as '%d/%m/%Y'"
            raise OptionError(message)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Dates, times, and text of which nine cells in ten read as such in one format."""
        if target:
            message = "a date cannot be predicted yet; predict a number such as the days until it"
            raise ColumnRefused(message)
        refuse_one_value(series, target=target)
        if series.dtype in (pl.Date, pl.Datetime, pl.Time):
            kind = {"Date": "dates", "Time": "times of day"}.get(str(series.dtype), "points in time")
            return cls(name=name, reason=kind)
        if not is_text(series.dtype):
            message = f"cells are {series.dtype}, not dates"
            raise ColumnRefused(message)
        cells = as_text(sample(series, 1000))
        found = find_format(cells)
        if found.share < _READABLE:
            message = f"at most {found.share:.0%} of cells read as dates in one format"
            raise ColumnRefused(message)
        reason = f"text that reads as dates in the format {found.format}, such as {examples(cells.to_list(), 1)}"
        if found.rival:
            reason += f"; {found.rival} would fit as well (choose with Date(format=...))"
        return cls(format=found.format, name=name, reason=reason)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Format and zone, which parts vary, and the scale of the trend."""
        self._zone = getattr(series.dtype, "time_zone", None)
        text = is_text(series.dtype) or series.dtype.is_integer()
        self._format = (self.format or find_format(as_text(sample(series))).format) if text else None
        time = self._instants(series)
        years, positions = _years(time), _positions(time)
        known = years[np.isfinite(years)]
        self._cycles = tuple(name for name, place in positions.items() if len(np.unique(place[place >= 0])) > 1)
        self._trend = bool(len(known) and np.ptp(known) * _YEAR >= 1)
        self._scaling = Scaling.learn(known, "robust")
        self._edges = bins.learn_edges(self._scaling.forward(years), guide)[0] if self._trend else ()
        self._histogram = _histogram_edges(known) if self._trend else ()

    @property
    def parts(self) -> Sequence[Part]:
        """The trend and two waves a cycle."""
        trend = [NumberPart(self.name, self._edges, name="years")] if self._trend else []
        waves = [
            NumberPart(self.name, name=f"{cycle}, {wave}") for cycle in self._cycles for wave in ("sine", "cosine")
        ]
        return [*trend, *waves]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """float32, NaN missing."""
        time = self._instants(series)
        found: list[np.ndarray | Ragged] = [self._scaling.forward(_years(time))] if self._trend else []
        positions = _positions(time)
        for cycle in self._cycles:
            waves = _CYCLES[cycle].wave[positions[cycle]]
            waves[positions[cycle] < 0] = np.nan
            found += [waves[:, 0], waves[:, 1]]
        return found

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The trend, linear in years, and the position in each cycle, read back from its waves."""
        dense = [np.asarray(array, dtype=np.float32) for array in arrays]
        columns = [self._scaling.backward(dense.pop(0))] if self._trend else []
        names = ["years"] if self._trend else []
        for cycle, sine, cosine in zip(self._cycles, dense[::2], dense[1::2], strict=True):
            period = _CYCLES[cycle].period
            columns.append(np.round(np.arctan2(sine, cosine) / (2 * np.pi) * period) % period)
            names.append(cycle)
        rows = len(arrays[0]) if arrays else 0
        values = np.stack(columns, axis=1) if columns else np.zeros((rows, 0), dtype=np.float32)
        return Features(values.astype(np.float32), [f"{self.name}, {name}" for name in names], [False] * len(names))

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that are there and cannot be read."""
        if series.dtype in (pl.Date, pl.Datetime, pl.Time):
            return np.zeros(len(series), dtype=bool)
        there = series.is_not_null().to_numpy()
        if is_text(series.dtype):
            there = there & numerals.unmarked(as_text(series))
        return np.asarray(there & np.isnat(self._instants(series)))

    def _instants(self, series: pl.Series) -> np.ndarray:
        return instants(series, zone=self._zone, format_=self._format)

    # -- for people, and persistence

    def show(self, value: Any) -> str:
        """Without fractions of a second."""
        return super().show(value.replace(microsecond=0) if hasattr(value, "microsecond") else value)

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, first and last, and counts over the training rows' span (in years, outer bins open)."""
        time = self._instants(series)
        known = np.sort(time[~np.isnat(time)])
        found: dict[str, Any] = {"rows": len(time), "missing": len(time) - len(known)}
        if len(known):
            found |= {"first": str(known[0].astype("datetime64[s]")), "last": str(known[-1].astype("datetime64[s]"))}
        if self._histogram:
            edges = np.array(self._histogram)
            counts, _ = np.histogram(np.clip(_years(known), edges[0], edges[-1]), edges)
            found |= {"edges": (edges + 1970).tolist(), "counts": counts.tolist()}
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options, parts and statistics."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "format": self.format,
            "read_format": self._format,
            "zone": self._zone,
            "trend": self._trend,
            "cycles": list(self._cycles),
            "edges": list(self._edges),
            "histogram": list(self._histogram),
            **self._scaling.to_json(),
        }
        return json, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given, read = _format_from(state, "format"), _format_from(state, "read_format")
        column = state.make(
            cls,
            format=given,
        )
        column._format = read
        column._zone = state.optional_text("zone")
        if column._zone is not None and not is_zone(column._zone):
            raise state.refusal("zone", column._zone, "the name of a time zone")
        column._trend = state.flag("trend")
        column._cycles = tuple(state.items("cycles", str, longest=len(_CYCLES)))
        if not set(column._cycles) <= set(_CYCLES) or len(set(column._cycles)) != len(column._cycles):
            raise state.refusal("cycles", column._cycles, f"some of {list(_CYCLES)}")
        column._scaling = Scaling.from_state(state)
        column._edges = tuple(state.rising_list("edges"))
        column._histogram = tuple(state.rising_list("histogram", longest=_HISTOGRAM + 1))
        return column


def _format_from(state: State, entry: str) -> str | None:
    found = state.optional_text(entry)
    if found is not None and not is_format(found):
        raise state.refusal(entry, found, "a date format such as '%d/%m/%Y'")
    return found


def _years(time: np.ndarray) -> np.ndarray:
    """Years since 1970 with fractions, float64; NaN where missing."""
    days = (time - np.datetime64(0, "us")) / np.timedelta64(1, "D")
    return np.asarray(days / _YEAR)


def _positions(time: np.ndarray) -> dict[str, np.ndarray]:
    """Position in each cycle, int64; -1 where missing."""
    day = time.astype("datetime64[D]")
    found = {
        "day of year": (day - time.astype("datetime64[Y]")).astype(np.int64),
        "day of month": (day - time.astype("datetime64[M]")).astype(np.int64),
        "weekday": (day.astype(np.int64) + 3) % 7,
        "minute of day": time.astype("datetime64[us]").astype(np.int64) // _MINUTE % 1440,
    }
    return {cycle: np.where(np.isnat(time), -1, place) for cycle, place in found.items()}


def _histogram_edges(known: np.ndarray) -> tuple[float, ...]:
    """Equal bins over the span."""
    return tuple(np.unique(np.linspace(known.min(), known.max(), _HISTOGRAM + 1)).tolist())
