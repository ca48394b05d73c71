"""The six tables of the comparison: where they lie, what is predicted, how they are split.

Adult has its standard test file. California housing, diamonds and bank marketing are split 80/20 by seed. German credit
and Titanic are small: five repetitions of five-fold cross-validation. `duration` (bank) and `alive` (Titanic) give the
target away and are removed for everyone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(os.environ.get("MAPSTO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Dataset:
    """A table and how it is judged."""

    name: str
    file: str
    target: str
    metric: str
    """"auc" (higher is better) or "rmse" (lower is better)."""
    positive: str = ""
    test_file: str = ""
    without: tuple[str, ...] = ()
    folds: int = 0
    """0: one 80/20 split a seed (or the test file); 5: five-fold cross-validation, repeated once a seed."""

    def frame(self, file: str = "") -> pl.DataFrame:
        """The rows of `file`, or of the main file."""
        frame = pl.read_csv(DATA / (file or self.file), infer_schema_length=None, null_values=["?"])
        return frame.drop(self.without)

    def splits(self, seed: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Training and test rows of this seed."""
        frame = self.frame()
        if self.test_file:
            yield frame, self.frame(self.test_file)
            return
        order = np.random.default_rng(seed).permutation(frame.height)
        if not self.folds:
            cut = round(0.8 * frame.height)
            yield frame[np.sort(order[:cut])], frame[np.sort(order[cut:])]
            return
        truth = frame[self.target].cast(pl.String).to_numpy()
        place = np.empty(frame.height, dtype=int)
        for value in np.unique(truth):
            rows = order[truth[order] == value]
            place[rows] = np.arange(len(rows)) % self.folds
        for fold in range(self.folds):
            yield frame[np.flatnonzero(place != fold)], frame[np.flatnonzero(place == fold)]


DATASETS = [
    Dataset("adult", "adult/adult_train.csv.gz", "income", "auc", ">50K", test_file="adult/adult_test.csv.gz"),
    Dataset("california", "california_housing/housing.csv.gz", "median_house_value", "rmse"),
    Dataset("diamonds", "diamonds/diamonds.csv.gz", "price", "rmse"),
    Dataset("bank", "bank_marketing/bank.csv.gz", "deposit", "auc", "yes", without=("duration",)),
    Dataset("german", "german_credit/german_credit.csv", "credit_risk", "auc", "bad", folds=5),
    Dataset("titanic", "titanic/titanic.csv", "survived", "auc", "1", without=("alive",), folds=5),
]


def truth_of(dataset: Dataset, rows: pl.DataFrame) -> np.ndarray:
    """Whether rows are of the positive class; or the number."""
    target = rows[dataset.target]
    if dataset.metric == "auc":
        return np.asarray(target.cast(pl.String).to_numpy() == dataset.positive)
    return target.cast(pl.Float64).to_numpy()


def score(dataset: Dataset, truth: np.ndarray, prediction: np.ndarray) -> float:
    """AUC of the positive class's probability, or RMSE."""
    from sklearn.metrics import roc_auc_score

    if dataset.metric == "auc":
        return float(roc_auc_score(truth, prediction))
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))
