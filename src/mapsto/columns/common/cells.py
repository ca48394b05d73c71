"""Cells of a series: which are there, a sample of them, how they read as text, and of which dtype they were."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLANKS = " \t\r\n\v\f\u00a0\ufeff"
"""Characters stripped from both ends of text before it is compared."""
SAMPLE = 10_000
"""Cells a claim looks at."""
AFFORDED = 2**24
"""Bytes of cells that a claim reads where reading takes as long as learning."""

_KEPT: dict[str, Any] = {
    str(dtype): dtype
    for dtype in (
        *(pl.Boolean, pl.String, pl.Categorical, pl.Float32, pl.Float64),
        *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    )
}


def is_text(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are strings, plain or as categories."""
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def is_number(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are integers or floats."""
    return dtype.is_integer() or dtype.is_float()


def present(series: pl.Series) -> pl.Series:
    """The cells that are there: not null, not NaN, not blank."""
    found = series.drop_nulls()
    if found.dtype.is_float():
        return found.drop_nans()
    if found.dtype == pl.String:
        return found.filter(found.str.strip_chars(BLANKS).str.len_bytes() > 0)
    return found


def sample(series: pl.Series, rows: int = SAMPLE) -> pl.Series:
    """At most `rows` present cells, spread evenly; all present cells where an even spread hardly meets any."""
    if len(series) <= rows:
        return present(series)
    some = present(series.gather(np.linspace(0, len(series) - 1, rows).astype(np.int64)))
    if len(some) >= rows // 10:
        return some
    there = present(series)
    return there if len(there) <= rows else there.gather(np.linspace(0, len(there) - 1, rows).astype(np.int64))


def affordable(series: pl.Series, most: int = AFFORDED) -> pl.Series:
    """All present cells; of a column of more than `most` bytes as many as they take, spread evenly."""
    there = present(series)
    size = there.estimated_size()
    return there if size <= most else sample(there, max(1, int(len(there) * most // size)))


def is_constant(series: pl.Series) -> bool:
    """Whether no cell differs from another: all are equal, or none is there.

    >>> is_constant(pl.Series(["t", "t"])), is_constant(pl.Series(["t", None]))
    (True, False)
    """
    return holds_one_value(series) and len(present(series)) in (0, len(series))


def there_or_not(series: pl.Series) -> bool:
    """Whether all that a column tells is which of its cells are there: one value that has a text, and cells without.

    >>> there_or_not(pl.Series(["t", None])), there_or_not(pl.Series([1, 2, None]))
    (True, False)
    """
    if series.dtype.is_nested() or series.dtype in (pl.Duration, pl.Binary) or not holds_one_value(series):
        return False
    return 0 < len(present(series)) < len(series)


def holds_one_value(series: pl.Series) -> bool:
    """Whether all present cells are equal; the whole series is read only when its sample is constant."""
    if isinstance(series.dtype, pl.Struct | pl.Object):
        return series.null_count() == len(series)
    if is_number(series.dtype):
        low, high = series.min(), series.max()
        return low == high or low != low  # no value but NaN, which differs from itself
    if _distinct(sample(series)) > 1:
        return False
    return _distinct(present(series)) <= 1


def _distinct(series: pl.Series) -> int:
    return (series.hash() if series.dtype.is_nested() else series).n_unique()


def distinct_share(series: pl.Series) -> float:
    """Distinct values divided by present cells, in [0, 1]; counted on all rows where the sample seems unique."""
    some = sample(series)
    share = some.n_unique() / max(1, len(some))
    if share <= 0.2 or len(series) <= SAMPLE:
        return share
    everything = present(series)
    return everything.n_unique() / len(everything)


def as_text(series: pl.Series) -> pl.Series:
    """Cells as text; a whole float reads like the integer it is, and what has no text is null.

    >>> as_text(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    if series.dtype == pl.String:
        return series
    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary, pl.Duration):
        return pl.Series(series.name, [None], dtype=pl.String).new_from_index(0, len(series))
    if series.dtype.is_float():
        return series.fill_nan(None).cast(pl.String).str.strip_suffix(".0")
    return series.cast(pl.String, strict=False)


def chunks(text: pl.Series, size: int) -> Iterator[pl.Series]:
    """The rows of a series of text, cut into stretches of about `size` bytes.

    >>> [len(some) for some in chunks(pl.Series(["abc", "de", None, "f"]), 5)]
    [1, 2, 1]
    """
    lengths = text.str.len_bytes().fill_null(0).to_numpy().astype(np.int64) + 1
    chunk_of_row = np.cumsum(lengths) // size
    edges = [0, *(np.flatnonzero(np.diff(chunk_of_row)) + 1).tolist(), len(text)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield text.slice(start, stop - start)


def missing(series: pl.Series) -> np.ndarray:
    """Boolean `(rows,)`: cells that are null or NaN."""
    if series.dtype.is_float():
        return np.asarray(np.isnan(series.to_numpy()))
    if series.null_count() == 0:
        return np.zeros(len(series), dtype=bool)
    return series.is_null().to_numpy()


def absent(series: pl.Series) -> np.ndarray:
    """Boolean `(rows,)`: cells in which nothing is: null, NaN, blank text. An empty list says that there are none.

    >>> absent(pl.Series(["a", " ", None])).tolist()
    [False, True, True]
    """
    found = missing(series).copy()
    if series.dtype == pl.String:
        found |= (series.str.strip_chars(BLANKS).str.len_bytes() == 0).fill_null(value=True).to_numpy()
    return found


def examples(values: list[Any], most: int = 3, longest: int = 30) -> str:
    """A few values in words, each with so many characters at most.

    >>> examples(["a", "b", "c", "d"])
    "'a', 'b' and 'c'"
    """
    shown = [f"{value:.6g}" if isinstance(value, float) else repr(value) for value in values[:most]]
    shown = [text if len(text) <= longest else text[: longest - 3] + "..." for text in shown]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def kind_of(dtype: pl.DataType) -> str:
    """Name of the dtype in which values are given back: the user's own for plain ones, text for the rest."""
    if dtype == pl.Enum:
        return "Enum"
    name = str(dtype.base_type())
    return name if name in _KEPT else "String"


KINDS = frozenset(_KEPT) | {"Enum"}
"""All names that `kind_of` gives."""


def restore(name: str, values: list[Any], kind: str, categories: Sequence[Any] | None = None) -> pl.Series:
    """Values as a series of the kind they came in."""
    if kind == "Enum":
        return pl.Series(name, values, dtype=pl.Enum([str(value) for value in categories or values]))
    return pl.Series(name, values, dtype=_KEPT[kind])
