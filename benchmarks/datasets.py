"""The tables of the comparison: where they lie, what is predicted, how they are split.

Three groups. On the `choosing` tables defaults are chosen, by cross-validation. The `apart` tables choose nothing and
are run once a version is finished. Which table is in which follows from the SHA-1 of its name: the first six choose.
The `tuned` tables are six that earlier versions were tuned on, their test rows among them: their figures prove nothing.

Adult has its standard test file. California housing, diamonds and bank marketing are split 80/20 by seed. German credit
and Titanic are small: five repetitions of five-fold cross-validation. `duration` (bank) and `alive` (Titanic) give the
target away and are removed for everyone. All other tables: five-fold cross-validation.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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
    """"auc" (higher is better), "rmse" or "log_loss" (lower is better)."""
    positive: str = ""
    test_file: str = ""
    without: tuple[str, ...] = ()
    folds: int = 0
    """0: one 80/20 split a seed (or the test file); 5: five-fold cross-validation, repeated once a seed."""
    group: str = "tuned"
    """"tuned", "choosing" or "apart"."""

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is."""
        return 1 if self.metric == "auc" else -1

    def show(self, figure: float, *, signed: bool = False) -> str:
        """A figure with as many digits as tell contenders apart."""
        digits = 4 if abs(figure) < 100 and (self.metric != "rmse" or self.group != "tuned") else 0
        return f"{figure:{'+' if signed else ''},.{digits}f}"

    def frame(self, file: str = "") -> pl.DataFrame:
        """The rows of `file`, or of the main file."""
        nothing = ["?", ""] if self.group == "tuned" else [""]
        frame = pl.read_csv(DATA / (file or self.file), infer_schema_length=None, null_values=nothing)
        return frame.drop(self.without)

    @cached_property
    def classes(self) -> list[str]:
        """All classes, sorted; empty for a number."""
        return [] if self.metric == "rmse" else sorted(set(texts(self.frame()[self.target]).tolist()))

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


_DEVELOPMENT = {
    "abalone": ("c8", "rmse", ""),
    "auto_mpg": ("class", "rmse", ""),
    "boston": ("c13", "rmse", ""),
    "car": ("c6", "log_loss", ""),
    "cardio": ("cardio", "auc", "1"),
    "mammography": ("c6", "auc", "1"),
    "pima": ("c8", "auc", "1"),
    "quake": ("richter", "rmse", ""),
    "segment": ("class", "log_loss", ""),
    "sensory": ("score", "rmse", ""),
    "supermarket": ("total", "auc", "high"),
}
_CHOOSING = sorted(_DEVELOPMENT, key=lambda name: hashlib.sha1(name.encode()).hexdigest())[:6]

DATASETS = [
    *(
        Dataset(
            name, f"tables_dev/{name}.csv.gz", target, metric, positive, folds=5,
            group="choosing" if name in _CHOOSING else "apart",
        )
        for name, (target, metric, positive) in _DEVELOPMENT.items()
    ),
    Dataset("adult", "adult/adult_train.csv.gz", "income", "auc", ">50K", test_file="adult/adult_test.csv.gz"),
    Dataset("california", "california_housing/housing.csv.gz", "median_house_value", "rmse"),
    Dataset("diamonds", "diamonds/diamonds.csv.gz", "price", "rmse"),
    Dataset("bank", "bank_marketing/bank.csv.gz", "deposit", "auc", "yes", without=("duration",)),
    Dataset("german", "german_credit/german_credit.csv", "credit_risk", "auc", "bad", folds=5),
    Dataset("titanic", "titanic/titanic.csv", "survived", "auc", "1", without=("alive",), folds=5),
]  # fmt: skip
GROUPS = {
    "choosing": "tables that defaults were chosen on, by cross-validation of their rows",
    "apart": "tables that chose nothing, run once this version was finished",
    "tuned": "tables that earlier versions were tuned on, their test rows among them: they prove nothing",
}


def truth_of(dataset: Dataset, rows: pl.DataFrame) -> np.ndarray:
    """Whether rows are of the positive class; their class, as text; or the number."""
    target = rows[dataset.target]
    if dataset.metric == "rmse":
        return target.cast(pl.Float64).to_numpy()
    return texts(target) == dataset.positive if dataset.metric == "auc" else texts(target)


def texts(target: pl.Series) -> np.ndarray:
    """Classes as texts."""
    return np.asarray(target.cast(pl.String).to_list())


def score(dataset: Dataset, truth: np.ndarray, prediction: np.ndarray) -> float:
    """AUC of the positive class's probability; log loss of probabilities, classes in the order of their texts; RMSE."""
    from sklearn.metrics import roc_auc_score

    if dataset.metric == "auc":
        return float(roc_auc_score(truth, prediction))
    if dataset.metric == "rmse":
        return float(np.sqrt(np.mean((truth - prediction) ** 2)))
    classes = np.asarray(dataset.classes)
    given = np.clip(prediction, 1e-15, 1)
    given = given / given.sum(axis=1, keepdims=True)
    return float(-np.log(given[np.arange(len(truth)), np.searchsorted(classes, truth)]).mean())
