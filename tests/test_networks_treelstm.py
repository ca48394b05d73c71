"""The Tree-LSTM against one that walks node by node, and forests."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mapsto.columns import Category, Tree
from mapsto.columns.common.brackets import parsed
from mapsto.composition import Composition
from mapsto.networks.blocks.trees import Forest, TreeFront
from mapsto.networks.treelstm import TreeLSTM
from mapsto.schema import Schema
from mapsto.tensors import to_tensors
from small_tables import work


def forest_of(texts: list[str | None], width: int = 3, seed: int = 0) -> tuple[Forest, Tensor, Tensor, Tensor]:
    (nodes,) = parsed(pl.Series(texts, dtype=pl.String))
    values = torch.randn(len(nodes.up), width, generator=torch.Generator().manual_seed(seed))
    up, height = (torch.from_numpy(array).long() for array in (nodes.up, nodes.height))
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(nodes.counts)]))
    return Forest.of(values, up, height, offsets), values, up, offsets


def walked(network: TreeLSTM, values: Tensor, up: Tensor, node: int) -> tuple[Tensor, Tensor]:
    """State and memory of a node as the paper's equations give them, its children one after another."""
    width = network.width
    children = [c for c in range(node + 1, len(up)) if up[c] and c - int(up[c]) == node]
    states = [walked(network, values, up, child) for child in children]
    i, o, u, f = network.own(values[node]).split(width)
    kept = torch.zeros(width)
    if states and network.cell.__class__.__name__ == "Binary":
        second = [sum((each[k] for each in states[1:]), torch.zeros(width)) for k in (0, 1)]
        added = network.cell.below(torch.cat([states[0][0], second[0]])).split(width)
        i, o, u = i + added[0], o + added[1], u + added[2]
        kept = torch.sigmoid(f + added[3]) * states[0][1] + torch.sigmoid(f + added[4]) * second[1]
    elif states:
        added = network.cell.sum(sum(h for h, _ in states)).split(width)
        i, o, u = i + added[0], o + added[1], u + added[2]
        kept = sum(torch.sigmoid(f + network.cell.forget(h)) * c for h, c in states)
    c = torch.sigmoid(i) * torch.tanh(u) + kept
    return torch.sigmoid(o) * torch.tanh(c), c


TEXTS = [
    "(0 (1 a) (2 (3 b) (4 c)))",
    None,
    "(0 a)",
    "(0 (1 (2 (3 a) b) c) (4 d))",
    "(0 a b c (1 d e) f)",
    "(0 (1 (2 a)))",
]


@pytest.mark.parametrize("cell", ["binary", "child-sum"])
def test_levels_give_what_a_walk_gives(cell: str) -> None:
    torch.manual_seed(0)
    network = TreeLSTM(3, TreeLSTM.Config(width=4, cell=cell)).eval()
    forest, values, up, offsets = forest_of(TEXTS)
    with torch.no_grad():
        found = network(forest)
        for row, text in enumerate(TEXTS):
            start = int(offsets[row])
            expected = torch.zeros(4) if text is None else walked(network, values, up, start)[0]
            assert torch.allclose(found[row], expected, atol=1e-6)


def test_the_binary_cell_knows_order_and_the_sum_does_not() -> None:
    torch.manual_seed(0)
    binary, summed = (TreeLSTM(3, TreeLSTM.Config(width=4, cell=cell)).eval() for cell in ("binary", "child-sum"))
    (_, values, up, offsets), height = forest_of(["(0 (1 a) (2 b))"]), torch.tensor([1, 0, 0])
    forward, backward = (Forest.of(each, up, height, offsets) for each in (values, values[[0, 2, 1]]))
    assert not torch.allclose(binary(forward), binary(backward))
    assert torch.allclose(summed(forward), summed(backward))


def shapes(depth: int = 4) -> st.SearchStrategy[str]:
    leaf = st.just("x")
    return st.recursive(
        leaf, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda b: f"(0 {' '.join(b)})"), max_leaves=10
    )


