"""One contender on one split, in a process of its own: `python -m benchmarks.contenders NAME FOLDER`.

FOLDER holds `train.parquet`, `test.parquet` and `task.json` (target, metric, positive, classes, seed, seconds). The
predictions (probability of the positive class, of all classes in the order given, or the number) go to `NAME.npy`, fit
and predict seconds and peak memory to `NAME.json`. Every contender gets the same rows, with categories as strings and
missing cells missing, and prepares them as its documentation says.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Task = dict[str, Any]
Fit = Callable[[Any, Any, Task], Callable[[Any], np.ndarray]]


def main(name: str, folder: Path) -> None:
    """Fit, predict, write."""
    import pandas as pd

    task = json.loads((folder / "task.json").read_text())
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    truth = train.pop(task["target"])
    test = test.drop(columns=[task["target"]])
    if task["metric"] == "auc":
        truth = (truth.astype(str) == task["positive"]).astype(int)
    elif task["metric"] == "log_loss":
        truth = truth.astype(str)
    start, busy = time.perf_counter(), time.process_time()
    predict = CONTENDERS[name](train, truth, task)
    fitted, busy = time.perf_counter(), time.process_time() - busy
    prediction = predict(test)
    done = time.perf_counter()
    np.save(folder / f"{name}.npy", np.asarray(prediction, dtype=np.float64))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"fit": fitted - start, "fit_cpu": busy, "predict": done - fitted, "peak_mb": peak}
    (folder / f"{name}.json").write_text(json.dumps(figures))


def _cores() -> int:
    """The processor cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0))


def _mapsto(**options: Any) -> Fit:
    def fit(x: Any, y: Any, task: Task) -> Callable[[Any], np.ndarray]:
        import mapsto

        frame = x.assign(**{"target ": y})
        types = {"target ": "number" if task["metric"] == "rmse" else "category"}
        model = mapsto.fit(frame, target="target ", test=0, seed=task["seed"], types=types, progress=False, **options)

        def predict(rows: Any) -> np.ndarray:
            if task["metric"] == "rmse":
                return model.predict(rows)["target "].to_numpy()
            found = model.predict_proba(rows)
            return found["1"].to_numpy() if task["metric"] == "auc" else found[task["classes"]].to_numpy()

        return predict

    return fit


def _chances(model: Any, rows: Any, task: Task) -> np.ndarray:
    """Probabilities by scikit-learn's convention, of the positive class or of all, in the order of the task."""
    found = model.predict_proba(rows)
    if task["metric"] == "auc":
        return found[:, 1]
    whole = np.zeros((len(rows), len(task["classes"])))
    whole[:, [task["classes"].index(str(name)) for name in model.classes_]] = found
    return whole


def _categories(x: Any) -> list[str]:
    return [name for name in x.columns if not np.issubdtype(np.asarray(x[name].iloc[:1]).dtype, np.number)]


def _strings(x: Any) -> Any:
    """Categories as strings, missing as a word: what most of the peers want."""
    x = x.copy()
    for name in _categories(x):
        x[name] = x[name].astype("string").fillna("missing").astype(str)
    return x


def _ordinal(x: Any) -> tuple[Any, list[str]]:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OrdinalEncoder

    names = _categories(x)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254)
    return make_column_transformer((encoder, names), remainder="passthrough", verbose_feature_names_out=False), names


def _sklearn(estimator: Callable[[Task, int], Any], *, impute: bool = False) -> Fit:
    def fit(x: Any, y: Any, task: Task) -> Callable[[Any], np.ndarray]:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline

        transform, names = _ordinal(x)
        steps = [transform, *([SimpleImputer(strategy="median")] if impute else []), estimator(task, len(names))]
        model = make_pipeline(*steps).fit(_strings(x), y)
        if task["metric"] == "rmse":
            return lambda rows: model.predict(_strings(rows))
        return lambda rows: _chances(model, _strings(rows), task)

    return fit


def _boosting(task: Task, categories: int, **options: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task["metric"] == "rmse" else HistGradientBoostingClassifier
    return kind(random_state=task["seed"], categorical_features=list(range(categories)), **options)


def _forest(task: Task, _categories: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task["metric"] == "rmse" else RandomForestClassifier
    return kind(random_state=task["seed"], n_jobs=-1)


def _catboost(x: Any, y: Any, task: Task) -> Callable[[Any], np.ndarray]:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if task["metric"] == "rmse" else CatBoostClassifier
    model = kind(random_seed=task["seed"], verbose=0, cat_features=_categories(x), allow_writing_files=False,
                 thread_count=_cores())  # fmt: skip
    model.fit(_strings(x), y)
    if task["metric"] == "rmse":
        return lambda rows: model.predict(_strings(rows))
    return lambda rows: _chances(model, _strings(rows), task)


def _autogluon(hyperparameters: dict[str, Any] | None) -> Fit:
    def fit(x: Any, y: Any, task: Task) -> Callable[[Any], np.ndarray]:
        import tempfile

        from autogluon.tabular import TabularPredictor

        metric, kind = {
            "auc": ("roc_auc", "binary"),
            "rmse": ("root_mean_squared_error", "regression"),
            "log_loss": ("log_loss", "multiclass"),
        }[task["metric"]]
        folder = tempfile.mkdtemp()
        predictor = TabularPredictor("target ", eval_metric=metric, path=folder, verbosity=0, problem_type=kind)
        options: dict[str, Any] = {"hyperparameters": hyperparameters} if hyperparameters else {}
        predictor.fit(x.assign(**{"target ": y}), presets="medium_quality", num_cpus=_cores(),
                      time_limit=task["seconds"], fit_weighted_ensemble=hyperparameters is None, **options)  # fmt: skip
        if task["metric"] == "rmse":
            return lambda rows: predictor.predict(rows).to_numpy()
        wanted = 1 if task["metric"] == "auc" else task["classes"]
        return lambda rows: predictor.predict_proba(rows)[wanted].to_numpy()

    return fit


def _realmlp(x: Any, y: Any, task: Task) -> Callable[[Any], np.ndarray]:
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    kind = RealMLP_TD_S_Regressor if task["metric"] == "rmse" else RealMLP_TD_S_Classifier
    model = kind(random_state=task["seed"], device="cpu", n_threads=_cores())
    prepared = _strings(x)
    median = prepared.median(numeric_only=True)
    model.fit(prepared.fillna(median), y, cat_col_names=_categories(x))
    if task["metric"] == "rmse":
        return lambda rows: model.predict(_strings(rows).fillna(median))
    return lambda rows: _chances(model, _strings(rows).fillna(median), task)


CONTENDERS: dict[str, Fit] = {
    "mapsto": _mapsto(),
    "mapsto-tabm-60s": _mapsto(network="tabm", time=60),
    "mapsto-tabm-300s": _mapsto(network="tabm", time=300),
    "mapsto-tabm": _mapsto(network="tabm"),
    "boosting": _sklearn(_boosting),
    "boosting-tuned": _sklearn(
        lambda task, n: _boosting(
            task, n, learning_rate=0.05, max_iter=1000, early_stopping=True, max_leaf_nodes=24, l2_regularization=1.0
        )
    ),
    "forest": _sklearn(_forest, impute=True),
    "catboost": _catboost,
    "autogluon-medium": _autogluon(None),
    "autogluon-tabm": _autogluon({"TABM": {}}),
    "autogluon-realmlp": _autogluon({"REALMLP": {}}),
    "autogluon-nn-torch": _autogluon({"NN_TORCH": {}}),
    "pytabkit-realmlp": _realmlp,
}
OURS = tuple(name for name in CONTENDERS if name.startswith("mapsto"))

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
