"""Parts: the arrays a column hands to networks, and how parts of one kind are read together.

A column type encodes a series into one array per `Part`. Parts with the same `key` are stacked side by side into one
contiguous block, so that a batch is gathered with one indexing operation per block and not one per column, and
one encoder module reads the whole block. A column type with a new form of array (a picture, a sequence) brings its
own `Part` subclass; nothing else has to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

Layout = Literal["flat", "tokens"]
"""What the network reads: one vector a row, or one token (vector of equal width) per part."""
Sense = Literal["picture", "pixels", "sequence", "steps", "subwords", "tree", "clip"]
"""The forms that a cell with an inner structure can be read in; see `mapsto.networks.base.SENSES`."""


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row `i` holds `values[offsets[i]:offsets[i + 1]]`.

    `weights`, where given, has the shape of `values`.
    """

    values: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> Ragged:
        """The given rows, in the given order, without a loop over rows."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets, None if self.weights is None else self.weights[index])


@dataclass(frozen=True)
class Rows:
    """Some rows of a large array of pictures, gathered only when they are asked for: `rows[2:5]` is an array.

    >>> rows = Rows(np.arange(12).reshape(4, 3, 1, 1), np.array([3, 1]))
    >>> rows.shape, rows[:1].ravel().tolist()
    ((2, 3, 1, 1), [9, 10, 11])
    """

    array: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> np.ndarray:
        found: np.ndarray = self.array[self.index[rows]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 - numpy's protocol
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """As the array of these rows would have it."""
        return len(self.index), *self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """Of the array."""
        return self.array.ndim

    @property
    def nbytes(self) -> int:
        """As the array of these rows would have it."""
        return self.dtype.itemsize * int(np.prod(self.shape))

    def take(self, rows: np.ndarray) -> np.ndarray | Rows:
        """The given rows, in the given order."""
        return taken(self.array, self.index[rows])  # type: ignore[return-value]


Block = np.ndarray | Ragged | Rows
"""What one key of an encoded table holds: `(rows, parts)`, ragged, or rows of pictures."""
COPIED = 2**27
"""Bytes of pictures up to which rows are copied together."""


def taken(block: Block, rows: np.ndarray) -> Block:
    """The given rows, in the given order; many pictures are left where they are."""
    if not isinstance(block, np.ndarray):
        return block.take(rows)
    large = block.ndim > 2 and len(rows) * (block.nbytes // max(1, len(block))) > COPIED
    return Rows(block, rows) if large else block[rows]


def fingerprints(block: Block) -> np.ndarray:
    """A number of 64 bits for what each row holds, `(rows,)`: rows that hold the same have the same.

    >>> a, b, c = fingerprints(np.array([[1, 2], [3, 4], [1, 2]]))
    >>> bool(a == c), bool(a == b)
    (True, False)
    """

    def one(row: int) -> bytes:
        array = block.values[block.offsets[row] : block.offsets[row + 1]] if isinstance(block, Ragged) else block[row]
        return blake2b(np.ascontiguousarray(array).view(np.uint8).data, digest_size=8).digest()

    return np.frombuffer(b"".join(map(one, range(len(block)))), dtype=np.uint64)


@dataclass(frozen=True)
class Part:
    """One array that a column contributes to what networks see."""

    column: str
    """Name of the user's column it belongs to."""
    name: str = field(default="", kw_only=True)
    """Which of the column's parts it is, where there are several: "years", "weekday, sine"."""

    stacked: ClassVar[bool] = True
    """Whether parts of this class lie side by side in one `(rows, parts)` block; otherwise each has its own block."""
    group: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """The block it lives in."""
        return self.group if self.stacked else f"{self.group}:{self.column}"

    @classmethod
    def encoder(cls, parts: Sequence[Part], *, layout: Layout, options: dict[str, Any]) -> nn.Module:
        """The module that reads a block of these parts.

        It maps a batch of the block to `(batch, features)` for the layout "flat" and to `(batch, len(parts), width)`
        for "tokens", and has an attribute `out_features` (features a row, or the token width).
        `options` are the recipe's network options (`numbers`, `number_width`, `code_width`, `token_width`, ...).
        """
        raise TypeError(f"{cls.__name__} brings no encoder: a part class must define `encoder`")


