"""Trees: bracketed parses, their nodes, what labels are for."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import TYPES, Text, Tree
from mapsto.columns.common.brackets import DEEPEST, LARGEST, parsed, words_of
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.trees import HEIGHT, LABEL, UP, WORD
from mapsto.errors import ColumnRefused, OptionError
from mapsto.schema import Schema


def sentences(name: str = "dev") -> pl.Series:
    with gzip.open(shared_data("sst_trees", f"{name}.txt.gz"), "rt", encoding="utf-8") as file:
        return pl.Series("tree", [line.strip() for line in file if line.strip()])


def nodes_of(text: str) -> tuple[list[object], list[object], list[int], list[int]]:
    (nodes,) = parsed(pl.Series([text]))
    return nodes.words.to_list(), nodes.labels.to_list(), nodes.up.tolist(), nodes.height.tolist()


Node = tuple[str | None, str | None, int, int]


def plain(tree: object, depth: int = 0) -> list[Node]:
    """Nodes (word, label, depth, height) of a nested tuple `(label, *children)`, walked one by one."""
    if isinstance(tree, str):
        return [(tree, None, depth, 0)]
    label, *children = tree  # type: ignore[misc]
    if len(children) == 1 and isinstance(children[0], str):
        return [(children[0], label, depth, 0)]
    below = [plain(child, depth + 1) for child in children]
    return [(None, label, depth, 1 + max(each[0][3] for each in below)), *(node for each in below for node in each)]


def written(tree: object) -> str:
    if isinstance(tree, str):
        return tree
    label, *children = tree  # type: ignore[misc]
    return f"({label}  {' '.join(map(written, children))} )"


WORDS = st.text(alphabet="abé.'1", min_size=1, max_size=4)
TREES = st.recursive(
    st.tuples(WORDS, WORDS),
    lambda inner: st.builds(
        lambda label, below: (label, *below), WORDS, st.lists(inner | WORDS, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(TREES, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_nodes_are_those_of_a_plain_walk(trees: list[object]) -> None:
    cells = [written(tree) for tree in trees]
    (nodes,) = parsed(pl.Series(cells))
    walked = [plain(tree) for tree in trees]
    assert [words_of(cell) for cell in cells] == [[word for word, _, _, _ in each if word] for each in walked]
    assert nodes.counts.tolist() == [len(each) for each in walked]
    every = [node for each in walked for node in each]
    assert nodes.words.to_list() == [word for word, _, _, _ in every]
    assert nodes.labels.to_list() == [label for _, label, _, _ in every]
    assert nodes.height.tolist() == [height for _, _, _, height in every]
    starts = np.repeat(np.cumsum(nodes.counts) - nodes.counts, nodes.counts)
    for place, (up, (_, _, depth, _)) in enumerate(zip(nodes.up.tolist(), every, strict=True)):
        assert (up == 0) == (depth == 0)
        if up:
            assert place - up >= starts[place]
            assert every[place - up][2] == depth - 1
            assert all(other[2] >= depth for other in every[place - up + 1 : place])


@pytest.mark.parametrize(
    "text",
    [
        "(a b",
        "a)",
        "()",
        "((a) ())",
        "(a) b",
        "b (a)",
        "a b",
        ")(",
        "(a b) (c d)",
        "(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1),
    ],
)
def test_what_is_no_tree_is_malformed(text: str) -> None:
    cells = pl.Series(["(1 (2 x) (3 y))", text, None, " "])
    column = Tree(name="x")
    column.learn(cells)
    assert column.malformed(cells).tolist() == [False, True, False, False]
    (trees,) = column.encode(cells)
    assert np.diff(trees.offsets).tolist() == [3, 0, 0, 0]


def test_a_huge_cell_is_malformed() -> None:
    (nodes,) = parsed(pl.Series(["(a " + "b " * (LARGEST // 2) + ")", "(a b)"]))
    assert nodes.malformed.tolist() == [True, False]


def test_a_word_of_its_own_is_a_node() -> None:
    assert nodes_of("(S the (NP cat) sat)") == (
        [None, "the", "cat", "sat"],
        ["S", None, "NP", None],
        [0, 1, 2, 3],
        [1, 0, 0, 0],
    )
    assert nodes_of("((cat))") == ([None, "cat"], [None, None], [0, 1], [1, 0])


def test_claims_parses_and_nothing_else() -> None:
    column = Tree.claim(sentences(), name="tree")
    assert "nodes on average" in column.reason
    for other in (["(a b) c (d)", "(e (f) g"], ["(1,234)", "(5)"], ["plain words", "more (of (them))"], ["(a)", "(b)"]):
        with pytest.raises(ColumnRefused):
            Tree.claim(pl.Series(other * 20), name="x")
    with pytest.raises(ColumnRefused, match="predicted"):
        Tree.claim(sentences(), name="tree", target=True)


def test_a_schema_finds_trees_before_texts() -> None:
    cells = sentences().head(200)
    schema = Schema.claim(pl.DataFrame({"tree": cells, "label": cells.str.slice(1, 1)}), targets=["label"])
    assert [column.type for column in schema.inputs] == ["tree"]
    assert TYPES.index(Tree) < TYPES.index(Text)


def test_the_label_of_the_root_is_never_read() -> None:
    """With numbers as labels, they are judgements: inputs and features are the same whatever they say."""
    cells = sentences().head(100)
    column = Tree(name="x")
    column.learn(cells)
    part = column.parts[0]
    assert part.judged
    assert part.shape("tree", {"sense_width": 7}) == (part.usual, 5, 7)
    other = cells.str.replace_all(r"\(\d", "(2")
    (before,), (after,) = column.encode(cells), column.encode(other)
    kept = [WORD, UP, HEIGHT]
    assert np.array_equal(before.values[:, kept], after.values[:, kept])
    assert not np.array_equal(before.values[:, LABEL], after.values[:, LABEL])
    assert np.array_equal(column.features([before]).values, column.features([after]).values)


def test_names_are_read_and_can_be_ignored() -> None:
    cells = pl.Series(["(S (NP I) (VP saw))", "(S (NP you) (VP ran))"] * 3)
    column = Tree(name="x")
    column.learn(cells)
    (part,) = column.parts
    assert not part.judged
    assert part.labels == 2 + 3
    ignoring = Tree(name="x", labels="ignore")
    ignoring.learn(cells)
    (trees,) = ignoring.encode(cells)
    assert (trees.values[:, LABEL] == 0).all()
    with pytest.raises(OptionError, match="labels"):
        Tree(labels="all")


def test_rare_and_new_words_are_unseen() -> None:
    column = Tree(name="x", min_count=2)
    column.learn(pl.Series(["(1 (2 Fine) (3 fine))", "(1 (2 fine) (3 once))"]))
    (trees,) = column.encode(pl.Series(["(1 (2 FINE) (3 once))"]))
    assert trees.values[:, WORD].tolist() == [0, 2, 1]


def test_features_count_and_separate() -> None:
    cells = sentences("train").gather_every(4)
    column = Tree(name="x")
    column.learn(cells)
    (trees,) = column.encode(cells)
    assert isinstance(trees, Ragged)
    found = column.features([trees])
    assert np.array_equal(found.values[:, 1], [text.count(" ") - text.count(" (") for text in cells.to_list()])
    assert np.array_equal(found.values[:, 0], [text.count("(") for text in cells.to_list()])
    topics = found.values[:, 3:]
    assert topics.shape[1] == 24
    assert np.linalg.matrix_rank(topics) == 24


def test_trees_are_shown_as_their_words() -> None:
    column = Tree(name="x")
    assert column.show("(3 (2 It) (4 works))") == "It works"
    assert column.show(None) == "missing"
