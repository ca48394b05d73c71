"""Composition: rows apart, users' own modules, files from strangers, threads."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mapsto import networks
from mapsto.composition import Composition
from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.schema import Encoded, Schema
from mapsto.tensors import threads_within, to_tensors
from mapsto.testing_networks import sample_columns, sample_rows
from tiny_encoders import BERT, VIT, described

ROWS = sample_rows(300)
PRETRAINED: dict[str, dict[str, Any]] = {
    "pretrained-text": {"model": described("bert", BERT)},
    "pretrained-picture": {"model": described("vit", VIT), "height": 16, "width": 16},
}
"""Nothing without the description of an encoder."""


def make(network: Any = "tabm", **given: Any) -> Composition:
    return Composition.build(sample_columns(), network, rows=5_000, **given).eval()


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("rows_per_chunk", [1, 64, 1024])
def test_predictions_do_not_depend_on_the_other_rows(name: str, rows_per_chunk: int) -> None:
    form = networks.get(name).layout
    options = PRETRAINED.get(name)
    made = Composition.build(sample_columns(form), name, rows=5_000, options=options).eval()
    every = sample_rows(300, form=form)
    whole = made.predict_numpy(every)
    draw = np.random.default_rng(rows_per_chunk)
    tolerance = 0.0 if form in ("flat", "tokens") and torch.backends.mkl.is_available() else 1e-6
    for count in (1, 2, 3, 15, 17, 200):
        rows = draw.choice(300, count, replace=False)
        some = made.predict_numpy(every.take(rows), rows_per_chunk)
        for target, outputs in some.items():
            np.testing.assert_allclose(outputs, whole[target][rows], rtol=0, atol=tolerance)


def test_forward_and_predict_agree_and_leave_the_mode_alone() -> None:
    made = make().train()
    predicted = made.predict_numpy(ROWS)
    assert made.training
    assert all(module.training for module in made.modules())
    with torch.no_grad():
        outputs = made.eval()(to_tensors(ROWS))
    for target, expected in outputs.items():
        assert predicted[target].dtype == np.float32
        np.testing.assert_allclose(predicted[target], expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_rows_are_shared_out_among_threads(threads: int) -> None:
    made, rows = make(), np.random.default_rng(0).integers(0, 300, 9_000)
    before = torch.get_num_threads()
    with threads_within(2):
        expected = made.predict_numpy(ROWS)
    with threads_within(threads):
        found = made.train().predict_numpy(ROWS.take(rows))
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == before
    assert made.training
    for target, outputs in found.items():
        np.testing.assert_array_equal(outputs, expected[target][rows])


def test_a_failure_in_a_thread_is_heard() -> None:
    made = make()
    made.forward = lambda blocks: (_ for _ in ()).throw(ArithmeticError("no"))  # type: ignore[method-assign]
    with threads_within(2), pytest.raises(ArithmeticError, match="no"):
        made.predict_numpy(ROWS, 16)
    assert not made.training


def test_threads_predict_together() -> None:
    made, found = make(), {}
    expected = made.predict_numpy(ROWS)["kind"]

    def work(which: int) -> None:
        rows = np.arange(which, 300, 4)
        found[which] = made.predict_numpy(ROWS.take(rows), 64)["kind"]

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for which, outputs in found.items():
        np.testing.assert_allclose(outputs, expected[which::4], rtol=0, atol=1e-6)
    assert len(found) == 4


def test_tensors_share_memory_and_read_only_arrays_do_not_warn() -> None:
    blocks = to_tensors(ROWS)
    assert blocks["numbers"].data_ptr() == ROWS.blocks["numbers"].ctypes.data
    assert isinstance(blocks["bag:f"], RaggedTensor)
    numbers = ROWS.blocks["numbers"].copy()
    numbers.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_tensors(Encoded(300, {"numbers": numbers}))


def test_building_leaves_torchs_generator_alone_and_the_seed_decides() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(torch.rand(1), expected)
    for name, array in first.arrays().items():
        assert np.array_equal(array, second.arrays()[name])
    assert any(not np.array_equal(array, other.arrays()[name]) for name, array in first.arrays().items())


def test_features_know_their_column() -> None:
    made = make(encoding={"codes": "one-hot", "number_width": 4})
    assert made.feature_columns == ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4 + ["e"] * 40 + ["f"] * 32
    assert make("ft-transformer").feature_columns == list("abcdef")
    x = made.encode(to_tensors(ROWS))
    assert x.shape == (300, len(made.feature_columns))
    changed = ROWS.blocks["numbers"].copy()
    changed[:, 1] += 1.0
    moved = made.encode(to_tensors(Encoded(300, ROWS.blocks | {"numbers": changed}))) != x
    assert {made.feature_columns[i] for i in moved.any(0).nonzero().flatten()} == {"b"}


def test_options_and_encoding_win_over_what_is_derived() -> None:
    made = make("ft-transformer", options={"depth": 1}, encoding={"token_width": 12})
    json = made.to_json()
    assert json["options"] | {"depth": 1, "token_width": 12} == json["options"]
    assert json["encoding"]["token_width"] == 12
    assert make("perceptron", encoding={"numbers": "periodic"}).to_json()["encoding"]["numbers"] == "periodic"
    with pytest.raises(OptionError, match="no option 'number'; did you mean 'numbers'"):
        make(encoding={"number": "plain"})
    with pytest.raises(OptionError, match=r"tabm has no option 'blocks'\. Known: views, width"):
        make(options={"blocks": 3})


def test_initialisation_is_applied_to_the_network() -> None:
    made = make("perceptron", initialization="orthogonal")
    weight = made.network.layers[1][0].weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("empty", "says"), [("parts", "no column to learn from"), ("targets", "no column to predict")])
def test_without_inputs_or_targets_there_is_nothing_to_build(empty: str, says: str) -> None:
    columns = sample_columns()
    getattr(columns, empty).clear()
    with pytest.raises(DataError, match=says):
        Composition.build(columns, rows=10)


# -- a network of the user's own


class Views(nn.Module):
    def __init__(self, in_features: int, views: int = 2) -> None:
        super().__init__()
        self.views = nn.ModuleList(nn.Linear(in_features, 3) for _ in range(views))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([view(x) for view in self.views], dim=1)


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def test_a_module_is_copied_and_its_weights_kept() -> None:
    module = nn.Sequential(nn.LazyLinear(9), nn.BatchNorm1d(9), nn.ReLU()).train()
    made = make(module)
    assert made.network[0].in_features == made.in_features
    assert isinstance(module[0], nn.LazyLinear)
    warm = nn.Linear(made.in_features, 5)
    assert torch.equal(make(warm).network.weight, warm.weight)
    assert make(warm).network is not warm


def test_a_class_is_made_with_the_number_of_features() -> None:
    made = make(Views, options={"views": 4})
    assert made.views == 4
    assert made.predict_numpy(ROWS)["kind"].shape == (300, 4, 3)


def test_a_network_of_ones_own_needs_to_be_given_again() -> None:
    made = make(Views, options={"views": 4})
    with pytest.raises(ModelFileError, match="network of your own"):
        Composition.from_json(made.to_json(), sample_columns())
    again = Composition.from_json(made.to_json(), sample_columns(), network=Views)
    again.load(made.arrays())
    assert np.array_equal(again.predict_numpy(ROWS)["price"], made.predict_numpy(ROWS)["price"])


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.Linear(3, 4), "cannot read the input: a batch of \\(rows, \\d+\\) features"),
        (nn.Flatten(0), "it returned \\(\\d+,\\)"),
        (Pair(), "it returned tuple"),
        (nn.AdaptiveAvgPool1d(0), "must return features"),
    ],
)
def test_a_module_that_does_not_fit_is_told_how_it_should(module: nn.Module, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        make(module)


def test_options_for_a_module_that_is_made_are_refused() -> None:
    with pytest.raises(OptionError, match="already made"):
        make(nn.LazyLinear(4), options={"width": 3})


# -- from a file


def test_json_and_arrays_rebuild_the_same() -> None:
    made = make(options={"views": 2, "width": 16})
    again = Composition.from_json(made.to_json(), sample_columns())
    assert not again.training
    again.load(made.arrays())
    for target, outputs in made.predict_numpy(ROWS).items():
        assert np.array_equal(outputs, again.predict_numpy(ROWS)[target])


@pytest.mark.parametrize(
    "json",
    [
        None,
        [],
        {},
        {"network": "tabm"},
        {"network": "tabm", "options": [], "encoding": {}},
        {"network": 3, "options": {}, "encoding": {}},
        {"network": "../../etc", "options": {}, "encoding": {}},
        {"network": "tabm", "options": {"width": -1}, "encoding": {}},
        {"network": "tabm", "options": {"evil": 1}, "encoding": {}},
        {"network": "tabm", "options": {"views": 10**9}, "encoding": {}},
        {"network": "tabm", "options": {}, "encoding": {"numbers": "eval"}},
        {"network": "perceptron", "options": {"width": 16_384, "depth": 128}, "encoding": {}},
        {"network": "residual", "options": {"width": 8_192, "depth": 256, "expansion": 8}, "encoding": {}},
        {"network": "ft-transformer", "options": {"token_width": 64}, "encoding": {"token_width": 32}},
    ],
)
def test_hostile_json_is_refused(json: Any) -> None:
    with pytest.raises(ModelFileError):
        Composition.from_json(json, sample_columns())


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5)


@given(st.sampled_from(["views", "width", "depth", "dropout", "scales", "activation"]), LEAVES)
@settings(max_examples=40, deadline=None)
def test_any_value_of_an_option_is_built_or_refused(name: str, value: Any) -> None:
    json = make_small().to_json()
    json["options"][name] = value
    try:
        made = Composition.from_json(json, sample_columns())
    except ModelFileError:
        return
    assert made.to_json()["options"][name] == value


def make_small() -> Composition:
    return make(options={"views": 2, "width": 4})


@pytest.mark.parametrize("harm", ["missing", "unknown", "shape", "kind", "nan"])
def test_hostile_weights_are_refused(harm: str) -> None:
    made = make_small()
    arrays = dict(made.arrays())
    name = "heads.0.weight"
    if harm == "missing":
        del arrays[name]
    elif harm == "unknown":
        arrays["heads.9.weight"] = arrays[name]
    elif harm == "shape":
        arrays[name] = arrays[name][:1]
    elif harm == "kind":
        arrays[name] = arrays[name].astype(np.float64)
    else:
        arrays[name] = arrays[name] * np.float32("nan")
    with pytest.raises(ModelFileError, match="heads"):
        made.load(arrays)


def test_no_network_names_a_column_type() -> None:
    schema: Schema = sample_columns()
    assert {part.group for parts in schema.parts.values() for part in parts} == {"numbers", "codes", "bag"}
