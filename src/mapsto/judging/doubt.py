"""How undecided an answer is, on the scale of rows held out.

Of a text or a picture the few numbers that describe it plainly say little about whether it is of a new kind. A
classifier that is right about most rows tells it better: it is undecided where nothing it knows fits. The measure is
the entropy of its probabilities (compare Hendrycks & Gimpel, "A baseline for detecting misclassified and
out-of-distribution examples", arXiv 1610.02136, who take the largest probability). Where classes overlap, many held-out
rows are as undecided as can be; then no row stands out, and none is called new.
"""

from __future__ import annotations

import numpy as np

_REACH = 0.99


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Of each row `(rows, classes)`, in nats, `(rows,)`.

    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    likely = np.maximum(probabilities.astype(np.float64), np.finfo(np.float64).tiny)
    return np.asarray(np.maximum(-(likely * np.log(likely)).sum(axis=1), 0.0))


def reach(probabilities: np.ndarray) -> float:
    """What 99 % of held-out rows stay below."""
    return float(np.quantile(entropy(probabilities), _REACH))
