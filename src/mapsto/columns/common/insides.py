"""A cell seen from the inside: the pieces that it falls into, and the same cell with some of them blanked.

Words of a text, fields of a picture or a spectrogram, stretches of a sequence, leaves of a tree, frames of a clip: an
explanation blanks some and asks the model again, whatever the model is (Zeiler & Fergus, "Visualizing and understanding
convolutional networks", ECCV 2014; Ribeiro, Singh & Guestrin, "Why should I trust you?", KDD 2016). What stands in the
place of a blanked piece is as usual as can be had: nothing for a word, the training mean for pixels and numbers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, pairwise
from math import isqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from mapsto.columns.common.parts import Block, Ragged
from mapsto.columns.common.trees import UNSEEN, UP, WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Extents = dict[str, list[int] | list[float]]

_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[\w'’]{1,32}|[^\w\s'’]{1,8}")
"""A run of letters, digits and apostrophes, or of other signs; in writing that does not divide words, a letter."""


@dataclass(frozen=True)
class Inside(ABC):
    """One cell in pieces. A column type makes it (`Column.inside`), explanations blank, reports draw."""

    kind: ClassVar[str] = ""
    """How it is drawn: "words", "picture", "spectrogram", "steps", "nodes" or "frames"."""
    most: int = field(default=64, kw_only=True)
    """Pieces at most; where there would be more, neighbours are one piece."""

    @property
    @abstractmethod
    def pieces(self) -> list[str]:
        """Each piece as a person reads it."""

    @abstractmethod
    def extents(self) -> Extents:
        """Where each piece lies: by the name of a measure, a figure for each piece."""

    @abstractmethod
    def blanked(self, stays: np.ndarray) -> list[Block]:
        """Rows with this cell in which only some pieces stay, as `Column.encode` gives them.

        `stays`: bool `(rows, pieces)`. Where all stay, the row is the cell as it was.
        """


def runs(length: int, most: int) -> np.ndarray:
    """Edges of at most `most` stretches, as equal as can be.

    >>> runs(3, 8).tolist(), runs(10, 4).tolist()
    ([0, 1, 2, 3], [0, 2, 5, 8, 10])
    """
    return np.linspace(0, length, min(length, most) + 1).round().astype(np.int64)


def _of_each(edges: np.ndarray) -> np.ndarray:
    """For each place before the last edge: which stretch it is in."""
    return np.repeat(np.arange(len(edges) - 1), np.diff(edges))


def _repeated(values: np.ndarray, stays: np.ndarray, fill: np.ndarray | float) -> Ragged:
    """A ragged row again and again, each with `fill` at the places that do not stay, `stays` `(rows, places)`."""
    rows, length = stays.shape
    every = np.where(stays.reshape(rows, length, *[1] * (values.ndim - 1)), values, np.asarray(fill, values.dtype))
    return Ragged(every.reshape(rows * length, *values.shape[1:]), np.arange(rows + 1) * length)


@dataclass(frozen=True)
class WordsInside(Inside):
    """A text; blanked words are left out. Of long texts, a piece is several words in a row."""

    kind: ClassVar[str] = "words"
    text: str
    encode: Callable[[pl.Series], Sequence[Block]]
    """`Column.encode`, which sees the texts that are left."""

    @cached_property
    def spans(self) -> np.ndarray:
        """First character and end of each piece, int64 `(pieces, 2)`."""
        words = np.array([match.span() for match in _WORD.finditer(self.text)], dtype=np.int64).reshape(-1, 2)
        edges = runs(len(words), self.most)
        return np.stack([words[edges[:-1], 0], words[edges[1:] - 1, 1]], axis=1) if len(words) else words

    @property
    def pieces(self) -> list[str]:
        """The words."""
        return [self.text[start:end] for start, end in self.spans.tolist()]

    def extents(self) -> Extents:
        """Characters, counted from 0: `text[start:end]`."""
        return {"start": self.spans[:, 0].tolist(), "end": self.spans[:, 1].tolist()}

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The text without some words, encoded anew, so that pairs of words and runs of letters go with them."""
        starts = [*self.spans[:, 0].tolist(), len(self.text)]
        words = [self.text[start:end] for start, end in pairwise(starts)]
        first = self.text[: starts[0]]
        return list(self.encode(pl.Series([first + "".join(compress(words, row)) for row in stays.tolist()])))


