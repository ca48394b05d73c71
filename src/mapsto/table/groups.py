"""Rows taken so that classes keep their shares, or so that groups stay whole."""

from __future__ import annotations

import numpy as np
import polars as pl

from mapsto.errors import DataError

_TRIES = 10
"""Random orders of the groups tried, to keep the shares of classes close."""


def codes_of(series: pl.Series) -> np.ndarray:
    """A code a row for a column's values, in the order of the values as text, so that no type or memory layout matters;
    missing values are one group.
    """
    texts = series.hash().cast(pl.String) if series.dtype.is_nested() else series.cast(pl.String)
    return texts.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def take_strata(strata: np.ndarray, count: int, rng: np.random.Generator, *, protect: bool) -> np.ndarray:
    """Mask of `count` rows, of each class its share.

    Every class gives the whole part of its share; the rows still wanted come from the classes with the largest
    remainders (Hamilton's method).

    Args:
        strata: class codes `(rows,)`.
        count: rows wanted.
        rng: the order.
        protect: leave at least one row of every class; if classes seen once are most of the rows, they are not
            treated as classes.
    """
    rows = len(strata)
    codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)[1:]
    if protect and (sizes - 1).sum() < count:
        codes, sizes = np.zeros(rows, dtype=np.int64), np.array([rows])
    most = sizes - 1 if protect else sizes
    taken = _shares(sizes, np.maximum(most, 0), min(count, int(most.sum())), rng)
    order = np.lexsort((rng.random(rows), codes))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    place = np.empty(rows, dtype=np.int64)
    place[order] = np.arange(rows) - np.repeat(starts, sizes)
    return place < taken[codes]


def _shares(sizes: np.ndarray, most: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """How many of each class, at most `most`, together `count`."""
    ideal = sizes * (count / max(sizes.sum(), 1))
    taken = np.minimum(np.floor(ideal).astype(np.int64), most)
    while (missing := count - int(taken.sum())) > 0:
        room = most > taken
        order = np.lexsort((rng.random(len(sizes)), -(ideal - taken), ~room))
        taken[order[: min(missing, int(room.sum()))]] += 1
    return np.asarray(taken)


def take_groups(groups: np.ndarray, strata: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Mask of whole groups with about `count` rows together; of some random orders the one that keeps the shares of
    classes best.

    Raises:
        DataError: fewer than two groups.
    """
    codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < 2:
        message = "split by group: the rows to cut are all of one group; expected at least two groups"
        raise DataError(message)
    classes = np.unique(strata, return_inverse=True)[1].ravel()
    overall = np.bincount(classes) / len(classes)
    best, best_error = np.zeros(len(groups), dtype=bool), np.inf
    for _ in range(_TRIES):
        mask = _some_groups(sizes, count, rng)[codes.ravel()]
        shares = np.bincount(classes[mask], minlength=len(overall)) / max(mask.sum(), 1)
        error = np.abs(shares - overall).sum() + abs(mask.sum() - count) / count
        if error < best_error:
            best, best_error = mask, error
    return best


def _some_groups(sizes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Mask of groups: in random order, as many as come closest to `count` rows; at least one, never all."""
    order = rng.permutation(len(sizes))
    order = np.concatenate([order[sizes[order] <= count], order[sizes[order] > count]])
    if sizes[order[0]] > count:
        order = np.argsort(sizes, kind="stable")
    filled = np.cumsum(sizes[order])
    number = int(np.argmin(np.abs(filled - count))) + 1
    mask = np.zeros(len(sizes), dtype=bool)
    mask[order[: min(number, len(sizes) - 1)]] = True
    return mask
