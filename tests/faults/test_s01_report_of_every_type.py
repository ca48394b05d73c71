"""A report can be written of every kind of model, with columns of every type, and its facts survive the file."""

from __future__ import annotations

import json

import polars as pl
import pytest

import mapsto
import model_kinds
from mapsto.columns import TYPES
from mapsto.facts import Facts, Summary, Validation
from mapsto.fitted import Fitted
from mapsto.model import Model
from mapsto.reporting import write_report


@pytest.fixture(scope="module", params=sorted(model_kinds.KINDS))
def model(request):
    return Model(Fitted.from_bytes(model_kinds.model_file(request.param)))


def test_a_report_is_written(model, tmp_path):
    page = write_report(model._fitted, tmp_path / "report.html", seconds=0.2).read_text(encoding="utf-8")
    for name in model.columns["column"]:
        assert name in page
    assert model.describe()
    assert json.dumps(model.to_dict())


def test_what_is_written_about_a_model_is_described_and_checked(model):
    facts = model._fitted.facts
    assert facts.keys() <= Facts.model_fields.keys()
    for row in model._fitted.history:
        assert row.keys() <= Validation.model_fields.keys()
    assert Fitted.from_bytes(model.to_bytes()).facts == facts


def test_every_type_of_column_is_among_them():
    found = set()
    for kind in model_kinds.KINDS:
        model = Model(Fitted.from_bytes(model_kinds.model_file(kind)))
        found |= set(model.columns["type"])
    assert {kind.type for kind in TYPES} - found <= {"identifier", "ignored"}


def test_columns_left_out_and_lengths_are_told(tmp_path):
    rows = model_kinds.table().select("steps", "size", "kind")
    rows = rows.with_columns(name=pl.Series([f"row {i:04}" for i in range(len(rows))]), same=pl.lit(1))
    rows = rows.rename({"kind": "y"})
    model = mapsto.fit(rows, "y", types={"name": "identifier"}, network="dummy", progress=False, threads=1)
    page = model.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "steps on average" in page
    assert {"identifier", "ignored"} <= set(model.columns["type"])


@pytest.mark.parametrize("key", ["mean", "low", "high"])
def test_files_of_old_with_a_mean_a_channel_are_read(key):
    assert Summary.model_validate_json('{"mean": [1.0, 2.0]}').mean == [1.0, 2.0]
    assert key in Summary.model_fields


def test_a_run_folder_of_lists_holds_a_report(tmp_path):
    path = tmp_path / "s.jsonl"
    model_kinds.table().select("steps", "kind").write_ndjson(path)
    mapsto.fit(path, "kind", network="dummy", progress=False, threads=1, output=tmp_path / "run")
    assert (tmp_path / "run" / "report.html").is_file()
