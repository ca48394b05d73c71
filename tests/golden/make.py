"""How `model.mapsto` and `expected.json` were made; run it only for a new format number.

    python tests/golden/make.py

The rows are the first 200 of the Statlog German credit set shipped in `mapsto.demo` (Hans Hofmann, 1994, CC BY 4.0,
see src/mapsto/demo/CREDITS.md).
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

import mapsto
from mapsto.demo import DATA

FOLDER = Path(__file__).parent
COLUMNS = ["age_years", "duration_months", "purpose", "telephone", "credit_risk", "credit_amount"]
TARGETS = ["credit_risk", "credit_amount"]
RECIPE = {
    "learning": {"epochs": 3},
    "networks": {"perceptron": {"width": 16}},
    "members": {"boosting": {"max_iter": 10}, "forest": {"n_estimators": 4}},
}


def rows() -> pl.DataFrame:
    """The rows learned from, with a made-up day so that there is a date."""
    day = pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(200))
    return pl.read_csv(DATA).head(200).select(COLUMNS).with_columns(day=day)


def make() -> None:
    """Learn a member of each kind, let each count, and write the model and what it predicts."""
    model = mapsto.fit(
        rows(), TARGETS, network=["boosting", "forest", "linear-model", "perceptron"], folds=2, recipe=RECIPE,
        threads=1, progress=False,
    )  # fmt: skip
    ensemble = model._fitted.ensemble
    ensemble.weights = {target: one * 0 + 1 / len(one) for target, one in ensemble.weights.items()}
    model.save(FOLDER / "model.mapsto")
    new = rows().head(12)
    interval = model.predict(new, interval=0.9).drop("credit_risk")
    expected = {
        "predict": interval.to_dict(as_series=False),
        "predict_proba": model.predict_proba(new).to_dict(as_series=False),
        "evaluate": model.evaluate(new),
    }
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make()
