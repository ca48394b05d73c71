"""Settings of learning that were not given, derived from the size of the data and the kind of target.

The one dial is the number of rows: small tables are passed over more often, in smaller batches. The figures were found
on Adult, California housing, bank marketing, diamonds and German credit (`dev/LOG.md`); each is a setting that the
recipe may override.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.recipe import Learning

if TYPE_CHECKING:
    from mapsto.columns.base import Column

_ROWS_SEEN = 270_000
"""Rows passed over in all, where epochs and batch size leave the choice: about 1,000 steps of 256."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 100


def derive(given: Learning, rows: int, architecture: str, targets: list[Column]) -> Learning:
    """The settings as given, with every `None` replaced.

    >>> learning = derive(Learning(epochs=5), 32_000, "tabm", [])
    >>> learning.epochs, learning.batch_size, learning.optimizer
    (5, 256, 'muon')
    """
    numbers = any(target.task == "regression" for target in targets)
    optimizer = given.optimizer or ("adamw" if architecture == "linear" else "muon")
    derived: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": _rate(optimizer, numbers),
        "weight_decay": 0.01 if numbers else 0.05,
        "batch_size": _batch_size(rows),
        "epochs": max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / rows))),
        "patience": 16,
        "schedule": "cosine",
        "averaging": 0.0,
    }
    return given.model_copy(update={name: value for name, value in derived.items() if getattr(given, name) is None})


def _rate(optimizer: str, numbers: bool) -> float:  # noqa: FBT001
    if optimizer in ("sgd", "momentum", "nesterov"):
        return 0.02
    if optimizer in ("adagrad", "muon"):
        return 0.01 if numbers else 0.005
    return 0.005 if numbers else 0.002


def _batch_size(rows: int) -> int:
    """256 for most tables; fewer rows, so that an epoch has some steps; more, so that steps stay few."""
    if rows < 2_000:
        return 64
    return 256 if rows < 200_000 else 1024
