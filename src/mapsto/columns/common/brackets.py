"""Bracketed parses of many cells at once: `(S (NP I) (VP (V saw) (NP it)))`.

All cells are cut into tokens, and running sums of the brackets give the depth of every node; a node's parent is the
last node before it that lies one level higher. So nodes cost a few array operations, and no tree is walked in Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 1000
"""Levels of a tree that is read: a network takes them one after another."""
LARGEST = 2**20
"""Bytes of a cell that is read."""
_CHUNK = 10_000
_TOKEN = r"[()]|[^() \t\r\n\v\f]+"
"""Other blanks, such as those that keep a line from breaking, are part of a word."""
_WORD = re.compile(r"[^() \t\r\n\v\f]+")
_LABEL = re.compile(rf"\([ \t\r\n\v\f]*{_WORD.pattern}(?![^() \t\r\n\v\f]|[ \t\r\n\v\f]*\))")


@dataclass(frozen=True)
class Nodes:
    """Trees one after another, each in preorder: a node stands before all that is below it."""

    words: pl.Series
    """A node's word; null where it has none."""
    labels: pl.Series
    """What stands behind a node's opening bracket; null where that is nothing but its word."""
    up: np.ndarray
    """int32: places back to the parent; 0 for a root. It is 1 for a first child only."""
    height: np.ndarray
    """int32: steps down to the farthest leaf; 0 for a leaf."""
    counts: np.ndarray
    """int64 `(rows,)`: nodes of each cell, 0 where it is missing or malformed."""
    malformed: np.ndarray
    """Boolean `(rows,)`: cells that hold something else than one tree."""


def parsed(cells: pl.Series) -> Iterator[Nodes]:
    """The trees of text cells, by chunks of rows.

    >>> nodes = next(parsed(pl.Series(["(S (NP I) (VP saw it))", "(S"])))
    >>> nodes.words.to_list(), nodes.labels.to_list()
    ([None, 'I', None, 'saw', 'it'], ['S', 'NP', 'VP', None, None])
    >>> nodes.up.tolist(), nodes.height.tolist(), nodes.counts.tolist(), nodes.malformed.tolist()
    ([0, 1, 2, 1, 2], [2, 0, 1, 0, 0], [5, 0], [False, True])
    """
    for start in range(0, max(1, len(cells)), _CHUNK):
        yield _parse(cells.slice(start, _CHUNK))


def words_of(cell: str) -> list[str]:
    """The words of one cell, much faster than by parsing it; none where its brackets do not match in number.

    >>> words_of("(S (NP I) (VP saw it))")
    ['I', 'saw', 'it']
    """
    if not cell.lstrip().startswith("(") or cell.count("(") != cell.count(")"):
        return []
    return [word for each in _WORD.findall(_LABEL.sub("(", cell)) if (word := each.strip())]


def _parse(cells: pl.Series) -> Nodes:
    short = cells.set((cells.str.len_bytes() > LARGEST).fill_null(False), None)
    tokens = short.str.extract_all(_TOKEN)
    lengths = tokens.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = tokens.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode()
    good = _balanced(flat, lengths)
    kept = np.repeat(good, lengths)
    there = (cells.str.strip_chars().str.len_bytes() > 0).fill_null(False).to_numpy()
    return _nodes(flat.filter(pl.Series(kept, dtype=pl.Boolean)), lengths * good, malformed=there & ~good)


def _balanced(tokens: pl.Series, lengths: np.ndarray) -> np.ndarray:
    """Boolean `(rows,)`: the cell is one pair of brackets around everything, none empty, none too deep."""
    opens, closes = (tokens == "(").to_numpy(), (tokens == ")").to_numpy()
    good = lengths > 2
    rows = np.flatnonzero(lengths)
    if not len(rows):
        return good
    starts = np.cumsum(lengths[rows]) - lengths[rows]
    depth = np.cumsum(opens.astype(np.int64) - closes)
    depth -= np.repeat(np.concatenate([[0], depth[starts[1:] - 1]]), lengths[rows])
    empty = opens & np.append(closes[1:], False)
    once = np.add.reduceat(depth == 0, starts) == 1
    whole = opens[starts] & once & (depth[starts + lengths[rows] - 1] == 0)
    inside = (np.minimum.reduceat(depth, starts) >= 0) & (np.maximum.reduceat(depth, starts) <= DEEPEST)
    good[rows] &= whole & inside & (np.add.reduceat(empty, starts) == 0)
    return good


def _nodes(tokens: pl.Series, lengths: np.ndarray, *, malformed: np.ndarray) -> Nodes:
    """Nodes of balanced cells. A bracket around one word is one node; any other word is a node of its own."""
    opens, closes = (tokens == "(").to_numpy(), (tokens == ")").to_numpy()
    behind_open, before_close = np.append(False, opens)[:-1], np.append(closes[1:], False)
    label = ~opens & ~closes & behind_open & ~before_close
    word = ~opens & ~closes & ~label
    held = word & before_close & (behind_open | np.append(False, label)[:-1])
    node = opens | (word & ~held)
    at = np.flatnonzero(node)
    depth = np.cumsum(opens.astype(np.int64) - closes)[at] + ~opens[at]
    holder = np.cumsum(node) - 1
    up, height = _structure(depth)
    ends = np.append(0, np.cumsum(node))[np.append(0, np.cumsum(lengths))]
    return Nodes(
        words=_placed(tokens, word, holder, len(at)),
        labels=_placed(tokens, label, holder, len(at)),
        up=up,
        height=height,
        counts=np.diff(ends),
        malformed=malformed,
    )


def _placed(tokens: pl.Series, chosen: np.ndarray, holder: np.ndarray, nodes: int) -> pl.Series:
    """The chosen tokens at the nodes that hold them, null elsewhere."""
    source = np.full(nodes, -1, dtype=np.int64)
    source[holder[chosen]] = np.flatnonzero(chosen)
    return tokens.gather(pl.Series(source).set(pl.Series(source < 0), None)).str.strip_chars(BLANKS)


def _structure(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For nodes in preorder with the depth of each, at least 1: places back to the parent, and height, both int32."""
    count, place = len(depth), np.arange(len(depth))
    order = np.argsort(depth, kind="stable")
    keys = depth[order] * count + order
    parent = order[np.maximum(np.searchsorted(keys, (depth - 1) * count + place) - 1, 0)] if count else place
    parent = np.where(depth == 1, place, parent)
    height = np.zeros(count, dtype=np.int32)
    levels = np.split(order, np.searchsorted(depth[order], np.arange(2, depth.max(initial=1) + 1)))
    for nodes in reversed(levels[1:]):
        np.maximum.at(height, parent[nodes], height[nodes] + 1)
    return (place - parent).astype(np.int32), height
