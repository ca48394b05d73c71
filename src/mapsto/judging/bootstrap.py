"""Bootstrap intervals: how far a figure on these held-out rows may lie from the figure on all rows like them.

Rows are drawn with replacement a thousand times (as weights: how often each row was drawn) and the figure is scored on
every draw; the middle 95 % of the scores are the interval. A difference of two predictions is *paired*: both are
scored on the same draws, so what makes a draw easy or hard cancels. Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapter 13. The interval is too narrow for very few rows: below about thirty it is a hint only.

Rows that belong together (of one patient, one shop) are drawn together: `groups` says which do, and the interval then
holds for new groups.

Beyond 20,000 rows the draws are made within random bags of that size and their deviations shrunk by the root of the
share, so that a million rows cost no more than a few bags (Politis, Romano and Wolf, Subsampling, 1999); with groups
the bags hold whole groups, or some rows of every group where groups are few and large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.metrics import Metric

RESAMPLES = 1000
LEVEL = 0.95
BAG = 20_000
_BAGS = 5
_MANY_GROUPS = 50
"""Groups in a bag from which on they stand for all groups."""
_CELLS = 1 << 18
"""Weights held at once, to bound memory (2 MB) and stay in the cache."""


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds between which it plausibly lies; bounds are NaN where no draw defines the figure."""

    value: float
    low: float
    high: float
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.level:.0%} interval {self.low:.4g} to {self.high:.4g})"


def draws(
    rows: int,
    weight: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    bag: int = 0,
) -> Iterator[np.ndarray]:
    """Weights of resampled rows, in chunks `(some, rows)` float64: times drawn, times `weight`.

    `groups`: a code a row `(rows,)`; rows with the same code are drawn together.
    """
    generator = np.random.default_rng([seed, rows, bag])
    codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
    units = rows if codes is None else int(codes.max(initial=-1)) + 1
    chunk = max(1, min(resamples, _CELLS // max(rows, 1)))
    for start in range(0, resamples, chunk):
        some = min(chunk, resamples - start)
        drawn = generator.integers(0, units, size=(some, units), dtype=np.int32 if units < 1 << 31 else np.int64)
        drawn = drawn + units * np.arange(some)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=some * units).reshape(some, units)
        counts = counts if codes is None else counts[:, codes]
        yield counts.astype(np.float64) if weight is None else counts * weight


def scores(
    metric: Metric,
    truth: np.ndarray,
    predictions: list[np.ndarray],
    weight: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Scores of several predictions on the same draws, `(predictions, resamples)`."""
    if len(truth) <= BAG:
        drawn = draws(len(truth), weight, groups=groups, resamples=resamples, seed=seed)
        return _sample(metric, truth, predictions, drawn)
    whole = np.array([metric(truth, prediction, weight) for prediction in predictions])
    found: list[np.ndarray] = []
    for bag in range(_BAGS):
        rows, share = _bag(len(truth), groups, np.random.default_rng([seed, len(truth), bag, 1]))
        own, parts = None if weight is None else weight[rows], [prediction[rows] for prediction in predictions]
        centre = np.array([metric(truth[rows], part, own) for part in parts])
        together = None if groups is None else groups[rows]
        drawn = draws(len(rows), own, groups=together, resamples=resamples // _BAGS, seed=seed, bag=bag)
        sample = _sample(metric, truth[rows], parts, drawn)
        found.append(whole[:, None] + (sample - centre[:, None]) * np.sqrt(share))
    return np.concatenate(found, axis=1)


def interval(
    metric: Metric,
    truth: np.ndarray,
    prediction: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The metric of one prediction with its interval.

    Args:
        metric: the figure.
        truth: in the form of the metric's task.
        prediction: in the form of the metric's task.
        weight: `(rows,)`, or None.
        groups: a code a row; rows with the same code are drawn together.
        level: share of the draws inside the interval.
        resamples: number of draws.
        seed: same seed, same draws.
    """
    if len(truth) == 0:
        return Interval(np.nan, np.nan, np.nan, level)
    found = scores(metric, truth, [prediction], weight, groups=groups, resamples=resamples, seed=seed)
    return bounds(metric(truth, prediction, weight), found[0], level)


def difference(
    metric: Metric,
    truth: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The paired difference `metric(first) - metric(second)`, in the metric's own sign, with its interval.

    Arguments as of `interval`; `first` and `second` predict the same rows.
    """
    if len(truth) == 0:
        return Interval(np.nan, np.nan, np.nan, level)
    found = scores(metric, truth, [first, second], weight, resamples=resamples, seed=seed)
    return bounds(metric(truth, first, weight) - metric(truth, second, weight), found[0] - found[1], level)


def _bag(rows: int, groups: np.ndarray | None, generator: np.random.Generator) -> tuple[np.ndarray, float]:
    """Rows of one bag, and the share of all units (rows or groups) that it holds."""
    if groups is not None:
        codes = np.unique(groups, return_inverse=True)[1]
        units = int(codes.max()) + 1
        number = round(units * BAG / rows)
        if number >= _MANY_GROUPS:
            return np.flatnonzero(np.isin(codes, generator.choice(units, number, replace=False))), number / units
    share = BAG / rows if groups is None else 1.0
    return generator.choice(rows, BAG, replace=False), share


def bounds(value: float, sample: np.ndarray, level: float = LEVEL) -> Interval:
    """The interval holding the middle `level` of the scores that are defined."""
    known = sample[~np.isnan(sample)]
    if not len(known) or np.isnan(value):
        return Interval(value, np.nan, np.nan, level)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)


def _sample(
    metric: Metric, truth: np.ndarray, predictions: list[np.ndarray], drawn: Iterator[np.ndarray]
) -> np.ndarray:
    """Scores on every draw, `(predictions, resamples)`."""
    scorers = [metric.scorer(truth, prediction) for prediction in predictions]
    return np.concatenate([np.array([scorer(weights) for scorer in scorers]) for weights in drawn], axis=1)
