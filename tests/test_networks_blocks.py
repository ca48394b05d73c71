"""Encoders, heads, ragged rows, activations and initialisation, each against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mapsto.columns.common.parts import Ragged
from mapsto.errors import OptionError
from mapsto.networks.blocks.activations import Gated, Step, activation
from mapsto.networks.blocks.bags import MOST, BagEncoder
from mapsto.networks.blocks.codes import CodeEncoder
from mapsto.networks.blocks.heads import Head
from mapsto.networks.blocks.hide import HideColumns
from mapsto.networks.blocks.initialization import initialize
from mapsto.networks.blocks.numbers import NumberEncoder, Piecewise
from mapsto.networks.blocks.ragged import RaggedTensor, take

NAN = float("nan")
EDGES = [(-1.0, 0.0, 0.5, 2.0), (0.0, 1.0), (), (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0)]


def shares(x: torch.Tensor, edges: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The piecewise-linear encoding of the paper, and the bin's indicator, `(rows, bins)`, written out."""
    bins = max(1, len(edges) - 1)
    share, indicator = torch.zeros(len(x), bins), torch.zeros(len(x), bins)
    if len(edges) < 2:
        indicator[:, 0] = 1
        return share, indicator
    for row, value in enumerate(x.tolist()):
        inside = sum(value > edge for edge in edges[1:-1])
        indicator[row, inside] = 1
        share[row, :inside] = 1
        low, high = edges[inside], edges[inside + 1]
        share[row, inside] = min(max((value - low) / (high - low), -2.0), 3.0)
    return share, indicator


@given(st.lists(st.floats(-6, 6, width=32), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_piecewise_is_the_papers_encoding_times_a_matrix(values: list[float]) -> None:
    layer = Piecewise(EDGES, [True, False, True, True], width=3)
    x = torch.tensor([values, [0.0, 0.5, 1.0, -1.0]])
    found = layer(x)
    levels = {0: 0, 2: 1, 3: 2}
    for number, edges in enumerate(EDGES):
        share, indicator = shares(x[:, number], edges)
        bins = share.shape[1]
        expected = layer.line.start[number] + x[:, number, None] * layer.line.slope[number]
        if len(edges) > 1:
            expected = expected + share @ layer.rise[number, :bins]
        if number in levels:
            expected = expected + indicator @ layer.level[levels[number], :bins]
        torch.testing.assert_close(found[:, number], expected, rtol=1e-4, atol=1e-4)


def test_a_curve_without_jumps_is_continuous_and_one_with_jumps_is_not() -> None:
    edges = [(0.0, 1.0, 2.0)]
    around = torch.tensor([[1.0 - 1e-5], [1.0 + 1e-5]])
    smooth, jumping = Piecewise(edges, [False], 4)(around), Piecewise(edges, [True], 4)(around)
    assert (smooth[0] - smooth[1]).abs().max() < 1e-3
    assert (jumping[0] - jumping[1]).abs().max() > 0.05


@pytest.mark.parametrize("numbers", ["plain", "piecewise", "periodic"])
@pytest.mark.parametrize("layout", ["flat", "tokens"])
def test_a_missing_number_becomes_the_learned_vector(numbers: str, layout: str) -> None:
    encoder = NumberEncoder(EDGES, layout=layout, options={"numbers": numbers, "token_width": 5, "number_width": 5})
    with torch.no_grad():
        encoder.missing.normal_()
    x = torch.tensor([[NAN, 1.0, NAN, 0.0]], requires_grad=False)
    out = encoder(x).unflatten(-1, (4, -1)) if layout == "flat" else encoder(x)
    assert torch.equal(out[0, 0], encoder.missing[0])
    assert torch.equal(out[0, 2], encoder.missing[2])
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_plain_numbers_are_themselves() -> None:
    encoder = NumberEncoder([(), ()], layout="flat", options={})
    assert torch.equal(encoder(torch.tensor([[3.0, NAN]])), torch.tensor([[3.0, 0.0, 0.0, 0.0]]))


def test_huge_numbers_stay_finite() -> None:
    for numbers in ("plain", "piecewise", "periodic"):
        encoder = NumberEncoder(EDGES, layout="flat", options={"numbers": numbers})
        assert encoder(torch.full((1, 4), 1e30)).isfinite().all()


@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_one_hot_equals_torch_but_for_missing_and_unseen(sizes: list[int], seed: int) -> None:
    encoder = CodeEncoder(sizes, layout="flat", options={"codes": "one-hot"})
    draw = np.random.default_rng(seed)
    codes = torch.from_numpy(np.stack([draw.integers(0, size, 9) for size in sizes], 1).astype(np.int32))
    hot = [nn.functional.one_hot(codes[:, c].long(), size).float() for c, size in enumerate(sizes)]
    for each in hot:
        each[:, :2] = 0
    assert torch.equal(encoder(codes), torch.cat(hot, 1))
    assert encoder.out_features == sum(sizes) == sum(count for _, count in encoder.spans)
    with torch.no_grad():
        encoder.readers[0].read.height.fill_(1.0)
    assert torch.equal(encoder(codes).sum(1), torch.full((9,), float(len(sizes))))


def test_embedding_takes_vectors_only_where_they_are_shorter() -> None:
    encoder = CodeEncoder([3, 50, 8, 20], layout="flat", options={"codes": "embedding", "code_width": 8})
    assert encoder.spans == [(0, 3), (2, 8), (1, 8), (3, 8)]
    out = encoder(torch.tensor([[2, 7, 5, 9], [0, 0, 0, 1]], dtype=torch.int32))
    assert torch.equal(out[0, :3], torch.tensor([0.0, 0.0, 1.0]))
    assert torch.equal(out[0, 11:19], encoder.readers[1].read.vectors[7])
    assert torch.equal(out[0, 19:], encoder.readers[1].read.vectors[50 + 9])
    assert (out[1] == 0).all()


def test_one_hot_gives_way_to_vectors_for_very_many_categories() -> None:
    encoder = CodeEncoder([5, 100_000], layout="flat", options={"codes": "one-hot"})
    assert encoder.out_features == 5 + 8


def test_tokens_of_codes() -> None:
    encoder = CodeEncoder([3, 5], layout="tokens", options={"token_width": 4})
    out = encoder(torch.tensor([[2, 0]], dtype=torch.int32))
    assert out.shape == (1, 2, 4)
    assert torch.equal(out[0, 1], encoder.readers[0].shift[1])


def test_an_impossible_code_is_an_error_and_not_a_wild_read() -> None:
    for codes in ("one-hot", "embedding"):
        encoder = CodeEncoder([3, 20], layout="flat", options={"codes": codes})
        with pytest.raises((IndexError, RuntimeError)):
            encoder(torch.tensor([[0, 10_000]], dtype=torch.int32))


def test_a_bag_is_the_normalised_weighted_sum() -> None:
    encoder = BagEncoder(10, layout="flat", options={"bag_width": 6})
    bag = RaggedTensor(
        torch.tensor([1, 4, 9], dtype=torch.int32), torch.tensor([0, 2, 2, 3]), torch.tensor([2.0, 0.5, 1.0])
    )
    vectors = encoder.vectors
    summed = torch.stack([2 * vectors[1] + 0.5 * vectors[4], torch.zeros(6), vectors[9]])
    torch.testing.assert_close(encoder(bag), encoder.norm(summed))
    assert (encoder(bag)[1] == 0).all()
    assert BagEncoder(10, layout="tokens", options={"token_width": 6})(bag).shape == (3, 1, 6)


def test_rare_codes_of_a_long_bag_are_left_out() -> None:
    encoder = BagEncoder(MOST + 100, layout="flat", options={"bag_width": 4})
    assert len(encoder.vectors) == MOST + 1
    codes = torch.tensor([3, MOST - 1, MOST, MOST + 99], dtype=torch.int32)
    each = encoder(RaggedTensor(codes, torch.arange(5), torch.ones(4)))
    torch.testing.assert_close(each[:2], encoder.norm(encoder.vectors[[3, MOST - 1]]))
    assert (each[2:] == 0).all()  # as an empty bag


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.data())
@settings(max_examples=40, deadline=None)
def test_ragged_rows_are_taken_as_numpy_takes_them(lengths: list[int], data: st.DataObject) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values, weights = np.arange(offsets[-1], dtype=np.int32), np.arange(offsets[-1], dtype=np.float32)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=10)), dtype=np.int64)
    expected = Ragged(values, offsets, weights).take(rows)
    ragged = RaggedTensor(torch.from_numpy(values), torch.from_numpy(offsets), torch.from_numpy(weights))
    found = take(ragged, torch.from_numpy(rows))
    assert isinstance(found, RaggedTensor)
    assert len(found) == len(rows)
    assert np.array_equal(found.values.numpy(), expected.values)
    assert np.array_equal(found.offsets.numpy(), expected.offsets)
    assert found.weights is not None
    assert np.array_equal(found.weights.numpy(), expected.weights)


