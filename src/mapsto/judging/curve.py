"""Learning curve: what more rows would bring, judged from fits on parts of the rows there are.

The figure is taken to approach a limit as a power of the number of rows, `limit + gap * rows ** -rate`, as learning
curves commonly do (Viering and Loog, The Shape of Learning Curves, 2021). The curve is fitted to the figure of a few
fits and prolonged to twice the rows. The interval comes from bootstrapping the rows that judge, so it says how
uncertain the measurement is, not how differently other training rows would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.errors import OptionError
from mapsto.judging.bootstrap import Interval, bounds, scores
from mapsto.judging.wording import decimals

if TYPE_CHECKING:
    from mapsto.metrics import Metric

_RATES = np.linspace(0.1, 1.0, 19)
"""Rates tried: theory and published curves lie between them."""


@dataclass(frozen=True)
class Curve:
    """Figures at several numbers of training rows, and what twice the rows would bring.

    Args:
        rows: training rows of each fit, rising.
        values: the figure of each fit.
        expected: the figure at twice the most rows, with its interval.
        gain: how much better (positive) than at the most rows, with its interval.
        sentence: the same in words.
    """

    rows: list[int]
    values: list[float]
    expected: Interval
    gain: Interval
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        ends = {
            name: [part.value, part.low, part.high] for name, part in (("expected", self.expected), ("gain", self.gain))
        }
        return {"rows": self.rows, "values": self.values, **ends, "sentence": self.sentence}


def learning_curve(
    fit: Callable[[float], np.ndarray],
    metric: Metric,
    truth: np.ndarray,
    rows: int,
    *,
    of: str = "",
    fractions: Sequence[float] = (0.25, 0.5, 1.0),
    weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Curve:
    """Fit on parts of the training rows and say what twice the rows would bring.

    Args:
        fit: share of the training rows to predictions of the rows of `truth`; called once a fraction.
        metric: the figure.
        truth: rows that judge, the same for every fit.
        rows: number of training rows at fraction 1.
        of: who was fitted, for the sentence; "" where that goes without saying.
        fractions: at least three different ones, rising.
        weight: of the rows that judge, or None.
        groups: a code for each of these rows, or None; rows with the same code are drawn together.
        seed: of the bootstrap draws.

    Raises:
        OptionError: fewer than three fractions, or not rising.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if len(shares) < 3 or (np.diff(shares) <= 0).any():
        message = f"a learning curve needs at least three rising fractions, such as 0.25, 0.5, 1; got {fractions!r}"
        raise OptionError(message)
    predictions = [fit(float(share)) for share in shares]
    values = np.array([metric(truth, prediction, weight) for prediction in predictions])
    sample = scores(metric, truth, predictions, weight, groups=groups, seed=seed)
    sizes = np.rint(shares * rows)
    at = float(2 * sizes[-1])
    ahead = extrapolate(sizes, values[:, None], at, metric.sign)[0]
    drawn = extrapolate(sizes, sample, at, metric.sign)
    expected = bounds(float(ahead), drawn)
    gain = bounds(metric.sign * float(ahead - values[-1]), metric.sign * (drawn - sample[-1]))
    what = f"the {metric.label} of {of}" if of else metric.label
    sentence = _sentence(what, int(sizes[-1]), float(values[-1]), expected, gain)
    return Curve([int(size) for size in sizes], values.tolist(), expected, gain, sentence)


def extrapolate(sizes: np.ndarray, values: np.ndarray, at: float, sign: int) -> np.ndarray:
    """Prolong curves of figures `(sizes, curves)` to `at` rows by the best-fitting power law, `(curves,)`.

    More rows are never taken to do harm: a falling curve is fitted by its mean.

    >>> sizes = np.array([100.0, 200.0, 400.0])
    >>> round(float(extrapolate(sizes, 0.9 - sizes[:, None] ** -0.5, 800.0, sign=1)[0]), 4)
    0.8646
    """
    best = np.full(values.shape[1], np.inf)
    found = np.full(values.shape[1], np.nan)
    mean = values.mean(axis=0)
    for rate in _RATES:
        power = sizes**-rate
        centred = power - power.mean()
        gap = centred @ values / (centred @ centred)
        gap = np.where(sign * gap < 0, gap, 0.0)
        error = ((values - mean - centred[:, None] * gap) ** 2).sum(axis=0)
        better = error < best
        best = np.where(better, error, best)
        found = np.where(better, mean + (at**-rate - power.mean()) * gap, found)
    return found


def _sentence(what: str, rows: int, value: float, expected: Interval, gain: Interval) -> str:
    if np.isnan([gain.value, gain.low, gain.high]).any():
        return f"What more than {rows:,} rows would bring cannot be told: {what} is undefined on some draws."
    places = decimals(expected.high - expected.low)
    start = f"With {rows:,} training rows {what} is {value:,.{places}f}; twice as many would likely"
    if gain.low <= 0:
        return f"{start} bring no gain that these rows can show (best guess {expected.value:,.{places}f})."
    return (
        f"{start} bring about {expected.value:,.{places}f} "
        f"(95 % interval {expected.low:,.{places}f} to {expected.high:,.{places}f})."
    )
