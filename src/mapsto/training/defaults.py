"""Settings of learning that were not given, derived from the number of rows and the kind of target.

The figures were found on Adult, California housing, bank marketing, diamonds, German credit and Titanic (`dev/LOG.md`).
In short: Muon with a high rate, warmed up and brought down along a cosine to 0; few passes over many rows, many over
few; no early stop, because under a falling rate the last weights are nearly always the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mapsto.recipe import Learning

if TYPE_CHECKING:
    from mapsto.columns.base import Column

_FEW = 4_000
_MANY = 200_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 2, 100


@dataclass(frozen=True)
class _Found:
    """Settings that were best for one kind of data."""

    rate: float
    weight_decay: float
    epochs: int
    at_rows: int | None
    """Rows of the table that `epochs` was found on; other tables take the root of the ratio more or fewer."""


_FEW_CLASSES = _Found(rate=0.005, weight_decay=0.1, epochs=60, at_rows=None)
_CLASSES = _Found(rate=0.005, weight_decay=0.05, epochs=8, at_rows=32_000)
_NUMBERS = _Found(rate=0.01, weight_decay=3e-4, epochs=16, at_rows=16_500)

_OTHERS: dict[str, tuple[str, float]] = {"linear": ("adamw", 0.01), "ft-transformer": ("adamw", 0.001)}
"""Optimizer and rate where the above do not fit: nothing hidden to orthogonalise, or attention."""
_OWN = ("adamw", 0.001)
_FITTING = ("tabm", "perceptron", "gated", "residual")

_RATES = {
    "sgd": 0.02,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.01,
    "rmsprop": 0.001,
    "adam": 0.002,
    "adamw": 0.002,
}
"""Rates for an optimizer that the user chose."""


def derive(given: Learning, rows: int, architecture: str, targets: list[Column]) -> Learning:
    """The settings as given, with every one that is None replaced, but for clipping, loss and the like.

    Args:
        given: the recipe's settings.
        rows: training rows with a target.
        architecture: name of the network; a name that is not ours is a module of the user's own.
        targets: what is predicted.

    >>> learning = derive(Learning(epochs=5), 32_000, "perceptron", [])
    >>> learning.epochs, learning.batch_size, learning.optimizer, learning.learning_rate
    (5, 256, 'muon', 0.005)
    >>> derive(Learning(optimizer="sgd"), 32_000, "vit", []).learning_rate  # not the one for its own optimizer
    0.02
    """
    numbers = any(target.task == "regression" for target in targets)
    found = _NUMBERS if numbers else _FEW_CLASSES if rows <= _FEW else _CLASSES
    usual, rate = ("muon", found.rate) if architecture in _FITTING else _OTHERS.get(architecture, _OWN)
    own = _of_network(architecture, rows, targets)
    usual, rate = own.pop("optimizer", usual), own.pop("learning_rate", rate)
    optimizer = given.optimizer or usual
    epochs = given.epochs or own.get("epochs") or _epochs(found, rows)
    derived: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": rate if optimizer == usual else _RATES.get(optimizer, found.rate),
        "weight_decay": found.weight_decay,
        "batch_size": 128 if rows <= _FEW else 256 if rows < _MANY else 1024,
        "epochs": epochs,
        "patience": epochs,
        "schedule": "cosine",
        "averaging": 0.0,
    } | own
    if numbers or given.epochs or "epochs" in own:
        derived["restarts"] = 0
    return given.model_copy(update={name: value for name, value in derived.items() if getattr(given, name) is None})


def _of_network(architecture: str, rows: int, targets: list[Column]) -> dict[str, Any]:
    """What the network itself says that it learns best with."""
    from mapsto.networks import NETWORKS
    from mapsto.networks.base import DataSize

    if architecture not in NETWORKS:
        return {}
    regression = bool(targets) and all(target.task == "regression" for target in targets)
    size = DataSize(rows, 1, sum(target.out_features for target in targets), regression)
    return NETWORKS[architecture].Config.learning(size)


def _epochs(found: _Found, rows: int) -> int:
    passes = found.epochs if found.at_rows is None else found.epochs * math.sqrt(found.at_rows / max(rows, 1))
    return max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(passes)))
