"""Dates and times: a trend in years and the calendar's cycles, as far as they vary in the training rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common import bins
from mapsto.columns.common.cells import as_text, examples, is_number, is_text, present, sample
from mapsto.columns.common.evidence import named_like_date, named_like_time, refuse_one_value
from mapsto.columns.common.parts import NumberPart
from mapsto.columns.common.scaling import Scaling
from mapsto.columns.common.spans import Extents, Remark, Span
from mapsto.columns.common.state import State
from mapsto.errors import ColumnRefused, OptionError
from mapsto.table import numerals
from mapsto.table.instants import READABLE, find
from mapsto.table.moments import is_format, is_zone, moments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Sequence as Items

    from mapsto.columns.common.parts import Part, Ragged

_YEAR = 365.2425
_MINUTE = 60_000_000
_HISTOGRAM = 20
_NEAR = 0.5
"""Share of cells that read as dates from which on it is told that the others do not."""
_MOST_FORMATS = 20
_DAYS = (18000101, 22001231)
_COUNTS = {
    "excel": (14_000, 62_000, 3),
    "unix": (1e8, 5e9, 3 * 86_400),
    "unix ms": (1e11, 5e12, 3 * 86_400e3),
    "unix us": (1e14, 5e15, 3 * 86_400e6),
    "unix ns": (1e17, 5e18, 3 * 86_400e9),
}
"""Numbers that count time: the least, the most, and how far apart they are at least, for their trend to be a date's."""
_COUNTING = {
    "excel": "the days of Excel",
    "unix": "seconds since 1970",
    "unix ms": "milliseconds since 1970",
    "unix us": "microseconds since 1970",
    "unix ns": "nanoseconds since 1970",
}


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

    format: str | Items[str] | None = None
    """How text is read, in chrono's syntax such as "%d/%m/%Y", or several such patterns, tried one after the other;
    "excel", "unix", "unix ms", "unix us" or "unix ns": how numbers count. None: found in the training rows.
    """

    _formats: tuple[str, ...] = field(default=(), init=False)
    _zone: str | None = field(default=None, init=False)
    _trend: bool = field(default=False, init=False)
    _cycles: tuple[str, ...] = field(default=(), init=False)
    _scaling: Scaling = field(default_factory=Scaling, init=False)
    _edges: tuple[float, ...] = field(default=(), init=False)
    _histogram: tuple[float, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.format is not None and not isinstance(self.format, str):
            self.format = tuple(self.format)
        if self.format is not None and not (self._given and all(is_format(each) for each in self._given)):
            message = f"a date's format={self.format!r} cannot be read with; expected a pattern such as '%d/%m/%Y'"
            raise OptionError(message)

    @property
    def _given(self) -> tuple[str, ...]:
        """The patterns that the user, or the claim, names."""
        return (self.format,) if isinstance(self.format, str) else tuple(self.format or ())

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Dates, times, text of which nine cells in ten read as such, and numbers that are days or count time."""
        if target:
            message = "a date cannot be predicted yet; predict a number such as the days until it"
            raise ColumnRefused(message)
        refuse_one_value(series, target=target)
        if series.dtype in (pl.Date, pl.Datetime, pl.Time):
            kind = {"Date": "dates", "Time": "times of day"}.get(str(series.dtype), "points in time")
            return cls(name=name, reason=kind)
        if is_number(series.dtype):
            return cls._claim_numbers(series, name)
        if series.dtype != pl.String:
            message = f"cells are {series.dtype}, not dates"
            raise ColumnRefused(message)
        found = find(series.filter(pl.Series(numerals.unmarked(series), dtype=pl.Boolean)))
        if found.share < READABLE:
            message = f"only {found.share:.0%} of cells read as dates, {found.unread!r} does not"
            raise ColumnRefused(message, near=found.share > _NEAR)
        shown = f"format {found.formats[0]}" if len(found.formats) == 1 else f"formats {', '.join(found.formats)}"
        reason = f"text that reads as dates in the {shown}, such as {examples(sample(series).to_list(), 1)}"
        return cls(format=_one_or_all(found.formats), name=name, reason=reason, doubt=found.doubt)

    @classmethod
    def _claim_numbers(cls, series: pl.Series, name: str) -> Self:
        """Digits that are all days of a calendar, and numbers that count from a moment where the name says so too."""
        cells = present(series)
        if _all_days(cells):
            reason = f"whole numbers that are all days, written as year, month and day, such as {cells[0]}"
            return cls(format="%Y%m%d", name=name, reason=reason)
        if named_like_time(name) and len(cells):
            low, high = float(cells.min()), float(cells.max())  # type: ignore[arg-type]
            for unit, (first, last, apart) in _COUNTS.items():
                named = named_like_date(name) or unit != "excel"
                if named and first <= low and high <= last and high - low >= apart:
                    reason = f"numbers that count time as {_COUNTING[unit]} do, by their name and size"
                    return cls(format=unit, name=name, reason=reason)
        message = f"cells are {series.dtype}, not dates"
        raise ColumnRefused(message)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Format and zone, which parts vary, and the scale of the trend."""
        self._zone = getattr(series.dtype, "time_zone", None)
        self._formats = self._given
        if not self._given and is_text(series.dtype):
            self._formats = find(as_text(series)).formats
        time = self._instants(series)
        years, positions = _years(time), _positions(time)
        known = years[np.isfinite(years)]
        self.span = Span.learn(Extents.of(years[:, None]))
        self._cycles = tuple(name for name, place in positions.items() if len(np.unique(place[place >= 0])) > 1)
        # Of a single instant, what is left to tell is which cells are there.
        self._trend = bool(len(known) and (np.ptp(known) * _YEAR >= 1 or not self._cycles))
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
        columns = [self._scaling.units(dense.pop(0))] if self._trend else []
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

    def extents(self, series: pl.Series) -> Extents:
        """Each instant, in years since 1970."""
        return Extents.of(_years(self._instants(series))[:, None])

    def remarks(self, series: pl.Series) -> list[Remark]:
        """Instants far from those that were learned; that they are a little later is usual."""
        far = None if self.span is None else self.span.remarks(self.extents(series), show=_day, far=True)
        return far if far and self._trend else []

    def _instants(self, series: pl.Series) -> np.ndarray:
        return moments(series, self._formats or self._given, zone=self._zone)

    def times(self, series: pl.Series) -> np.ndarray | None:
        """Microseconds since 1970."""
        found = self._instants(series)
        return np.where(np.isnat(found), np.nan, found.astype(np.int64).astype(np.float64))

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
            "format": self.format if self.format is None else list(self._given),
            "read_format": list(self._formats),
            "zone": self._zone,
            "trend": self._trend,
            "cycles": list(self._cycles),
            "edges": list(self._edges),
            "histogram": list(self._histogram),
            "span": self.span_json,
            **self._scaling.to_json(),
        }
        return json, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given = _formats_from(state, "format")
        column = state.make(cls, format=_one_or_all(given))
        column._formats = _formats_from(state, "read_format")
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


