"""Vectors that words begin with: read from a file, or learned from the training texts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mapsto.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDEST = 1024
"""Numbers of a vector at most."""
_LONGEST_LINE = 2**16
_MOST_LINES = 10_000_000


def read_vectors(path: str | Path, words: Sequence[str]) -> np.ndarray:
    """The vectors of words from a text file as word2vec and GloVe write them: a line holds a word and its numbers.

    Args:
        path: the file; its first line may say how many words and numbers there are.
        words: in lower case; what the file does not have gets random numbers.

    Returns:
        float32 `(1 + len(words), width)`, of length 1 on average; row 0 is for unknown words.

    Raises:
        DataError: there is no such file, a line is malformed, or no word is in it.
    """
    place = {word: index + 1 for index, word in enumerate(words)}
    found: dict[int, np.ndarray] = {}
    width = 0
    for number, line in _lines(Path(path)):
        fields = line.rstrip().split(" ")
        if number == 1 and len(fields) == 2:
            continue
        width = width or len(fields) - 1
        index = place.get(" ".join(fields[:-width]).lower())
        if index is not None and index not in found:
            found[index] = _numbers(path, number, fields[-width:])
    if not found:
        message = f"the word vectors in {str(path)!r} are of none of the {len(words):,} words of the training texts"
        raise DataError(message)
    known = np.stack(list(found.values()))
    vectors = np.random.default_rng(0).normal(scale=known.std(), size=(1 + len(words), width)).astype(np.float32)
    vectors[list(found)] = known
    return scaled(vectors)


def scaled(vectors: np.ndarray) -> np.ndarray:
    """The same, of length 1 on average."""
    norm = float(np.linalg.norm(vectors, axis=1).mean())
    return (vectors / (norm or 1.0)).astype(np.float32)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, none of them very long."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number in range(1, _MOST_LINES + 1):
                line = file.readline(_LONGEST_LINE)
                if not line:
                    return
                if len(line) == _LONGEST_LINE:
                    message = f"line {number:,} of the word vectors in {str(path)!r} is longer than {_LONGEST_LINE:,}"
                    raise DataError(message)
                yield number, line
    except OSError as error:
        message = f"the word vectors in {str(path)!r} cannot be read: {error.strerror or error}"
        raise DataError(message) from error


def _numbers(path: str | Path, number: int, fields: list[str]) -> np.ndarray:
    """The numbers of a line."""
    try:
        found = np.array(fields, dtype=np.float32)
    except ValueError:
        found = np.array([np.nan])
    if not 1 <= len(found) <= WIDEST or not np.isfinite(found).all():
        message = (
            f"line {number:,} of the word vectors in {str(path)!r} should hold a word and up to {WIDEST:,} finite "
            f"numbers, as many as the first line; it has {' '.join(fields)[:60]!r}"
        )
        raise DataError(message)
    return found
