"""How good the model is: verdict, metrics, errors, calibration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.judging.calibration import Reliability, apply_temperature, reliability
from mapsto.metrics import METRICS, present
from mapsto.reporting.charts import Plot, bar, legend, span, track
from mapsto.reporting.figures import fixed, interval_places, number, percent, places_for, plural, seconds
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import figure, name, per_target, section, soft, table

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.judging.verdict import Contender, Verdict
    from mapsto.reporting.findings import Findings

STRANGERS = "(none of these)"
MOST_CLASSES = 12
"""Classes up to which the whole confusion matrix is shown."""
_MOST_POINTS = 1000
_DEEP = 0.55
_LEVEL = 0.9
_MEANINGS = {
    "accuracy": "share of rows whose class is right",
    "balanced_accuracy": "share found, averaged over classes",
    "f1": "balance of finding and being right",
    "sensitivity": "share of positive rows found",
    "specificity": "share of negative rows left alone",
    "auc": "chance that a positive row ranks above a negative one",
    "average_precision": "precision averaged over ranks",
    "log_loss": "surprise at the truth",
    "brier": "squared error of probabilities",
    "cost": "mean cost of decisions",
    "rmse": "typical error, large ones weigh more",
    "mae": "mean error",
    "median_absolute_error": "half of the errors are smaller",
    "r2": "share of the spread explained",
    "rmsle": "error of logarithms",
    "mape": "mean error relative to the truth",
    "f1_micro": "F1 over all labels together",
    "f1_macro": "F1 averaged over labels",
    "hamming": "share of labels that are wrong",
    "exact": "share of rows with all labels right",
}


# -- verdict


def verdict_section(fitted: Fitted) -> Html:
    """The model against the baselines, and what its members are worth."""
    if not fitted.verdicts:
        return section("verdict", "Verdict", soft("This model was not judged against baselines."))
    note = soft(
        "All contenders learned from the same data and are judged on the same rows: "
        f"{fitted.facts.get('judged_on', 'rows held out')}. The bar is the 95 % interval, "
        f"found by drawing {_drawn(fitted)}; the difference is paired, so what makes a row hard cancels."
    )
    return section("verdict", "Verdict", note, per_target(fitted, lambda target: _verdict(fitted, target)))


def _drawn(fitted: Fitted) -> str:
    return "these rows anew a thousand times" if fitted.threshold is None else "the identities anew 300 times"


def _verdict(fitted: Fitted, target: Column) -> Any:
    verdict = fitted.verdicts.get(target.name)
    return None if verdict is None else [_contenders(verdict, target), _members(verdict, _label(verdict, target))]


def _label(verdict: Verdict, target: Column) -> str:
    """How a person reads the metric that judges."""
    metric = METRICS.get((target.task or "regression", verdict.contenders[0].metric))
    return verdict.contenders[0].metric if metric is None else metric.label


def _contenders(verdict: Verdict, target: Column) -> Html:
    metric = METRICS.get((target.task or "regression", verdict.contenders[0].metric))
    label = _label(verdict, target)
    better = "" if metric is None else f" ({'higher' if metric.higher_is_better else 'lower'} is better)"
    values = [v for c in verdict.contenders for v in (c.value, c.low, c.high) if v is not None]
    scale = span(np.array(values), 0.02)
    places = max(interval_places(c.low, c.high) for c in verdict.contenders[:2])
    heads = [
        "",
        label + better,
        label,
        "95 % interval",
        f"{verdict.contenders[0].name} ahead by",
        "fit",
        "predict a row",
    ]
    first, *others = verdict.contenders
    others.sort(key=lambda c: math.inf if c.ahead is None else c.ahead)
    rows = [_contender(c, places, scale, first=c is first) for c in (first, *others)]
    return table(heads, rows, caption=f"Contenders on the same {plural(verdict.rows, 'row')}, the best baseline first.",
                 figures=(2, 3, 4, 5, 6), own=(0,))  # fmt: skip


def _contender(c: Contender, places: int, scale: tuple[float, float], *, first: bool) -> list[Any]:
    drawn = "–" if c.value is None else track(c.value, c.low, c.high, scale, "one" if first else "faint")
    ahead: Any = ""
    if c.ahead is not None:
        between = tag("small", f"{fixed(c.ahead_low, places)} to {fixed(c.ahead_high, places)}")
        ahead = [fixed(c.ahead, places), between]
    speed = "–" if c.predict_us is None else f"{number(c.predict_us, 2)} µs"
    interval = f"{fixed(c.low, places)} to {fixed(c.high, places)}"
    title = [c.name, tag("small", c.note)] if c.note else c.name
    return [title, drawn, fixed(c.value, places), interval, ahead, seconds(c.fit_seconds), speed]


def _members(verdict: Verdict, label: str) -> Html | None:
    if not verdict.members:
        return None
    if len(verdict.members) == 1:
        return tag("p", "The model is a single member: ", name(verdict.members[0].name), ".")
    most = max(member.weight for member in verdict.members)
    places = places_for(max(abs(member.without or 0.0) for member in verdict.members), 4)
    rows = [
        [name(m.name), bar(m.weight, most), percent(m.weight), fixed(m.without, places), fixed(m.loss, places)]
        for m in sorted(verdict.members, key=lambda member: -member.weight)
    ]
    heads = ["member", "", "weight", f"{label} without it", "lost without it"]
    caption = (
        "The model is a weighted mean of these members. A loss below zero means it would do better without it here."
    )
    return table(heads, rows, caption=caption, figures=(2, 3, 4), class_="narrow")


# -- metrics and errors


def quality_section(fitted: Fitted, found: Findings) -> Html:
    """Metrics with intervals, then where the errors are."""
    judged = fitted.facts.get("judged_on", "the rows that the model keeps")
    shown = 0 if fitted.held is None else len(fitted.held)
    lead = soft(
        f"Measured on {judged}. Intervals hold 95 % of the figures that rows drawn anew would give. Pictures are of "
        f"{plural(shown, 'row')} that the model did not learn from and keeps."
    )
    return section(
        "quality", "How good it is", lead, per_target(fitted, lambda target: _quality(fitted, target, found))
    )


def _quality(fitted: Fitted, target: Column, found: Findings) -> list[Any]:
    if fitted.held is None or target.name not in found.metrics:
        return [soft("The model keeps no rows with known truth, so there is nothing to measure.")]
    truth, prediction = fitted.held.encoded.truth[target.name], fitted.held.predictions[target.name]
    known = present(target.task or "regression", truth)
    truth, prediction = truth[known], prediction[known]
    errors = {"regression": _residuals, "classification": _confusion}.get(target.task or "")
    drawn = [] if errors is None or not len(truth) else [errors(fitted, target, truth, prediction)]
    if target.task != "regression" and len(truth):
        drawn.append(_reliability(fitted, target, truth, prediction))
    told = [_metrics(fitted, target, found), _coverage(fitted, target, truth, prediction)]
    return [tag("div", tag("div", told), tag("div", drawn), class_="pair")]


def _metrics(fitted: Fitted, target: Column, found: Findings) -> Html:
    deciding = fitted.metrics.get(target.name)
    rows, own = [], []
    for place, scored in enumerate(found.metrics[target.name]):
        value, low, high = scored.interval.value, scored.interval.low, scored.interval.high
        digits = interval_places(low, high)
        meaning = _MEANINGS.get(scored.metric.name)
        rows.append([
            [scored.metric.label, tag("small", meaning) if meaning else None],
            fixed(value, digits),
            f"{fixed(low, digits)} to {fixed(high, digits)}",
        ])  # fmt: skip
        own += [place] if scored.metric.name == deciding else []
    return table(["metric", "value", "95 % interval"], rows, figures=(1, 2), own=own,
                 caption="The metric in bold decided what was kept.")  # fmt: skip


def _confusion(fitted: Fitted, target: Column, truth: np.ndarray, prediction: np.ndarray) -> Html:
    """Which classes are taken for which."""
    classes = [str(value) for value in target.classes]
    threshold = fitted.thresholds.get(target.name)
    decided = fitted.decided(target, prediction).argmax(axis=1)
    if threshold is not None and len(classes) == 2:
        decided = (prediction[:, 1] >= threshold).astype(np.int64)
    counts = np.zeros((len(classes) + 1, len(classes)), dtype=np.int64)
    np.add.at(counts, (np.where(truth < 0, len(classes), truth), decided), 1)
    chosen = "" if threshold is None else f" “{classes[1]}” is chosen from a probability of {number(threshold, 3)} on."
    if len(classes) > MOST_CLASSES:
        return _mix_ups(counts[:-1], classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [name(label), *(_cell(int(counts[i, j]), float(share[i, j]), right=i == j) for j in range(len(classes)))]
        for i, label in enumerate([*classes, *([STRANGERS] if counts[-1].any() else [])])
    ]
    caption = f"Rows: the truth. Columns: what was predicted, with its share of the truth.{chosen}"
    heads = ["truth ↓  predicted →", *(name(label) for label in classes)]
    return table(heads, rows, caption=caption, class_="matrix")


def _cell(count: int, share: float, *, right: bool) -> Html:
    colour = "31 111 139" if right else "194 102 45"
    content = [f"{count:,}", tag("small", percent(share))]
    return tag(
        "td", content, style=f"background: rgb({colour} / {share:.2f})", class_="deep" if share > _DEEP else None
    )


def _mix_ups(counts: np.ndarray, classes: list[str]) -> Html:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:12]
    rows = [
        [name(classes[i]), name(classes[j]), f"{wrong[i, j]:,}", percent(wrong[i, j] / max(1, counts[i].sum()))]
        for i, j in (np.unravel_index(place, wrong.shape) for place in order)
        if wrong[i, j]
    ]
    return table(["truth", "predicted", "rows", "of this truth"], rows, figures=(2, 3),
                 caption=f"The most frequent mix-ups among {len(classes)} classes.")  # fmt: skip


def _residuals(fitted: Fitted, target: Column, truth: np.ndarray, prediction: np.ndarray) -> Html:
    """Truth against prediction."""
    guess = prediction[:, 0]
    some = np.linspace(0, len(truth) - 1, min(len(truth), _MOST_POINTS)).astype(np.int64)
    ends = span(np.concatenate([truth, guess]))
    plot = Plot(
        ends, ends, title=f"Truth against prediction of {target.name}", x_label="predicted", y_label="truth", height=340
    )
    plot.points(guess[some].tolist(), truth[some].tolist(), "one cloud", size=5)
    plot.line(list(ends), list(ends), "faint")
    half, most = np.quantile(np.abs(truth - guess), [0.5, 0.9])
    caption = (
        f"On the dashed line a prediction is right; above it, it is too low. Half of the predictions are within "
        f"{number(float(half), 3)} of the truth, nine in ten within {number(float(most), 3)}."
    )
    return figure("Truth and prediction", plot.render(), caption)


# -- trust: calibration and intervals


def _reliability(fitted: Fitted, target: Column, truth: np.ndarray, prediction: np.ndarray) -> Html:
    task, temperature = target.task or "classification", fitted.temperatures.get(target.name, 1.0)
    entry = fitted.facts.get("calibration", {}).get(target.name, {})
    after = reliability(task, truth, prediction, bins=10)
    before = reliability(task, truth, apply_temperature(task, prediction, 1 / temperature), bins=10)
    ends = (0.0, 1.0)
    what = f" of “{target.classes[1]}”" if task == "classification" and len(target.classes) == 2 else ""
    plot = Plot(ends, ends, title=f"Calibration of {target.name}", x_label=f"probability{what} that was said",
                y_label="share that came true", height=300)  # fmt: skip
    plot.line([0, 1], [0, 1], "faint")
    if temperature != 1.0:
        plot.line(before.said.tolist(), before.true.tolist(), "two")
    for said, true, rows in zip(after.said.tolist(), after.true.tolist(), after.rows.tolist(), strict=True):
        spread = 1.96 * (max(true * (1 - true), 1e-9) / rows) ** 0.5
        plot.whisker(said, max(0.0, true - spread), min(1.0, true + spread))
    plot.line(after.said.tolist(), after.true.tolist(), "one", dots=True)
    errors = [entry.get("error_before", before.error), entry.get("error_after", after.error)]
    caption = (
        "On the dashed line, what is said with 70 % comes true in 70 of 100 cases. "
        f"Expected calibration error {_error(errors[0])} before and {_error(errors[1])} after calibration "
        f"(temperature {number(temperature, 3)}). {_told(after)}"
    )
    names = [("one", "as given out"), *([("two", "before calibration")] if temperature != 1.0 else [])]
    return tag(
        "figure", tag("h4", "Do probabilities come true?"), legend(names), plot.render(), tag("figcaption", caption)
    )


def _error(value: float) -> str:
    return percent(value, 1)


def _told(after: Reliability) -> str:
    return (
        f"Points hold {plural(int(np.median(after.rows)), 'row')} each, with 95 % intervals." if len(after.rows) else ""
    )


def _coverage(fitted: Fitted, target: Column, truth: np.ndarray, prediction: np.ndarray) -> Html | None:
    """Whether intervals and sets hold the truth as often as promised."""
    state = fitted.conformal.get(target.name)
    if state is None or len(truth) == 0:
        return None
    if target.task == "regression":
        low, high = state.interval(prediction, _LEVEL)
        inside, size = (low <= truth) & (truth <= high), float(np.median(high - low)) / 2
        what = f"± {number(size, 3)}" if np.isfinite(size) else "unlimited: too few rows calibrate"
        label, kind = "half width", "interval"
    else:
        sets = state.sets(prediction, _LEVEL)
        inside, what = sets[np.arange(len(truth)), truth] & (truth >= 0), number(float(sets.sum(axis=1).mean()), 3)
        label, kind = "classes in a set", "set"
    rows: list[list[Any]] = [
        ["promised", percent(_LEVEL)],
        ["held the truth", [percent(float(inside.mean()), 1), tag("small", f"of {plural(len(truth), 'row')}")]],
        [label, what],
        ["calibrated on", plural(state.rows, "row")],
    ]
    told = table(["", ""], rows, figures=(1,), caption=f"predict(rows, interval={_LEVEL}) gives each row its {kind}.")
    return tag("figure", tag("h4", f"Do {kind}s keep their promise?"), told)
