"""A11: names and values do not act on a terminal. A12: no spreadsheet runs what was predicted, if that is asked for."""

from __future__ import annotations

import json

import polars as pl
import pytest

import mapsto
from mapsto import cli
from mapsto.errors import DataError, shown
from mapsto.table import Note, csv_text, write

ESCAPE = "\x1b[31mred\x1b]0;title\x07"
ODD = [ESCAPE, "a\x9b31m", "a\u202eb", "a\rb", "a\x08b", "\u2066a"]


@pytest.mark.parametrize("text", ODD)
def test_what_acts_on_a_terminal_is_escaped_everywhere(text):
    for found in (shown(text), str(DataError(text)), Note("info", text).text, str(Note("info", text))):
        assert found.isprintable()
    assert shown("plain é 日本 \t\n") == "plain é 日本 \t\n"


def test_a_model_describes_itself_in_plain_letters(tmp_path, capsys):
    name = f"x{ESCAPE}"
    rows = pl.DataFrame({name: list(range(40)), "y": [f"c{ESCAPE}", "d"] * 20})
    path = tmp_path / "t.csv"
    rows.write_csv(path)
    model = mapsto.fit(path, "y", network="linear", time="4s", progress=False)
    assert "\x1b" not in model.describe() + repr(model) + " ".join(note.text for note in model.notes)
    model.save(tmp_path / "m.mapsto")
    for arguments in (["info", str(tmp_path / "m.mapsto")], ["columns", str(path)]):
        cli.app(arguments, standalone_mode=False)
        assert "\x1b" not in capsys.readouterr().out
    cli.app(["columns", str(path), "--json"], standalone_mode=False)
    assert name in [each["column"] for each in json.loads(capsys.readouterr().out)["columns"]]
    with pytest.raises(DataError) as caught:
        model.predict({"z": [1]})
    assert "\x1b" not in str(caught.value)


FORMULAS = pl.DataFrame({"=n": [-1, 2], "t": ["=cmd|' /C calc'!A0", "plain"], "l": [["+1"], ["b"]]})


def test_a_quote_stands_before_formulas_on_request(tmp_path):
    assert csv_text(FORMULAS).startswith("=n,t,l\n-1,=cmd")
    assert csv_text(FORMULAS, guard=True) == "'=n,t,l\n-1,'=cmd|' /C calc'!A0,'+1\n2,plain,b\n"
    for name in ("t.csv", "t.tsv"):
        write(FORMULAS, tmp_path / name, guard=True)
        assert "'=cmd" in (tmp_path / name).read_text()
    write(FORMULAS, tmp_path / "t.parquet", guard=True)
    assert pl.read_parquet(tmp_path / "t.parquet").equals(FORMULAS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_every_start_of_a_formula(start):
    assert csv_text(pl.DataFrame({"a": [f"{start}x"]}), guard=True).splitlines()[1].strip('"').startswith("'")
