"""Files whose first line holds values lose no row; lines of names stay names."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from conftest import shared_data
from mapsto.table import read


def written(folder: Path, text: str, name: str = "t.csv") -> Path:
    """A file with this text."""
    (folder / name).write_text(text)
    return folder / name


def rows_of(*forms: str, count: int = 30) -> str:
    """Lines of cells that differ from row to row."""
    return "".join(",".join(form.format(k=k % 7, v=(k * 37) % 101) for form in forms) + "\n" for k in range(count))


HEADLESS = {
    "fractions": rows_of("8", "30{k}.0", "1{v}.5", "3{k}04"),
    "digits": rows_of("{k}", "0", "0", "{v}", "0"),
    "words": rows_of("high", "{k}", "small{k}", "low"),
    "missing": "?,307.0,NA\n" + rows_of("{k}", "{v}.5", "{v}"),
    "one column": rows_of("{v}.25"),
}
HEADED = {
    "years": "2019,2020,2021\n" + rows_of("{k}.5", "{v}", "1{v}"),
    "falling": "2021,2020,2019\n" + rows_of("{k}.5", "{v}", "1{v}"),
    "places": "0,1,2,3\n" + rows_of("{k}.5", "{v}", "1{v}", "2"),
    "wavelengths": "400.5,401.0,401.5\n" + rows_of("{k}.5", "{v}", "1{v}"),
    "uneven": "1.5,2.5,4,8,16.5\n" + rows_of("{k}.5", "{v}", "1{v}", "3", "4"),
    "names": "a,b\n" + rows_of("{k}.5", "x{v}"),
    "a name above numbers": "id,5.5,7.5,1.5\n" + rows_of("{k}.5", "{v}", "1{v}", "3"),
    "words": "colour,size\n" + rows_of("red", "small"),
    "joined": "colour,size\n" + rows_of("red", "small") + "colour,size\n" + rows_of("blue", "big"),
    "texts": "what people said\n" + rows_of("a text with {k} words and {v} more"),
    "few rows": "1.5,0.5\n2.5,3.5\n",
}


@pytest.mark.parametrize("text", HEADLESS.values(), ids=HEADLESS)
def test_a_first_line_of_values_is_a_row(tmp_path: Path, text: str) -> None:
    table = read(written(tmp_path, text))
    width = text.partition("\n")[0].count(",") + 1
    assert table.frame.columns == [f"column_{k + 1}" for k in range(width)]
    assert table.frame.height == text.count("\n")
    (note,) = [note for note in table.notes if "no line of names" in note.text]
    assert note.kind == "warning"


@pytest.mark.parametrize("text", HEADED.values(), ids=HEADED)
def test_a_first_line_of_names_is_none(tmp_path: Path, text: str) -> None:
    table = read(written(tmp_path, text))
    assert ",".join(table.frame.columns) == text.partition("\n")[0]
    assert table.frame.height == text.count("\n") - 1
    assert not [note for note in table.notes if "no line of names" in note.text]


def test_names_that_may_be_values_are_told(tmp_path: Path) -> None:
    table = read(written(tmp_path, "8,307,130\n" + rows_of("{k}", "3{v}", "1{v}")))
    assert table.frame.columns == ["8", "307", "130"]
    assert "write a line of names above it" in table.notes[0].text


@pytest.mark.parametrize("name", ["auto_mpg", "boston", "car", "segment", "supermarket", "pima", "quake"])
def test_real_tables_with_and_without_their_names(tmp_path: Path, name: str) -> None:
    lines = gzip.decompress(shared_data("tables_dev", f"{name}.csv.gz").read_bytes()).decode().splitlines(keepends=True)
    whole = read(written(tmp_path, "".join(lines)))
    assert ",".join(whole.frame.columns) == lines[0].strip().replace('"', "")
    bare = read(written(tmp_path, "".join(lines[1:]), "bare.csv"))
    assert bare.frame.height == whole.frame.height
    assert bare.frame.columns[0] == "column_1"
    assert bare.frame.rows() == whole.frame.rows()


def test_lines_are_named_right_without_names(tmp_path: Path) -> None:
    table = read(written(tmp_path, "1.5,2\n2.5,?\n" + rows_of("{k}.5", "{v}")))
    assert any("(line 2)" in note.text for note in table.notes)
