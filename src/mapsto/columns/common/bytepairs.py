"""Byte-pair pieces: words cut into the frequent runs of bytes they are made of.

Learning starts from single bytes and again and again joins the two pieces that stand together most often, so that
frequent words become one piece, rare ones a few, and nothing is unknown. Learning and cutting are done in Rust by
Hugging Face's `tokenizers`; what is kept is an array of the joins, from which all pieces follow.

Papers: Gage, C Users Journal 12 (1994); Sennrich, Haddow & Birch, arXiv 1508.07909.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.columns.common.parts import Ragged

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mapsto.columns.common.state import State

_LEARN_WORDS = 200_000
_FEWEST, _WORDS_A_PIECE = 512, 40
"""Pieces at least; and one more for every so many words of the training texts."""
_TOGETHER = 4096
"""Words that the tokenizer is given as one text: fewer cost calls, more slow down its bookkeeping."""
_MOST_JOINS = 2**16
_LONGEST_PIECE = 64


@dataclass(frozen=True)
class BytePairs:
    """Pieces: the bytes, then what each join makes of two earlier pieces."""

    joins: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int32))
    """int32 `(joins, 2)`: places of the two pieces that are joined, the most frequent first."""

    @classmethod
    def learn(cls, words: pl.Series, most: int) -> BytePairs:
        """Find at most `most` pieces; `words` holds every word as often as it occurs."""
        from tokenizers.trainers import BpeTrainer

        some = words.gather_every(max(1, len(words) // _LEARN_WORDS))
        size = min(most, max(_FEWEST, len(words) // _WORDS_A_PIECE))
        tokenizer = _tokenizer(_alphabet(), [])
        trainer = BpeTrainer(
            vocab_size=size, initial_alphabet=_alphabet(), max_token_length=_LONGEST_PIECE, show_progress=False
        )
        tokenizer.train_from_iterator([some.to_list()], trainer)
        place = {piece: index for index, piece in enumerate(_alphabet())}
        joins = []
        for first, second in json.loads(tokenizer.to_str())["model"]["merges"]:
            joins.append((place[first], place[second]))
            place.setdefault(first + second, len(place))
        return cls(np.array(joins, dtype=np.int32).reshape(-1, 2))

    @cached_property
    def pieces(self) -> list[str]:
        """Every piece once, each byte written as one letter.

        Raises:
            ValueError: a join is not of two earlier pieces, or makes one that is too long.
        """
        found = _alphabet()
        known = set(found)
        for first, second in self.joins.tolist():
            if not (0 <= first < len(found) and 0 <= second < len(found)):
                message = f"a join of the pieces {first} and {second}, of {len(found)}"
                raise ValueError(message)
            piece = found[first] + found[second]
            if len(piece) > _LONGEST_PIECE:
                message = f"a piece of {len(piece)} bytes"
                raise ValueError(message)
            if piece not in known:
                known.add(piece)
                found.append(piece)
        return found

    @property
    def size(self) -> int:
        """Ids in use; 0 is not."""
        return 1 + len(self.pieces)

    @cached_property
    def _cutter(self) -> Tokenizer:
        pieces = self.pieces
        return _tokenizer(pieces, [(pieces[first], pieces[second]) for first, second in self.joins.tolist()])

    def encode(self, words: pl.Series, offsets: np.ndarray) -> Ragged:
        """int32 ids of the pieces of texts; text `i` has the words `offsets[i]` to `offsets[i + 1]`."""
        distinct = words.unique(maintain_order=True)
        which = words.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)
        cut = self._cut(distinct.to_list()).take(which)
        return Ragged(cut.values, cut.offsets[offsets])

    def _cut(self, words: list[str]) -> Ragged:
        """int32 ids of the pieces of words."""
        ids, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(words), _TOGETHER):
            some = words[start : start + _TOGETHER]
            found = self._cutter.encode("\n".join(some))
            ids.append(np.array(found.ids, dtype=np.int32) + np.int32(1))
            lengths.append(np.bincount(np.array(found.word_ids, dtype=np.int64), minlength=len(some)))
        return Ragged(np.concatenate(ids), np.cumsum(np.concatenate(lengths)))

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The joins."""
        return {}, {"joins": self.joins}

    @classmethod
    def from_state(cls, state: State) -> BytePairs:
        """The inverse of `to_state`, checked."""
        made = cls(state.array("joins", "int32", (None, 2), longest=_MOST_JOINS))
        try:
            _ = made.pieces
        except ValueError as error:
            raise state.refusal("joins", error, f"joins of earlier pieces, up to {_LONGEST_PIECE} bytes") from error
        return made


def _alphabet() -> list[str]:
    """One letter for each byte."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _tokenizer(pieces: list[str], joins: list[tuple[str, str]]) -> Tokenizer:
    """A tokenizer that cuts the lines of a text, each a word with a blank before it."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

    tokenizer = Tokenizer(BPE({piece: place for place, piece in enumerate(pieces)}, joins))
    tokenizer.pre_tokenizer = Sequence([Split("\n", "removed"), ByteLevel(add_prefix_space=True, use_regex=False)])
    return tokenizer
