"""Bad tables through `mapsto.fit` and `mapsto columns`: refused with the words a person needs, or told and learned."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

import mapsto
from conftest import shared_data
from mapsto import cli
from mapsto.errors import DataError

QUICK = {"network": "linear", "recipe": {"learning": {"epochs": 2}}, "progress": False, "threads": 1}
TARGETS = {"semicolon_decimal_comma.csv": "ziel", "latin1.csv": "cible", "broken_line.jsonl": "label"}

REFUSED = {
    "ragged_rows.csv": ["line 6", "3 fields instead of 4", "line 42", "quote"],
    "broken_line.jsonl": ["line 14", "not valid JSON", "line 22", "list"],
    "broken.json": ["line 1", "column 29", "cut off"],
    "cut_in_half.parquet": ["PAR1", "cut off"],
    "duplicate_columns.csv": ["'x'", "positions 1 and 2", "rename"],
    "empty.csv": ["empty", "0 bytes"],
    "high_ratio.zip": ["zeros.csv", "unpack"],
    "nul_bytes.csv": ["line 3", "column 'b'", "NUL"],
}
"""These cannot be read at all."""
UNLEARNABLE = {
    "header_only.csv": ["a, b, c, target", "no rows"],
    "constant_target.csv": ["'target'", "is 1 in every row", "nothing to learn"],
    "single_row.csv": ["one row", "at least 2"],
}
"""These can be read, but nothing can be learned from them."""
TOLD = {
    "all_missing_column.csv": ["'empty_col' is left out", "no row has a value"],
    "all_unique_ids.csv": ["'customer_id' (identifier)", "names rows"],
    "id_leak.csv": ["'leak' gives the target 'target' away", "balanced accuracy 1.000"],
    "inf_nan_values.csv": ["'x': 12 cells", "count as missing", "lines 5, 8"],
    "latin1.csv": ["not valid UTF-8", "Windows-1252"],
    "mixed_types.csv": ["'row' is left out"],
    "path_traversal.zip": ["../escaped.txt", "ignored"],
    "rare_class.csv": ["'seen_once' (1)", "fewer than"],
    "semicolon_decimal_comma.csv": ["'preis'", "decimal sign"],
    "utf16_bom.csv": ["UTF-16"],
}
"""These are learned from, and what was found is said."""


def fit(name, **options):
    return mapsto.fit(shared_data("hostile", name), TARGETS.get(name, "target"), **(QUICK | options))


def columns(name, monkeypatch, capsys):
    """Exit status, output and messages of `mapsto columns NAME`."""
    monkeypatch.setattr(sys, "argv", ["mapsto", "columns", str(shared_data("hostile", name))])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


@pytest.mark.parametrize("name", REFUSED | UNLEARNABLE)
def test_refused_with_the_words_a_person_needs(name):
    with pytest.raises(DataError) as refused:
        fit(name)
    for word in (REFUSED | UNLEARNABLE)[name]:
        assert word in str(refused.value)


@pytest.mark.parametrize("name", REFUSED)
def test_the_command_refuses_in_the_same_words(name, monkeypatch, capsys):
    status, out, err = columns(name, monkeypatch, capsys)
    assert (status, out) == (1, "")
    assert all(word in err for word in REFUSED[name])


@pytest.mark.parametrize("name", TOLD)
def test_learned_from_and_told(name):
    model = fit(name)
    told = " ".join(note.text for note in model.notes)
    for word in TOLD[name]:
        assert word in told
    path = str(shared_data("hostile", name))
    target = TARGETS.get(name, "target")
    probabilities = model.predict_proba(path).to_numpy()
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert model.predict(path)[target].null_count() == 0
    assert np.isfinite(model.history["losses"].struct.unnest().to_numpy()).all()


@pytest.mark.parametrize("name", TOLD)
def test_the_command_shows_every_column(name, monkeypatch, capsys):
    status, out, err = columns(name, monkeypatch, capsys)
    assert status == 0
    assert len(out.splitlines()) == len(mapsto_columns(name))
    assert "Traceback" not in err


def mapsto_columns(name):
    from mapsto.table import read

    return read(shared_data("hostile", name)).frame.columns


def test_leaks_are_warnings_of_their_column():
    found = [note for note in fit("id_leak.csv").notes if note.column == "leak"]
    assert [note.kind for note in found] == ["warning"]


def test_mixed_column_is_no_number_and_labels_are_merged():
    model = fit("mixed_types.csv")
    types = dict(model.columns.select("column", "type").rows())
    assert types["mixed"] in {"text", "category"}
    assert len(model.predict_proba(str(shared_data("hostile", "mixed_types.csv"))).columns) == 2


def test_unclear_decimals_and_encodings_are_read_right():
    model = fit("semicolon_decimal_comma.csv")
    types = dict(model.columns.select("column", "type").rows())
    assert types == {"preis": "number", "menge": "number", "ziel": "category"}
    assert "prénom" in fit("latin1.csv").columns["column"].to_list()


def test_infinite_targets_do_not_spoil_a_regression():
    model = fit("inf_nan_values.csv", types={"x": "number"})
    path = str(shared_data("hostile", "inf_nan_values.csv"))
    number = mapsto.fit(path, "x", **QUICK)
    assert np.isfinite(number.predict(path)["x"].to_numpy()).all()
    assert model.columns.filter(pl.col("column") == "x")["type"].to_list() == ["number"]


@pytest.mark.parametrize("name", ["truncated.jpg", "zero_byte.wav", "not_an_image.png", "bomb_50000x50000.png"])
def test_what_is_no_table_is_refused(name):
    with pytest.raises(DataError, match=name):
        fit(name)


def test_nothing_is_written_outside_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit("path_traversal.zip")
    assert list(tmp_path.parent.glob("*escaped*")) == []
    assert list(tmp_path.iterdir()) == []
