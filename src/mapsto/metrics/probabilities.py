"""Metrics of the probabilities themselves (proper scores): best when they are the true ones."""

from __future__ import annotations

import numpy as np

from mapsto.metrics.base import Scorer, weighted_mean


def clipped(probability: np.ndarray) -> np.ndarray:
    """Probabilities as float64, kept off 0 and 1 by the rounding step of the precision they came in."""
    step = np.finfo(probability.dtype if probability.dtype.kind == "f" else np.float64).eps
    return np.clip(probability.astype(np.float64), step, 1 - step)


def log_loss(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Mean of minus the logarithm of the probability given to what was true; with labels, the mean over them."""
    if truth.ndim == 1:
        return weighted_mean(-np.log(clipped(prediction[np.arange(len(truth)), truth])))
    p = clipped(prediction)
    return weighted_mean(-np.where(truth > 0.5, np.log(p), np.log1p(-p)).mean(axis=1))


def brier(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Mean squared distance of the probabilities from the truth: of the second of two classes, summed over more than
    two classes, averaged over labels.
    """
    if truth.ndim == 2:
        return weighted_mean(((prediction - truth) ** 2).mean(axis=1))
    distance = prediction.astype(np.float64)
    distance[np.arange(len(truth)), truth] -= 1
    squared = (distance**2).sum(axis=1)
    return weighted_mean(squared / 2 if prediction.shape[1] == 2 else squared)
