"""The order of labels in lists: whether it varies, and as labels of its own."""

from __future__ import annotations

import numpy as np
import polars as pl

_PLACES, _PAIRS = 8, 32
"""Labels of a cell whose place is told, and whose neighbour is."""
_VARIES = 0.2


def order_varies(cells: pl.Series) -> bool:
    """Whether the same labels come in several orders, in a fifth of the lists with several labels at least.

    >>> order_varies(pl.Series([["a", "b"], ["b", "a"], ["c"]]))
    True
    >>> order_varies(pl.Series([["a", "b"], ["a", "c"], ["a", "b"]]))
    False
    """
    several = cells.drop_nulls()
    texts = several.filter(several.list.len() > 1).list.eval(pl.element().cast(pl.String).str.strip_chars())
    if not len(texts):
        return False
    frame = pl.DataFrame({"order": texts.list.join("\n"), "set": texts.list.sort().list.join("\n")})
    orders = frame.select(pl.col("order").n_unique().over("set")).to_series()
    return float((orders > 1).mean() or 0) >= _VARIES  # type: ignore[arg-type]


def in_order(cells: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """Labels that tell the order: "1st: a", and "a > b" where b follows a; and the row of each.

    >>> in_order(pl.Series([["a", "b"], None, ["b"]]))[0].to_list()
    ['1st: a', '2nd: b', '1st: b', 'a > b']
    """
    lengths = cells.list.len().fill_null(0).to_numpy().astype(np.int64)
    labels = cells.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode().cast(pl.String)
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    names = pl.Series(["1st", "2nd", "3rd", *(f"{n}th" for n in range(4, _PLACES + 1))])
    early = np.flatnonzero(place < _PLACES)
    follows = np.flatnonzero((place > 0) & (place < _PAIRS))
    placed = names.gather(place[early]) + ": " + labels.gather(early)
    pairs = labels.gather(follows - 1) + " > " + labels.gather(follows)
    return placed.append(pairs), np.concatenate([row[early], row[follows]])