@dataclass(frozen=True)
class PictureInside(Inside):
    """A picture in fields; blanked ones show the mean of the training pictures there."""

    kind: ClassVar[str] = "picture"
    pixels: np.ndarray
    """uint8 `(height, width, channels)`."""
    blank: np.ndarray
    """uint8, the same shape: what blanked fields show."""

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Where fields begin and end, from top to bottom and from left to right."""
        side = isqrt(self.most)
        return runs(self.pixels.shape[0], side), runs(self.pixels.shape[1], side)

    @cached_property
    def field_of(self) -> np.ndarray:
        """Which field each pixel is in, int64 `(height, width)`."""
        down, across = (_of_each(edges) for edges in self.edges)
        return np.asarray(down[:, None] * (across[-1] + 1) + across)

    @property
    def pieces(self) -> list[str]:
        """Row and column of each field, from 1."""
        down, across = (len(edges) - 1 for edges in self.edges)
        return [f"row {row + 1}, column {column + 1}" for row in range(down) for column in range(across)]

    def extents(self) -> Extents:
        """Pixels of the picture as networks see it, counted from 0."""
        down, across = self.edges
        n, m = len(down) - 1, len(across) - 1
        return {
            "top": np.repeat(down[:-1], m).tolist(),
            "bottom": np.repeat(down[1:], m).tolist(),
            "left": np.tile(across[:-1], n).tolist(),
            "right": np.tile(across[1:], n).tolist(),
        }

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The picture with some fields blanked; it is never 0 everywhere, which would be a missing one."""
        return [np.where(stays[:, self.field_of, None], self.pixels, np.maximum(self.blank, 1))]


@dataclass(frozen=True)
class SoundInside(Inside):
    """A spectrogram in fields; blanked ones are at their bands' mean."""

    kind: ClassVar[str] = "spectrogram"
    levels: np.ndarray
    """uint8 `(frames, bands)`."""
    blank: int
    """The level of the mean."""
    seconds: np.ndarray
    """Where each frame begins and the last one ends, `(frames + 1,)`."""
    hertz: np.ndarray
    """Where each band begins and the last one ends, `(bands + 1,)`."""

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Where fields begin and end, in frames and in bands."""
        side = isqrt(self.most)
        return runs(self.levels.shape[0], side), runs(self.levels.shape[1], side)

    @cached_property
    def field_of(self) -> np.ndarray:
        """Which field each frame and band is in, int64 `(frames, bands)`."""
        along, up = (_of_each(edges) for edges in self.edges)
        return np.asarray(along[:, None] * (up[-1] + 1) + up)

    @property
    def pieces(self) -> list[str]:
        """Time and pitch of each field."""
        found = self.extents()
        return [
            f"{start:.2f} to {end:.2f} s, {low:,.0f} to {high:,.0f} Hz"
            for start, end, low, high in zip(*found.values(), strict=True)
        ]

    def extents(self) -> Extents:
        """Seconds and hertz."""
        along, up = self.seconds[self.edges[0]], self.hertz[self.edges[1]]
        n, m = len(along) - 1, len(up) - 1
        return {
            "start": np.repeat(along[:-1], m).tolist(),
            "end": np.repeat(along[1:], m).tolist(),
            "low": np.tile(up[:-1], n).tolist(),
            "high": np.tile(up[1:], n).tolist(),
        }

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The spectrogram with some fields at the mean."""
        rows, (frames, bands) = len(stays), self.levels.shape
        every = np.where(stays[:, self.field_of], self.levels, np.uint8(self.blank))
        return [Ragged(every.reshape(rows * frames, bands), np.arange(rows + 1) * frames)]


