"""Trees of a batch as one forest, computed level by level and not node by node.

A node's height is the number of steps down to its farthest leaf. Nodes of equal height, of all trees, depend on lower
ones only and are computed at once. Their states are then cut up by the height of the parent that will read them, so
that every state is read once, where it is needed, and no level touches those of all others.

Shape legend: N nodes, M nodes of a level, K their children, R those that are no first child, B trees, D width of a
value, H of a state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mapsto.networks.blocks.ragged import RaggedTensor


@dataclass(frozen=True)
class Level:
    """Nodes of one height; children are counted in the order in which their states arrive."""

    start: int
    stop: int
    """Places of its nodes in the forest."""
    owner: Tensor
    """`(K,)`, for each child: which node of this level is its parent."""
    first: Tensor
    """`(M,)`, for each node: which child is its first; empty at the leaves."""
    others: Tensor
    """`(R,)`, the children that are no first child of their parent."""
    sent: tuple[tuple[int, int], ...]
    """Its nodes, in their order, as (level of their parents, how many); roots are sent to one level above all."""


@dataclass(frozen=True)
class Forest:
    """The trees of a batch, nodes of low height first.

    >>> up, height, offsets = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 0, 0, 0]), torch.tensor([0, 3, 3, 4])
    >>> forest = Forest.of(torch.tensor([[5.0], [1.0], [2.0], [7.0]]), up, height, offsets)
    >>> forest.values.flatten().tolist(), [(level.start, level.stop) for level in forest.levels]
    ([1.0, 2.0, 7.0, 5.0], [(0, 3), (3, 4)])
    >>> def step(level, below):
    ...     return forest.values[level.start : level.stop] + (0 if below is None else below.sum())
    >>> forest.climb(step, 1)
    (tensor([[8.], [0.], [7.]]), tensor([[1.], [2.], [7.], [8.]]))
    """

    values: Tensor
    """`(N, D)`, what each node holds. It may end early: nodes behind hold nothing, as constituents without a word."""
    levels: tuple[Level, ...]
    root_rows: Tensor
    """For each root, in the order in which their states arrive: the row of its tree."""
    rows: int
    """B, empty trees included."""
    judgements: Tensor | None = None
    """`(N,)`, a class for each node that a network may learn beside its target; -1 where there is none."""

    @classmethod
    def of(
        cls, values_ND: Tensor, up_N: Tensor, height_N: Tensor, offsets: Tensor, judgements_N: Tensor | None = None
    ) -> Forest:
        """A forest from trees one after another, each in preorder.

        Args:
            values_ND: what each node holds.
            up_N: places back to the parent, 0 for a root.
            height_N: steps down to the farthest leaf.
            offsets: where each of the B trees begins, and the end.
            judgements_N: see the class.
        """
        order, levels, root_rows = _arranged(up_N, height_N, offsets)
        judgements = None if judgements_N is None else judgements_N[order]
        return cls(values_ND[order], levels, root_rows, len(offsets) - 1, judgements)

    def climb(self, step: Callable[[Level, Tensor | None], Tensor], width: int) -> tuple[Tensor, Tensor]:
        """Compute a state for every node from those of its children, level by level.

        Args:
            step: `(level, children_KH) -> state_MH`; no children at the leaves.
            width: H.

        Returns:
            The states of the roots `(B, H)`, 0 where a tree is empty, and of all nodes `(N, H)`.
        """
        if not self.levels:
            return self.values.new_zeros(self.rows, width), self.values.new_zeros(0, width)
        inbox: list[list[Tensor]] = [[] for _ in range(len(self.levels) + 1)]
        found: list[Tensor] = []
        for here, level in enumerate(self.levels):
            state_MH = step(level, torch.cat(inbox[here]) if here else None)
            found.append(state_MH)
            pieces = torch.split(state_MH, [count for _, count in level.sent])
            for (reader, _), piece in zip(level.sent, pieces, strict=True):
                inbox[reader].append(piece)
        roots = torch.cat(inbox[-1])
        return roots.new_zeros(self.rows, width).index_copy(0, self.root_rows, roots), torch.cat(found)


def _arranged(up_N: Tensor, height_N: Tensor, offsets: Tensor) -> tuple[Tensor, tuple[Level, ...], Tensor]:
    """Order of the nodes by height and height of the parent; the levels; the rows of the roots."""
    place_N = torch.arange(len(up_N), device=up_N.device)
    parent_N, root_N = place_N - up_N, up_N == 0
    depth = int(height_N.max()) + 1 if len(up_N) else 0
    reader_N = height_N[parent_N].masked_fill(root_N, depth)
    order = torch.argsort(height_N * (depth + 1) + reader_N, stable=True)
    sent = torch.bincount(height_N * (depth + 1) + reader_N, minlength=depth * (depth + 1)).view(depth, depth + 1)
    position = torch.empty_like(order)
    position[order] = place_N
    arriving = torch.argsort(reader_N * (depth + 1) + height_N, stable=True)
    roots = int(root_N.sum())
    root_rows = torch.bucketize(arriving[len(arriving) - roots :], offsets[1:], right=True)
    children = arriving[: len(arriving) - roots]
    return order, _levels(sent.tolist(), position[parent_N[children]], up_N[children] == 1), root_rows


def _levels(sent: list[list[int]], parent_C: Tensor, first_C: Tensor) -> tuple[Level, ...]:
    """Levels from how many nodes of each height go where, and all children in the order in which they arrive."""
    sizes, arrivals = [sum(row) for row in sent], [sum(column) for column in zip(*sent, strict=True)][: len(sent)]
    levels: list[Level] = []
    start = done = 0
    for size, arrived, row in zip(sizes, arrivals, sent, strict=True):
        owner_K = parent_C[done : done + arrived] - start
        first_K = first_C[done : done + arrived]
        firsts = first_K.nonzero().flatten()
        first_M = torch.empty_like(firsts).index_copy(0, owner_K[firsts], firsts)
        readers = tuple((reader, count) for reader, count in enumerate(row) if count)
        levels.append(Level(start, start + size, owner_K, first_M, (~first_K).nonzero().flatten(), readers))
        start, done = start + size, done + arrived
    return tuple(levels)


class TreeFront(nn.Module):
    """Nodes to a forest: vectors of their words, plus those of their labels where labels are read.

    Args:
        words: codes of words; 0 is none, 1 unseen.
        labels: codes of labels.
        judged: labels are classes that the network learns beside its target; it does not read them.
        width: D.
    """

    def __init__(self, words: int, labels: int, *, judged: bool, width: int) -> None:
        super().__init__()
        self.judged = judged
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.labels = None if judged or labels <= 2 else nn.Embedding(labels, width, padding_idx=0)

    def forward(self, trees: RaggedTensor) -> tuple[Any, ...]:
        """A batch of trees (`columns/common/trees.py` says what their values are) -> a forest."""
        word_N, label_N, up_N, height_N = trees.values.long().unbind(1)
        order, levels, root_rows = _arranged(up_N, height_N, trees.offsets)
        judgements = (label_N[order] - 2).clamp_min(-1) if self.judged else None
        holds = len(order) if self.labels is not None or not levels else levels[0].stop
        values_ND = self.words(word_N[order[:holds]])
        if self.labels is not None:
            values_ND = values_ND + self.labels(label_N[order])
        return (Forest(values_ND, levels, root_rows, len(trees), judgements),)
