"""Self-training: rows without a target get the class that a first network is sure of, and a second learns from all.

Lee, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks" (2013); that only
sure answers count, as in Sohn et al., "FixMatch", arXiv 2001.07685, keeps the first network's errors few. Both must
look at validation rows, which have true classes, and the better one stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import present
from mapsto.objectives.supervised import predict
from mapsto.training.batches import labelled

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.schema import Encoded

SURE = 0.9
"""Probability from which an answer counts as the truth."""


def joined(composition: Composition, train: Encoded, target: Column) -> tuple[Encoded, int]:
    """The rows of `train` that have a class or are surely of one, these with that class; and how many are new."""
    known = labelled(train, [target])
    spare = np.flatnonzero(~present(target.task or "regression", train.truth[target.name]))
    found = predict(composition, train.take(spare), [target])[target.name]
    sure = found.max(axis=1) >= SURE
    truth = train.truth[target.name].copy()
    truth[spare[sure]] = found[sure].argmax(axis=1)
    rows = np.sort(np.concatenate([np.flatnonzero(known), spare[sure]]))
    return replace(train, truth={**train.truth, target.name: truth}).take(rows), int(sure.sum())