@dataclass(frozen=True)
class NumberPart(Part):
    """A float32 number a row, scaled by its column; NaN where missing."""

    edges: tuple[float, ...] = ()
    """Bin edges in scaled units, rising, for the piecewise-linear encoding; empty: read it as it is."""
    jumps: bool = False
    """Whether the encoding may jump at the edges: right for few distinct values, harmful for continuous ones."""
    group: ClassVar[str] = "numbers"

    @classmethod
    def encoder(cls, parts: Sequence[Part], *, layout: Layout, options: dict[str, Any]) -> nn.Module:
        """Numbers, plain or embedded (`networks/blocks/numbers.py`)."""
        from mapsto.networks.blocks.numbers import NumberEncoder

        numbers = [p for p in parts if isinstance(p, NumberPart)]
        return NumberEncoder(
            [p.edges for p in numbers], layout=layout, options=options, jumps=[p.jumps for p in numbers]
        )


@dataclass(frozen=True)
class CodePart(Part):
    """An int32 code a row in `[0, size)`; by convention 0 is missing and 1 is unseen or rare."""

    size: int = 2
    group: ClassVar[str] = "codes"

    @classmethod
    def encoder(cls, parts: Sequence[Part], *, layout: Layout, options: dict[str, Any]) -> nn.Module:
        """One-hot columns or embedding vectors (`networks/blocks/codes.py`)."""
        from mapsto.networks.blocks.codes import CodeEncoder

        return CodeEncoder([p.size for p in parts if isinstance(p, CodePart)], layout=layout, options=options)


@dataclass(frozen=True)
class BagPart(Part):
    """A weighted bag of int32 codes in `[0, size)` a row (`Ragged` with float32 weights); empty where missing."""

    size: int = 2
    stacked: ClassVar[bool] = False
    group: ClassVar[str] = "bag"

    @classmethod
    def encoder(cls, parts: Sequence[Part], *, layout: Layout, options: dict[str, Any]) -> nn.Module:
        """The weighted sum of the codes' vectors (`networks/blocks/bags.py`)."""
        from mapsto.networks.blocks.bags import BagEncoder

        (part,) = parts
        if not isinstance(part, BagPart):
            raise TypeError(f"expected a BagPart, got {part!r}")
        return BagEncoder(part.size, layout=layout, options=options)


@dataclass(frozen=True)
class SensePart(Part):
    """A part with an inner structure (pixels, words, frames, nodes), read by a network of its own.

    A column may offer a `SensePart` beside plain parts, a text its words beside a bag: the plain ones are left out
    where a network reads this one.
    """

    stacked: ClassVar[bool] = False
    senses: ClassVar[tuple[Sense, ...]] = ()
    """The forms it can be read in, the usual one first."""
    network: ClassVar[str] = ""
    """The network that reads it where none is named; empty: the column's other parts are read instead."""
    quick: ClassVar[str] = ""
    """A network that learns in a fraction of the time, and is tried before it where none is named."""

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """What a network is told of one cell before it is made (`DataSize.shape`).

        `(channels, height, width)` of a picture, `(usual length, width)` of a sequence, `(usual nodes, classes that
        nodes are judged by, width)` of a tree, `(frames, channels, height, width)` of a clip, `(usual length, known
        ids)` of subwords.
        """
        raise TypeError(f"{type(self).__name__} does not say its shape as a {sense}")

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """The module between a batch of the block and the network: scaling, word vectors, padding, augmentation.

        It returns the tuple of arguments that networks of this sense take. `options`: see `Encoding`.
        """
        raise TypeError(f"{type(self).__name__} brings no front: define it")

    @property
    def sketch_width(self) -> int:
        """Numbers in a `sketch`; 0: there is none."""
        return 0

    def sketch(self, block: Block, *, mirrored: bool) -> np.ndarray:
        """What can be told of cells without learning, float32 `(rows, sketch_width)`, for rows to be compared by.

        `mirrored`: cells seen in a mirror are the same.
        """
        raise TypeError(f"{type(self).__name__} has no sketch of its cells")

    def holds(self, block: Block) -> bool:
        """Whether a block from a model file can be one of this part: type, shape, ranges; offsets are sound already."""
        raise TypeError(f"{type(self).__name__} cannot check a block: define `holds`")
