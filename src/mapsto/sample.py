"""A sample of rows that a model keeps: encoded for computing, shown for people.

Kept are some training rows (what "without this column" is replaced by, where novelty and similar rows look) and some
held-out rows (importance, report). They make a model file explain itself anywhere, without the data it came from; and
they mean that the file holds some rows of the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mapsto.checked import inside
from mapsto.columns.common.cells import as_text
from mapsto.columns.common.parts import Block, Ragged, SensePart
from mapsto.errors import ModelFileError
from mapsto.metrics import STRANGE
from mapsto.schema import Encoded

if TYPE_CHECKING:
    import polars as pl

    from mapsto.columns.base import Column
    from mapsto.schema import Schema
    from mapsto.table import Selection


LONGEST_TEXT = 5_000
"""Characters of a text that is kept whole; longer ones are not kept."""
_FEWEST_ROWS = 20
_MOST_ROWS = 1_000_000
_ROUNDING = 1e-5
_MOST_LABELS = 2**20
"""Labels of a row that the model does not have, at most."""


@dataclass
class Sample:
    """Rows encoded, with truth, as they read, and with predictions where they were made honestly."""

    encoded: Encoded
    shown: dict[str, list[str]]
    """Column name to its values as a person reads them."""
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, list[str | None]] = field(default_factory=dict)
    """The cells of columns that `keep_text`, for maps of what is inside them; None: missing, or too long to keep."""

    def __len__(self) -> int:
        return self.encoded.rows

    @classmethod
    def of(cls, schema: Schema, encoded: Encoded, frame: pl.DataFrame | Selection, rows: np.ndarray) -> Self:
        """These rows."""
        picked = frame[rows]
        there = set(picked.columns)
        shown = {
            column.name: [column.show(value) for value in picked[column.name].to_list()]
            for column in [*schema.inputs, *schema.targets]
            if column.name in there
        }
        return cls(encoded.take(rows), shown, texts=texts(schema, picked, LONGEST_TEXT))

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays."""
        arrays: dict[str, np.ndarray] = {}
        keys = sorted(self.encoded.blocks)
        for position, key in enumerate(keys):
            block = self.encoded.blocks[key]
            if isinstance(block, Ragged):
                arrays[f"values.{position}"], arrays[f"offsets.{position}"] = block.values, block.offsets
                if block.weights is not None:
                    arrays[f"weights.{position}"] = block.weights
            else:
                arrays[f"block.{position}"] = np.asarray(block)
        arrays |= {f"truth.{name}": truth for name, truth in self.encoded.truth.items()}
        arrays |= {f"prediction.{name}": prediction for name, prediction in self.predictions.items()}
        return {"rows": self.encoded.rows, "keys": keys, "shown": self.shown, "texts": self.texts}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse; sizes, types and codes are checked against the schema."""
        rows = json["rows"]
        if type(rows) is not int or not 0 <= rows <= _MOST_ROWS or sorted(json["keys"]) != sorted(schema.parts):
            raise _altered("its rows or blocks do not fit the columns")
        blocks = {key: _block(position, key, arrays, rows, schema) for position, key in enumerate(json["keys"])}
        truth = {t.name: _truth(t, arrays[name], rows) for t in schema.targets if (name := f"truth.{t.name}") in arrays}
        predictions = {
            t.name: _prediction(t, arrays[name], rows)
            for t in schema.targets
            if (name := f"prediction.{t.name}") in arrays
        }
        names = {column.name for column in [*schema.inputs, *schema.targets]}
        shown = {str(name): [str(value) for value in values] for name, values in json["shown"].items()}
        if any(len(values) != rows for values in shown.values()) or shown.keys() != names:
            raise _altered("shown values have another number of rows or are not of its columns")
        kept = {str(name): [_text(value) for value in values] for name, values in json.get("texts", {}).items()}
        if any(len(values) != rows for values in kept.values()) or not kept.keys() <= names:
            raise _altered("texts have another number of rows or name no column")
        return cls(Encoded(rows, blocks, truth), shown, predictions, kept)


def texts(schema: Schema, frame: pl.DataFrame, longest: int | None = None) -> dict[str, list[str | None]]:
    """The cells of the columns that `keep_text`; None where missing, or of more than `longest` characters."""
    found = {c.name: as_text(frame[c.name]) for c in schema.inputs if c.keeps_text}
    if longest is None:
        return {name: cells.to_list() for name, cells in found.items()}
    return {
        name: cells.set((cells.str.len_chars() > longest).fill_null(False), None).to_list()
        for name, cells in found.items()
    }


def affordable(encoded: Encoded, most: int, room: int) -> int:
    """How many of `most` rows a model can keep in about `room` bytes; a few in any case."""
    size = sum(b.values.nbytes if isinstance(b, Ragged) else b.nbytes for b in encoded.blocks.values())
    return min(most, max(_FEWEST_ROWS, room * max(1, encoded.rows) // max(1, size)))


def _text(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise _altered(f"{value!r} is no text")
    return value


def draw_rows(rows: int, most: int, seed: int) -> np.ndarray:
    """At most `most` row numbers, rising."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng([seed, 11]).choice(rows, most, replace=False))


