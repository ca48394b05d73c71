"""The part of a tree: one row of four whole numbers a node, and how networks read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart

if TYPE_CHECKING:
    from torch import nn

WORD, LABEL, UP, HEIGHT = range(4)
"""Columns of the values of a tree's `Ragged`, int32 `(nodes, 4)`, each tree in preorder.

Codes of words and labels are 0 where there is none and 1 where it is unseen; `UP` counts places back to the parent, 0
for the root; `HEIGHT` counts steps down to the farthest leaf.
"""
NONE, UNSEEN, FIRST = 0, 1, 2


@dataclass(frozen=True)
class TreePart(SensePart):
    """Nodes of a tree."""

    words: int = FIRST
    """Codes of words."""
    labels: int = FIRST
    """Codes of labels."""
    judged: bool = False
    """Whether labels are judgements, which a network learns beside its target and never reads."""
    usual: int = 1
    """Nodes that a tree usually has."""
    group: ClassVar[str] = "tree"
    senses: ClassVar[tuple[Sense, ...]] = ("tree",)
    network: ClassVar[str] = "treelstm"

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(usual nodes, labels to learn, width)`."""
        return (self.usual, max(0, self.labels - FIRST) if self.judged else 0, options["sense_width"])

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Vectors of words and of labels that are read (`networks/blocks/trees.py`)."""
        from mapsto.networks.blocks.trees import TreeFront

        return TreeFront(self.words, self.labels, judged=self.judged, width=options["sense_width"])

    def holds(self, block: Block) -> bool:
        """Known codes, parents before their children and within their tree, heights that follow from these."""
        if not isinstance(block, Ragged) or block.values.dtype != np.int32 or block.values.shape[1:] != (4,):
            return False
        word, label, up, height = block.values.T.astype(np.int64)
        if not len(word):
            return True
        starts = np.repeat(block.offsets[:-1], np.diff(block.offsets))
        parent = np.arange(len(up)) - up
        root = np.arange(len(up)) == starts
        if ((up == 0) != root).any() or (parent < starts).any() or (parent > np.arange(len(up))).any():
            return False
        expected = np.zeros_like(height)
        np.maximum.at(expected, parent[~root], height[~root] + 1)
        codes = word.min() >= 0 and word.max() < self.words and label.min() >= 0 and label.max() < self.labels
        return bool(codes and (expected == height).all())
