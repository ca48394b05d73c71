"""T9: columns that are kept come back as they stood."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mapsto

IDS = ["1E5", "1.10", "1.1", "+49170", "1e400", "nan", "007", "12345678901234567890", "0,50", " x", "1.0"]
DRAW = np.random.default_rng(0)
SIZES = DRAW.normal(size=len(IDS) * 6)
TABLE = {"id": IDS * 6, "size": SIZES.tolist(), "y": (2 * SIZES).tolist()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("kept") / "train.csv"
    pl.DataFrame(TABLE).write_csv(path)
    return mapsto.fit(path, "y", keep=["id"], network="linear-model", progress=False, test=0.2, time="8s")


@pytest.mark.parametrize("cells", [[one] * 3 for one in IDS] + [IDS])
def test_cells_of_files(model: Any, tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "new.csv"
    pl.DataFrame({"id": cells, "size": [0.5] * len(cells)}).write_csv(path)
    assert model.predict(path)["id"].to_list() == cells
    assert model.predict_file(str(path), keep=["id"])["id"].to_list() == cells


def test_a_column_that_is_read_and_kept(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    pl.DataFrame({"id": ["a", "b"], "size": ["1.10", "1e-1"]}).write_csv(path)
    found = model.predict(path, keep=["size"])
    assert found["size"].to_list() == ["1.10", "1e-1"]
    assert np.allclose(found["y"].to_numpy(), model.predict({"size": [1.1, 0.1]})["y"].to_numpy())


def test_cells_of_frames_are_the_users_own(model: Any) -> None:
    own = [decimal.Decimal("1.10"), decimal.Decimal("2.00")]
    polars = pl.DataFrame({"id": pl.Series(own, dtype=pl.Decimal(10, 2)), "size": [0.5, 1.0]})
    assert model.predict(polars)["id"].equals(polars["id"])
    arrow = pa.table({"id": pa.array(own), "size": [0.5, 1.0]})
    assert model.predict(arrow).column("id").equals(arrow.column("id"))
    for cells in (pd.Series([7, "a"], dtype=object), pd.Series([1, None], dtype="Int64"), pd.Series(["x", "y"]),
                  pd.Series([1.5, 2.5], dtype="float16"), pd.Series(["b", "a"], dtype="category")):  # fmt: skip
        frame = pd.DataFrame({"id": cells, "size": [0.5, 1.0]}, index=[5, 9])
        frame["id"] = cells.array
        pd.testing.assert_series_equal(model.predict(frame)["id"], frame["id"])
