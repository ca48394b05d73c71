"""Rows taken so that classes keep their shares, or so that groups stay whole."""

from __future__ import annotations

import numpy as np
import polars as pl

from mapsto.errors import DataError

_MOST_CELLS = 10_000_000
_TRIES = 10
"""Random orders of the groups tried, to keep the shares of classes close."""


def codes_of(series: pl.Series) -> np.ndarray:
    """A code a row for a column's values, in the order of the values as text, so that no type or memory layout matters,
    nor blanks around them, nor how a letter with an accent is composed; missing and blank values are one group.

    >>> codes_of(pl.Series(["b", " b", "a", " "])).tolist()
    [2, 2, 1, 0]
    """
    if series.dtype.is_nested():
        series = series.hash()
    elif not series.dtype.is_integer():
        series = as_meant(series.cast(pl.String))
    values = series.drop_nulls().unique()
    ranks = values.cast(pl.String).rank("dense").cast(pl.Int64)
    codes: np.ndarray = series.replace_strict(values, ranks, default=0, return_dtype=pl.Int64).to_numpy()
    return codes


def as_meant(text: pl.Series) -> pl.Series:
    """Texts without blanks around them and with letters composed in one way; what is blank is missing."""
    return text.str.strip_chars().str.normalize("NFC").replace("", None)


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
    codes, sizes = compact(strata)
    spare = np.maximum(sizes - 1, 0)
    if protect and spare.sum() < count:
        codes, sizes = np.zeros(rows, dtype=np.uint16), np.array([rows])
        spare = np.maximum(sizes - 1, 0)
    most = spare if protect else sizes
    taken = _shares(sizes, most, min(count, int(most.sum())), rng)
    order = shuffled(codes, rng)
    starts = np.cumsum(sizes) - sizes
    mask = np.zeros(rows, dtype=bool)
    mask[order[np.arange(rows) - np.repeat(starts, sizes) < np.repeat(taken, sizes)]] = True
    return mask


def compact(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as codes from 0 in rising order, and how many rows each code has (codes without rows may occur)."""
    if len(values) and values.dtype.kind in "iu" and int(values.max()) - int(values.min()) < 65_536:
        codes = (values - values.min()).astype(np.uint16)
        return codes, np.bincount(codes)
    _, codes, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return codes.ravel(), sizes


def shuffled(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All rows by code, at random within each."""
    order = rng.permutation(len(codes))
    return order[np.argsort(codes[order], kind="stable")]


def _shares(sizes: np.ndarray, most: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """How many of each class, at most `most`, together `count`."""
    ideal = sizes * (count / max(sizes.sum(), 1))
    taken = np.minimum(np.floor(ideal).astype(np.int64), most)
    while (missing := count - int(taken.sum())) > 0:
        room = most > taken
        order = np.lexsort((rng.random(len(sizes)), -(ideal - taken), ~room))
        taken[order[: min(missing, int(room.sum()))]] += 1
    return np.asarray(taken)


def take_groups(
    groups: np.ndarray, strata: np.ndarray, count: int, rng: np.random.Generator, *, least: int = 1, leave: int = 1
) -> np.ndarray:
    """Mask of whole groups with about `count` rows together; of some random orders the one that keeps the shares of
    classes best. At least `least` groups are taken and, where there are enough, `leave` are left.

    Raises:
        DataError: fewer than two groups.
    """
    codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < 2:
        message = "split by group: the rows to cut are all of one group; expected at least two groups for each cut"
        raise DataError(message)
    classes = _class_counts(codes.ravel(), compact(strata)[0], len(sizes))
    overall = classes.sum(axis=0) / len(groups)
    best, best_error = np.zeros(len(sizes), dtype=bool), np.inf
    for _ in range(_TRIES):
        mask = _some_groups(sizes, count, rng, least, leave)
        rows = sizes[mask].sum()
        error = np.abs(classes[mask].sum(axis=0) / rows - overall).sum() + abs(rows - count) / count
        if error < best_error:
            best, best_error = mask, error
    taken: np.ndarray = best[codes.ravel()]
    return taken


def _class_counts(groups: np.ndarray, classes: np.ndarray, number: int) -> np.ndarray:
    """Rows of each class in each group `(groups, classes)`; where that is too large a table, classes are not told
    apart.
    """
    kinds = int(classes.max()) + 1
    if number * kinds > _MOST_CELLS:
        classes, kinds = np.zeros_like(classes), 1
    return np.bincount(groups * kinds + classes, minlength=number * kinds).reshape(number, kinds)


def _some_groups(sizes: np.ndarray, count: int, rng: np.random.Generator, least: int, leave: int) -> np.ndarray:
    """Mask of groups: in random order, as many as come closest to `count` rows."""
    order = rng.permutation(len(sizes))
    order = np.concatenate([order[sizes[order] <= count], order[sizes[order] > count]])
    if sizes[order[0]] > count:
        order = np.argsort(sizes, kind="stable")
    filled = np.cumsum(sizes[order])
    number = max(int(np.argmin(np.abs(filled - count))) + 1, least)
    mask = np.zeros(len(sizes), dtype=bool)
    mask[order[: max(min(number, len(sizes) - leave), 1)]] = True
    return mask
