"""A column as a classification target: class codes, softmax, and back to the user's values."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Task
from mapsto.columns.common.cells import as_text
from mapsto.errors import OptionError
from mapsto.metrics import STRANGE

if TYPE_CHECKING:
    from mapsto.losses import Loss

_OPTIONS = ("label_smoothing", "class_weights", "costs", "gamma")


@dataclass
class ClassTarget(Column):
    """Base of types whose cells are one of a few values. A subclass says what its classes are and codes cells."""

    task: ClassVar[Task | None] = "classification"

    @property
    @abstractmethod
    def class_values(self) -> pl.Series:
        """User values of the classes in code order, in the kind they came in."""

    @property
    def classes(self) -> list[Any]:
        """User values of the classes, in code order."""
        return self.class_values.to_list()

    def put_last(self, value: Any) -> None:
        """Check that `value` is a class, and put it last where it is not."""
        found = [one for one in self.classes if one == value or str(one) == str(value)]
        if not found:
            message = f"positive={value!r} is no class of the target {self.name!r}; its classes are {self.classes}"
            raise OptionError(message)
        if self.classes[-1] != found[0]:
            self._reorder([one for one in self.classes if one != found[0]] + found[:1])

    def _reorder(self, classes: list[Any]) -> None:
        """Take on this order of classes; a type whose order is fixed refuses."""
        message = (
            f"positive={classes[-1]!r}: the classes of a {self.type} target have a fixed order, {self.classes}. "
            f"Give it as a category to choose: types={{{self.name!r}: 'category'}}"
        )
        raise OptionError(message)

    @property
    def out_features(self) -> int:
        """One output a class."""
        return len(self.class_values)

    def loss(self, name: str | None, options: dict[str, Any]) -> Loss:
        """Cross-entropy by default."""
        from mapsto import losses

        given = {key: options[key] for key in _OPTIONS if options.get(key) is not None}
        return losses.get(name or "cross-entropy", "classification", **given)

    def link(self, outputs: np.ndarray) -> np.ndarray:
        """Softmax over the last axis."""
        return softmax(outputs)

    def decode(self, prediction: np.ndarray, *, threshold: float | None = None) -> pl.Series:
        """The most probable class, or the second of two from `threshold` on; null where probabilities are NaN."""
        unknown = np.isnan(prediction).any(axis=1)
        if threshold is not None and prediction.shape[1] == 2:
            chosen = (prediction[:, 1] >= threshold).astype(np.int64)
        else:
            chosen = np.argmax(prediction, axis=1)
        if unknown.any():
            codes = pl.Series(chosen, dtype=pl.UInt32).set(pl.Series(unknown), None)
            return self.class_values.gather(codes).alias(self.name)
        return self.class_values[chosen].alias(self.name)  # of one row, which most calls ask for, quicker than `gather`

    def strangers(self, series: pl.Series) -> pl.Series:
        """Cells that are there and hold none of the classes."""
        rows = np.flatnonzero(self.encode_target(series) == STRANGE)
        return as_text(series.gather(rows)).fill_null("?").alias(self.name)

    def naive(self, truth: np.ndarray, rows: int, weight: np.ndarray | None = None) -> np.ndarray:
        """Class frequencies among rows with known truth."""
        known = truth >= 0
        counts = np.bincount(truth[known], None if weight is None else weight[known], minlength=self.out_features)
        return np.tile(counts / (counts.sum() or 1), (rows, 1))


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, safe for large outputs.

    >>> softmax(np.array([[0.0, 1000.0]]))
    array([[0., 1.]])
    """
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
