"""Bags of words and of labels as one sparse matrix, for a model that can read thousands of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.parts import BagPart, Ragged

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from mapsto.schema import Encoded, Schema

SCALE = 5.0
"""What weights are multiplied by: those of a row have a length of 1, and a penalty made for standardised numbers would
hold their coefficients down (AG News, 96,000 n-grams: .8992 at 3, .8995 at 5, .8971 at 8; SST-2 falls above 5)."""
MOST_COEFFICIENTS = 2**22
"""Of all bags and outputs together; columns name what is most frequent first, and the rarer rest is not read."""


def width(schema: Schema) -> int:
    """Columns of the matrix."""
    return sum(size for _, size in _read(schema))


def matrix(schema: Schema, encoded: Encoded) -> csr_matrix:
    """All bags of encoded rows side by side: `(rows, width)` float64."""
    from scipy.sparse import csr_matrix, hstack

    found = []
    for key, size in _read(schema):
        bag = encoded.blocks[key]
        if not isinstance(bag, Ragged):
            raise TypeError(f"the block {key!r} is no bag")
        weights = np.ones(len(bag.values)) if bag.weights is None else bag.weights.astype(np.float64)
        longest = max(size, int(bag.values.max(initial=-1)) + 1)
        found.append(csr_matrix((SCALE * weights, bag.values, bag.offsets), (encoded.rows, longest))[:, :size])
    return hstack(found, format="csr") if found else csr_matrix((encoded.rows, 0))


def others(schema: Schema) -> Schema:
    """The inputs without a bag. Flat numbers made of the same bag only disturb: AG News .893 with topics, .899 without.

    What has a bag shares no block with other columns, so rows encoded for `schema` serve here as well.
    """
    bagged = {part.column for parts in schema.parts.values() for part in parts if isinstance(part, BagPart)}
    return schema.without(bagged) if bagged else schema


def _read(schema: Schema) -> list[tuple[str, int]]:
    """The key of every bag, and how many of its codes are read."""
    sizes = [(key, p.size) for key, parts in schema.parts.items() for p in parts if isinstance(p, BagPart)]
    outputs = max((target.out_features for target in schema.targets), default=1)
    most = MOST_COEFFICIENTS // (outputs * max(1, len(sizes)))
    return [(key, min(size, most)) for key, size in sizes]
