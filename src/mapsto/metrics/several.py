"""Metrics of the labels chosen, where a row may have several; a label is chosen from probability 0.5 on."""

from __future__ import annotations

import numpy as np

from mapsto.metrics.base import Scorer, defined_mean, ratio, weighted_mean


def hamming(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Share of the labels that are wrong."""
    return weighted_mean(((prediction >= 0.5) != (truth > 0.5)).mean(axis=1))


def exact(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Share of rows whose labels are all right."""
    return weighted_mean(((prediction >= 0.5) == (truth > 0.5)).all(axis=1))


def f1_micro(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Harmonic mean of precision and recall over all labels of all rows together."""
    hits, involved = _hits(truth, prediction)
    hits, involved = hits.sum(axis=1), involved.sum(axis=1)
    return lambda weights: ratio(2 * (weights @ hits), weights @ involved)


def f1_macro(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Harmonic mean of precision and recall of each label, averaged over the labels true or chosen somewhere."""
    hits, involved = _hits(truth, prediction)
    return lambda weights: defined_mean(ratio(2 * (weights @ hits), weights @ involved))


def _hits(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels chosen rightly, and the number of times each is true or chosen (0 to 2), both `(rows, labels)`."""
    true, chosen = truth > 0.5, prediction >= 0.5
    return (true & chosen).astype(np.float64), true.astype(np.float64) + chosen
