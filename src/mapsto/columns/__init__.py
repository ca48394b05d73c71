"""Column types: one file each, tried in the order of `TYPES` when a table's columns are claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.columns.audio import Audio
from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.boolean import Boolean
from mapsto.columns.category import Category
from mapsto.columns.date import Date
from mapsto.columns.identifier import Identifier
from mapsto.columns.ignored import Ignored
from mapsto.columns.image import Image
from mapsto.columns.number import Number
from mapsto.columns.sequence import Sequence
from mapsto.columns.set import Set
from mapsto.columns.text import Text
from mapsto.columns.tree import Tree
from mapsto.columns.video import Video
from mapsto.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

TYPES: tuple[type[Column], ...] = (
    *(Ignored, Image, Audio, Video, Boolean, Date, Identifier, Number),
    *(Sequence, Tree, Set, Category, Text),
)
"""Claims are tried in this order; the first that takes a column has it. Text comes last as it takes all text."""


def from_state(json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Column:
    """A column from what `Column.to_state` gave, with its "type"; hostile contents are a `ModelFileError`."""
    kind = next((kind for kind in TYPES if kind.type == json.get("type")), None)
    if kind is None:
        message = (
            f"the model file names the column type {json.get('type')!r}; this mapsto knows "
            f"{', '.join(kind.type for kind in TYPES)}. Install the version that wrote it."
        )
        raise ModelFileError(message)
    return kind.from_state(json, arrays)


__all__ = [
    "TYPES",
    "Audio",
    "Boolean",
    "Category",
    "Column",
    "Date",
    "Features",
    "Guide",
    "Identifier",
    "Ignored",
    "Image",
    "Number",
    "Sequence",
    "Set",
    "Text",
    "Tree",
    "Video",
    "from_state",
]