def test_heads_are_apart() -> None:
    head = Head(views=3, in_features=5, out_features=2)
    h = torch.randn(4, 3, 5)
    for view in range(3):
        torch.testing.assert_close(head(h)[:, view], h[:, view] @ head.weight[view] + head.bias[view])


def test_hidden_columns_are_hidden_whole_and_only_in_training() -> None:
    torch.manual_seed(0)
    layer = HideColumns([0, 0, 1, 2, 1], 0.3)
    out = layer(torch.ones(5_000, 5))
    assert set(out.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 2], out[:, 4])
    assert not torch.equal(out[:, 0], out[:, 2])
    assert abs(out.mean().item() - 0.7) < 0.03
    assert HideColumns([0, 1], 0.5)(torch.ones(6, 2, 3)).sum(-1).unique().tolist() == [0.0, 3.0]
    assert torch.equal(layer.eval()(torch.ones(2, 5)), torch.ones(2, 5))


def test_the_step_learns_through_a_ramp() -> None:
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], requires_grad=True)
    y = Step()(x)
    y.sum().backward()
    assert torch.equal(y.detach(), torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0]))
    assert torch.equal(x.grad, torch.tensor([0.0, 0.5, 0.5, 0.5, 0.0]))


def test_activations_by_name() -> None:
    x = torch.tensor([0.5])
    assert activation("logistic")(x).item() == pytest.approx(1 / (1 + math.exp(-0.5)))
    with pytest.raises(OptionError, match=r"no activation 'swish'\. Known: step"):
        activation("swish")
    assert torch.equal(Gated("reglu")(torch.tensor([3.0, 4.0, -1.0, 2.0])), torch.tensor([0.0, 8.0]))


def test_initialisation_keeps_the_signals_size() -> None:
    for name, low, high in (("xavier", 0.9, 1.1), ("he", 1.8, 2.2), ("orthogonal", 0.99, 1.01)):
        layer = nn.Linear(256, 256)
        initialize(layer, name, torch.Generator().manual_seed(0))
        gain = layer(torch.randn(512, 256, generator=torch.Generator().manual_seed(1))).var().item()
        assert low < gain < high
        assert (layer.bias == 0).all()


def test_initialisation_by_name() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.clone()
    initialize(layer, "default")
    assert torch.equal(layer.weight, before)
    with pytest.raises(OptionError, match="no initialisation 'lecun'"):
        initialize(layer, "lecun")
