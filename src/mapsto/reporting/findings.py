"""What the report has to compute before it can be written: each part in its share of the time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.explaining import Attributions, Map, attribute, importance, maps, partial_dependence
from mapsto.explaining.mixing import Question
from mapsto.explaining.nearness import novelty_of, similar_to
from mapsto.judging.bootstrap import Interval, interval
from mapsto.metrics import Metric, present
from mapsto.reporting.figures import number

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.sample import Sample

SECONDS = 5.0
"""Wall time for everything here, about; the parts below are shares of it."""
_IMPORTANCE, _DEPENDENCE, _EXAMPLES = 0.4, 0.2, 0.3
_INSIDE = 0.6
"""Share for maps of what is inside cells, where there is anything; the other shares are of the rest."""
_LOOKED_INTO = 2
"""Cells of an example that have a map: those that moved its prediction most."""
TOP_COLUMNS = 4
"""Columns whose partial dependence is drawn."""
_EXPLAINED_TARGETS = 3
_RESAMPLES = 300
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Scored:
    """A metric with its interval."""

    metric: Metric
    interval: Interval


@dataclass(frozen=True)
class Example:
    """A row held out, with what was predicted and why."""

    row: int
    """Among the rows held out."""
    kind: str
    """"right", "wrong", "close call", "typical", "far off"."""
    predicted: str
    truth: str
    probability: float | None
    """Of what was predicted, where the target has classes."""
    place: int = 0
    """Among the rows that `Findings.reasons` explains."""
    neighbours: str = ""
    """What the most similar training rows have as target."""


@dataclass
class Findings:
    """All figures of the report that are not in the model already; None or empty where rows are missing."""

    metrics: dict[str, list[Scored]] = field(default_factory=dict)
    importance: pl.DataFrame | None = None
    dependence: pl.DataFrame | None = None
    reasons: Attributions | None = None
    examples: dict[str, list[Example]] = field(default_factory=dict)
    novelty: np.ndarray | None = None
    """Of the rows held out."""
    maps: dict[int, list[Map]] = field(default_factory=dict)
    """By place among the rows that `reasons` explains."""


def find(fitted: Fitted, seconds: float = SECONDS) -> Findings:
    """Compute what the report shows, in about this time."""
    found = Findings()
    if fitted.held is None or len(fitted.held) == 0:
        return found
    found.metrics = {target.name: _metrics(fitted, target, fitted.held) for target in fitted.schema.targets}
    if fitted.background is None or len(fitted.background) == 0:
        return found
    within = _INSIDE * seconds if any(column.inner for column in fitted.schema.inputs) else 0.0
    seconds -= within
    found.importance = importance(fitted, _IMPORTANCE * seconds)
    plain = [column.name for column in fitted.schema.inputs if not column.inner]
    top = found.importance.filter(pl.col("column").is_in(plain)).group_by("target", maintain_order=True)
    columns = top.head(TOP_COLUMNS)["column"].unique(maintain_order=True).to_list()
    if columns:
        found.dependence = partial_dependence(fitted, columns, _DEPENDENCE * seconds)
    found.novelty = novelty_of(fitted, fitted.held.encoded, fitted.held.predictions)
    _explain_examples(fitted, fitted.held, found, (_EXAMPLES if columns else _EXAMPLES + _DEPENDENCE) * seconds)
    if within and found.reasons is not None:
        found.maps = _look_inside(fitted, fitted.held, found, found.reasons, within)
    return found


def _metrics(fitted: Fitted, target: Column, sample: Sample) -> list[Scored]:
    """Every metric; where the rows kept are a sample of those judged on, the interval is scaled to those judged on."""
    known = fitted.facts.get("metrics", {}).get(target.name, {})
    intervals = fitted.facts.get("intervals", {}).get(target.name, {})
    truth, prediction = sample.encoded.truth[target.name], sample.predictions[target.name]
    judged = fitted.facts.get("judged_rows", len(truth))
    narrower = float(np.sqrt(len(truth) / max(judged, len(truth))))
    verdict = fitted.verdicts.get(target.name)
    found = []
    for metric in fitted.shown_metrics(target):
        own = verdict.contenders[0] if verdict is not None else None
        if own is not None and own.metric == metric.name and None not in (own.value, own.low, own.high):
            found.append(Scored(metric, Interval(own.value, own.low, own.high)))  # type: ignore[arg-type]
            continue
        if metric.name in intervals and metric.name in known:
            found.append(Scored(metric, Interval(known[metric.name], *intervals[metric.name])))
            continue
        here = interval(metric, truth, prediction, resamples=_RESAMPLES, seed=fitted.recipe.seed)
        value = known.get(metric.name)
        value = here.value if value is None else float(value)
        if np.isfinite(value):
            low, high = value + narrower * (here.low - here.value), value + narrower * (here.high - here.value)
            found.append(Scored(metric, Interval(value, low, high)))
    return found


def _explain_examples(fitted: Fitted, sample: Sample, found: Findings, seconds: float) -> None:
    """Choose rows of the first targets, and explain all of them at once."""
    chosen: dict[str, list[Example]] = {}
    for target in fitted.schema.targets[:_EXPLAINED_TARGETS]:
        chosen[target.name] = _examples(fitted, target, sample)
    rows = sorted({example.row for examples in chosen.values() for example in examples})
    if not rows:
        return
    encoded = sample.encoded.take(np.array(rows))
    found.reasons = attribute(fitted, encoded, seconds)
    near = similar_to(fitted, encoded, _NEIGHBOURS)
    for name, examples in chosen.items():
        target = fitted.schema.target(name)
        column = name if name in near.columns else f"{name} (training)"
        found.examples[name] = [
            Example(e.row, e.kind, e.predicted, e.truth, e.probability, place,
                    _summed_up(target, near.filter(near["row"] == place)[column].to_list()))
            for e in examples for place in [rows.index(e.row)]
        ]  # fmt: skip


def _look_inside(
    fitted: Fitted, sample: Sample, found: Findings, reasons: Attributions, seconds: float
) -> dict[int, list[Map]]:
    """Maps of the cells that moved the examples most."""
    rows = {example.place: example.row for examples in found.examples.values() for example in examples}
    able = [place for place, column in enumerate(fitted.schema.inputs) if column.inner]
    strength = np.abs(reasons.values[:, able]).max(axis=2)
    wanted = [
        (place, reasons.columns[able[at]])
        for place in sorted(rows)
        for at in np.argsort(-strength[place], kind="stable")[:_LOOKED_INTO]
    ]
    order = np.array([rows[place] for place in sorted(rows)])
    texts = {name: [cells[row] for row in order] for name, cells in sample.texts.items()}
    inside: dict[int, list[Map]] = {}
    for one in maps(fitted, sample.encoded.take(order), wanted, texts, seconds):
        inside.setdefault(one.row, []).append(one)
    return inside


def _summed_up(target: Column, values: list[str]) -> str:
    """The targets of similar training rows in a few words."""
    if target.task == "regression":
        return ", ".join(values)
    return ", ".join(f"{value} ({count} of {len(values)})" for value, count in Counter(values).most_common(3))


def _examples(fitted: Fitted, target: Column, sample: Sample) -> list[Example]:
    """Rows that show how the model is right and wrong."""
    truth, prediction = sample.encoded.truth[target.name], sample.predictions[target.name]
    known = np.flatnonzero(present(target.task or "regression", truth))
    if len(known) == 0:
        return []
    picked = (
        _numbers(truth, prediction, known) if target.task == "regression" else _classes(fitted, target, sample, known)
    )
    rows = np.array(list(picked))
    shown = fitted.decode(target, prediction[rows])
    sure = None if target.task == "regression" else _sureness(fitted, target, sample)
    return [
        Example(
            row,
            kind,
            number(value) if isinstance(value, float) else target.show(value),
            sample.shown[target.name][row],
            None if sure is None else float(sure[row]),
        )
        for (row, kind), value in zip(picked.items(), shown.to_list(), strict=True)
    ]


def _numbers(truth: np.ndarray, prediction: np.ndarray, known: np.ndarray) -> dict[int, str]:
    """Two rows with a middling error and three with the largest, by row."""
    error = np.abs(truth[known] - prediction[known, 0])
    order = known[np.argsort(error, kind="stable")]
    middle = len(order) // 2
    picked = dict.fromkeys(order[::-1][:3].tolist(), "far off")
    return dict.fromkeys(order[max(0, middle - 1) : middle + 1].tolist(), "typical") | picked


def _sureness(fitted: Fitted, target: Column, sample: Sample) -> np.ndarray:
    """The probability of what is predicted, `(rows,)`."""
    question = Question.of(fitted, sample.predictions)
    at = question.chosen[:, question.targets.index(target.name)]
    return np.asarray(sample.predictions[target.name][np.arange(len(sample)), at])


def _classes(fitted: Fitted, target: Column, sample: Sample, known: np.ndarray) -> dict[int, str]:
    """Two sure and right rows, two sure and wrong ones, one close call, by row."""
    truth, sure = sample.encoded.truth[target.name], _sureness(fitted, target, sample)
    question = Question.of(fitted, sample.predictions)
    at = question.chosen[:, question.targets.index(target.name)]
    rows = np.arange(len(sample))
    right = (truth[rows, at] > 0.5) if target.task == "multilabel" else (truth == at)
    order = known[np.argsort(-sure[known], kind="stable")]
    picked: dict[int, str] = dict.fromkeys(order[right[order]][:2].tolist(), "right")
    picked |= dict.fromkeys(order[~right[order]][:2].tolist(), "wrong")
    close = known[np.argsort(np.abs(sure[known] - _edge(fitted, target, at[known])), kind="stable")]
    left = [row for row in close.tolist() if row not in picked]
    return picked | dict.fromkeys(left[:1], "close call")


def _edge(fitted: Fitted, target: Column, at: np.ndarray) -> Any:
    """The probability of the chosen class at which the choice would turn."""
    threshold = fitted.thresholds.get(target.name)
    if threshold is not None and len(target.classes) == 2:
        return np.where(at == 1, threshold, 1 - threshold)
    return 0.5 if len(target.classes) == 2 or target.task == "multilabel" else 0.0
