"""Words of a text in their order, as ids: what networks for sequences read.

A text is cut into runs of letters, digits and apostrophes, and runs of other signs, in lower case. Where most words of
new texts will be known ones, each frequent word has an id; where they will not, in languages of long or undivided
words, words are cut further into pieces (`columns.common.bytepairs`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl

from mapsto.columns.common.bytepairs import BytePairs
from mapsto.columns.common.cells import chunks
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.columns.common.vectors import read_vectors, scaled
from mapsto.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

    from mapsto.columns.common.state import State

Pieces = Literal["words", "bytepairs"]

MOST = 30_000
"""Words or pieces kept at most."""
LONGEST = 2**15
"""Words of a text that are read at most."""
SKIPGRAM = "skip-gram"
"""In the place of a file of vectors: learn them from the training texts."""
_SKIPGRAM_WIDTH = 100
_WORD = r"[\w']{1,32}|[^\w\s]{1,8}"
"""Longer runs, which only text without blanks or a hostile one has, are cut."""
_CHUNK_BYTES = 2**24
"""Text that is split at once."""
_LEARN_BYTES = 2**26
"""Text that a vocabulary is learned from."""
_USUAL_SHARE = 0.98
_SHORTEST = 8
_KNOWN_ENOUGH = 0.8
_WORTH_JUDGING = 5_000
"""Of fewer words, most are new in any language."""
_UNDIVIDED = 12
"""Letters of a word, on average, in writing that does not divide words."""


@dataclass(frozen=True)
class WordsPart(SensePart):
    """int32 ids of a text's words or pieces (`Ragged`), in `[0, size)`; 0 is a word that was not learned.

    Rows have lengths of their own, so no id stands for padding; a missing text is an empty row.
    """

    size: int = 2
    length: int = 1
    """Words of the longest texts; longer ones are cut."""
    vectors: np.ndarray | None = field(default=None, compare=False, repr=False)
    """float32 `(size, width)`: what the words' vectors begin as; None: random numbers."""
    group: ClassVar[str] = "words"
    senses: ClassVar[tuple[Sense, ...]] = ("sequence",)

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(length, width of a word's vector)`."""
        return self.length, options["sense_width"]

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Word vectors (`networks/blocks/words.py`)."""
        from mapsto.networks.blocks.words import WordVectors

        return WordVectors(self.size, self.vectors, options=options)

    def holds(self, block: Block) -> bool:
        """Known ids."""
        if not isinstance(block, Ragged) or block.values.dtype != np.int32 or block.values.ndim != 1:
            return False
        return not len(block.values) or bool(block.values.min() >= 0 and block.values.max() < self.size)


@dataclass(frozen=True)
class WordList:
    """Known words, the most frequent first; word `i` has the id `i + 1`, any other 0."""

    words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, words: pl.Series, most: int, min_count: int) -> WordList:
        """The `most` frequent of `words`, which holds every word as often as it occurs."""
        counted = words.alias("word").value_counts(name="count").filter(pl.col("count") >= min_count)
        return cls(tuple(counted.sort(["count", "word"], descending=[True, False])["word"].head(most).to_list()))

    @property
    def size(self) -> int:
        """Ids in use."""
        return 1 + len(self.words)

    @cached_property
    def _known(self) -> pl.Enum:
        return pl.Enum(self.words)

    def encode(self, words: pl.Series, offsets: np.ndarray) -> Ragged:
        """int32 ids; text `i` has the words `offsets[i]` to `offsets[i + 1]`."""
        places = words.cast(self._known, strict=False).to_physical().cast(pl.Int32)
        return Ragged((places + 1).fill_null(0).to_numpy(), offsets)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The words."""
        return {"words": list(self.words)}, {}

    @classmethod
    def from_state(cls, state: State) -> WordList:
        """The inverse of `to_state`, checked: no word twice."""
        words = state.items("words", str, longest=MOST)
        if len(set(words)) < len(words):
            raise state.refusal("words", words, "different words")
        return cls(tuple(words))


VOCABULARIES: dict[Pieces, type[WordList] | type[BytePairs]] = {"words": WordList, "bytepairs": BytePairs}


@dataclass(frozen=True)
class Words:
    """How texts become ids: what is known of their words, and where long ones are cut."""

    vocabulary: WordList | BytePairs = field(default_factory=WordList)
    length: int = _SHORTEST
    case: bool = False
    """Whether upper and lower case differ."""

    @classmethod
    def learn(
        cls,
        text: pl.Series,
        *,
        pieces: Pieces | None,
        length: int | None,
        most: int,
        min_count: int,
        case: bool = False,
    ) -> Words:
        """Learn from training texts.

        Args:
            text: strings without nulls.
            pieces: what has an id; None: words, unless too many of new texts would be unknown.
            length: words or pieces at which a text is cut; None: the length that 98 of 100 texts keep within.
            most: words or pieces that are kept.
            min_count: words found less often are not kept.
            case: whether upper and lower case differ.
        """
        text = text.gather_every(1 + int(text.str.len_bytes().sum()) // _LEARN_BYTES)
        words = split(text, case=case).list.head(LONGEST)
        flat = words.explode().drop_nulls()
        chosen = pieces or ("words" if _mostly_known(words, most) else "bytepairs")
        known = WordList.learn(flat, most, min_count) if chosen == "words" else BytePairs.learn(flat, most)
        if length is None:
            lengths = np.diff(cls(known, LONGEST, case).encode(text).offsets)
            usual = np.quantile(lengths, _USUAL_SHARE, method="higher") if len(lengths) else 0
            length = min(max(int(usual), _SHORTEST), LONGEST)
        return cls(known, length, case)

    @property
    def size(self) -> int:
        """Ids in use."""
        return self.vocabulary.size

    def encode(self, text: pl.Series) -> Ragged:
        """int32 ids of every text; none where there is no text."""
        values, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for some in chunks(text, _CHUNK_BYTES):
            found = self._encode(some)
            values.append(found.values)
            lengths.append(np.diff(found.offsets))
        return Ragged(np.concatenate(values), np.cumsum(np.concatenate(lengths)))

    def _encode(self, text: pl.Series) -> Ragged:
        words = split(text, case=self.case).list.head(self.length)
        lengths = words.list.len().fill_null(0).to_numpy()
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return _cut(self.vocabulary.encode(words.explode().drop_nulls(), offsets), self.length)

    def vectors(self, source: str, text: pl.Series) -> np.ndarray:
        """float32 `(size, width)`: vectors from a file, or learned from texts where `source` is "skip-gram"."""
        if source == SKIPGRAM:
            from mapsto.networks.blocks.skipgram import skipgram

            ids = self.encode(text)
            return scaled(skipgram(ids.values, ids.offsets, self.size, _SKIPGRAM_WIDTH))
        if not isinstance(self.vocabulary, WordList):
            message = f"the vectors in {source!r} are of words, not of byte pairs"
            raise OptionError(message)
        return read_vectors(source, self.vocabulary.words)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays."""
        pieces = next(name for name, kind in VOCABULARIES.items() if isinstance(self.vocabulary, kind))
        json, arrays = self.vocabulary.to_state()
        return {"reads": pieces, "reads_length": self.length, "reads_case": self.case, **json}, arrays

    @classmethod
    def from_state(cls, state: State) -> Words:
        """The inverse of `to_state`, checked."""
        kind = VOCABULARIES["words" if state.text("reads", allowed=VOCABULARIES) == "words" else "bytepairs"]
        case = state.flag("reads_case") if "reads_case" in state.json else False
        return cls(kind.from_state(state), state.integer("reads_length", low=1, high=LONGEST), case)


def split(text: pl.Series, *, case: bool = False) -> pl.Series:
    """The words of every text, and the runs of other signs between them, in lower case unless `case`.

    >>> split(pl.Series(["It’s GOOD... (2 times)!", None])).to_list()
    [["it's", 'good', '...', '(', '2', 'times', ')!'], None]
    """
    lowered = text if case else text.str.to_lowercase()
    return lowered.str.replace_all("’", "'", literal=True).str.extract_all(_WORD)


def _mostly_known(words: pl.Series, most: int) -> bool:
    """Whether words learned from half of the texts are most of the words of the other half."""
    learned, new = (words.gather_every(2, half).explode().drop_nulls() for half in (0, 1))
    if len(learned) < _WORTH_JUDGING:
        return float(learned.str.len_chars().mean() or 0) < _UNDIVIDED  # type: ignore[arg-type]
    known = WordList.learn(learned, most, 1).encode(new, np.array([0, len(new)])).values
    return float(np.mean(known > 0)) >= _KNOWN_ENOUGH


def _cut(rows: Ragged, length: int) -> Ragged:
    """Rows of at most so many values."""
    lengths = np.diff(rows.offsets)
    if not len(lengths) or lengths.max() <= length:
        return rows
    place = np.arange(len(rows.values)) - np.repeat(rows.offsets[:-1] - rows.offsets[0], lengths)
    offsets = np.concatenate([[0], np.cumsum(np.minimum(lengths, length))])
    return Ragged(rows.values[place < length], offsets)
