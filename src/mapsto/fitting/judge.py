"""After learning: weigh the members, calibrate, choose thresholds, judge once on rows nothing has looked at.

Every contender is judged as it would decide: where the figure looks at the class chosen, each has a threshold of its
own from the choosing rows, and costs decide for all alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.fitting import verdict_rows
from mapsto.fitting.baselines import Baseline
from mapsto.fitting.learned import folds_of
from mapsto.fitting.prepare import costs_of
from mapsto.judging.bootstrap import interval
from mapsto.judging.calibration import apply_temperature, calibration_error, fit_temperature
from mapsto.judging.conformal import Conformal
from mapsto.judging.doubt import reach
from mapsto.judging.thresholds import chosen_threshold, decided
from mapsto.judging.verdict import WITHOUT_NETWORKS, Cost, judge, worths
from mapsto.members import CLASSICAL
from mapsto.members.ensemble import Ensemble, greedy_weights
from mapsto.metrics import named, present
from mapsto.table import Note

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.fitting.learned import Learned
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Predictions
    from mapsto.metrics import Metric
    from mapsto.training.run import Run

SHOWN_RESAMPLES = 300
"""Draws for the intervals of all metrics where rows are judged in groups."""


@dataclass
class Judged:
    """The rows that judge, and what the model and its members say of them."""

    kind: str
    """"held-out" or "out-of-fold"."""
    told: str
    """What these rows are, in words."""
    rows: np.ndarray | None
    """Their numbers among the development rows; None where they are the test rows."""
    truth: Predictions
    weight: np.ndarray | None
    groups: np.ndarray | None
    parts: list[Predictions]
    """Of each member."""
    model: Predictions
    """Of the ensemble, calibrated."""


def combine(learned: list[Learned], prepared: Prepared) -> tuple[Ensemble, Predictions]:
    """Weights chosen on the choosing rows, and the ensemble's predictions of the held rows.

    A member that learned over some folds only leaves fewer rows that all have predicted, for everything that follows.
    """
    told = [np.concatenate([outside for _, outside in folds_of(one.kind, prepared)]) for one in learned]
    if prepared.out_of_fold and not all(np.isin(prepared.held, rows).all() for rows in told):
        known = np.all([np.isin(prepared.held, rows) for rows in told], axis=0)
        for one in learned:
            one.held = {name: values[known] for name, values in one.held.items()}
        prepared.choose = prepared.calibrate = prepared.held[known]
    ensemble = _weighed(learned, prepared)
    return ensemble, ensemble.mix([one.held for one in learned])


def _weighed(learned: list[Learned], prepared: Prepared) -> Ensemble:
    chooses = np.isin(prepared.held, prepared.choose)
    truth = {name: values[prepared.held] for name, values in prepared.dev.truth.items()}
    weights = greedy_weights(
        [{name: values[chooses] for name, values in one.held.items()} for one in learned],
        {name: values[chooses] for name, values in truth.items()},
        prepared.metrics,
        weight=None if prepared.dev.weight is None else prepared.dev.weight[prepared.held][chooses],
    )
    return Ensemble([one.member for one in learned], weights, [one.name for one in learned])


def calibrate(fitted: Fitted, held: Predictions, prepared: Prepared) -> Predictions:
    """Temperatures, then intervals and sets, from rows that only calibrate; returns calibrated held predictions."""
    rows = np.isin(prepared.held, prepared.calibrate)
    report: dict[str, Any] = {}
    found: Predictions = {}
    for target in fitted.schema.targets:
        task = target.task or "regression"
        truth = prepared.dev.truth[target.name][prepared.held]
        prediction = held[target.name]
        temperature = _temperature(target, prepared, prediction)
        found[target.name] = apply_temperature(task, prediction, temperature)
        if task != "regression":
            fitted.temperatures[target.name] = temperature
        if task != "multilabel" and present(task, truth[rows]).any():
            fitted.conformal[target.name] = Conformal.fit(task, truth[rows], found[target.name][rows])
        if task == "classification" and rows.any():
            fitted.doubts[target.name] = reach(found[target.name][rows])
        report[target.name] = {"temperature": temperature, "rows": int(rows.sum())}
    fitted.facts["calibration"] = report
    return found


def _temperature(target: Column, prepared: Prepared, prediction: np.ndarray) -> float:
    """What calibrates predictions of the held rows, by those that calibrate."""
    rows = np.isin(prepared.held, prepared.calibrate)
    truth = prepared.dev.truth[target.name][prepared.held]
    return fit_temperature(
        target.task or "regression", truth[rows], prediction[rows], prepared.weight_of(prepared.held[rows])
    )


def choose_thresholds(fitted: Fitted, prepared: Prepared, held: Predictions) -> None:
    """The probability from which the second of two classes is the better answer.

    With costs it follows from them; where the deciding metric looks at the class chosen (F1, balanced accuracy, ...) it
    is the one that metric likes best on the choosing rows; otherwise the more probable class is chosen.
    """
    chooses = np.isin(prepared.held, prepared.choose)
    for target in fitted.schema.targets:
        matrix = costs_of(target, prepared.options)
        if matrix is not None:
            fitted.facts.setdefault("costs", {})[target.name] = matrix.tolist()
        found = _threshold(target, prepared, prepared.held[chooses], held[target.name][chooses])
        if found is not None:
            fitted.thresholds[target.name] = found


def _threshold(target: Column, prepared: Prepared, rows: np.ndarray, prediction: np.ndarray) -> float | None:
    """The threshold of one contender for one target, from its predictions of these development rows."""
    truth, matrix = prepared.dev.truth[target.name][rows], costs_of(target, prepared.options)
    return chosen_threshold(prepared.metrics[target.name], matrix, truth, prediction, prepared.weight_of(rows))


def judge_once(
    fitted: Fitted, prepared: Prepared, learned: list[Learned], baselines: list[Baseline], held: Predictions, run: Run
) -> Judged:
    """Metrics and verdicts on rows that no contender learned from; which they are is said in the verdict."""
    judged = _judged(fitted, prepared, learned, held)
    rows = len(next(iter(judged.truth.values())))
    bare = None if not baselines else _without_networks(fitted, learned, prepared, judged)
    others = baselines if bare is None else [bare, *baselines]
    costs = {"mapsto": _cost(fitted, learned, run)} | {one.name: one.cost for one in others}
    fitted.facts |= {"judged_on": judged.told, "judged_rows": rows, "metrics": {}}
    for target in fitted.schema.targets:
        truth = judged.truth[target.name]
        if not named(target.task or "regression", truth).any():
            text = (
                f"No {judged.kind} row has a value of {target.name!r} that training knows: the model could not be "
                "judged."
            )
            fitted.notes.append(Note("warning", text, column=target.name))
            continue
        _score(fitted, target, judged)
        _before_and_after(fitted, target, judged)
        if baselines:
            metric, own = prepared.metrics[target.name], {"mapsto": _decisions(fitted, target, prepared, judged)}
            fitted.verdicts[target.name] = judge(
                metric, truth, own | {one.name: _baseline(one, target, prepared, judged) for one in others},
                costs=costs, target=target.name, rows_are=judged.kind, weight=judged.weight, groups=judged.groups,
                members=_members(fitted, target, metric, learned, judged),
            )  # fmt: skip
    return judged


def _judged(fitted: Fitted, prepared: Prepared, learned: list[Learned], held: Predictions) -> Judged:
    """The rows that judge, by the way the table was cut."""
    if prepared.test is not None:
        parts = [one.member.predict(prepared.test, threads=prepared.options.threads) for one in learned]
        model = fitted.calibrated(fitted.ensemble.mix(parts))
        told = f"{prepared.test.rows:,} held-out rows that trained, chose and calibrated nothing"
        groups = prepared.groups(prepared.test_frame)
        return Judged(
            "held-out", told, None, prepared.test.truth, prepared.test.weight, groups, parts, model
        )  # fmt: skip
    rows = prepared.held if prepared.out_of_fold else prepared.calibrate
    place = np.isin(prepared.held, rows)
    parts = [{name: values[place] for name, values in one.held.items()} for one in learned]
    if prepared.out_of_fold:
        return _of_dev(prepared, rows, parts, held)
    return _of_dev(prepared, rows, parts, _calibrated_across(fitted, prepared, fitted.ensemble.mix(parts)))


def _of_dev(prepared: Prepared, rows: np.ndarray, parts: list[Predictions], model: Predictions) -> Judged:
    truth = {name: values[rows] for name, values in prepared.dev.truth.items()}
    groups = prepared.groups(prepared.frame)
    told = verdict_rows.told(prepared, len(rows))
    weight, groups = prepared.weight_of(rows), None if groups is None else groups[rows]
    return Judged("out-of-fold", told, rows, truth, weight, groups, parts, model)


def _calibrated_across(fitted: Fitted, prepared: Prepared, mixed: Predictions) -> Predictions:
    """Predictions of the rows that calibrate, each half at the temperature of the other."""
    found = {name: values.copy() for name, values in mixed.items()}
    rows = prepared.calibrate
    odd = np.arange(len(rows)) % 2 == 1
    for target in fitted.schema.targets:
        task, truth = target.task or "regression", prepared.dev.truth[target.name][rows]
        weight, prediction = prepared.weight_of(rows), mixed[target.name]
        for half in (odd, ~odd):
            own = None if weight is None else weight[~half]
            temperature = fit_temperature(task, truth[~half], prediction[~half], own)
            found[target.name][half] = apply_temperature(task, prediction[half], temperature)
    return found


def _cost(fitted: Fitted, learned: list[Learned], run: Run) -> Cost:
    """What the model took: all that was learned, and the members that count."""
    used = fitted.ensemble.shares()
    note = "stopped early" if run.interrupted or run.overdue else ""
    predict_us = sum(one.predict_us for one in learned if one.name in used)
    return Cost(sum(one.fit_seconds for one in learned), predict_us, note)


def _without_networks(fitted: Fitted, learned: list[Learned], prepared: Prepared, judged: Judged) -> Baseline | None:
    """What the model would have been without its networks: its other members, weighed and calibrated anew.

    None where it has no networks, or nothing else.
    """
    plain = [place for place, one in enumerate(learned) if one.kind in CLASSICAL]
    used = fitted.ensemble.shares()
    if not plain or all(one.kind in CLASSICAL for one in learned if one.name in used):
        return None
    members = [learned[place] for place in plain]
    ensemble = _weighed(members, prepared)
    held, found = (ensemble.mix(parts) for parts in ([one.held for one in members], [judged.parts[i] for i in plain]))
    for target in fitted.schema.targets:
        temperature = _temperature(target, prepared, held[target.name])
        for each in (held, found):
            each[target.name] = apply_temperature(target.task or "regression", each[target.name], temperature)
    share = ensemble.shares()
    cost = Cost(sum(one.fit_seconds for one in members), sum(one.predict_us for one in members if one.name in share))
    order = np.argsort(prepared.held)
    by_row = {name: values[order] for name, values in held.items()}
    return Baseline(WITHOUT_NETWORKS, cost, prepared.held[order], by_row, found)


def _score(fitted: Fitted, target: Column, judged: Judged) -> None:
    """Every metric; with groups its interval too, since the rows that the model keeps do not tell their group."""
    truth, model = judged.truth[target.name], judged.model[target.name]
    metrics = fitted.shown_metrics(target)
    scores = {metric.name: metric(truth, model, judged.weight) for metric in metrics}
    fitted.facts["metrics"][target.name] = {k: v for k, v in scores.items() if np.isfinite(v)}
    if judged.groups is not None:
        found = {
            metric.name: interval(
                metric, truth, model, judged.weight, groups=judged.groups, resamples=SHOWN_RESAMPLES,
                seed=fitted.recipe.seed,
            )
            for metric in metrics
        }  # fmt: skip
        intervals = {name: [one.low, one.high] for name, one in found.items() if np.isfinite([one.low, one.high]).all()}
        fitted.facts.setdefault("intervals", {})[target.name] = intervals


def _decisions(fitted: Fitted, target: Column, prepared: Prepared, judged: Judged) -> np.ndarray:
    """The model's predictions as the deciding metric shall see them."""
    threshold, matrix = fitted.thresholds.get(target.name), fitted.costs(target)
    metric, model = prepared.metrics[target.name], judged.model[target.name]
    return decided(metric, model, matrix if threshold is None else None, threshold=threshold)


