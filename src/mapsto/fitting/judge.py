"""After learning: weigh the members, calibrate, choose thresholds, judge once on rows nothing has looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.fitting.prepare import costs_of
from mapsto.judging.calibration import apply_temperature, calibration_error, fit_temperature
from mapsto.judging.conformal import Conformal
from mapsto.judging.thresholds import best_threshold, cost_threshold
from mapsto.judging.verdict import Cost, Verdict, judge, worths
from mapsto.members.ensemble import Ensemble, greedy_weights
from mapsto.metrics import present
from mapsto.table import Note

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.fitting.baselines import Baseline
    from mapsto.fitting.learned import Learned
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Predictions


def combine(learned: list[Learned], prepared: Prepared) -> tuple[Ensemble, Predictions]:
    """Weights chosen on the choosing rows (Caruana et al. 2004), and the ensemble's predictions of the held rows."""
    chooses = np.isin(prepared.held, prepared.choose)
    truth = {name: values[prepared.held] for name, values in prepared.dev.truth.items()}
    weights = greedy_weights(
        [{name: values[chooses] for name, values in one.held.items()} for one in learned],
        {name: values[chooses] for name, values in truth.items()},
        prepared.metrics,
        costs=[one.predict_us for one in learned],
        weight=None if prepared.dev.weight is None else prepared.dev.weight[prepared.held][chooses],
    )
    ensemble = Ensemble([one.member for one in learned], weights, [one.name for one in learned])
    return ensemble, ensemble.mix([one.held for one in learned])


def calibrate(fitted: Fitted, held: Predictions, prepared: Prepared) -> Predictions:
    """Temperatures, then intervals and sets, from rows that only calibrate; returns calibrated held predictions."""
    rows = np.isin(prepared.held, prepared.calibrate)
    report: dict[str, Any] = {}
    found: Predictions = {}
    for target in fitted.schema.targets:
        task = target.task or "regression"
        truth = prepared.dev.truth[target.name][prepared.held]
        prediction = held[target.name]
        weight = None if prepared.dev.weight is None else prepared.dev.weight[prepared.held][rows]
        temperature = fit_temperature(task, truth[rows], prediction[rows], weight)
        found[target.name] = apply_temperature(task, prediction, temperature)
        if task != "regression":
            fitted.temperatures[target.name] = temperature
        if task != "multilabel" and present(task, truth[rows]).any():
            fitted.conformal[target.name] = Conformal.fit(task, truth[rows], found[target.name][rows])
        report[target.name] = {"temperature": temperature, "rows": int(rows.sum())}
    fitted.facts["calibration"] = report
    return found


def choose_thresholds(fitted: Fitted, prepared: Prepared, held: Predictions) -> None:
    """The probability from which the second of two classes is the better answer.

    With costs it follows from them; where the deciding metric looks at the class chosen (F1, balanced accuracy, ...) it
    is the one that metric likes best on the choosing rows; otherwise the more probable class is chosen.
    """
    chooses = np.isin(prepared.held, prepared.choose)
    for target in fitted.schema.targets:
        metric = prepared.metrics[target.name]
        if metric.chooses and len(target.classes) == 2 and metric.task == "classification":
            truth = prepared.dev.truth[target.name][prepared.held][chooses]
            weight = None if prepared.dev.weight is None else prepared.dev.weight[prepared.held][chooses]
            fitted.thresholds[target.name] = best_threshold(metric, truth, held[target.name][chooses], weight)
        matrix = costs_of(target, prepared.options)
        if matrix is not None:
            fitted.facts.setdefault("costs", {})[target.name] = matrix.tolist()
            if len(target.classes) == 2:
                fitted.thresholds[target.name] = cost_threshold(matrix)


def judge_once(
    fitted: Fitted, prepared: Prepared, learned: list[Learned], baselines: list[Baseline], held: Predictions
) -> None:
    """Metrics and verdicts on the test rows; without test rows, on held rows, and it is said so."""
    if prepared.test is not None:
        model = fitted.predictions(prepared.test, threads=prepared.options.threads)
        apart = [one.member.predict(prepared.test, threads=prepared.options.threads) for one in learned]
        truths, weight, kind = prepared.test.truth, prepared.test.weight, "held-out"
    else:
        model, apart = held, [one.held for one in learned]
        truths = {name: values[prepared.held] for name, values in prepared.dev.truth.items()}
        weight = None if prepared.dev.weight is None else prepared.dev.weight[prepared.held]
        kind = "out-of-fold" if prepared.out_of_fold else "validation"
    fit_seconds = sum(one.fit_seconds for one in learned)
    used = fitted.ensemble.shares()
    predict_us = sum(one.predict_us for one in learned if one.name in used)
    costs = {"mapsto": Cost(fit_seconds, predict_us)} | {one.name: one.cost for one in baselines}
    rows = len(next(iter(truths.values())))
    fitted.facts["judged_on"] = _judged_on(kind, rows)
    fitted.facts["metrics"], fitted.facts["judged_rows"] = {}, rows
    for target in fitted.schema.targets:
        metric, truth = prepared.metrics[target.name], truths[target.name]
        own = None if weight is None else weight
        if not present(metric.task, truth).any():
            text = f"No {kind} row has a value of {target.name!r} that training knows: the model could not be judged."
            fitted.notes.append(Note("warning", text, column=target.name))
            continue
        scores = {m.name: m(truth, model[target.name], own) for m in fitted.shown_metrics(target)}
        fitted.facts["metrics"][target.name] = {k: v for k, v in scores.items() if np.isfinite(v)}
        _before_and_after(fitted, target, truth, model[target.name], prepared, apart)
        if baselines:
            parts = {one.name: found[target.name] for one, found in zip(learned, apart, strict=True)}
            shares = fitted.ensemble.shares(target.name)
            fitted.verdicts[target.name] = _verdict(
                target, metric, truth, own, model, baselines, costs, kind, worths(metric, truth, parts, shares, own)
            )


def _verdict(
    target: Column,
    metric: Any,
    truth: np.ndarray,
    weight: np.ndarray | None,
    model: Predictions,
    baselines: list[Baseline],
    costs: dict[str, Cost],
    kind: str,
    members: Any,
) -> Verdict:
    predictions = {"mapsto": model[target.name]} | {one.name: one.predictions[target.name] for one in baselines}
    return judge(metric, truth, predictions, costs=costs, target=target.name, rows_are=kind, weight=weight,
                 members=members)  # fmt: skip


def _before_and_after(
    fitted: Fitted, target: Column, truth: np.ndarray, after: np.ndarray, prepared: Prepared, apart: list[Predictions]
) -> None:
    """Expected calibration error of probabilities as the members gave them, and as they are given out."""
    task = target.task or "regression"
    if task == "regression":
        return
    before = fitted.ensemble.mix(apart)[target.name]
    entry = fitted.facts["calibration"][target.name]
    entry["error_before"] = calibration_error(task, truth, before)
    entry["error_after"] = calibration_error(task, truth, after)


def _judged_on(kind: str, rows: int) -> str:
    if kind == "held-out":
        return f"{rows:,} held-out rows that trained, chose and calibrated nothing"
    if kind == "out-of-fold":
        return f"{rows:,} out-of-fold rows (approximate: they also chose and calibrated)"
    return f"{rows:,} validation rows (approximate: they also chose and calibrated; give test= for untouched rows)"