def _truth(target: Column, found: np.ndarray, rows: int) -> np.ndarray:
    """Truth of a target in the form of its task; codes are those of a class, `MISSING` or `STRANGE`."""
    name, width = f"truth.{target.name}", target.out_features
    if target.task == "regression":
        inside(found, name, kinds="f", shape=(rows,), finite=False)
        if np.isinf(found).any():
            raise _altered(f"{name} holds infinite numbers")
        return found
    if target.task == "classification":
        return inside(found, name, kinds="i", shape=(rows,), low=STRANGE, high=len(target.classes) - 1)
    inside(found, name, kinds="f", shape=(rows, width), finite=False)
    there = found[~np.isnan(found)]
    if (np.abs(there) > _MOST_LABELS).any() or (there != np.rint(there)).any():
        raise _altered(f"{name} holds labels that are neither there nor absent")
    return found


def _prediction(target: Column, found: np.ndarray, rows: int) -> np.ndarray:
    """Predictions of a target in the form of its task."""
    ends = (None, None) if target.task == "regression" else (0.0, 1.0 + _ROUNDING)
    width = target.out_features
    return inside(found, f"prediction.{target.name}", kinds="f", shape=(rows, width), low=ends[0], high=ends[1])


def _block(position: int, key: str, arrays: dict[str, np.ndarray], rows: int, schema: Schema) -> Block:
    parts = schema.parts[key]
    sizes = np.array([getattr(part, "size", 0) for part in parts])
    name = f"block.{position}"
    if parts[0].stacked:
        kind = "int32" if sizes.any() else "float32"
        dense = inside(arrays.get(name), name, kinds=kind, shape=(rows, len(parts)), finite=False)
        if sizes.any() and rows and ((dense < 0).any() or (dense >= sizes).any()):
            raise _altered(f"block {key!r} holds codes out of range")
        if not sizes.any() and np.isinf(dense).any():
            raise _altered(f"block {key!r} holds infinite numbers")
        return dense
    (part,) = parts
    if isinstance(part, SensePart) and name in arrays:
        dense = inside(arrays[name], name, kinds="iuf", shape=(rows, *(None,) * (arrays[name].ndim - 1)))
        if not part.holds(dense):
            raise _altered(f"block {key!r} has shape {dense.shape} and type {dense.dtype}")
        return dense
    kept = arrays.get(f"values.{position}")
    codes = {"low": 0, "high": int(sizes[0]) - 1, "kinds": "int32"} if sizes.any() else {"kinds": "iuf"}
    others = () if kept is None else (None,) * (kept.ndim - 1)
    values = inside(kept, f"values.{position}", shape=(None, *others), **codes)
    count = len(values)
    offsets = inside(
        arrays.get(f"offsets.{position}"), f"offsets.{position}", kinds="i", shape=(rows + 1,), low=0, high=count
    )
    if offsets[0] != 0 or offsets[-1] != count or (np.diff(offsets) < 0).any():
        raise _altered(f"the offsets of block {key!r} do not rise from 0 to the number of its values")
    weights = arrays.get(f"weights.{position}")
    if weights is not None:
        inside(weights, f"weights.{position}", kinds="float32", shape=values.shape)
    if isinstance(part, SensePart) == (weights is not None):
        raise _altered(f"block {key!r} has weights where it must not, or none")
    found = Ragged(values, offsets, weights)
    if isinstance(part, SensePart) and not part.holds(found):
        raise _altered(f"block {key!r} does not hold what its column encodes")
    return found


def _altered(what: str) -> ModelFileError:
    return ModelFileError(f"the model file's sample of rows was altered: {what}")
