"""How text becomes points in time: decided once over a whole column, for dates, splits by time and suggestions.

The form of the cells says which patterns are possible, those that read most cells win, and cells that they leave are
looked at again, so that a column may be written in several ways. Of day and month exchanged, or of years of two digits
at either end, the order of rows and the span of the dates decide where the cells do not; what else would fit is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.table.datepatterns import patterns_of
from mapsto.table.moments import EDGES, is_text, moments, parse, tidied

READABLE = 0.9
"""Share of cells from which on text is dates."""

_SAMPLE = 1000
_SHAPES = 40
_MOST = 8
_HOPELESS = 0.5
_SORTED, _UNSORTED = 0.999, 0.97
_SPAN_TOLD = 50 * 365


@dataclass(frozen=True)
class Reading:
    """How the text of a column is read as time."""

    formats: tuple[str, ...]
    """Patterns in chrono's syntax, tried one after the other; the first reads most cells."""
    counts: tuple[int, ...]
    """Cells that each reads of those that the ones before leave."""
    share: float
    """Cells that can be read, among those that are there."""
    rival: str | None = None
    """A pattern that reads as many cells as the first, otherwise."""
    unread: str | None = None
    """A cell that cannot be read."""
    far: bool = False
    """Whether years of two digits are so far apart that their century is a guess."""

    @property
    def doubt(self) -> str:
        """What people should know: several ways of writing, another reading, a century that was guessed."""
        told = []
        if len({_date_part(format_) for format_ in self.formats}) > 1:
            shown = ", ".join(f"{n:,} as {format_}" for format_, n in zip(self.formats, self.counts, strict=True))
            told.append(f"cells are written in several ways, {shown}")
        if self.rival:
            told.append(f"{self.rival} would fit as well (choose with format=...)")
        if self.far:
            told.append("years of two digits are read as 1970 to 2069")
        return "; ".join(told)


def find(text: pl.Series) -> Reading:
    """How most of the cells that are there can be read; share 0 if none can.

    >>> find(pl.Series(["31/12/2020", "01/02/2021"])).formats
    ('%d/%m/%Y',)
    >>> find(pl.Series(["2020-12-31"] * 8 + ["31/12/2020"])).counts
    (8, 1)
    """
    cells = text.str.strip_chars(EDGES).drop_nulls()
    cells = cells.filter(cells.str.len_bytes() > 0)
    if len(cells) > 2 * _SAMPLE:
        some = _found(_spread(cells))
        if some.share < _HOPELESS:
            return some
    return _found(cells)


def _found(cells: pl.Series) -> Reading:
    """Patterns of the cells that are left, one after another, until none reads any."""
    formats: list[str] = []
    counts: list[int] = []
    rival, far, left = None, False, cells
    while len(left) and len(formats) < _MOST:
        best, read, other = _best(left, [f for f in _possible(_spread(left)) if not _contradicts(f, formats)])
        known = ~np.isnat(read)
        if not known.any():
            break
        rival = rival if formats else other
        if "%y" in best:
            far |= bool(np.ptp(read[known]) > np.timedelta64(_SPAN_TOLD, "D"))
        formats.append(best)
        counts.append(int(known.sum()))
        left = left.filter(pl.Series(~known, dtype=pl.Boolean))
    share = 1 - len(left) / len(cells) if len(cells) else 0.0
    return Reading(tuple(formats), tuple(counts), share, rival, left[0] if len(left) else None, far)


def _best(cells: pl.Series, possible: list[str]) -> tuple[str, np.ndarray, str | None]:
    """The pattern that reads most cells, what it reads, and one that reads as many otherwise."""
    some = _spread(cells)
    shares = {format_: float((~np.isnat(parse(some, format_))).mean()) for format_ in possible}
    most = max(shares.values(), default=0.0)
    if not most:
        return "", np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[us]"), None
    reads = {format_: parse(cells, format_) for format_, share in shares.items() if share >= 0.9 * most}
    counts = {format_: int((~np.isnat(read)).sum()) for format_, read in reads.items()}
    tied = [format_ for format_ in reads if counts[format_] == max(counts.values())]
    best = tied[0]
    for format_ in tied[1:]:
        if _more_likely(reads[format_], reads[best], moved=_place(format_) != _place(best)):
            best = format_
    if best.startswith("%Y"):
        return best, reads[best], None
    open_ = [f for f in tied if not np.array_equal(reads[f], reads[best], equal_nan=True)]
    open_ = [f for f in open_ if not _more_likely(reads[best], reads[f], moved=_place(f) != _place(best))]
    return best, reads[best], open_[0] if open_ else None


