"""Hashed n-grams of many texts at once.

All texts are joined into one array of bytes. Polynomial prefix sums modulo 2^64 give the hash of any span of bytes
in two operations (Karp and Rabin 1987), so the hashes of all words, word pairs and character n-grams are a few
array operations and no text is ever looked at in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.cells import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

BUCKETS = 2**20
_SHIFT = np.uint64(44)
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_CHUNK = 2**20
_CHARACTERS = (3, 4)

_IS_WORD = np.zeros(256, dtype=bool)
_IS_WORD[[*b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_'", *range(128, 256)]] = True
_BLANK = np.uint8(32)


def counted(
    texts: pl.Series, *, characters: bool, case: bool = False
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """N-grams of texts, by chunks of rows.

    Yields for each chunk its number of rows, and three arrays sorted by row and bucket: row in the chunk, bucket in
    `[0, BUCKETS)`, and how often the n-gram occurs in that row. Words and word pairs always; with `characters` also
    three and four characters in a row inside words, so that misspelt and inflected words resemble each other. Upper
    and lower case are the same, unless `case`.
    """
    for some in chunks(texts, _CHUNK):
        row, hashed = _hashes(some if case else some.str.to_lowercase(), characters=characters)
        keys, times = np.unique(row * BUCKETS + (hashed >> _SHIFT).astype(np.int64), return_counts=True)
        yield len(some), keys // BUCKETS, keys % BUCKETS, times


def _hashes(texts: pl.Series, *, characters: bool) -> tuple[np.ndarray, np.ndarray]:
    """Row and 64-bit hash of every n-gram."""
    filled = texts.fill_null("")
    raw = np.frombuffer("\n".join(["", *filled, ""]).encode(), dtype=np.uint8)
    ends = np.cumsum(filled.str.len_bytes().to_numpy().astype(np.int64) + 1)
    word = _IS_WORD[raw]
    edge = np.diff(word.astype(np.int8))
    first, last = np.flatnonzero(edge == 1) + 1, np.flatnonzero(edge == -1) + 1
    span = _Spans(np.where(word, raw, _BLANK))
    words = span.hash(first, last)
    row = np.searchsorted(ends, first, side="right")
    follows = row[1:] == row[:-1]
    pairs = _mixed(words[:-1] * _PAIR + words[1:])[follows]
    rows, hashes = [row, row[1:][follows]], [words, pairs]
    if characters:
        for n in _CHARACTERS:
            inside = _windows(word, n)
            rows.append(np.searchsorted(ends, inside + 1, side="right"))
            hashes.append(span.hash(inside, inside + n) ^ np.uint64(n))
    return np.concatenate(rows).astype(np.int64), np.concatenate(hashes)


def _windows(word: np.ndarray, n: int) -> np.ndarray:
    """Starts of the spans of `n` bytes whose inner bytes are all of one word (its ends may be blanks)."""
    count = np.concatenate([[0], np.cumsum(word)])
    starts = np.arange(max(0, len(word) - n + 1))
    return np.asarray(starts[count[starts + n - 1] - count[starts + 1] == n - 2])


class _Spans:
    """Hashes of spans of one array of bytes."""

    def __init__(self, raw: np.ndarray) -> None:
        powers = np.full(len(raw) + 1, _BASE, dtype=np.uint64)
        powers[0] = 1
        self._inverse = np.full(len(raw) + 1, _INVERSE, dtype=np.uint64)
        self._inverse[0] = 1
        np.multiply.accumulate(powers, out=powers)
        np.multiply.accumulate(self._inverse, out=self._inverse)
        self._sums = np.zeros(len(raw) + 1, dtype=np.uint64)
        np.cumsum((raw.astype(np.uint64) + np.uint64(1)) * powers[:-1], out=self._sums[1:])

    def hash(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """uint64 hash of the bytes from `start` to `stop`, the same wherever they stand."""
        return _mixed((self._sums[stop] - self._sums[start]) * self._inverse[start])


def _mixed(x: np.ndarray) -> np.ndarray:
    """Bits spread evenly, so that the upper ones serve as a bucket."""
    x = (x ^ (x >> np.uint64(32))) * _MIX
    return np.asarray(x ^ (x >> np.uint64(32)))
