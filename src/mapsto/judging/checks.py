"""Checks that need learning: columns that give the target away, rows that differ between training and test, and
targets or inputs with too little in them.

A leak is found by letting a small decision tree predict the target from one column alone, in cross-validation: a
column that is nearly perfect alone is rarely honest. A shift is found by letting trees tell training from test rows: if
they cannot, the two look alike (Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.errors import DataError
from mapsto.judging.bootstrap import Interval, interval
from mapsto.judging.screening import promising
from mapsto.metrics import get, named, present
from mapsto.table.notes import Note, examples

if TYPE_CHECKING:
    from mapsto.columns.base import Column, Features
    from mapsto.metrics import Task
    from mapsto.schema import Encoded, Schema

_ROWS = 5000
_FOLDS = 3
_LEAST_OF_A_CLASS = 10
_TOO_GOOD = {"classification": 0.98, "multilabel": 0.98, "regression": 0.99}
"""Balanced accuracy, or R² of ranks, from which on a single column is suspected."""
_HOPELESS = 0.9
"""After one fold below this, the others are not run."""
_TELLING = 0.3
"""How much of the way from chance to certainty a column that was left out must go to be told."""
_TRIED_ALONE = 30
"""Columns at most that are tried alone, where training and test rows differ."""
_SHIFTED = 0.6
"""AUC of telling training from test rows, from which on a shift is worth a word."""


def column_features(schema: Schema, encoded: Encoded, columns: Sequence[Column]) -> dict[str, Features]:
    """The flat numbers of each of these input columns, by name."""
    return {column.name: column.features(schema.arrays(encoded, column)) for column in columns}


def leaks(columns: Mapping[str, Features], task: Task, truth: np.ndarray, *, target: str, seed: int = 0) -> list[Note]:
    """A warning for each column that predicts the target nearly perfectly alone.

    Args:
        columns: by name, of the training rows.
        task: the form of the target.
        truth: of the same rows.
        target: its name.
        seed: of the sample and the folds.
    """
    rows = _sample(np.flatnonzero(_usable(task, truth)), _ROWS, seed)
    if len(rows) < 2 * _LEAST_OF_A_CLASS:
        return []
    figure = "R² of ranks" if task == "regression" else "balanced accuracy"
    notes: list[Note] = []
    values = {name: features.values[rows] for name, features in columns.items()}
    for name in promising(values, _answers(task, truth[rows]), seed=seed):
        score = alone(values[name], task, truth[rows], seed=seed)
        if score >= _TOO_GOOD[task]:
            text = (
                f"Column '{name}' gives the target '{target}' away: alone it reaches {figure} {score:.3f} on "
                f"{len(rows):,} rows. It was kept; if it is unknown when predictions are made, leave it out of inputs."
            )
            notes.append(Note("warning", text, column=name))
    return notes


def telling(
    aside: Mapping[str, np.ndarray], task: Task, truth: np.ndarray, *, target: str, seed: int = 0
) -> list[Note]:
    """A warning for each column that was left out although the target can be guessed from it.

    Args:
        aside: by name, the values of columns that were left out, `(rows,)` float64, NaN where they are no number.
        task: the form of the target.
        truth: of the same rows.
        target: its name.
        seed: of the sample and the folds.
    """
    rows = _sample(np.flatnonzero(_usable(task, truth)), _ROWS, seed)
    if len(rows) < 2 * _LEAST_OF_A_CLASS:
        return []
    notes: list[Note] = []
    for name, values in aside.items():
        score, chance = alone(values[rows, None], task, truth[rows], seed=seed, leaf=len(rows) // 40), 0.0
        if task == "classification":
            chance = 1 / len(np.unique(truth[rows]))
        elif task == "multilabel":
            chance = 0.5
        if score - chance >= _TELLING * (1 - chance):
            figure = "R² of ranks" if task == "regression" else "balanced accuracy"
            text = (
                f"Column '{name}' was left out, but it tells about the target '{target}': alone it reaches {figure} "
                f"{score:.2f} (chance is {chance:.2f}). Either rows are sorted by the target, or by time, or it is a "
                f"quantity: then give types={{{name!r}: 'number'}}."
            )
            notes.append(Note("warning", text, column=name))
    return notes


def alone(values: np.ndarray, task: Task, truth: np.ndarray, *, seed: int = 0, leaf: int = 0) -> float:
    """How well a small tree predicts the target from these features, in cross-validation.

    Balanced accuracy (mean over labels), or R² of the ranks of a number, which a copy in other units or on another
    scale reaches as well. Stops after one fold that is far from suspect, unless `leaf` is given.

    Args:
        values: `(rows, n)` float32, NaN missing.
        task: the form of `truth`.
        truth: without missing rows.
        seed: of the folds.
        leaf: rows that a leaf has at least, where a fair figure is wanted; 0: as few as a suspect column needs.
    """
    if task == "multilabel":
        found = [alone(values, "classification", each, seed=seed, leaf=leaf) for _, each in _answers(task, truth)]
        return float(np.mean(found)) if found else 0.0
    ((_, answer),) = _answers(task, truth)
    metric = get("r2", "regression") if task == "regression" else get("balanced_accuracy", "classification")
    fold = np.random.default_rng([seed, 1]).permutation(len(truth)) % _FOLDS
    predicted = np.zeros((len(truth), 1 if task == "regression" else answer.max() + 1))
    for out in range(_FOLDS):
        inside, held = fold != out, fold == out
        predicted[held] = _tree(values[inside], answer[inside], values[held], predicted.shape[1], seed, leaf or 2)
        if not leaf and metric(answer[held], predicted[held]) < _HOPELESS:
            return metric(answer[held], predicted[held])
    return metric(answer, predicted)


def _answers(task: Task, truth: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """What is to be guessed: ranks of numbers, codes of classes, and for sets each label that is in enough rows."""
    if task == "regression":
        return [("regression", _ranks(truth))]
    if task == "classification":
        return [("classification", np.unique(truth, return_inverse=True)[1])]
    labels = (truth > 0.5).astype(np.int64)
    kept = [j for j in range(labels.shape[1]) if np.bincount(labels[:, j], minlength=2).min() >= _LEAST_OF_A_CLASS]
    return [("classification", labels[:, j]) for j in kept]


def shift(train: Mapping[str, Features], test: Mapping[str, Features], *, seed: int = 0) -> list[Note]:
    """A warning where training and test rows look different, naming the columns that differ most.

    Args:
        train: features by column, of the training rows.
        test: the same columns of the test rows.
        seed: of samples and trees.
    """
    columns = {name: _stacked(train[name].values, test[name].values, seed) for name in train}
    if not columns:
        return []
    domain = next(iter(columns.values()))[1]
    told = apart(np.hstack([values for values, _ in columns.values()]), domain, seed=seed)
    if not (told.value >= _SHIFTED and told.low > 0.5):
        return []
    tried = _telling_apart({name: values for name, (values, _) in columns.items()}, domain, seed)
    single = {name: apart(columns[name][0], domain, seed=seed, trees=10).value for name in tried}
    worst = sorted(single, key=lambda name: -single[name])[:3]
    named = ", ".join(f"'{name}' ({single[name]:.2f})" for name in worst if single[name] >= _SHIFTED) or "no one alone"
    text = (
        f"Training and test rows differ: trees tell them apart with AUC {told.value:.2f} (95 % interval "
        f"{told.low:.2f} to {told.high:.2f}; 0.5 is alike). Columns that differ most, with the AUC of each alone: "
        f"{named}. Figures on these test rows may not hold for rows like the training ones, nor the other way round."
    )
    return [Note("warning", text)]


def _telling_apart(columns: Mapping[str, np.ndarray], domain: np.ndarray, seed: int) -> list[str]:
    """The columns that may tell training from test rows; of many, those that trees with all of them cut most."""
    if len(columns) <= _TRIED_ALONE:
        return list(columns)
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(50, min_samples_leaf=5, class_weight="balanced", random_state=seed, n_jobs=1)
    cut = forest.fit(np.hstack(list(columns.values())), domain).feature_importances_
    ends = np.cumsum([values.shape[1] for values in columns.values()])
    weight = dict(zip(columns, (float(part.sum()) for part in np.split(cut, ends[:-1])), strict=True))
    return sorted(columns, key=lambda name: -weight[name])[:_TRIED_ALONE]


def apart(values: np.ndarray, domain: np.ndarray, *, seed: int = 0, trees: int = 50) -> Interval:
    """AUC, with interval, with which trees tell rows of domain 0 from rows of domain 1 in cross-validation."""
    from sklearn.ensemble import ExtraTreesClassifier

    fold = np.random.default_rng([seed, 2]).permutation(len(domain)) % _FOLDS
    predicted = np.zeros((len(domain), 2))
    for out in range(_FOLDS):
        inside, held = fold != out, fold == out
        forest = ExtraTreesClassifier(trees, min_samples_leaf=5, class_weight="balanced", random_state=seed, n_jobs=1)
        forest.fit(values[inside], domain[inside])
        predicted[held] = forest.predict_proba(values[held])
    return interval(get("auc", "classification"), domain, predicted, resamples=200, seed=seed)


def check_target(name: str, task: Task, truth: np.ndarray, classes: Sequence[Any]) -> list[Note]:
    """Notes about missing truth and classes with too few rows.

    Args:
        name: of the target.
        task: its form.
        truth: of the training rows.
        classes: user values in code order; empty for numbers.

    Raises:
        DataError: no truth at all, or only one value: there is nothing to learn.
    """
    known = named(task, truth)
    if not known.any():
        message = f"target '{name}' has no value in any of {len(truth):,} training rows; give rows with known values"
        raise DataError(message)
    held = truth[known]
    if (held == held[0]).all():
        value = classes[int(held[0])] if task == "classification" else held[0]
        message = (
            f"target '{name}' has the single value {value!r} in all {len(held):,} training rows that have one; "
            "there is nothing to learn. Give rows with other values, or another target."
        )
        raise DataError(message)
    notes: list[Note] = []
    absent = ~present(task, truth)
    if missing := int(absent.sum()):
        text = (
            f"Target '{name}' is missing in {missing:,} of {len(truth):,} training rows; they teach nothing about it."
        )
        rows = examples(np.flatnonzero(absent))
        notes.append(Note("info", text, column=name, rows=rows, count=missing))
    return notes + _rare(name, task, held, classes)


def check_inputs(schema: Schema) -> list[Note]:
    """A warning where nothing but identifiers could be learned from."""
    if schema.inputs or not schema.left_out:
        return []
    named = ", ".join(f"'{column.name}' ({column.type})" for column in schema.left_out[:5])
    text = (
        f"No column is left to learn from: only {named} stands beside the target, and it names rows rather than "
        "describing them. It was learned from all the same; expect little more than the naive guess, and give columns "
        "that describe the rows."
    )
    return [Note("warning", text)]


def _rare(name: str, task: Task, truth: np.ndarray, classes: Sequence[Any]) -> list[Note]:
    """One warning that lists the classes or labels with few rows."""
    if task == "regression":
        return []
    counts = np.bincount(truth, minlength=len(classes)) if task == "classification" else (truth > 0.5).sum(axis=0)
    rare = np.flatnonzero(counts < _LEAST_OF_A_CLASS)
    if not len(rare):
        return []
    listed = ", ".join(f"{classes[code]!r} ({int(counts[code])})" for code in rare[:5]) + (
        ", ..." if len(rare) > 5 else ""
    )
    text = (
        f"Target '{name}': fewer than {_LEAST_OF_A_CLASS} training rows of {listed}. They were kept, but such a class "
        "is learned poorly and its figures mean little; give more rows of it or merge it with another."
    )
    return [Note("warning", text, column=name, count=len(rare))]


def _usable(task: Task, truth: np.ndarray) -> np.ndarray:
    """Rows with known truth, of classes with enough rows; none where fewer than two classes are left."""
    known = named(task, truth)
    if task != "classification" or not known.any():
        return known
    enough = np.bincount(truth[known]) >= _LEAST_OF_A_CLASS
    return known & enough[truth] if enough.sum() >= 2 else np.zeros(len(truth), dtype=bool)


def _tree(values: np.ndarray, answer: np.ndarray, new: np.ndarray, width: int, seed: int, leaf: int) -> np.ndarray:
    """Predictions `(rows, width)` of a small tree."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    options = {"min_samples_leaf": leaf, "max_features": min(64, values.shape[1]), "random_state": seed}
    if width == 1:
        predicted = DecisionTreeRegressor(**options).fit(values, answer).predict(new)
        return np.asarray(predicted).reshape(-1, 1)
    tree = DecisionTreeClassifier(class_weight="balanced", max_leaf_nodes=max(64, 2 * width), **options)
    found = np.zeros((len(new), width))
    found[:, np.unique(answer)] = tree.fit(values, answer).predict_proba(new)
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Mean rank of each value, so that equal values stay equal."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def _stacked(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A sample of both, one above the other, and which is which."""
    parts = [values[_sample(np.arange(len(values)), _ROWS, seed)] for values in (first, second)]
    return np.vstack(parts), np.repeat([0, 1], [len(part) for part in parts])


def _sample(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, 0]).choice(rows, most, replace=False))
