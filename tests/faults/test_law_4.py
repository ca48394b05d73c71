"""Unknown is not missing: a truth that the model has no class for counts as wrong in every figure, and is told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import TYPES, Boolean, Category, Set
from mapsto.judging.bootstrap import interval
from mapsto.judging.conformal import Conformal
from mapsto.judging.strangers import strangers
from mapsto.judging.thresholds import cheapest
from mapsto.metrics import MISSING, STRANGE, all_for, get, own_labels, present, strange
from mapsto.sample import _truth

DRAW = np.random.default_rng(0)
ROWS = 200


def sure_predictions(classes: int, wrong: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and predictions that are mostly right."""
    truth = DRAW.integers(0, classes, ROWS)
    said = np.where(DRAW.random(ROWS) < wrong, DRAW.integers(0, classes, ROWS), truth)
    p = DRAW.dirichlet(np.ones(classes), ROWS) * 0.3 + 0.7 * np.eye(classes)[said]
    return truth, p


TYPED = {
    "category": (Category(name="y"), ["a", "b"] * 10, ["a", "new", None, "b"]),
    "category-numbers": (Category(name="y"), [1, 2] * 10, [1, 7, None, 2]),
    "boolean": (Boolean(name="y"), ["yes", "no"] * 10, ["yes", "maybe", None, "no"]),
    "set": (Set(name="y", separator="|"), ["a|b", "b"] * 10, ["a", "b|new", None, "b"]),
    "set-lists": (Set(name="y"), [["a", "b"], ["b"]] * 10, [["a"], ["new"], None, ["b"]]),
}


@pytest.mark.parametrize("kind", TYPED)
def test_every_target_with_classes_tells_strange_from_missing(kind: str) -> None:
    column, training, later = TYPED[kind]
    column.learn(pl.Series("y", training))
    truth = column.encode_target(pl.Series("y", later))
    assert present(column.task, truth).tolist() == [True, True, False, True]
    (note,) = strangers(column, pl.Series("y", later), rows_are="test")
    assert note.count == 1
    assert note.rows == (1,)
    assert f"'{ {'boolean': 'maybe', 'category-numbers': '7'}.get(kind, 'new') }' (1)" in note.text
    assert not strangers(column, pl.Series("y", training))


def test_no_type_with_classes_is_forgotten() -> None:
    able = {kind.type for kind in TYPES if kind.task in ("classification", "multilabel")}
    assert able == {column.type for column, _, _ in TYPED.values()}


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("name", [metric.name for metric in all_for("classification")] + ["cost"])
def test_a_strange_class_makes_every_figure_worse(name: str, classes: int) -> None:
    metric = get(name, "classification", classes=classes, costs=1.0 - np.eye(classes))
    truth, p = sure_predictions(classes)
    before = metric(truth, p)
    rows = DRAW.choice(ROWS, 60, replace=False)
    truth[rows] = STRANGE
    assert metric.sign * metric(truth, p) < metric.sign * before - 0.01
    truth[rows] = MISSING
    assert abs(metric(truth, p) - before) < 0.1


@pytest.mark.parametrize("name", [metric.name for metric in all_for("multilabel")])
def test_a_strange_label_makes_every_figure_worse(name: str) -> None:
    metric = get(name, "multilabel", classes=4)
    column = Set(name="y")
    column.learn(pl.Series([["a", "b"], ["c", "d"]] * 20))
    cells = [[label for label in "abcd" if DRAW.random() < 0.4] for _ in range(ROWS)]
    truth = column.encode_target(pl.Series(cells))
    p = np.clip(truth * 0.7 + 0.3 * DRAW.random(truth.shape), 0.01, 0.99)
    before = metric(truth, p)
    strange = column.encode_target(pl.Series([cell + ["new"] * (row < 60) for row, cell in enumerate(cells)]))
    assert metric.sign * metric(strange, p) < metric.sign * before - 0.01
    assert np.array_equal(strange > 0.5, truth > 0.5)


def test_accuracy_counts_them_as_wrong_whatever_is_decided() -> None:
    truth = np.array([0, 1, STRANGE, STRANGE, MISSING])
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.55, 0.45], [0.5, 0.5], [0.5, 0.5]])
    accuracy = get("accuracy", "classification")
    assert accuracy(truth, p) == 0.5
    assert accuracy.at(0.3)(truth[:3], p[:3]) == pytest.approx(2 / 3)
    assert cheapest(accuracy, np.array([[0.0, 1.0], [9.0, 0.0]]))(truth[:3], p[:3]) == pytest.approx(2 / 3)
    assert get("accuracy", "classification")(np.array([STRANGE]), np.array([[0.2, 0.3, 0.5]])) == 0
    assert interval(accuracy, truth, p).value == 0.5
    labels = Set(name="y")
    labels.learn(pl.Series([["a", "b"]] * 2))
    every = labels.encode_target(pl.Series([["a", "b", "new"]]))
    assert get("exact", "multilabel")(every, np.array([[0.9, 0.8]])) == 0


def test_sets_of_classes_promise_no_more_than_they_hold() -> None:
    truth, p = sure_predictions(3, wrong=0.0)
    truth[:50] = STRANGE  # a quarter that no set can hold
    state = Conformal.fit("classification", truth, p)
    assert state.sets(p, 0.9).all()


@pytest.mark.parametrize("how", ["given", "time"])
def test_fit_and_evaluate_tell_number_and_names(how: str) -> None:
    x = DRAW.normal(size=300)
    old = pl.DataFrame({"x": x, "y": np.where(x > 0, "a", "b"), "when": np.arange(300)})
    late = ["c"] * 24 + ["a" if value > 0 else "b" for value in x[24:40]]
    new = pl.DataFrame({"x": x[:40], "y": late, "when": np.arange(300, 340)})
    if how == "given":
        data, given = old.drop("when"), {"test": new.drop("when")}
    else:
        data, given = pl.concat([old, new]), {"split": "time:when", "test": 40 / 340}
    model = mapsto.fit(data, "y", network="linear-model", folds=2, progress=False, types={"y": "category"}, **given)
    told = [note.text for note in model.notes if "count as wrong" in note.text]
    assert any("24 of 40 test rows" in text and "'c' (24)" in text for text in told)
    assert model._fitted.facts["metrics"]["y"]["accuracy"] == pytest.approx(0.4, abs=0.03)
    assert model.evaluate(new)["y"]["accuracy"] == pytest.approx(0.4, abs=0.03)
    assert any("24 of 40 rows" in note.text and "'c' (24)" in note.text for note in model.last_problems)


def test_strange_truths_are_kept_in_model_files() -> None:
    column = Set(name="y")
    column.learn(pl.Series([["a", "b"]] * 2))
    found = column.encode_target(pl.Series([["a"], ["a", "new", "odd"]]))
    assert np.array_equal(own_labels(found), [[1, 0], [1, 0]])
    assert strange("multilabel", found).tolist() == [0, 2]
    assert np.array_equal(_truth(column, found, 2), found)
    category = Category(name="y")
    category.learn(pl.Series(["a", "b"]))
    assert _truth(category, np.array([0, STRANGE, MISSING]), 3).tolist() == [0, STRANGE, MISSING]
