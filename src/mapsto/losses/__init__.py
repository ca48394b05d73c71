"""Losses: what training descends. Small modules that give one value a row; see `losses.base` for the contract."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from mapsto.errors import OptionError
from mapsto.losses.base import Loss
from mapsto.losses.choices import Cost, CrossEntropy, Focal
from mapsto.losses.labels import Binary
from mapsto.losses.margin import AdditiveMargin
from mapsto.losses.numbers import MAE, MSE, RMSE, Arctan, Huber, Quantile

__all__ = ["DEFAULTS", "LOSSES", "AdditiveMargin", "Loss", "get"]

LOSSES: dict[str, type[Loss]] = {
    loss.name: loss for loss in (MSE, RMSE, MAE, Huber, Arctan, Quantile, CrossEntropy, Focal, Cost, Binary)
}
"""Every loss by name."""

DEFAULTS = {"regression": "mse", "classification": "cross-entropy", "multilabel": "binary"}
"""The loss of a task when none is named."""


def get(name: str | None, task: str, **options: Any) -> Loss:
    """A loss by name, checked against the task of its target.

    Args:
        name: one of `LOSSES`; None: the default of the task.
        task: "regression", "classification" or "multilabel".
        **options: what the loss takes, see its `options`.

    Raises:
        OptionError: no such loss for this task, or it has no such option; the message names those there are.

    >>> get("huber", "regression", delta=2.0).delta
    2.0
    >>> get("focal", "regression")
    Traceback (most recent call last):
    mapsto.errors.OptionError: the loss 'focal' is for classification, not for regression. Known: mse, rmse, ...
    """
    chosen = DEFAULTS[task] if name is None else name
    fitting = [known for known, loss in LOSSES.items() if loss.task == task]
    if chosen not in fitting:
        message = f"{_problem(chosen, task, fitting)} Known: {', '.join(fitting)}."
        raise OptionError(message)
    loss = LOSSES[chosen]
    for option in options:
        if option not in loss.options:
            message = f"the loss '{chosen}' has no option '{option}'. Known: {', '.join(loss.options) or 'none'}."
            raise OptionError(message)
    return loss(**options)


def _problem(name: str, task: str, fitting: list[str]) -> str:
    """Why there is no loss of this name for the task."""
    if name in LOSSES:
        return f"the loss '{name}' is for {LOSSES[name].task}, not for {task}."
    close = get_close_matches(name.lower().replace("_", "-"), fitting, n=1)
    return f"there is no loss '{name}'" + (f"; did you mean '{close[0]}'?" if close else ".")
