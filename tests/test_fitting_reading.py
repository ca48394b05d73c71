"""What a fit reads: parts and who has the last word on them, names of files, and what resuming watches."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.demo import DATA
from mapsto.errors import DataError, RunError
from mapsto.fitting.options import make_options
from mapsto.fitting.reading import data_fingerprint, read_rows

QUICK = {"network": "linear", "recipe": {"learning": {"epochs": 1}}, "progress": False, "threads": 1}


@pytest.fixture(scope="module")
def clients():
    return pl.read_csv(DATA).head(300)


@pytest.fixture
def parts(tmp_path, clients):
    """A folder with train and test tables."""
    folder = tmp_path / "loans"
    folder.mkdir()
    clients.head(200).write_csv(folder / "train.csv")
    clients.tail(100).write_csv(folder / "test.csv")
    return folder


def rows(data, **given):
    return read_rows(data, make_options(**{"target": "credit_risk", **given}))


# -- parts


def test_a_folder_gives_its_parts(parts):
    table, options = rows(parts)
    assert table.parts["test"].height == 100
    assert (options.valid, options.test) == (None, None)


@pytest.mark.parametrize("given", [0, 0.3, "housing:own"])
def test_what_the_caller_says_goes_before_the_folder(parts, given):
    table, _ = rows(parts, test=given)
    assert table.parts == {}
    note = next(note for note in table.notes if "left out" in note.text)
    assert note.count == 100
    assert f"test={given!r} was given" in note.text


def test_rows_of_their_own_go_before_the_folder(parts, clients):
    table, _ = rows(parts, test=clients.head(7), valid=parts / "test.csv")
    assert {role: frame.height for role, frame in table.parts.items()} == {"test": 7, "valid": 100}
    assert any("test=rows of their own was given" in note.text for note in table.notes)


def test_no_test_rows_means_none(parts):
    model = mapsto.fit(parts, "credit_risk", test=0, **QUICK)
    assert any("100 test rows" in note.text and "left out" in note.text for note in model.notes)
    assert model.to_dict()["rows"]["test"] == 0
    assert mapsto.fit(parts, "credit_risk", **QUICK).to_dict()["rows"]["test"] == 100


def test_a_path_with_a_colon_is_a_path_where_it_exists(tmp_path, clients):
    clients.head(9).write_csv(tmp_path / "a:b.csv")
    table, _ = rows(clients, valid=str(tmp_path / "a:b.csv"))
    assert table.parts["valid"].height == 9


# -- names of files


@pytest.fixture
def mails(tmp_path):
    folder = tmp_path / "mails"
    for part in ("train", "test"):
        for kind, text in (("ham", "dear friend"), ("spam", "buy now cheap")):
            (folder / part / kind).mkdir(parents=True)
            for number in range(30):
                (folder / part / kind / f"{kind[0]}_{number}.txt").write_text(f"{text} {number % 7} {part}")
    return folder


def test_names_are_kept_and_not_learned_from(mails):
    table, options = read_rows(mails, make_options(target="class"))
    assert (table.frame.columns, options.keep) == (["text", "file", "class"], ["file"])
    assert read_rows(mails, make_options(target="class", inputs=["file"]))[1].keep == []
    labels = read_rows(mails / "train", make_options(target="re:([a-z])_", valid=mails / "test"))
    assert labels[1].keep == ["file", "class"]
    assert labels[0].parts["valid"]["label"].to_list() == ["h"] * 30 + ["s"] * 30


def test_a_model_of_files_predicts_and_evaluates_files(mails, tmp_path):
    model = mapsto.fit(mails / "train", "re:([a-z])_", **QUICK)
    assert model.columns.filter(pl.col("role") == "input")["column"].to_list() == ["text"]
    new = tmp_path / "new"
    shutil.copytree(mails / "test" / "ham", new)
    found = model.predict(f"{new}/*.txt")
    assert found.columns == ["file", "label"]
    assert found["file"].to_list() == sorted(path.name for path in new.iterdir())
    model.save(tmp_path / "m.mapsto")
    scores = mapsto.load(tmp_path / "m.mapsto").evaluate(mails / "test")
    assert scores == model.evaluate(mails / "test")
    assert 0 <= scores["label"]["accuracy"] <= 1
    with pytest.raises(DataError, match="label"):
        model.evaluate({"text": ["a"]})


# -- resuming


def test_the_fingerprint_covers_parts_and_files(parts, tmp_path, clients):
    whole = data_fingerprint(rows(parts)[0])
    assert whole == data_fingerprint(rows(parts)[0])
    clients.tail(99).write_csv(parts / "test.csv")
    assert data_fingerprint(rows(parts)[0]) != whole
    photo = tmp_path / "1.png"
    photo.write_bytes(b"1")
    table, _ = rows(clients.head(2).with_columns(photo=pl.lit(str(photo))))
    before = data_fingerprint(table)
    os.utime(photo, ns=(0, 5))
    assert data_fingerprint(table) != before


def test_validation_rows_are_watched_and_found_from_elsewhere(tmp_path, clients, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clients.head(250).write_csv("rows.csv")
    clients.tail(50).write_csv("valid.csv")
    model = mapsto.fit("rows.csv", "credit_risk", valid="valid.csv", test=0, output="run", **QUICK)
    start = json.loads((tmp_path / "run" / "events.jsonl").read_text().splitlines()[0])
    assert start["options"]["valid"] == str(tmp_path / "valid.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = mapsto.resume(tmp_path / "run", progress=False)
    np.testing.assert_array_equal(again.predict_proba(clients).to_numpy(), model.predict_proba(clients).to_numpy())
    clients.tail(49).write_csv(tmp_path / "valid.csv")
    with pytest.raises(RunError, match="changed"):
        mapsto.resume(tmp_path / "run", progress=False)


def test_a_run_on_a_pattern_resumes_from_elsewhere(mails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mapsto.fit("mails/train/*/*.txt", "re:^(?P<kind>ham|spam)", output=tmp_path / "run", **QUICK)
    monkeypatch.chdir("/")
    assert mapsto.resume(tmp_path / "run", progress=False).columns["column"].to_list() == ["text", "kind"]
    (mails / "train" / "ham" / "h_1.txt").unlink()
    with pytest.raises(RunError, match="changed"):
        mapsto.resume(tmp_path / "run", progress=False)
