"""A text as the tokenizer of a pretrained encoder cuts it: ids of pieces of words, with marks of begin and end.

The tokenizer comes as JSON, from the encoder's folder or from a model file that may be a stranger's. Its parts are run
by native code, so only well-known parts are let through, and no patterns but those of known models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.columns.common.cells import chunks
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.errors import ModelFileError, OptionError

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from mapsto.columns.common.state import State

LONGEST = 2**13
"""Pieces of a text that are read at most."""
_SHORTEST = 8
_USUAL_SHARE = 0.98
_LEARN_ROWS = 10_000
_CHUNK_BYTES = 2**24
_LARGEST_ID = 2**20
_LONGEST_JSON = 48 * 2**20
_PARTS: dict[str, frozenset[str]] = {
    "model": frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"}),
    "normalizer": frozenset(
        {"BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Prepend", "Sequence", "Strip"}
        | {"StripAccents"}
    ),
    "pre_tokenizer": frozenset(
        {"BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Sequence", "Whitespace"}
        | {"WhitespaceSplit"}
    ),
    "post_processor": frozenset({"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"}),
}
"""Parts of tokenizers that are let through, by their place. `Replace` and `Split` carry patterns, `Precompiled` carries
a table that is followed without a check.
"""


_INSIDE = ("normalizers", "pretokenizers", "processors")
"""Where a sequence of parts keeps them."""


@dataclass(frozen=True)
class SubwordsPart(SensePart):
    """int32 ids of a text's pieces (`Ragged`), in `[0, size)`, marks included; a missing text is an empty row."""

    size: int = 2
    length: int = 1
    """Pieces of the longest texts; longer ones are cut."""
    group: ClassVar[str] = "subwords"
    senses: ClassVar[tuple[Sense, ...]] = ("subwords",)

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(length, known ids)`."""
        return self.length, self.size

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Padding (`networks/blocks/words.py`)."""
        from mapsto.networks.blocks.words import Padding

        return Padding()

    def holds(self, block: Block) -> bool:
        """Known ids."""
        if not isinstance(block, Ragged) or block.values.dtype != np.int32 or block.values.ndim != 1:
            return False
        return not len(block.values) or bool(block.values.min() >= 0 and block.values.max() < self.size)


@dataclass(frozen=True)
class Subwords:
    """A tokenizer and the length at which texts are cut.

    Raises:
        OptionError: the tokenizer has a part that is not let through, or cannot be built.
    """

    tokenizer: str
    """As JSON."""
    length: int = LONGEST

    def __post_init__(self) -> None:
        if not 1 <= self.length <= LONGEST:
            message = f"texts are cut at {self.length} pieces; expected 1 to {LONGEST:,}"
            raise OptionError(message)
        marks = self._tokenizer.encode("").ids
        if self.size > _LARGEST_ID or max(marks, default=0) >= self.size:
            message = (
                f"the tokenizer has ids up to {max([self.size, *marks]):,}; expected at most {_LARGEST_ID:,}, all known"
            )
            raise OptionError(message)

    @classmethod
    def learn(cls, source: str, text: pl.Series, length: int | None) -> Self:
        """The tokenizer of a pretrained encoder.

        Args:
            source: see `mapsto.networks.folders.find`.
            text: training texts, which say where long ones are cut.
            length: pieces at which a text is cut; None: the length that 98 of 100 texts keep within. Never more than
                the encoder was made for.
        """
        from mapsto.networks.folders import find

        folder = find(source)
        most = min(_limits(folder.config, folder.optional("tokenizer_config.json")), default=LONGEST)
        tokenizer = folder.text("tokenizer.json")
        if length is None:
            some = text.gather_every(1 + len(text) // _LEARN_ROWS)
            lengths = np.diff(cls(tokenizer, most).encode(some).offsets)
            length = int(np.quantile(lengths, _USUAL_SHARE, method="higher")) if len(lengths) else 0
        return cls(tokenizer, min(max(length, _SHORTEST), most))

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        checked = _checked(self.tokenizer)
        try:
            made = Tokenizer.from_str(checked)
        except Exception as error:  # the library raises this very class
            message = f"the tokenizer cannot be built: {str(error)[:200]}"
            raise OptionError(message) from error
        made.no_padding()
        made.enable_truncation(self.length)
        return made

    @cached_property
    def size(self) -> int:
        """Ids in use: one more than the greatest."""
        return 1 + max(self._tokenizer.get_vocab().values(), default=0)

    def encode(self, text: pl.Series) -> Ragged:
        """int32 ids of every text; none where there is no text."""
        values, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for some in chunks(text, _CHUNK_BYTES):
            there = some.is_not_null().to_numpy()
            found = self._tokenizer.encode_batch_fast(some.drop_nulls().to_list())
            each = np.zeros(len(some), np.int64)
            each[there] = [len(one) for one in found]
            values += [np.array(one.ids, np.int32) for one in found]
            lengths.append(each)
        return Ragged(np.concatenate(values), np.cumsum(np.concatenate(lengths)))

    def to_state(self) -> dict[str, Any]:
        """JSON."""
        return {"tokenizer": self.tokenizer, "length": self.length}

    @classmethod
    def from_state(cls, state: State, entries: Any) -> Self:
        """The inverse of `to_state`, checked.

        Raises:
            ModelFileError: it was altered.
        """
        kinds = {"tokenizer": str, "length": int}
        if not isinstance(entries, dict) or any(type(entries.get(name)) is not kind for name, kind in kinds.items()):
            raise state.refusal("subwords", entries, "a tokenizer and a length")
        try:
            return cls(entries["tokenizer"], entries["length"])
        except OptionError as error:
            message = f"the model file was altered: {error}. Save the model again."
            raise ModelFileError(message) from error


def _limits(config: dict[str, Any], tokenizer: dict[str, Any]) -> list[int]:
    """What the encoder says of its longest text; two places are left for families that count from 2."""
    said = [config.get("max_position_embeddings", 0) - 2, tokenizer.get("model_max_length"), LONGEST]
    return [int(each) for each in said if isinstance(each, int | float) and 1 <= each <= LONGEST]


def _checked(tokenizer: str) -> str:
    """The tokenizer's parts that are let through, as JSON written anew; whatever else it holds is left out.

    Raises:
        OptionError: naming the part that is not.
    """
    if len(tokenizer) > _LONGEST_JSON:
        message = f"the tokenizer has {len(tokenizer):,} characters; at most {_LONGEST_JSON:,} are read"
        raise OptionError(message)
    try:
        found = json.loads(tokenizer)
    except (ValueError, RecursionError) as error:
        message = f"the tokenizer is not JSON: {error}"
        raise OptionError(message) from error
    if not isinstance(found, dict):
        message = f"the tokenizer is a {type(found).__name__}, expected an object"
        raise OptionError(message)
    for place, allowed in _PARTS.items():
        part = found.get(place)
        odd = _odd(part, allowed) if part is not None else "nothing" if place == "model" else None
        if odd is not None:
            message = f"the tokenizer's {place} has {odd!r}; what is read: {', '.join(sorted(allowed))}"
            raise OptionError(message)
    kept = {"version": "1.0", "truncation": None, "padding": None, "decoder": None}
    kept["added_tokens"] = found.get("added_tokens", [])
    return json.dumps(kept | {place: found.get(place) for place in _PARTS})


def _odd(part: Any, allowed: frozenset[str]) -> str | None:
    """The first kind of part that is not allowed, also inside a sequence of parts."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in allowed:
        return str(kind)
    if kind != "Sequence":
        return None
    inside = [each for name in _INSIDE for each in part.get(name, ())]
    return next((odd for each in inside if (odd := _odd(each, allowed - {"Sequence"})) is not None), None)
