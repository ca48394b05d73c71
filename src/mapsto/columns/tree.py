"""Trees: a bracketed parse in a cell, such as `(S (NP I) (VP (V saw) (NP it)))`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.brackets import parsed, words_of
from mapsto.columns.common.cells import affordable, as_text, is_text, missing, sample
from mapsto.columns.common.insides import NodesInside
from mapsto.columns.common.lookup import Lookup, table
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.state import State
from mapsto.columns.common.trees import FIRST, HEIGHT, LABEL, NONE, UNSEEN, UP, WORD, TreePart
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.brackets import Nodes
    from mapsto.columns.common.parts import Part

_USES = ("judge", "read", "ignore")
_SHARE = 0.9
_SAMPLE = 500
_LABELS = 256
_LARGEST = 2**18
_TOPICS = 24
_TOPIC_ROWS = 20_000
_COUNTS = ("nodes", "words", "depth")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass
class Tree(Column):
    """A tree whose leaves are words. It cannot be a target.

    Networks read the words, in lower case, and what hangs together. What stands behind an opening bracket is a label:
    names such as NP are read as well; whole numbers are judgements of the part below, which a network learns beside
    its target and never reads, since that of the root may be the target. Classical learners read sizes and topics
    (latent semantic analysis, Deerwester et al. 1990).

    >>> import polars as pl
    >>> column = Tree(name="parse", min_count=1)
    >>> column.learn(pl.Series(["(3 (2 It) (4 works))"]))
    >>> column.encode(pl.Series(["(1 (2 It) (0 failed))", None]))[0].values[:, 0].tolist()
    [0, 2, 1]
    """

    type: ClassVar[str] = "tree"
    inner: ClassVar[str] = "words"
    keeps_text: ClassVar[bool] = True

    labels: str | None = None
    """What labels are for, "judge", "read" or "ignore"; None: numbers are judgements, names are read."""
    min_count: int = 2
    """Words that occur less often in the training rows are not told apart."""
    max_size: int = 50_000
    """Words kept at most."""

    _use: str = field(default="ignore", init=False)
    _words: list[str] = field(default_factory=list, init=False)
    _labels: list[str] = field(default_factory=list, init=False)
    _usual: int = field(default=1, init=False)
    _idf: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32), init=False)
    _topics: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32), init=False)

    def __post_init__(self) -> None:
        if self.labels is not None and self.labels not in _USES:
            message = f"a tree's labels={self.labels!r} must be one of {_USES}, or None to decide from the data"
            raise OptionError(message)
        if self.min_count < 1 or not 1 <= self.max_size <= _LARGEST:
            message = (
                f"a tree's min_count={self.min_count} must be at least 1, max_size={self.max_size} 1 to {_LARGEST:,}"
            )
            raise OptionError(message)
        self._index()

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Text of which nearly all cells are balanced brackets around words."""
        if target:
            message = "a tree cannot be predicted yet"
            raise ColumnRefused(message)
        if series.dtype != pl.String:
            message = f"cells are {series.dtype}, not text"
            raise ColumnRefused(message)
        cells = as_text(sample(series, _SAMPLE)).head(_SAMPLE)
        if not len(cells) or cells.str.contains(r"^\s*\(.*\(.*\)\s*$").mean() < _SHARE:  # type: ignore[operator]
            message = "cells are not brackets within brackets"
            raise ColumnRefused(message)
        counts = np.concatenate([nodes.counts for nodes in parsed(affordable(series))])
        if (counts > 1).mean() < _SHARE:
            message = f"brackets around words are not balanced in {(counts < 2).mean():.0%} of the cells"
            raise ColumnRefused(message, near=True)
        reason = f"bracketed parses with {counts.mean():.0f} nodes on average, such as {cells[0][:30]}..."
        return cls(name=name, reason=reason)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Words, labels and what they are for, the usual size, the topics."""
        words, labels, counts = Counter[str](), Counter[str](), [np.zeros(0, np.int64)]
        for nodes in parsed(_text(series)):
            words.update(_counted(nodes.words.str.to_lowercase()))
            labels.update(_counted(nodes.labels))
            counts.append(nodes.counts)
        self._words = _most(words, self.max_size, self.min_count)
        self._labels = _most(labels, _LABELS, 1)
        self._use = self.labels or ("judge" if all(map(_NUMBER.fullmatch, self._labels)) else "read")
        if self._use == "ignore":
            self._labels = []
        found = np.concatenate(counts)
        self._usual = max(1, int(np.median(found[found > 0]))) if found.any() else 1
        self._index()
        self._learn_topics(series.head(_TOPIC_ROWS))

    def _index(self) -> None:
        self._word, self._label = _Codes(self._words), _Codes(self._labels)

    @property
    def parts(self) -> Sequence[Part]:
        """The nodes."""
        words, labels = len(self._words) + FIRST, len(self._labels) + FIRST
        return [TreePart(self.name, words=words, labels=labels, judged=self._use == "judge", usual=self._usual)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """Nodes in preorder, int32 `(nodes, 4)`, see `columns/common/trees.py`; none where missing or malformed."""
        return [self._nodes(series)]

    def _nodes(self, series: pl.Series) -> Ragged:
        values, counts = [np.zeros((0, 4), np.int32)], [np.zeros(1, np.int64)]
        for nodes in parsed(_text(series)):
            values.append(self._values(nodes))
            counts.append(nodes.counts)
        return Ragged(np.concatenate(values), np.cumsum(np.concatenate(counts)))

    def _values(self, nodes: Nodes) -> np.ndarray:
        found = np.empty((len(nodes.up), 4), dtype=np.int32)
        found[:, WORD] = self._word(nodes.words.str.to_lowercase())
        found[:, LABEL] = self._label(nodes.labels) if self._labels else NONE
        found[:, UP], found[:, HEIGHT] = nodes.up, nodes.height
        return found

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that are not one balanced pair of brackets around words, or are too deep or too large."""
        if not is_text(series.dtype):
            return np.asarray(~missing(series))
        return np.concatenate([nodes.malformed for nodes in parsed(as_text(series))])

    # -- for classical learners

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """Nodes, words and levels of each tree, and its topics."""
        (trees,) = arrays
        if not isinstance(trees, Ragged):
            message = f"a tree's features come from its nodes, got {type(trees).__name__}"
            raise TypeError(message)
        width = self._topics.shape[1]
        values = np.full((len(trees), len(_COUNTS) + width), np.nan, dtype=np.float32)
        there = np.flatnonzero(np.diff(trees.offsets))
        starts = trees.offsets[there]
        values[there, 0] = np.diff(trees.offsets)[there]
        if len(there):
            values[there, 1] = np.add.reduceat(trees.values[:, WORD] != NONE, starts)
            values[there, 2] = trees.values[starts, HEIGHT] + 1
        values[:, len(_COUNTS) :] = self._bag(trees) @ self._topics if width else 0
        names = [*_COUNTS, *(f"topic {topic + 1}" for topic in range(width))]
        return Features(values, [f"{self.name}, {name}" for name in names], [False] * len(names))

    def _learn_topics(self, series: pl.Series) -> None:
        """Directions in which the words of the training trees differ most: a truncated singular value decomposition."""
        trees = self._nodes(series)
        self._idf = np.ones(len(self._words), dtype=np.float32)
        self._topics = np.zeros((len(self._words), 0), dtype=np.float32)
        width = min(_TOPICS, len(self._words) - 1, len(series) - 1)
        if width < 1:
            return
        from sklearn.utils.extmath import randomized_svd

        within = np.bincount(self._bag(trees).indices, minlength=len(self._words))
        self._idf = (np.log((1 + len(trees)) / (1 + within)) + 1).astype(np.float32)
        _, _, directions = randomized_svd(self._bag(trees), width, n_iter=3, random_state=0)
        self._topics = np.ascontiguousarray(directions.T, dtype=np.float32)

    def _bag(self, trees: Ragged) -> Any:
        """Known words of each tree, sparse `(rows, words)`: weighted by how telling they are, rows of length 1."""
        from scipy.sparse import csr_matrix

        known = trees.values[:, WORD] >= FIRST
        row = np.repeat(np.arange(len(trees)), np.diff(trees.offsets))[known]
        code = trees.values[known, WORD] - FIRST
        bag = csr_matrix((self._idf[code], (row, code)), shape=(len(trees), len(self._words)))
        norm = np.sqrt(np.asarray(bag.multiply(bag).sum(axis=1)).ravel())
        bag.data /= np.repeat(np.where(norm > 0, norm, 1), np.diff(bag.indptr))
        return bag

    # -- for people, and persistence

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> NodesInside | None:
        """The words of the tree."""
        (nodes,) = parsed(pl.Series([text or ""]))
        values = self._values(nodes)
        return NodesInside(values, nodes.words.to_list(), nodes.labels.to_list()) if values[:, WORD].any() else None

    def show(self, value: Any) -> str:
        """The words of the tree."""
        if not isinstance(value, str):
            return super().show(value)
        return super().show(" ".join(words_of(value)) or value)

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, nodes a tree, and how many words are known."""
        trees = self._nodes(series)
        counts, words = np.diff(trees.offsets), trees.values[:, WORD]
        edges = [0, 5, 10, 20, 40, 80, 160, 320, 1000]
        return {
            "rows": len(series),
            "missing": int((counts == 0).sum()),
            "mean_nodes": float(counts[counts > 0].mean()) if counts.any() else 0.0,
            "unseen": int((words == UNSEEN).sum()),
            "words": len(self._words),
            "labels": self._labels[:20],
            "edges": edges,
            "counts": np.histogram(counts[counts > 0].clip(max=edges[-1]), edges)[0].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options, words and labels as JSON; the topics as arrays."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "labels": self.labels,
            "min_count": self.min_count,
            "max_size": self.max_size,
            "use": self._use,
            "words": self._words,
            "known_labels": self._labels,
            "usual": self._usual,
        }
        return json, {"idf": self._idf, "topics": self._topics}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        column = state.make(
            cls,
            labels=state.optional_text("labels", allowed=_USES),
            min_count=state.integer("min_count", low=1),
            max_size=state.integer("max_size", low=1, high=_LARGEST),
        )
        column._use = state.text("use", allowed=_USES)
        column._words = _distinct(state, "words", _LARGEST)
        column._labels = _distinct(state, "known_labels", _LABELS)
        column._usual = state.integer("usual", low=1, high=2**30)
        column._idf = state.array("idf", "float32", (len(column._words),))
        column._topics = state.array("topics", "float32", (len(column._words), None), longest=_LARGEST)
        if column._topics.shape[1] > _TOPICS or (column._idf <= 0).any():
            raise state.refusal("topics", column._topics.shape, f"at most {_TOPICS} topics and weights above 0")
        column._index()
        return column


class _Codes:
    """The codes of words or labels: 0 for none, 1 for unseen, then the known ones in their order."""

    def __init__(self, known: list[str]) -> None:
        self._lookup = Lookup(known)
        self._table = table(np.arange(len(known)) + FIRST, unseen=UNSEEN, absent=NONE)

    def __call__(self, series: pl.Series) -> np.ndarray:
        return self._lookup.codes(series, self._table)


def _text(series: pl.Series) -> pl.Series:
    """Cells as text; null where they are of another kind."""
    return as_text(series if is_text(series.dtype) else pl.Series(series.name, [None] * len(series), dtype=pl.String))


def _counted(tokens: pl.Series) -> dict[str, int]:
    counts = tokens.drop_nulls().alias("token").value_counts(name="count")
    return dict(zip(counts["token"].to_list(), counts["count"].to_list(), strict=True))


def _most(counts: Counter[str], most: int, fewest: int) -> list[str]:
    """The most frequent first; equally frequent ones in alphabetical order."""
    kept = sorted((-count, token) for token, count in counts.items() if token and count >= fewest)
    return [token for _, token in kept[:most]]


def _distinct(state: State, entry: str, longest: int) -> list[str]:
    """A list of distinct tokens of a state."""
    found: list[str] = state.items(entry, str, longest=longest)
    if len(set(found)) != len(found) or not all(found):
        raise state.refusal(entry, found, "distinct tokens")
    return found
