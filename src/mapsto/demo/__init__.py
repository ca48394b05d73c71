"""`mapsto demo`: the main job on real data, start to end.

The data are the Statlog German credit set, 1,000 clients of a bank (Hans Hofmann, 1994, UCI Machine Learning
Repository, https://doi.org/10.24432/C5NC77, CC BY 4.0), with its codes written out; see `CREDITS.md` beside this file.
Its documentation says that a bad client taken for good costs five times a good client taken for bad.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapsto.model import Model

DATA = Path(__file__).with_name("german_credit.csv.gz")
COSTS = {"bad": {"good": 5.0}, "good": {"bad": 1.0}}


def run(folder: Path) -> Model:
    """Fit, judge, explain and save into `folder`, telling each step on standard output."""
    import mapsto
    from mapsto.table import read

    print("mapsto demo: which bank clients repay? 1,000 real clients, column `credit_risk` is good or bad.\n")
    model = mapsto.fit(DATA, target="credit_risk", positive="bad", costs=COSTS, seed=0, time=40, output=_fresh(folder))
    print(model.describe())
    clients = read(DATA).frame.head(3)
    told = model.explain(clients, max_seconds=5)
    predicted = model.predict(clients)["credit_risk"]
    print("\nReasons for three predictions (+ speaks for it, - against it):")
    for row, prediction in enumerate(predicted):
        reasons = told.filter(told["row"] == row).sort("attribution", descending=True, maintain_order=True)
        best = sorted(reasons.to_dicts(), key=lambda r: -abs(r["attribution"]))[:3]
        text = "; ".join(f"{r['column']} = {r['value']} ({r['attribution']:+.3f})" for r in best)
        print(f"  client {row + 1}: {prediction:<5} because {text}")
    print(f"\nReport  {folder / 'report.html'}   (open it in a browser)\nModel   {folder / 'model.mapsto'}")
    print(f"Next    mapsto predict {folder / 'model.mapsto'} YOUR.csv --output predictions.csv")
    return model


def _fresh(folder: Path) -> Path:
    """The demo may be run again: what an earlier demo wrote is removed, nothing else is touched."""
    for name in ("events.jsonl", "recipe.yaml", "report.html", "model.mapsto"):
        (folder / name).unlink(missing_ok=True)
    for kept in ("kept", "checkpoints"):
        for path in sorted((folder / kept).glob("**/*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    return folder
