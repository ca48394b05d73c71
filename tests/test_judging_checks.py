from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from judging_data import columns
from mapsto.columns.base import Features
from mapsto.errors import DataError
from mapsto.judging.checks import alone, apart, check_inputs, check_target, column_features, leaks, shift


def features(inputs: dict[str, np.ndarray]) -> dict[str, Features]:
    return {name: Features(values[:, None].astype(np.float32), [name]) for name, values in inputs.items()}


@pytest.mark.parametrize(
    "name, task, leaking",
    [
        ("id_leak", "classification", ["leak"]),
        ("titanic", "classification", ["alive"]),
        ("bank", "classification", []),  # `duration` is strong and honest by itself
        ("german", "classification", []),
        ("adult", "classification", []),
        ("california", "regression", []),
        ("diamonds", "regression", []),  # `carat` alone explains most of the price
    ],
)
def test_leaks_of_real_tables_are_found_and_strong_columns_left_alone(name: str, task: str, leaking: list[str]) -> None:
    inputs, truth = columns(name, None if name in ("id_leak", "titanic", "german") else 6000)
    notes = leaks(features(inputs), task, truth, target="answer")
    assert [note.column for note in notes] == leaking
    for note in notes:
        assert note.kind == "warning"
        assert (
            f"Column '{note.column}' gives the target 'answer' away: alone it reaches balanced accuracy 1.000"
            in note.text
        )
        assert "leave it out" in note.text


def test_copies_in_other_units_are_leaks_too() -> None:
    inputs, price = columns("diamonds", 3000)
    cents = np.where(np.arange(3000) % 10 == 0, np.nan, np.exp(price / 5000))
    copies = {"cents": price * 100, "log": np.log(price), "with_gaps": cents, "carat": inputs["carat"]}
    assert [note.column for note in leaks(features(copies), "regression", price, target="price")][:2] == [
        "cents",
        "log",
    ]
    labels = np.column_stack([price > 2000, price > 5000]).astype(np.float32)
    assert [note.column for note in leaks(features(copies), "multilabel", labels, target="tags")][:2] == [
        "cents",
        "log",
    ]
    shade = np.digitize(price, [1000, 2000, 5000])
    given = features({"shade": (shade * 7) % 5, "carat": inputs["carat"]})
    assert [note.column for note in leaks(given, "classification", shade, target="shade")] == ["shade"]


def test_noise_and_constants_predict_nothing_alone() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 400)
    assert alone(generator.normal(size=(400, 1)).astype(np.float32), "classification", truth) < 0.65
    assert alone(np.ones((400, 1), dtype=np.float32), "classification", truth) == pytest.approx(0.5, abs=0.05)
    assert alone(np.full((400, 1), np.nan, dtype=np.float32), "regression", generator.normal(size=400)) < 0.1


def test_too_few_rows_or_classes_are_not_checked() -> None:
    truth = np.arange(19) % 2
    assert leaks(features({"copy": truth}), "classification", truth, target="y") == []
    rare = np.array([0] * 60 + [1] * 3)
    assert leaks(features({"copy": rare}), "classification", rare, target="y") == []
    missing = np.where(np.arange(200) < 150, -1, np.arange(200) % 2)
    assert [n.column for n in leaks(features({"copy": missing}), "classification", missing, target="y")] == ["copy"]


def test_a_shift_is_seen_and_the_column_named() -> None:
    inputs, _ = columns("adult", 3000)
    train = {name: values[:1500] for name, values in inputs.items()}
    test = {name: values[1500:].copy() for name, values in inputs.items()}
    assert shift(features(train), features(test)) == []
    test["age"] += 25
    (note,) = shift(features(train), features(test))
    assert note.kind == "warning"
    assert "alone: 'age' (0." in note.text
    assert shift({}, {}) == []


def test_the_interval_of_rows_alike_holds_one_half() -> None:
    generator = np.random.default_rng(0)
    found = apart(generator.normal(size=(600, 3)).astype(np.float32), np.repeat([0, 1], 300))
    assert found.low < 0.5 < found.high


def test_a_target_with_nothing_to_learn_is_refused() -> None:
    with pytest.raises(DataError, match=r"target 'y' has the single value 'no' in all 3 training rows"):
        check_target("y", "classification", np.array([0, 0, 0, -1]), ["no", "yes"])
    with pytest.raises(DataError, match="has no value in any of 2 training rows"):
        check_target("y", "regression", np.array([np.nan, np.nan]), [])
    with pytest.raises(DataError, match="single value"):
        check_target("y", "multilabel", np.ones((4, 2), dtype=np.float32), ["a", "b"])


def test_rare_classes_and_missing_truth_are_counted() -> None:
    truth = np.array([0] * 40 + [1] * 30 + [2] * 3 + [-1] * 6)
    missing, rare = check_target("kind", "classification", truth, ["a", "b", "c"])
    assert (missing.kind, missing.count, missing.rows) == ("info", 6, (73, 74, 75, 76, 77))
    assert (rare.kind, rare.count, rare.column) == ("warning", 1, "kind")
    assert "fewer than 10 training rows of 'c' (3)" in rare.text
    labels = np.zeros((50, 2), dtype=np.float32)
    labels[:25, 0] = 1
    (note,) = check_target("tags", "multilabel", labels, ["x", "y"])
    assert "'y' (0)" in note.text
    assert check_target("price", "regression", np.arange(5.0), []) == []


@dataclass
class FakeSchema:
    inputs: list = field(default_factory=list)
    left_out: list = field(default_factory=list)

    def arrays(self, encoded: dict, column: SimpleNamespace) -> np.ndarray:
        return encoded[column.name]


def test_a_table_of_identifiers_only_is_warned_about() -> None:
    identifier = SimpleNamespace(name="customer_id", type="identifier")
    (note,) = check_inputs(FakeSchema(left_out=[identifier]))
    assert "only 'customer_id' (identifier) stands beside the target" in note.text
    number = SimpleNamespace(name="x", features=lambda arrays: Features(arrays[:, None], ["x"]))
    assert check_inputs(FakeSchema([number], [identifier])) == []
    found = column_features(FakeSchema([number]), {"x": np.arange(3, dtype=np.float32)}, [number])
    assert found["x"].values[:, 0].tolist() == [0, 1, 2]