@given(
    st.lists(shapes().map(lambda text: text if text[0] == "(" else f"(0 {text})") | st.none(), min_size=1, max_size=6)
)
@settings(max_examples=50, deadline=None)
def test_every_state_arrives_once_and_where_it_is_read(texts: list[str | None]) -> None:
    """Each node counts itself and what its children count: a root must count the nodes of its tree."""
    forest, _, up, offsets = forest_of(texts)

    def step(level: object, below: Tensor | None) -> Tensor:
        own = torch.ones(level.stop - level.start, 1)
        return own if below is None else own.index_add(0, level.owner, below)

    roots, nodes = forest.climb(step, 1)
    assert roots[:, 0].tolist() == offsets.diff().tolist()
    assert len(nodes) == len(up)
    for level in forest.levels[1:]:
        assert len(level.first) == level.stop - level.start
        assert len(level.first) + len(level.others) == len(level.owner)
        assert torch.equal(level.owner[level.first], torch.arange(len(level.first)))


def test_nodes_without_a_value_have_only_biases() -> None:
    """A forest whose values end behind the leaves equals one whose other nodes hold zeros."""
    torch.manual_seed(0)
    network = TreeLSTM(3, TreeLSTM.Config(width=4)).eval()
    forest, values, *_ = forest_of(TEXTS)
    leaves = forest.levels[0].stop
    short = Forest(forest.values[:leaves], forest.levels, forest.root_rows, forest.rows)
    zeros = torch.cat([forest.values[:leaves], torch.zeros(len(values) - leaves, 3)])
    assert torch.allclose(network(short), network(Forest(zeros, forest.levels, forest.root_rows, forest.rows)))


def learned(texts: list[str], **options: object) -> tuple[Schema, object]:
    frame = pl.DataFrame({"tree": texts, "label": [text[1] for text in texts]})
    schema = Schema([Tree(name="tree", min_count=1, **options)], [Category(name="label")])
    schema.learn(frame)
    return schema, schema.encode(frame, truth=True)


JUDGED = [
    "(0 (1 bad) (0 film))",
    "(1 (1 good) (0 film))",
    "(1 (0 bad) (1 (1 good) (0 end)))",
    "(0 (0 no) (1 (1 good) end))",
] * 8


def test_judgements_are_learned_aside_in_training_only() -> None:
    schema, rows = learned(JUDGED)
    made = Composition.build(schema, "treelstm", rows=32, options={"width": 8, "dropout": 0.0}, seed=1)
    (encoder,) = made.encoders
    judge = encoder.network.judge
    assert judge.out_features == 2
    blocks = to_tensors(rows)
    blind = blocks["tree:tree"].values.clone()
    blind[:, 1] = 0
    made.eval()
    outputs = made(blocks)["label"]
    hidden = made({"tree:tree": type(blocks["tree:tree"])(blind, blocks["tree:tree"].offsets)})["label"]
    assert torch.equal(outputs, hidden)
    made.train()
    made.zero_grad()
    (0.0 * made(blocks)["label"]).sum().backward()
    assert float(judge.weight.grad.abs().sum()) > 0
    assert torch.equal(made(blocks)["label"], outputs)


def test_labels_that_are_names_have_vectors() -> None:
    front = TreeFront(5, 4, judged=False, width=6)
    assert front.labels is not None
    assert TreeFront(5, 4, judged=True, width=6).labels is None


def test_it_learns_what_a_bag_of_words_cannot() -> None:
    """Which of two words stands first decides; a member trained on it is right on trees that it has not seen."""
    from mapsto import metrics
    from mapsto.members.network import Network

    draw = np.random.default_rng(0)
    words = [f"w{number}" for number in range(8)]
    pairs = [draw.choice(8, 2, replace=False) for _ in range(600)]
    texts = [f"({int(a < b)} (2 {words[a]}) (2 {words[b]}))" for a, b in pairs]
    schema, rows = learned(texts, labels="ignore")
    given_work = work(
        {"sold": "category"}, learning={"epochs": 15, "learning_rate": 0.02}, networks={"treelstm": {"width": 16}}
    )
    given_work.schema, given_work.metrics = schema, {"label": metrics.get("accuracy", "classification")}
    given_work.train, given_work.valid = rows.take(np.arange(400)), rows.take(np.arange(400, 600))
    member = Network("treelstm").fit(given_work)
    predicted = member.predict(given_work.valid)["label"].argmax(axis=1)
    assert (predicted == given_work.valid.truth["label"]).mean() > 0.95
