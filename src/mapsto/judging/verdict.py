"""The verdict: whether the model is worth its cost, against baselines on the same held-out rows.

The model is compared with the best of the baselines by a paired bootstrap (`judging.bootstrap`). The rule, tried in
this order:

* **undecided** when there are fewer than 30 rows, or 5 of the rarer of two classes, or no baseline, or no interval;
* **not worth it** when the whole interval of the difference lies against the model, or when the difference is
  practically nothing (the whole interval lies below 1 % of what the baseline gains over the naive guess, or of the
  baseline's own figure where there is no naive guess to beat) while fitting or predicting costs 10 times as much;
* **worth it** when the whole interval lies in favour of the model;
* **undecided** otherwise: these rows cannot tell them apart.

Choosing the best baseline on the rows that judge favours the baselines, never the model.

Whether the model's *networks* are worth theirs is asked by the same rule, of the same ensemble without them: it is a
contender, but no baseline.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from mapsto.errors import ModelFileError
from mapsto.judging import wording
from mapsto.judging.bootstrap import Interval, bounds, scores
from mapsto.metrics import named, present

if TYPE_CHECKING:
    from mapsto.metrics import Metric

Answer = Literal["worth it", "not worth it", "undecided"]

FEW_ROWS = 30
FEW_OF_A_CLASS = 5
PRACTICALLY_NOTHING = 0.01
MANY_TIMES = 10.0
WITHOUT_NETWORKS = "mapsto without networks"
_NONE = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Cost:
    """What a contender took: seconds to fit, microseconds a row to predict, and a remark ("on 20,000 rows")."""

    fit_seconds: float | None = None
    predict_us: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Contender:
    """One line of the verdict; None where a figure is undefined or not known.

    Args:
        name: "mapsto", "boosted trees", ...
        metric: name of the metric.
        value: the figure, in the metric's own sign.
        low: lower bound of the figure's interval.
        high: upper bound.
        fit_seconds: seconds to fit.
        predict_us: microseconds a row to predict.
        note: a remark.
        ahead: how much better than this one the model is (negative: worse); None for the model itself.
        ahead_low: lower bound of its paired interval.
        ahead_high: upper bound.
    """

    __pydantic_config__: ClassVar[dict[str, bool]] = {"allow_inf_nan": False}

    name: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    fit_seconds: float | None = None
    predict_us: float | None = None
    note: str = ""
    ahead: float | None = None
    ahead_low: float | None = None
    ahead_high: float | None = None


@dataclass(frozen=True)
class Worth:
    """What a member of the ensemble is worth: its weight, the figure without it, and how much is lost then."""

    __pydantic_config__: ClassVar[dict[str, bool]] = {"allow_inf_nan": False}

    name: str
    weight: float
    without: float | None
    loss: float | None


@dataclass(frozen=True)
class Verdict:
    """Model against baselines on the same rows; prints as a table.

    Args:
        contenders: the model first, then the baselines.
        answer: "worth it", "not worth it" or "undecided".
        sentence: the answer with its figures, for a person.
        rows: rows judged on.
        target: name of the target.
        members: what each member of the ensemble is worth, if it is one.
        networks: the answer for its networks alone; None where it has none, or nothing else.
    """

    contenders: list[Contender]
    answer: Answer
    sentence: str
    rows: int
    target: str = ""
    members: list[Worth] | None = None
    networks: Answer | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; the contents may be hostile.

        Raises:
            ModelFileError: a field is missing or of the wrong type.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            found = TypeAdapter(cls).validate_json(json.dumps(state), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = f"verdict: entry '{where}' is damaged: {first['msg']}"
            raise ModelFileError(message) from error
        if not found.contenders:
            message = "verdict: entry 'contenders' is empty; the first is the model"
            raise ModelFileError(message)
        return found

    def __str__(self) -> str:
        return wording.table(self)


def judge(
    metric: Metric,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    *,
    costs: Mapping[str, Cost] | None = None,
    model: str = "mapsto",
    naive: str = "dummy",
    bare: str = WITHOUT_NETWORKS,
    target: str = "",
    rows_are: str = "held-out",
    weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    members: list[Worth] | None = None,
    seed: int = 0,
) -> Verdict:
    """Compare the model with its baselines on the same rows.

    Args:
        metric: the figure that decides.
        truth: rows that neither trained, chose nor calibrated anything.
        predictions: by contender, of the same rows; must hold `model`.
        costs: by contender, what it took.
        model: name of the model among the contenders.
        naive: name of the naive guess among them, if it is there.
        bare: name of the model without its networks among them, if it is there; no baseline.
        target: name of the target.
        rows_are: what the rows are, for the sentence: "held-out" or "out-of-fold".
        weight: `(rows,)`, or None.
        groups: a code a row; rows with the same code are drawn together by the bootstrap.
        members: what each member is worth, to be kept with the verdict.
        seed: of the bootstrap draws.
    """
    costs = costs or {}
    names = [model, *(name for name in predictions if name != model)]
    values = np.array([metric(truth, predictions[name], weight) for name in names])
    each = [predictions[name] for name in names]
    sample = scores(metric, truth, each, weight, groups=groups, seed=seed) if len(truth) else None
    found: list[Contender] = []
    for place, name in enumerate(names):
        drawn = np.empty((2, 0)) if sample is None else np.stack([sample[place], sample[0] - sample[place]])
        own = bounds(float(values[place]), drawn[0])
        ahead = bounds(metric.sign * float(values[0] - values[place]), metric.sign * drawn[1])
        found.append(_contender(name, metric.name, own, ahead if place else _NONE, costs.get(name, Cost())))
    known = present(metric.task, truth)
    few = _too_few(metric, truth[named(metric.task, truth)])
    best = best_baseline(metric, [contender for contender in found if contender.name != bare])
    answer, reason = _answer(found, best, naive, few)
    where = f"{int(known.sum()):,} {rows_are} rows"
    sentence = wording.sentence(metric.label, where, found[0], best, answer, reason)
    without, networks = next((contender for contender in found if contender.name == bare), None), None
    if without is not None:
        networks, reason = _answer(found, without, naive, few)
        sentence += " " + wording.of_networks(found[0], without, networks, reason)
    return Verdict(found, answer, sentence, int(known.sum()), target, members, networks)


def worths(
    metric: Metric,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    weight: np.ndarray | None = None,
) -> list[Worth]:
    """What each member of a weighted ensemble is worth: the figure when it is left out and the others fill its place.

    Args:
        metric: the figure that decides.
        truth: the rows that judge.
        predictions: by member, of these rows.
        weights: by member, summing to 1; members without weight are left out.
        weight: `(rows,)`, or None.
    """
    used = {name: share for name, share in weights.items() if share > 0}
    together = sum(share * predictions[name] for name, share in used.items())
    whole = metric(truth, np.asarray(together), weight)
    found: list[Worth] = []
    for name, share in used.items():
        rest = 1.0 - share
        if rest <= 1e-9:
            found.append(Worth(name, share, None, None))
            continue
        without = metric(truth, np.asarray(together - share * predictions[name]) / rest, weight)
        found.append(Worth(name, share, _known(without), _known(metric.sign * (whole - without))))
    return found


def best_baseline(metric: Metric, contenders: list[Contender]) -> Contender | None:
    """The best of the contenders after the first; None without one that has a figure."""
    scored = [(metric.sign * c.value, c) for c in contenders[1:] if c.value is not None]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def _contender(name: str, metric: str, own: Interval, ahead: Interval, cost: Cost) -> Contender:
    return Contender(
        name,
        metric,
        _known(own.value),
        _known(own.low),
        _known(own.high),
        cost.fit_seconds,
        cost.predict_us,
        cost.note,
        _known(ahead.value),
        _known(ahead.low),
        _known(ahead.high),
    )


def _too_few(metric: Metric, truth: np.ndarray) -> str:
    """Why these rows cannot decide, or nothing."""
    if len(truth) < FEW_ROWS:
        return f"fewer than {FEW_ROWS} rows cannot tell"
    if metric.task == "classification":
        counts = np.bincount(truth, minlength=2)
        if len(counts) == 2 and counts.min() < FEW_OF_A_CLASS:
            return f"fewer than {FEW_OF_A_CLASS} rows of the rarer class cannot tell"
    return ""


def _answer(contenders: list[Contender], best: Contender | None, naive: str, few: str) -> tuple[Answer, str]:
    """The rule of the module docstring, with the reason it gives; `best`: what the model is compared with."""
    if few or best is None:
        return "undecided", few or "no baseline was run"
    if best.ahead_low is None or best.ahead_high is None:
        return "undecided", "the difference has no interval"
    if best.ahead_high < 0:
        return "not worth it", ""
    dearer = _dearer(contenders[0], best)
    if dearer and best.ahead_high < _margin(contenders, best, naive):
        return "not worth it", f"the difference is practically nothing, at {dearer}"
    if best.ahead_low > 0:
        return "worth it", ""
    return "undecided", "these rows cannot tell them apart"


def _margin(contenders: list[Contender], best: Contender, naive: str) -> float:
    """The difference below which two figures are practically the same."""
    value = best.value or 0.0
    guess = next((c.value for c in contenders if c.name == naive and c.value is not None and c is not best), None)
    return PRACTICALLY_NOTHING * abs(value if guess is None else value - guess)


def _dearer(model: Contender, other: Contender) -> str:
    """By how much the model costs many times more, or nothing."""
    for what, own, theirs in (
        ("the fit time", model.fit_seconds, other.fit_seconds),
        ("the time to predict", model.predict_us, other.predict_us),
    ):
        if own and theirs and own >= MANY_TIMES * theirs:
            return f"{own / theirs:,.0f} times {what}"
    return ""


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
