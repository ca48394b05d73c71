"""T20: names of columns are matched as a file's header is read, whether rows come from files or frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mapsto
from mapsto.errors import DataError

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=120)
OPTIONS: dict[str, Any] = {"network": "linear-model", "progress": False, "time": "8s", "test": 0.2}


def test_a_model_of_a_file_reads_frames_with_blanks_and_the_reverse(tmp_path: Path) -> None:
    blank = pl.DataFrame({" x": X, "id ": range(120), "y ": 2 * X})
    blank.write_csv(tmp_path / "train.csv")
    of_file = mapsto.fit(tmp_path / "train.csv", "y", keep=["id"], **OPTIONS)
    of_frame = mapsto.fit(blank, "y ", keep=["id "], **OPTIONS)
    for model in (of_file, of_frame):
        expected = model.predict(tmp_path / "train.csv").to_numpy()[:, -1].astype(float)
        for rows in (blank, blank.rename(str.strip), blank.to_pandas(), blank.to_arrow(), tmp_path / "train.csv"):
            found = pd.DataFrame(model.predict(rows).to_pandas() if hasattr(model.predict(rows), "to_pandas")
                                 else model.predict(rows))  # fmt: skip
            assert np.allclose(found.iloc[:, -1].astype(float), expected)
            assert model.evaluate(rows)[model.columns.filter(pl.col("role") == "target")["column"][0]]["r2"] > 0.9


def test_two_candidates_are_not_guessed_between() -> None:
    model = mapsto.fit(pl.DataFrame({"x": X, "y": 2 * X}), "y", **OPTIONS)
    with pytest.raises(DataError, match=r"lack the input columns \['x'\].*' x', 'x '"):
        model.predict({" x": X, "x ": X})