def _more_likely(one: np.ndarray, other: np.ndarray, *, moved: bool) -> bool:
    """Whether the first reading of the same cells is the likelier: rows in order, or (`moved`: with another number
    taken for the year) dates far closer together.
    """
    rising = [_in_order(read[~np.isnat(read)]) for read in (one, other)]
    if max(rising) >= _SORTED and min(rising) < _UNSORTED:
        return rising[0] > rising[1]
    spans = [np.ptp(read[~np.isnat(read)]) for read in (one, other)]
    return bool(moved and spans[0] * 3 < spans[1])


def _in_order(moments: np.ndarray) -> float:
    """The share of steps from row to row that go one way."""
    steps = np.diff(moments.astype(np.int64))
    steps = steps[steps != 0]
    return float(max((steps > 0).mean(), (steps < 0).mean())) if len(steps) > 2 else 0.0


def _place(format_: str) -> int:
    """Where among its numbers a pattern has the year."""
    codes = re.findall(r"%[YymdBb]", format_)
    return next((place for place, code in enumerate(codes) if code in ("%Y", "%y")), -1)


def _contradicts(format_: str, chosen: list[str]) -> bool:
    """Whether a pattern reads the same form as one chosen before, with its parts exchanged, or times beside dates."""
    form, codes = _form(format_)
    for other in chosen:
        other_form, other_codes = _form(other)
        if bool(codes) != bool(other_codes):
            return True
        if form == other_form and codes != other_codes and sorted(codes) == sorted(other_codes):
            return True
    return False


def _form(format_: str) -> tuple[str, list[str]]:
    """The marks between the parts of a date, and the parts."""
    date = _date_part(format_)
    return re.sub(r"%[YymdBb]", "%", date), re.findall(r"%[YymdBb]", date)


def _date_part(format_: str) -> str:
    return re.sub(r"[ T,:]*%[HI].*$", "", format_).replace("%A, ", "").replace("%A ", "")


def _possible(cells: pl.Series) -> list[str]:
    """Patterns that the commonest forms of these cells allow, the likeliest first."""
    plain = tidied(cells)
    shapes = pl.DataFrame({"cell": plain, "shape": plain.str.replace_all(r"\d", "0")})
    kept = shapes.group_by("shape", maintain_order=True).agg(pl.col("cell").first(), pl.len().alias("n"))
    commonest = kept.sort("n", descending=True, maintain_order=True).head(_SHAPES)["cell"].to_list()
    found = [format_ for cell in commonest for format_ in patterns_of(cell)]
    if any("%.f" in format_ for format_ in found):
        found = [re.sub(r"%S(?!%\.f)", "%S%.f", format_) for format_ in found]
    return list(dict.fromkeys(found))


def instants(series: pl.Series) -> np.ndarray:
    """Each row's place in time as float64, NaN where missing or unreadable; only the order matters, not the unit.

    Numbers (years, epochs) count as they are, dates as dates, text as a column of dates reads it.

    Raises:
        DataError: the column is none of these.
    """
    dtype = series.dtype
    if dtype.is_numeric():
        values = series.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        values[~np.isfinite(values)] = np.nan
        return values
    if dtype.is_temporal():
        return _as_floats(moments(series) if dtype != pl.Duration else series.to_physical().to_numpy())
    if not is_text(dtype):
        message = f"column {series.name!r} has type {dtype} and no order in time; expected dates, numbers or texts"
        raise DataError(message)
    text = series.cast(pl.String)
    reading = find(text)
    if reading.share >= READABLE:
        return _as_floats(moments(text, reading.formats))
    numbers = text.str.strip_chars(EDGES).cast(pl.Float64, strict=False)
    if len(text) and numbers.null_count() == text.null_count():
        return instants(numbers.alias(series.name))
    seen = f"only {reading.share:.0%} of its cells read as dates; {reading.unread!r} does not"
    message = (
        f"column {series.name!r} cannot be read as time (it holds {text.drop_nulls().head(3).to_list()}; {seen}); "
        "expected dates like 2024-01-31 or numbers that rise with time. Write it in that form, or split another way."
    )
    raise DataError(message)


def looks_like_time(series: pl.Series) -> bool:
    """Whether the cells of a sample are dates: of a type of dates, or text that reads as such."""
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        return series.n_unique() > 2
    if series.dtype != pl.String:
        return False
    some = _spread(series.drop_nulls(), 200)
    return some.n_unique() > 2 and find(some).share > READABLE


def _spread(cells: pl.Series, rows: int = _SAMPLE) -> pl.Series:
    """So many cells, evenly from all."""
    if len(cells) <= rows:
        return cells
    return cells.gather(np.linspace(0, len(cells) - 1, rows).astype(np.int64))


def _as_floats(found: np.ndarray) -> np.ndarray:
    """Microseconds, or whatever is counted, as float64; NaN where missing."""
    if found.dtype.kind != "M":
        return np.asarray(found, dtype=np.float64)
    values = found.astype(np.int64).astype(np.float64)
    values[np.isnat(found)] = np.nan
    return values
