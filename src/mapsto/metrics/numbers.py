"""Metrics of numbers: how far predictions lie from the truth, in the user's units unless said otherwise."""

from __future__ import annotations

import numpy as np

from mapsto.metrics.base import Scorer, ratio, weighted_mean


def errors(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Prediction minus truth, `(rows,)` float64."""
    return np.asarray(prediction[:, 0] - np.asarray(truth, dtype=np.float64))


def rmse(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Root of the mean squared error."""
    mean = weighted_mean(errors(truth, prediction) ** 2)
    return lambda weights: np.sqrt(mean(weights))


def rmsle(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Root mean squared error of `log(1 + y)`: relative errors. Predictions below 0 count as 0; undefined for truth
    below 0.
    """
    if (truth < 0).any():
        return lambda weights: np.full(weights.shape[:-1], np.nan)
    return rmse(np.log1p(truth), np.log1p(np.maximum(prediction.astype(np.float64), 0.0)))


def mae(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Mean absolute error."""
    return weighted_mean(np.abs(errors(truth, prediction)))


def mape(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Mean absolute error relative to the truth, 0.1 for ten percent; rows with truth 0 are left out."""
    known = truth != 0
    relative = np.abs(errors(truth, prediction)[known] / truth[known])
    return lambda weights: weighted_mean(relative)(weights[..., known])


def median_absolute_error(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """The error that half of the rows (by weight) stay below."""
    size = np.abs(errors(truth, prediction))
    order = np.argsort(size)
    size = size[order]

    def score(weights: np.ndarray) -> np.ndarray:
        total = np.cumsum(weights[..., order], axis=-1)
        half = total[..., -1:] / 2
        lower, upper = (total >= half).argmax(axis=-1), (total > half).argmax(axis=-1)
        return np.asarray(np.where(half[..., 0] > 0, (size[lower] + size[upper]) / 2, np.nan))

    return score


def r2(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Share of the variance explained: 1 is perfect, 0 is the mean; undefined for a constant truth."""
    centred = truth - truth.mean()
    squared = weighted_mean(errors(truth, prediction) ** 2)
    second, first = weighted_mean(centred**2), weighted_mean(centred)
    return lambda weights: 1 - ratio(squared(weights), second(weights) - first(weights) ** 2)