def _all_days(cells: pl.Series) -> bool:
    """Whether all whole numbers are days such as 20240131."""
    if not (cells.dtype.is_integer() and len(cells)):
        return False
    inside = _DAYS[0] <= int(cells.min()) and int(cells.max()) <= _DAYS[1]  # type: ignore[arg-type]
    return inside and not np.isnat(moments(cells, ("%Y%m%d",))).any()


def _one_or_all(formats: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return formats[0] if len(formats) == 1 else formats or None


def _formats_from(state: State, entry: str) -> tuple[str, ...]:
    """Patterns, as a list; in files of earlier versions one text or nothing."""
    if state.json.get(entry) is None or isinstance(state.json[entry], str):
        one = state.optional_text(entry)
        found = () if one is None else (one,)
    else:
        found = tuple(state.items(entry, str, longest=_MOST_FORMATS))
    if not all(is_format(each) for each in found):
        raise state.refusal(entry, found, "date formats such as '%d/%m/%Y'")
    return found


def _years(time: np.ndarray) -> np.ndarray:
    """Years since 1970 with fractions, float64; NaN where missing."""
    days = (time - np.datetime64(0, "us")) / np.timedelta64(1, "D")
    return np.asarray(days / _YEAR)


def _day(years: float) -> str:
    """The day of an instant in years since 1970."""
    return str(np.datetime64(round(years * _YEAR), "D"))


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
