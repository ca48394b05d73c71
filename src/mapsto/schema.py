"""The columns of a table, what they have learned, and a table encoded once into contiguous arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.parts import Block, Part, Ragged

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


@dataclass
class Encoded:
    """Rows of a table, encoded: one block per key (see `Part.key`), and the truth of each target if it was there."""

    rows: int
    blocks: dict[str, Block]
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    weight: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Encoded:
        """The rows of these indices, in this order."""
        return Encoded(
            len(rows),
            {key: block.take(rows) if isinstance(block, Ragged) else block[rows] for key, block in self.blocks.items()},
            {name: truth[rows] for name, truth in self.truth.items()},
            None if self.weight is None else self.weight[rows],
        )


@dataclass
class Schema:
    """Which columns go in, which come out, which are left out and why."""

    inputs: list[Column]
    targets: list[Column]
    left_out: list[Column] = field(default_factory=list)

    @property
    def columns(self) -> list[Column]:
        """Inputs, targets and columns left out."""
        return [*self.inputs, *self.targets, *self.left_out]

    def target(self, name: str) -> Column:
        """The target of this name."""
        return next(column for column in self.targets if column.name == name)

    def learn(self, frame: pl.DataFrame) -> None:
        """Learn every column from training rows: targets first, since they guide the inputs."""
        for target in self.targets:
            target.learn(frame[target.name])
        guide = None
        if self.targets and self.targets[0].task is not None:
            first = self.targets[0]
            guide = Guide(first.task, first.encode_target(frame[first.name]))
        for column in self.inputs:
            column.learn(frame[column.name], guide)
        self.__dict__.pop("parts", None)

    @cached_property
    def parts(self) -> dict[str, list[Part]]:
        """The parts of each block, in the order in which they are stacked."""
        found: dict[str, list[Part]] = {}
        for column in self.inputs:
            for part in column.parts:
                found.setdefault(part.key, []).append(part)
        return found

    def encode(self, frame: pl.DataFrame, *, truth: bool = False) -> Encoded:
        """Encode all rows; with `truth`, also the targets that the frame has."""
        rows = frame.height
        blocks: dict[str, Block] = {
            key: np.empty((rows, len(parts)), dtype=np.float32 if key == "numbers" else np.int32)
            for key, parts in self.parts.items()
            if parts[0].stacked
        }
        filled = dict.fromkeys(blocks, 0)
        for column in self.inputs:
            for part, array in zip(column.parts, column.encode(frame[column.name]), strict=True):
                if part.stacked:
                    blocks[part.key][:, filled[part.key]] = array  # type: ignore[index]
                    filled[part.key] += 1
                else:
                    blocks[part.key] = array
        found = {t.name: t.encode_target(frame[t.name]) for t in self.targets if truth and t.name in frame.columns}
        return Encoded(rows, blocks, found)

    def arrays(self, encoded: Encoded, column: Column) -> list[np.ndarray | Ragged]:
        """The arrays of one column inside an encoded table, as `Column.encode` gave them."""
        found: list[np.ndarray | Ragged] = []
        for part in column.parts:
            block = encoded.blocks[part.key]
            found.append(block[:, self.parts[part.key].index(part)] if isinstance(block, np.ndarray) else block)
        return found

    def with_arrays(self, encoded: Encoded, changed: dict[str, Sequence[np.ndarray | Ragged]]) -> Encoded:
        """A copy in which the named columns hold these arrays; blocks that do not change are shared."""
        blocks = dict(encoded.blocks)
        copied: set[str] = set()
        for column in self.inputs:
            if column.name not in changed:
                continue
            for part, array in zip(column.parts, changed[column.name], strict=True):
                block = blocks[part.key]
                if isinstance(block, np.ndarray):
                    if part.key not in copied:
                        block = blocks[part.key] = block.copy()
                        copied.add(part.key)
                    block[:, self.parts[part.key].index(part)] = array
                else:
                    blocks[part.key] = array
        return replace(encoded, blocks=blocks)

    def features(self, encoded: Encoded) -> Features:
        """All inputs as flat numbers for classical learners."""
        found = [column.features(self.arrays(encoded, column)) for column in self.inputs]
        values = np.empty((encoded.rows, sum(f.values.shape[1] for f in found)), dtype=np.float32)
        at = 0
        for features in found:
            width = features.values.shape[1]
            values[:, at : at + width] = features.values
            at += width
        return Features(values, [n for f in found for n in f.names], [c for f in found for c in f.categorical])

    def malformed(self, frame: pl.DataFrame) -> dict[str, np.ndarray]:
        """For each input with cells that cannot be read: the row numbers (from 0)."""
        found = {c.name: np.flatnonzero(c.malformed(frame[c.name])) for c in self.inputs}
        return {name: rows for name, rows in found.items() if len(rows)}

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays; array names are prefixed by the column's position."""
        json: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for role, columns in (("inputs", self.inputs), ("targets", self.targets), ("left_out", self.left_out)):
            json[role] = []
            for position, column in enumerate(columns):
                state, own = column.to_state()
                json[role].append({"type": column.type, "name": column.name, "reason": column.reason, **state})
                arrays |= {f"{role}.{position}.{name}": array for name, array in own.items()}
        return json, arrays
