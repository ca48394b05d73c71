"""Text: a bag of hashed words, word pairs and characters, weighted by how telling each is, and words in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.cells import as_text, is_text, missing, sample
from mapsto.columns.common.insides import WordsInside
from mapsto.columns.common.ngrams import BUCKETS, counted
from mapsto.columns.common.parts import BagPart, Ragged
from mapsto.columns.common.state import State
from mapsto.columns.common.subwords import Subwords, SubwordsPart
from mapsto.columns.common.vectors import WIDEST
from mapsto.columns.common.words import LONGEST, MOST, SKIPGRAM, VOCABULARIES, Pieces, Words, WordsPart
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part

_LEARN_ROWS = 100_000
_TOPIC_ROWS = 20_000
_TOPICS = 32
_TOPIC_NGRAMS = 2**14
_SHORT, _LONG_WORDS = 120, 12
_HISTOGRAM = (0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_LARGEST = 2**18
_CASE_ROWS, _CASE_SHARE = 1000, 0.02


@dataclass
class Text(Column):
    """Free text. It cannot be a target.

    Words and word pairs (for short texts also runs of 3 and 4 characters) are hashed; the `size` that occur in most
    training rows are kept, the most frequent first, and weighted by `(1 + log count) * idf`, each row scaled to
    length 1 (tf-idf). Trees read 32 topics: a truncated singular value decomposition of the weights of frequent
    n-grams (latent semantic analysis, Deerwester et al. 1990).

    A network for sequences, where one is named, reads the words in their order instead.
    """

    type: ClassVar[str] = "text"
    tokenizes: ClassVar[bool] = True
    inner: ClassVar[str] = "words"
    keeps_text: ClassVar[bool] = True

    size: int = 2**17
    """N-grams kept at most."""
    min_count: int = 2
    """N-grams found in fewer training rows are dropped."""
    characters: bool | None = None
    """Whether runs of characters are read as well; None: where texts are short or not divided into words."""
    pieces: Pieces | None = None
    """What sequences are of, "words" or "bytepairs"; None: words, unless too many of new texts would be unknown."""
    words: int = MOST
    """Words or pieces that are known to sequences, at most."""
    length: int | None = None
    """Words at which a sequence is cut; None: the length that 98 of 100 training texts keep within."""
    vectors: str | None = None
    """What the vectors of words begin with: "skip-gram" learns them from the training texts, else a file of vectors as
    word2vec and GloVe write them as text; None: random numbers. A model file holds the vectors, not the file's name.
    """

    case: bool = False
    """Whether upper and lower case differ; a pretrained encoder's tokenizer has a rule of its own."""
    pretrained: str | None = None
    """A pretrained encoder (`mapsto.networks.folders.find`) whose tokenizer cuts the texts as well, so that it can read
    them; set for every text where `network="pretrained:..."`. A model file holds the tokenizer, not this name.
    """

    _characters: bool = field(default=False, init=False)
    _buckets: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int32), init=False)
    _idf: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32), init=False)
    _topics: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32), init=False)
    _words: Words = field(default_factory=Words, init=False)
    _vectors: np.ndarray | None = field(default=None, init=False)
    _subwords: Subwords | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= _LARGEST or self.min_count < 1:
            message = f"a text's size={self.size} must be 1 to {_LARGEST:,}, min_count={self.min_count} be at least 1"
            raise OptionError(message)
        if self.pieces not in (None, *VOCABULARIES):
            message = f"a text's pieces={self.pieces!r} must be one of {', '.join(VOCABULARIES)}, or None"
            raise OptionError(message)
        if not 1 <= self.words <= MOST or not 1 <= (self.length or 1) <= LONGEST:
            message = f"a text's words={self.words} must be 1 to {MOST:,}, length={self.length} 1 to {LONGEST:,}"
            raise OptionError(message)
        if self.vectors and self.vectors != SKIPGRAM and self.pieces == "bytepairs":
            message = f"the vectors in {self.vectors!r} are of words; pieces='bytepairs' has none"
            raise OptionError(message)
        self._index()

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Any text."""
        if target:
            message = "free text cannot be predicted yet"
            raise ColumnRefused(message)
        if not is_text(series.dtype):
            message = f"cells are {series.dtype}, not text"
            raise ColumnRefused(message)
        cells = as_text(sample(series))
        words = cells.str.count_matches(r"\S+").sum() / max(1, len(cells))
        doubt = "upper and lower case are read alike (Text(case=True) tells them apart)" if _case_varies(cells) else ""
        return cls(name=name, reason=f"text that rarely repeats, {words:.1f} words on average", doubt=doubt)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Which n-grams are kept, how telling each is, and the topics; which words sequences are made of."""
        text = as_text(_some(series, _LEARN_ROWS)).drop_nulls()
        self._characters = _worth_characters(text) if self.characters is None else self.characters
        found = np.zeros(BUCKETS, dtype=np.int64)
        for _, _, bucket, _ in counted(text, characters=self._characters, case=self.case):
            found += np.bincount(bucket, minlength=BUCKETS)
        min_count = min(self.min_count, max(1, len(text) // 2))
        often = np.flatnonzero(found >= min_count)
        self._buckets = often[np.lexsort([often, -found[often]])[: self.size]].astype(np.int32)
        self._idf = (np.log((1 + len(text)) / (1 + found[self._buckets])) + 1).astype(np.float32)
        self._index()
        self._topics = self._learn_topics(text.head(_TOPIC_ROWS))
        pieces = self.pieces or ("words" if self.vectors else None)
        self._words = Words.learn(
            text, pieces=pieces, length=self.length, most=self.words, min_count=min_count, case=self.case
        )
        self._vectors = self._words.vectors(self.vectors, text) if self.vectors else None
        self._subwords = Subwords.learn(self.pretrained, text, self.length) if self.pretrained else None

    def _index(self) -> None:
        self._code = np.full(BUCKETS, -1, dtype=np.int32)
        self._code[self._buckets] = np.arange(len(self._buckets), dtype=np.int32)

    def _learn_topics(self, text: pl.Series) -> np.ndarray:
        """`(n-grams, topics)` float32: directions in which the training texts differ most, in frequent n-grams."""
        ngrams = min(len(self._buckets), _TOPIC_NGRAMS)
        width = min(_TOPICS, ngrams - 1, len(text) - 1)
        if width < 1:
            return np.zeros((ngrams, 0), dtype=np.float32)
        from sklearn.utils.extmath import randomized_svd

        _, _, directions = randomized_svd(self._matrix(self._bag(text))[:, :ngrams], width, n_iter=3, random_state=0)
        return np.ascontiguousarray(directions.T, dtype=np.float32)

    @property
    def parts(self) -> Sequence[Part]:
        """A bag, words in their order, and the pieces of words that a pretrained encoder reads."""
        words = WordsPart(self.name, size=self._words.size, length=self._words.length, vectors=self._vectors)
        found: list[Part] = [BagPart(self.name, max(1, len(self._buckets))), words]
        if self._subwords is not None:
            found.append(SubwordsPart(self.name, size=self._subwords.size, length=self._subwords.length))
        return found

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """A bag of int32 codes with tf-idf weights, empty where missing or where nothing is known; ids of words."""
        text = as_text(series)
        found: list[np.ndarray | Ragged] = [self._bag(text), self._words.encode(text)]
        return found if self._subwords is None else [*found, self._subwords.encode(text)]

    def lengths(self, arrays: Sequence[np.ndarray | Ragged]) -> np.ndarray:
        """Words of each text."""
        words = arrays[1]
        if not isinstance(words, Ragged):
            message = f"a text's words are ragged, got {type(words).__name__}"
            raise TypeError(message)
        return np.diff(words.offsets)

    def _bag(self, text: pl.Series) -> Ragged:
        codes, weights, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)], [np.zeros(1, np.int64)]
        for rows, row, bucket, times in counted(text, characters=self._characters, case=self.case):
            code = self._code[bucket]
            known = code >= 0
            row, code = row[known], code[known]
            weight = (1 + np.log(times[known])) * self._idf[code]
            norm = np.sqrt(np.bincount(row, weights=weight**2, minlength=rows))
            codes.append(code)
            weights.append((weight / norm[row]).astype(np.float32))
            lengths.append(np.bincount(row, minlength=rows))
        return Ragged(np.concatenate(codes), np.cumsum(np.concatenate(lengths)), np.concatenate(weights))

    def _matrix(self, bag: Ragged) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix((bag.weights, bag.values, bag.offsets), shape=(len(bag), len(self._buckets)))

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The topics."""
        bag = arrays[0]
        if not isinstance(bag, Ragged):
            message = f"a text's features come from a bag, got {type(bag).__name__}"
            raise TypeError(message)
        ngrams, width = self._topics.shape
        values = self._matrix(bag)[:, :ngrams] @ self._topics if width else np.zeros((len(bag), 0))
        names = [f"{self.name}, topic {topic + 1}" for topic in range(width)]
        return Features(np.asarray(values, dtype=np.float32), names, [False] * width)

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that have no text."""
        if is_text(series.dtype):
            return np.zeros(len(series), dtype=bool)
        return np.asarray(missing(as_text(series)) & ~missing(series))

    # -- for people, and persistence

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> WordsInside | None:
        """The words of the text."""
        found = WordsInside(text or "", self.encode)
        return found if len(found.spans) else None

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, and how long the texts are in characters."""
        lengths = as_text(series).str.len_chars()
        known = lengths.drop_nulls().to_numpy()
        counts, _ = np.histogram(known.clip(max=_HISTOGRAM[-1]), _HISTOGRAM)
        return {
            "rows": len(series),
            "missing": len(series) - len(known),
            "mean_length": float(known.mean()) if len(known) else 0.0,
            "edges": list(_HISTOGRAM),
            "counts": counts.tolist(),
            "ngrams": len(self._buckets),
            "words": self._words.size - 1,
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and words as JSON; n-grams, their weights and the topics as arrays."""
        words, arrays = self._words.to_state()
        json = {
            "name": self.name,
            "reason": self.reason,
            "size": self.size,
            "min_count": self.min_count,
            "characters": self.characters,
            "pieces": self.pieces,
            "most_words": self.words,
            "length": self.length,
            "case": self.case,
            "reads_characters": self._characters,
            "subwords": None if self._subwords is None else self._subwords.to_state(),
            "vector_width": 0 if self._vectors is None else self._vectors.shape[1],
            **words,
        }
        if self._vectors is not None:
            arrays["vectors"] = self._vectors
        return json, {"buckets": self._buckets, "idf": self._idf, "topics": self._topics, **arrays}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        column = state.make(
            cls,
            size=state.integer("size", low=1, high=_LARGEST),
            min_count=state.integer("min_count", low=1),
            characters=None if json.get("characters") is None else state.flag("characters"),
            pieces=state.optional_text("pieces"),
            words=state.integer("most_words", low=1),
            length=None if json.get("length") is None else state.integer("length", low=1),
            case=state.flag("case") if "case" in json else False,
        )
        column._words = Words.from_state(state)
        if (subwords := json.get("subwords")) is not None:
            column._subwords = Subwords.from_state(state, subwords)
        if width := state.integer("vector_width", high=WIDEST):
            column._vectors = state.array("vectors", "float32", (column._words.size, width))
        column._characters = state.flag("reads_characters")
        column._buckets = state.array("buckets", "int32", (None,), longest=_LARGEST)
        in_order = np.unique(column._buckets)
        if len(in_order) < len(column._buckets) or (len(in_order) and not 0 <= in_order[0] <= in_order[-1] < BUCKETS):
            raise state.refusal("buckets", column._buckets, f"different numbers from 0 to {BUCKETS - 1}")
        column._idf = state.array("idf", "float32", (len(column._buckets),))
        column._topics = state.array("topics", "float32", (None, None), longest=len(column._buckets))
        if column._topics.shape[1] > _TOPICS or (column._idf <= 0).any():
            raise state.refusal("topics", column._topics.shape, f"at most {_TOPICS} topics and weights above 0")
        column._index()
        return column


def _some(series: pl.Series, rows: int) -> pl.Series:
    """At most `rows` cells, spread evenly."""
    return series if len(series) <= rows else series.gather(np.linspace(0, len(series) - 1, rows).astype(np.int64))


def _case_varies(text: pl.Series) -> bool:
    """Whether words come both in capitals and in lower case: more than a fiftieth of all words is so, beginnings of
    sentences and names apart.
    """
    words = _some(text, _CASE_ROWS).str.extract_all(r"\p{L}{2,}").explode().drop_nulls()
    inner = words.str.slice(1)
    raised = words.filter(inner != inner.str.to_lowercase())
    return raised.str.to_lowercase().is_in(words.implode()).sum() > _CASE_SHARE * len(words)


def _worth_characters(text: pl.Series) -> bool:
    letters = float(text.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    words = float(text.str.count_matches(r"\S+").mean() or 0)  # type: ignore[arg-type]
    return letters <= _SHORT or letters > _LONG_WORDS * max(words, 1)