@dataclass(frozen=True)
class StepsInside(Inside):
    """A sequence in stretches of steps; blanked ones are at their channels' means, as missing numbers are."""

    kind: ClassVar[str] = "steps"
    values: np.ndarray
    """Standardised, float32 `(steps, channels)`."""
    shown: np.ndarray
    """The same in the user's units."""

    @cached_property
    def edges(self) -> np.ndarray:
        """Where stretches begin and end."""
        return runs(len(self.values), self.most)

    @property
    def pieces(self) -> list[str]:
        """Which steps, from 1."""
        return _numbered("step", self.edges)

    def extents(self) -> Extents:
        """Steps, counted from 0."""
        return {"start": self.edges[:-1].tolist(), "end": self.edges[1:].tolist()}

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The sequence with some stretches at the mean."""
        return [_repeated(self.values, stays[:, _of_each(self.edges)], 0.0)]


@dataclass(frozen=True)
class FramesInside(Inside):
    """A clip in stretches of frames; blanked ones show the last frame that stays (the next one, at the beginning)."""

    kind: ClassVar[str] = "frames"
    frames: np.ndarray
    """uint8 `(frames, height, width, channels)`."""
    blank: int
    """What all frames show where none stays."""

    @cached_property
    def edges(self) -> np.ndarray:
        """Where stretches begin and end."""
        return runs(len(self.frames), self.most)

    @property
    def pieces(self) -> list[str]:
        """Which frames, from 1."""
        return _numbered("frame", self.edges)

    def extents(self) -> Extents:
        """Frames, counted from 0."""
        return {"start": self.edges[:-1].tolist(), "end": self.edges[1:].tolist()}

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The clip with some frames frozen, so that no frame is unlike all others."""
        there, (rows, length) = stays[:, _of_each(self.edges)], (len(stays), len(self.frames))
        place = np.arange(length)
        before = np.maximum.accumulate(np.where(there, place, -1), axis=1)
        source = np.where(before >= 0, before, there.argmax(axis=1)[:, None])
        every = self.frames[source]
        every[~there.any(axis=1)] = self.blank
        return [Ragged(every.reshape(rows * length, *self.frames.shape[1:]), np.arange(rows + 1) * length)]


@dataclass(frozen=True)
class NodesInside(Inside):
    """A tree; its words are the pieces, and blanked ones are read as unknown words. What hangs together stays."""

    kind: ClassVar[str] = "nodes"
    nodes: np.ndarray
    """int32 `(nodes, 4)`, see `columns/common/trees.py`."""
    words: list[str | None]
    """The word of each node, where it has one."""
    labels: list[str | None]

    @cached_property
    def leaves(self) -> np.ndarray:
        """The nodes that hold a word."""
        return np.flatnonzero(self.nodes[:, WORD])

    @cached_property
    def edges(self) -> np.ndarray:
        """Which leaves belong together: one each, of long trees several in a row."""
        return runs(len(self.leaves), self.most)

    @cached_property
    def below(self) -> np.ndarray:
        """Which pieces lie below each node (or in it), as shares, `(nodes, pieces)`: what a node is worth is the sum
        of what its words are worth.
        """
        found = np.zeros((len(self.nodes), len(self.edges) - 1))
        piece = _of_each(self.edges)
        found[self.leaves, piece] = 1 / np.diff(self.edges)[piece]
        for node in range(len(self.nodes) - 1, 0, -1):
            found[node - self.nodes[node, UP]] += found[node]
        return found

    @property
    def pieces(self) -> list[str]:
        """The words."""
        leaves = [self.words[leaf] or "" for leaf in self.leaves.tolist()]
        return [" ".join(leaves[start:end]) for start, end in zip(self.edges[:-1], self.edges[1:], strict=True)]

    def extents(self) -> Extents:
        """The first and the last node of the piece, counted from 0 in the order in which brackets open."""
        return {"start": self.leaves[self.edges[:-1]].tolist(), "end": (self.leaves[self.edges[1:] - 1] + 1).tolist()}

    def blanked(self, stays: np.ndarray) -> list[Block]:
        """The tree with some words unknown."""
        rows = len(stays)
        every = np.repeat(self.nodes[None], rows, axis=0)
        kept = stays[:, _of_each(self.edges)]
        every[:, self.leaves, WORD] = np.where(kept, self.nodes[self.leaves, WORD], UNSEEN)
        return [Ragged(every.reshape(-1, 4), np.arange(rows + 1) * len(self.nodes))]


def _numbered(what: str, edges: np.ndarray) -> list[str]:
    return [
        f"{what} {start + 1}" if end == start + 1 else f"{what}s {start + 1} to {end}"
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
