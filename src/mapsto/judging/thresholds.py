"""From probabilities to decisions: what a wrong one costs, and from which probability on to choose a class.

With costs, the decision is the class whose expected cost is least; for two classes that is a threshold on the
probability of the second. Elkan, The Foundations of Cost-Sensitive Learning (IJCAI 2001). It is exact for calibrated
probabilities. Without costs, a threshold may be searched on rows that choose: the best for a metric, or the one
that reaches a wanted sensitivity or specificity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.errors import OptionError
from mapsto.metrics import get, present

if TYPE_CHECKING:
    from mapsto.metrics import Metric

_CANDIDATES = 200


def cost_matrix(costs: Any, classes: Sequence[Any]) -> np.ndarray:
    """Costs as a matrix `[truth, predicted]`, float64, in the order of `classes`.

    Args:
        costs: `{(truth, predicted): cost}`, `{truth: {predicted: cost}}` or a square matrix. In a mapping, a right
            decision that is not named costs 0 and a wrong one 1.
        classes: user values of the classes, in code order.

    Raises:
        OptionError: a class is unknown, a cost is no number, the shape is wrong, or being right costs more than being
            wrong.

    >>> cost_matrix({"bad": {"good": 5}}, ["bad", "good"])
    array([[0., 5.],
           [1., 0.]])
    """
    size = len(classes)
    if isinstance(costs, Mapping):
        matrix = 1.0 - np.eye(size)
        for truth, predicted, cost in _entries(costs):
            matrix[_code(truth, classes), _code(predicted, classes)] = _number(cost, f"{truth} taken for {predicted}")
    else:
        matrix = _square(costs, classes)
    _check(matrix, classes)
    return matrix


def cost_threshold(matrix: np.ndarray) -> float:
    """Probability of the second of two classes from which on choosing it is cheaper.

    >>> cost_threshold(np.array([[0, 5], [1, 0]]))
    0.8333333333333334
    """
    needless, missed = matrix[0, 1] - matrix[0, 0], matrix[1, 0] - matrix[1, 1]
    return float(needless / (needless + missed))


def decide(prediction: np.ndarray, matrix: np.ndarray | None = None, *, threshold: float | None = None) -> np.ndarray:
    """Chosen class codes `(rows,)` int64: least expected cost, from a threshold on, or the most probable class.

    Args:
        prediction: probabilities `(rows, classes)`.
        matrix: costs `[truth, predicted]`.
        threshold: probability from which on the second of two classes is chosen.
    """
    if matrix is not None:
        return np.asarray((prediction.astype(np.float64) @ matrix).argmin(axis=1), dtype=np.int64)
    if threshold is not None:
        return np.asarray(prediction[:, 1] >= threshold, dtype=np.int64)
    return np.asarray(prediction.argmax(axis=1), dtype=np.int64)


def decided(
    metric: Metric, prediction: np.ndarray, matrix: np.ndarray | None = None, *, threshold: float | None = None
) -> np.ndarray:
    """Probabilities as a metric that chooses shall see them: 1 for the class chosen, 0 for the others.

    Other metrics get them as they are, and so does a metric where there is neither matrix nor threshold.

    >>> decided(get("f1", "classification"), np.array([[0.7, 0.3], [0.9, 0.1]]), threshold=0.2)
    array([[0., 1.],
           [1., 0.]])
    """
    plain = matrix is None and threshold is None
    if plain or not metric.chooses or metric.task != "classification" or not np.isfinite(prediction).all():
        return prediction
    return np.asarray(np.eye(prediction.shape[1])[decide(prediction, matrix, threshold=threshold)])


def cheapest(metric: Metric, matrix: np.ndarray) -> Metric:
    """The same figure when the class of least expected cost is chosen (`Metric.at` sets a threshold instead)."""
    if not metric.chooses:
        return metric
    return replace(metric, prepare=lambda truth, p: metric.prepare(truth, decided(metric, p, matrix)))


def chosen_threshold(
    metric: Metric,
    matrix: np.ndarray | None,
    truth: np.ndarray,
    prediction: np.ndarray,
    weight: np.ndarray | None = None,
) -> float | None:
    """The threshold for two classes: from the costs, or the best for a metric that chooses; None for other targets.

    Args:
        metric: the figure that decides.
        matrix: costs `[truth, predicted]`, or None.
        truth: rows that choose, never those that judge.
        prediction: of these rows.
        weight: `(rows,)`, or None.
    """
    if metric.task != "classification" or prediction.shape[1] != 2:
        return None
    if matrix is not None:
        return cost_threshold(matrix)
    return best_threshold(metric, truth, prediction, weight) if metric.chooses else None


def best_threshold(
    metric: Metric, truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """The threshold with the best figure on these rows; of equally good ones, the nearest to 0.5.

    Args:
        metric: one that chooses (`Metric.chooses`), of two classes or of labels.
        truth: rows that choose, never those that judge.
        prediction: probabilities of these rows.
        weight: `(rows,)`, or None.

    Raises:
        OptionError: the metric does not depend on a threshold.
    """
    if not metric.chooses:
        message = f"{metric.label} does not depend on a threshold; choose one for f1, balanced_accuracy or cost instead"
        raise OptionError(message)
    candidates = _candidates(prediction[:, 1] if metric.task == "classification" else prediction.ravel())
    values = np.array([metric.sign * metric.at(c)(truth, prediction, weight) for c in candidates])
    if np.isnan(values).all():
        return 0.5
    best = candidates[values >= np.nanmax(values)]
    return float(best[np.abs(best - 0.5).argmin()])


def reaching(
    name: str, least: float, truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """The threshold that reaches a wanted sensitivity or specificity and gives up least of the other.

    Args:
        name: "sensitivity" or "specificity", of the second of two classes.
        least: the figure to reach on these rows, between 0 and 1.
        truth: class codes of the rows that choose.
        prediction: probabilities `(rows, 2)`.
        weight: `(rows,)`, or None.

    Raises:
        OptionError: another name, or a figure out of range.
    """
    if name not in ("sensitivity", "specificity") or not 0 <= least <= 1:
        message = f"a threshold reaches a sensitivity or a specificity between 0 and 1; got {name!r} and {least!r}"
        raise OptionError(message)
    metric = get(name, "classification")
    rows = present("classification", truth)
    own = np.unique(prediction[rows, 1])
    candidates = np.concatenate([own, [np.nextafter(own[-1], 2.0)]]) if len(own) else np.array([0.5])
    # Sensitivity falls and specificity rises with the threshold, so the border is found by halving.
    rising = name == "specificity"
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high + (not rising)) // 2
        enough = metric.at(float(candidates[middle]))(truth, prediction, weight) >= least
        if enough == rising:
            low, high = (low, middle) if rising else (low, middle - 1)
        else:
            low, high = (middle + 1, high) if rising else (middle, high)
    return float(candidates[low])


def _candidates(probability: np.ndarray) -> np.ndarray:
    """Thresholds between neighbouring probabilities, thinned evenly by rows, one below all, and 0.5."""
    own = np.unique(probability)
    if len(own) > _CANDIDATES:
        own = np.unique(np.quantile(probability, np.linspace(0, 1, _CANDIDATES)))
    return np.unique(np.concatenate([own[:1] / 2, (own[1:] + own[:-1]) / 2, [0.5]]))


def _entries(costs: Mapping[Any, Any]) -> list[tuple[Any, Any, Any]]:
    found: list[tuple[Any, Any, Any]] = []
    for key, value in costs.items():
        if isinstance(value, Mapping):
            found += [(key, predicted, cost) for predicted, cost in value.items()]
        elif isinstance(key, tuple) and len(key) == 2:
            found.append((*key, value))
        else:
            expected = "{(truth, predicted): cost} or {truth: {predicted: cost}}"
            message = f"costs are {expected}; got the entry {key!r}: {value!r}"
            raise OptionError(message)
    return found


def _code(value: Any, classes: Sequence[Any]) -> int:
    """Code of a class, named by its value or, as in a file or on the command line, by its text."""
    known: dict[Any, int] = {str(own).lower(): code for code, own in enumerate(classes) if isinstance(own, bool)}
    known |= {str(own): code for code, own in enumerate(classes)}
    known |= {own: code for code, own in enumerate(classes)}
    if value in known:
        return known[value]
    if str(value) in known:
        return known[str(value)]
    close = get_close_matches(str(value), [str(own) for own in classes], n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    message = f"costs name the class {value!r}, which the target does not have{hint} Classes: {_listed(classes)}"
    raise OptionError(message)


def _number(cost: Any, where: str) -> float:
    if isinstance(cost, bool) or not isinstance(cost, (int, float, np.integer, np.floating)) or not np.isfinite(cost):
        message = f"a cost is a finite number; got {cost!r} for {where}"
        raise OptionError(message)
    return float(cost)


def _square(costs: Any, classes: Sequence[Any]) -> np.ndarray:
    size = len(classes)
    rows = costs.tolist() if isinstance(costs, np.ndarray) else costs
    fits = isinstance(rows, list | tuple) and len(rows) == size
    if not fits or not all(isinstance(row, list | tuple) and len(row) == size for row in rows):
        message = f"a cost matrix has one row and one column a class ({size}: {_listed(classes)}); got {costs!r}"
        raise OptionError(message)
    named = [
        [_number(c, f"{t} taken for {p}") for p, c in zip(classes, row, strict=True)]
        for t, row in zip(classes, rows, strict=True)
    ]
    return np.array(named)


def _check(matrix: np.ndarray, classes: Sequence[Any]) -> None:
    """Being right must be cheapest, or the matrix is likely turned round or misread."""
    wrong = np.where(np.eye(len(classes), dtype=bool), np.inf, matrix).min(axis=1)
    for own, right, least in zip(classes, np.diag(matrix), wrong, strict=True):
        if right >= least:
            message = (
                f"costs: a right decision about {own!r} costs {right:g}, a wrong one only {least:g}; "
                "being right must cost less (rows of the matrix are the truth, columns the decision)"
            )
            raise OptionError(message)


def _listed(classes: Sequence[Any]) -> str:
    shown = ", ".join(str(own) for own in classes[:10])
    return shown + (", ..." if len(classes) > 10 else "")
