"""Tree-LSTM: a long short-term memory that climbs a tree from its leaves to its root.

Every node has a memory and a state made from those of its children, with a gate for each child that says how much of
its memory is kept; so a phrase is read as its parts are put together, and the root stands for the whole. Nodes of
equal height, of all trees of a batch, are computed at once. Where nodes carry judgements (how positive each phrase
is), every node's state learns to predict its own, beside what the root is learned for.
Paper: Tai, Socher and Manning, "Improved semantic representations from tree-structured long short-term memory
networks", ACL 2015, arXiv 1503.00075: their N-ary cell with N = 2 (section 3.2) and their child-sum cell (3.1).

Shape legend: B trees, N nodes, M nodes of a level, K their children, D width in, H width of a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.aside import learn_aside
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.trees import Forest, Level


class Binary(nn.Module):
    """A cell that tells the first child from the second; further ones are added to the second."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.below = nn.Linear(2 * width, 5 * width, bias=False)

    def forward(self, own_M4H: Tensor, level: Level, below_K2H: Tensor) -> Tensor:
        """What the nodes hold, and the states and memories of their children -> those of the nodes, `(M, 2H)`."""
        first_M2H = below_K2H[level.first]
        second_M2H = torch.zeros_like(first_M2H).index_add(0, level.owner[level.others], below_K2H[level.others])
        (h1, c1), (h2, c2) = first_M2H.chunk(2, 1), second_M2H.chunk(2, 1)
        i, o, u, f1, f2 = self.below(torch.cat([h1, h2], 1)).chunk(5, 1)
        own_i, own_o, own_u, own_f = own_M4H.chunk(4, 1)
        kept = (own_f + f1).sigmoid() * c1 + (own_f + f2).sigmoid() * c2
        return _stated(own_i + i, own_o + o, own_u + u, kept)


class ChildSum(nn.Module):
    """A cell for any number of children in any order: their states are added, each has a forget gate of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sum = nn.Linear(width, 3 * width, bias=False)
        self.forget = nn.Linear(width, width, bias=False)

    def forward(self, own_M4H: Tensor, level: Level, below_K2H: Tensor) -> Tensor:
        """What the nodes hold, and the states and memories of their children -> those of the nodes, `(M, 2H)`."""
        h_KH, c_KH = below_K2H.chunk(2, 1)
        own_i, own_o, own_u, own_f = own_M4H.chunk(4, 1)
        kept_KH = (own_f[level.owner] + self.forget(h_KH)).sigmoid() * c_KH
        nothing = kept_KH.new_zeros(len(own_M4H), h_KH.shape[1])
        i, o, u = self.sum(nothing.index_add(0, level.owner, h_KH)).chunk(3, 1)
        return _stated(own_i + i, own_o + o, own_u + u, nothing.index_add(0, level.owner, kept_KH))


def _stated(i: Tensor, o: Tensor, u: Tensor, kept: Tensor | float = 0.0) -> Tensor:
    """State and memory side by side from the gates and what is kept of the children's memories."""
    c = i.sigmoid() * u.tanh() + kept
    return torch.cat([o.sigmoid() * c.tanh(), c], 1)


class TreeLSTM(Network):
    """One map of what a node holds, one cell that joins children, and a judge of every node where it has a judgement.

    >>> forest = Forest.of(torch.zeros(3, 5), torch.tensor([0, 1, 2]), torch.tensor([1, 0, 0]), torch.tensor([0, 3]))
    >>> TreeLSTM(5, TreeLSTM.Config(width=8))(forest).shape
    torch.Size([1, 8])
    """

    name: ClassVar[str] = "treelstm"
    layout: ClassVar[Sense] = "tree"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width, cell, and how much the judgements of nodes count."""

        width: int = option(150, low=1, high=4_096, doc="features of a node's state")
        cell: str = option("binary", among=("binary", "child-sum"), doc="whether the order of children matters")
        dropout: float = option(0.5, low=0.0, high=0.95, doc="share of inputs and features silenced in training")
        judgements: int = option(0, low=0, high=10_000, doc="classes of the nodes' own judgements; 0: none are learned")
        judging: float = option(30.0, low=0.0, high=1e3, doc="weight of the mean loss of the nodes beside the target's")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """As many classes of judgements as the trees have."""
            return {"judgements": size.shape[1]} if len(size.shape) == 3 else {}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Small batches, as in the paper; Adam instead of AdaGrad."""
            return {"optimizer": "adamw", "learning_rate": 3e-3, "batch_size": 32, "weight_decay": 0.05, "epochs": 8}

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.width, self.judging = config.width, config.judging
        self.out_features = config.width + config.judgements
        self.dropout = Dropout(config.dropout)
        self.own = nn.Linear(in_features, 4 * config.width)
        self.cell: nn.Module = Binary(config.width) if config.cell == "binary" else ChildSum(config.width)
        self.judge = nn.Linear(config.width, config.judgements) if config.judgements else None

    def forward(self, x: Forest) -> Tensor:  # type: ignore[override]
        """A forest -> the states of the roots, 0 where a tree is empty, and what their judge says of them, `h_BD`."""
        own_N4H = self.own(self.dropout(x.values))

        def step(level: Level, below_K2H: Tensor | None) -> Tensor:
            own_M4H = own_N4H[level.start : level.stop]
            if not len(own_M4H):
                own_M4H = self.own.bias.to(own_N4H.dtype).expand(level.stop - level.start, -1)
            if below_K2H is None:
                i, o, u, _ = own_M4H.chunk(4, 1)
                return _stated(i, o, u)
            state: Tensor = self.cell(own_M4H, level, below_K2H)
            return state

        roots_B2H, nodes_N2H = x.climb(step, 2 * self.width)
        h_BH: Tensor = self.dropout(roots_B2H[:, : self.width])
        return h_BH if self.judge is None else self._judged(self.judge, h_BH, nodes_N2H[:, : self.width], x.judgements)

    def _judged(self, judge: nn.Module, h_BH: Tensor, nodes_NH: Tensor, judgements_N: Tensor | None) -> Tensor:
        """The states of the roots beside their judgements; in training, those of all nodes are learned aside."""
        h_BD = torch.cat([h_BH, judge(h_BH)], 1)
        if not self.training or judgements_N is None:
            return h_BD
        scores = judge(self.dropout(nodes_NH)).float()
        known = (judgements_N >= 0).sum().clamp_min(1)
        loss = F.cross_entropy(scores, judgements_N, ignore_index=-1, reduction="sum") / known
        return learn_aside(h_BD, self.judging * loss)
