"""`model.update` cuts and weighs its rows as the fit did."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.errors import DataError
from mapsto.fitting import update as module


def table(rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    who = draw.integers(0, 12, rows)
    return pl.DataFrame(
        {"x": x, "y": x + who / 6, "who": who, "when": np.arange(rows), "w": (draw.random(rows) < 0.8).astype(float)}
    )


@pytest.mark.parametrize("how", ["group:who", "time:when"])
def test_rows_are_cut_and_weighed_as_in_the_fit(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = mapsto.fit(table(200, 0), "y", network="linear-model", split=how, weight="w", folds=2, progress=False)
    model = mapsto.Model.from_bytes(model.to_bytes()) if hasattr(mapsto.Model, "from_bytes") else model
    seen = []
    real = module.split
    monkeypatch.setattr(
        module, "split", lambda frame, **given: seen.append((frame, real(frame, **given))) or seen[-1][1]
    )
    weights = []
    weighed = module.greedy_weights
    monkeypatch.setattr(module, "greedy_weights", lambda *a, **g: weights.append(g.get("weight")) or weighed(*a, **g))
    more = table(200, 1)
    updated = model.update(more, progress=False)
    ((frame, cut),) = seen
    assert (frame["w"] > 0).all()
    column = frame[how.partition(":")[2]].to_numpy()
    judging = np.concatenate([cut.choose, cut.calibrate])
    if how.startswith("group"):
        assert not set(column[cut.train]) & set(column[judging])
    else:
        assert column[cut.train].max() < column[judging].min()
    assert weights[0] is not None
    assert any("of weight 0" in note.text for note in updated.notes)


def test_a_column_that_cuts_and_is_not_there_is_named() -> None:
    model = mapsto.fit(table(200, 0), "y", network="linear-model", split="group:who", folds=2, progress=False)
    with pytest.raises(DataError, match="'who', which splits rows"):
        model.update(table(100, 1).drop("who"), progress=False)
