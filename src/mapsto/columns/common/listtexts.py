"""Lists of numbers written as text: in brackets of any kind, nested, as arrays are printed, or bare."""

from __future__ import annotations

import numpy as np
import polars as pl

_TOKENS = r"[^\s,;|\[\]]+"
_FLAT = r"^\[[^\[\]]*\]$"
_NESTED = r"^\[\s*(?:\[[^\[\]]*\]\s*[,;]?\s*)+\]$"
_INNER = r"\[[^\[\]]*\]"
_CALL = r"(?s)^(?:[a-z]+\.)?(?:array|tensor|list|tuple)\s*\((.*?)(?:,\s*dtype\s*=\s*[\w.'<>]+)?\)$"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|null|none|na)"
_BARE = rf"^(?:{_NUMBER})(?:\s*[,;|]\s*(?:{_NUMBER})|\s+(?:{_NUMBER}))*$"
_BLANKS_ONLY = rf"^(?:{_NUMBER})(?:\s+(?:{_NUMBER}))*$"
_GAPS = ("nan", "null", "none", "na")
"""Words for a number that is missing."""
_SHORTENED = r"\.\.\.|…"
_FEW = 8
"""Whole numbers with nothing but blanks between them, such as those of a telephone, are no list unless so many."""


def lists_of(text: pl.Series) -> pl.Series:
    """Cells as `List(Float64)`, or as `List(List(Float64))` where some are nested; null where they are no list.

    >>> lists_of(pl.Series(["[1, null]", "(1, 2)", "array([3.])", "4;5", "[1 ... 9]", "[a]"])).to_list()
    [[1.0, None], [1.0, 2.0], [3.0], [4.0, 5.0], None, None]
    >>> lists_of(pl.Series(["[[1, 2], [3, 4]]", "[[5, 6]]"])).to_list()
    [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    """
    cells = _bracketed(text)
    nested = cells.str.contains(_NESTED).fill_null(False)
    if not nested.any():
        return _numbers(cells.set(~cells.str.contains(_FLAT).fill_null(False), None))
    inner = cells.set(~nested, None).str.extract_all(_INNER)
    lengths = inner.list.len().fill_null(0).to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(text)), lengths)
    vectors = _numbers(inner.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode())
    joined = pl.DataFrame({"row": row, "vector": vectors}).group_by("row", maintain_order=True).agg(
        pl.when(pl.col("vector").is_not_null().all()).then(pl.col("vector").implode()).first()
    )  # fmt: skip
    rows = pl.DataFrame({"row": np.arange(len(text))})
    found = rows.join(joined, on="row", how="left", maintain_order="left")["vector"]
    return found.cast(pl.List(pl.List(pl.Float64)))


def share_of_lists(cells: pl.Series) -> float:
    """The share of texts that are lists of numbers.

    Bare ones count where they are of several numbers; with nothing but blanks between them of many, or of fractions.

    >>> share_of_lists(pl.Series(["[1, 2.5]", "[3 nan]", "[a, b]", "x"]))
    0.5
    >>> share_of_lists(pl.Series(["1,2,3", "4,5,6"])), share_of_lists(pl.Series(["555 1234", "555 99"]))
    (1.0, 0.0)
    """
    if not len(cells):
        return 0.0
    stripped = cells.str.strip_chars()
    lists = lists_of(stripped)
    lengths = lists.list.len().fill_null(0)
    bracketed = stripped.str.contains(r"^\[|^(?i:[a-z.]*(?:array|tensor|list|tuple)\s*\()")
    spaced = stripped.str.contains(_BLANKS_ONLY)
    clear = bracketed | (~spaced & (lengths > 1)) | (lengths >= _FEW) | (stripped.str.contains(r"\.") & (lengths > 1))
    return float((lists.is_not_null() & clear).sum()) / len(cells)


def shortened(cells: pl.Series) -> float:
    """The share of texts in brackets of which numbers were left out when they were written."""
    return float(cells.str.contains(rf"(?s)^\s*(?:[a-z.]*array\()?\[.*(?:{_SHORTENED}).*\]").mean() or 0.0)  # type: ignore[arg-type]


def _bracketed(text: pl.Series) -> pl.Series:
    """Calls of arrays taken away, round brackets made square, and bare numbers put into brackets."""
    cells = text.str.strip_chars()
    if cells.str.contains("(", literal=True).any():
        cells = cells.str.replace(_CALL, "${1}").str.strip_chars()
        cells = cells.str.replace_all("(", "[", literal=True).str.replace_all(")", "]", literal=True)
        cells = cells.str.replace_all(r",\s*\]", "]")
    bare = cells.str.contains(_BARE).fill_null(False)
    return cells.zip_with(~bare, "[" + cells + "]") if bare.any() else cells


def _numbers(cells: pl.Series) -> pl.Series:
    """The numbers in each text as a list, null where something else stands among them."""
    tokens = cells.str.extract_all(_TOKENS)
    number = pl.element().cast(pl.Float64, strict=False)
    other = number.is_null() & ~pl.element().str.to_lowercase().is_in(_GAPS)
    wrong = tokens.list.eval(other.any()).list.first().fill_null(False)
    return tokens.set(wrong, None).list.eval(number)