def _baseline(one: Baseline, target: Column, prepared: Prepared, judged: Judged) -> np.ndarray:
    """A baseline's predictions as the deciding metric shall see them: at its own threshold."""
    prediction = (one.test if judged.rows is None else one.of(judged.rows))[target.name]
    metric, matrix = prepared.metrics[target.name], costs_of(target, prepared.options)
    if matrix is None and not (metric.chooses and len(target.classes) == 2):
        return prediction
    chosen = np.sort(prepared.choose) if matrix is None else np.zeros(0, dtype=np.int64)
    threshold = _threshold(target, prepared, chosen, one.of(chosen)[target.name] if matrix is None else prediction[:0])
    return decided(metric, prediction, matrix if threshold is None else None, threshold=threshold)


def _members(fitted: Fitted, target: Column, metric: Metric, learned: list[Learned], judged: Judged) -> Any:
    """What each member is worth, decided as the model decides."""
    parts = {one.name: found[target.name] for one, found in zip(learned, judged.parts, strict=True)}
    shares, own = fitted.ensemble.shares(target.name), fitted.of_decisions(target, metric)
    return worths(own, judged.truth[target.name], parts, shares, judged.weight)


def _before_and_after(fitted: Fitted, target: Column, judged: Judged) -> None:
    """Expected calibration error of probabilities as the members gave them, and as they are given out."""
    task = target.task or "regression"
    if task == "regression":
        return
    truth, before = judged.truth[target.name], fitted.ensemble.mix(judged.parts)[target.name]
    entry = fitted.facts["calibration"][target.name]
    entry["error_before"] = calibration_error(task, truth, before)
    entry["error_after"] = calibration_error(task, truth, judged.model[target.name])
