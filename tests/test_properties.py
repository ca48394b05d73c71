"""What a fit promises whatever the table: weights, gaps in targets, groups, times, kinds of files and frames."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.demo import DATA

COLUMNS = ["age_years", "duration_months", "purpose", "housing", "credit_amount", "credit_risk"]
QUICK = {"network": "linear-model", "folds": 2, "progress": False, "threads": 1}


@pytest.fixture(scope="module")
def clients():
    return pl.read_csv(DATA).head(240).select(COLUMNS)


@pytest.fixture(scope="module")
def plain(clients):
    return mapsto.fit(clients, "credit_risk", **QUICK).predict_proba(clients)


def test_missing_target_cells_are_not_learned_from_and_get_predicted(clients):
    gaps = clients.with_columns(
        credit_risk=pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise("credit_risk"),
        credit_amount=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("credit_amount"),
    )
    model = mapsto.fit(gaps, ["credit_risk", "credit_amount"], **QUICK)
    found = model.predict(gaps)
    assert found.columns == ["credit_risk", "credit_amount"]
    assert found.null_count().sum_horizontal().item() == 0
    assert model.predict_proba(gaps).columns == ["credit_risk=bad", "credit_risk=good"]


def test_weights_count_rows_more(clients):
    weighed = clients.with_columns(w=pl.when(pl.col("credit_risk") == "bad").then(8.0).otherwise(1.0))
    even = mapsto.fit(weighed.with_columns(w=1.0), "credit_risk", weight="w", **QUICK).predict_proba(clients)
    uneven = mapsto.fit(weighed, "credit_risk", weight="w", **QUICK).predict_proba(clients)
    assert uneven["bad"].mean() > even["bad"].mean() + 0.1


def test_a_weight_of_one_is_no_weight(clients, plain):
    even = mapsto.fit(clients.with_columns(w=1.0), "credit_risk", weight="w", **QUICK).predict_proba(clients)
    np.testing.assert_allclose(even.to_numpy(), plain.to_numpy(), atol=1e-3)


def test_a_group_is_whole_in_one_part_and_not_learned_from(clients):
    rows = clients.with_columns(branch=pl.format("branch {}", pl.int_range(240) % 24))
    model = mapsto.fit(rows, "credit_risk", split="group:branch", keep=["branch"], **QUICK)
    assert "branch" not in model.columns.filter(pl.col("role") == "input")["column"].to_list()
    assert "branch" in model._fitted.facts["split"]
    assert model.predict(rows.head(3)).columns == ["branch", "credit_risk"]
    assert model._fitted.facts["rows"]["test"] % 10 == 0


def test_the_latest_rows_are_tested(clients):
    rows = clients.with_columns(day=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(240)))
    rows = rows.sample(240, seed=1, shuffle=True)
    fitted = mapsto.fit(rows, "credit_risk", split="time:day", **QUICK)._fitted
    assert max(fitted.background.shown["day"]) < min(fitted.held.shown["day"])


@pytest.mark.parametrize("suffix", ["csv.gz", "xlsx", "parquet", "tsv", "jsonl"])
def test_the_kind_of_file_changes_nothing(clients, plain, tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    if suffix == "csv.gz":
        path.write_bytes(gzip.compress(clients.write_csv().encode()))
    elif suffix == "xlsx":
        clients.to_pandas().to_excel(path, index=False)
    else:
        {"parquet": clients.write_parquet, "jsonl": clients.write_ndjson,
         "tsv": lambda p: clients.write_csv(p, separator="\t")}[suffix](path)  # fmt: skip
    found = mapsto.fit(path, "credit_risk", **QUICK).predict_proba(path)
    np.testing.assert_allclose(found.to_numpy(), plain.to_numpy(), atol=1e-6)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_pandas_nullable_types_change_nothing(clients, plain, backend):
    frame = clients.to_pandas().convert_dtypes(dtype_backend=backend)
    model = mapsto.fit(frame, "credit_risk", **QUICK)
    np.testing.assert_allclose(model.predict_proba(frame).to_numpy(dtype=float), plain.to_numpy(), atol=1e-6)
