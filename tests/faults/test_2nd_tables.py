"""What a second look at tables of many origins found: values that mean something else than they were read as."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from conftest import shared_data
from mapsto.columns import Category, Number, Set
from mapsto.columns.base import Column
from mapsto.errors import DataError
from mapsto.model import Model
from mapsto.schema import Schema
from mapsto.table import read

DRAW = np.random.default_rng(0)


def fitted(rows: Any, target: str, **options: Any) -> Model:
    """A model that is learned in a moment."""
    return mapsto.fit(rows, target, network="linear-model", progress=False, **options)


# -- values that were not learned


def test_categories_none_of_which_was_learned_are_told() -> None:
    colours = np.array(["red", "blue", "green", "grey"])[DRAW.integers(0, 4, 400)]
    model = fitted({"c": colours, "y": np.where(colours == "red", 5.0, 1.0) + DRAW.normal(size=400)}, "y")
    model.predict({"c": colours})
    assert model.last_problems == []
    model.predict({"c": pl.Series(colours).replace({"red": "rot", "blue": "blau", "green": "grün", "grey": "grau"})})
    (note,) = model.last_problems
    assert note.kind == "warning"
    assert "400 of 400 cells (100.0%) hold values that were not learned" in note.text
    assert "'grau'" in note.text


@pytest.mark.parametrize(("unknown", "told"), [(0, 0), (4, 0), (5, 1), (10, 1)])
def test_half_of_the_cells_are_many(unknown: int, told: int) -> None:
    column = Category(name="c")
    column.learn(pl.Series(["a", "b", "rare"] * 3 + ["once"]))
    cells = pl.Series(["z"] * unknown + ["once"] * (10 - unknown) + [None, " "])
    assert len(column.remarks(cells)) == told
    assert column.remarks(cells.head(4)) == []


def test_ranks_that_no_row_had_are_known() -> None:
    column = Category(name="c", ordered=["low", "middle", "high"])
    column.learn(pl.Series(["low", "high"] * 5))
    assert column.remarks(pl.Series(["middle"] * 10)) == []
    assert len(column.remarks(pl.Series(["mittel"] * 10))) == 1


def test_sets_of_labels_none_of_which_was_learned_are_told() -> None:
    column = Set(name="c")
    column.learn(pl.Series(["a|b", "b|c", "a", "c|a", "b"] * 4))
    assert column.remarks(pl.Series(["x|a", "y|b"] * 10)) == []
    (remark,) = column.remarks(pl.Series(["x|y", "z", None, ""] * 10))
    assert "only labels that were not learned" in remark.what
    assert len(remark.rows) == 20


def test_true_and_false_in_other_words_are_told() -> None:
    flag = DRAW.random(200) < 0.5
    model = fitted({"c": np.where(flag, "yes", "no"), "y": flag + DRAW.normal(size=200)}, "y")
    model.predict({"c": np.where(flag, "oui", "non")})
    assert any("'oui'" in note.text or "'non'" in note.text for note in model.last_problems)


# -- rows of their own, groups, updates


def mixed(rows: int = 300) -> pl.DataFrame:
    """Two inputs that both tell of a class."""
    a, b = DRAW.normal(size=rows), DRAW.integers(0, 3, rows)
    return pl.DataFrame({"a": a, "b": np.array(["x", "y", "z"])[b], "t": np.where(a + b > 1, "yes", "no")})


@pytest.mark.parametrize("role", ["test", "valid"])
def test_rows_to_judge_by_need_every_input(role: str) -> None:
    options: dict[str, Any] = {role: mixed(80).drop("b")}
    with pytest.raises(DataError, match=rf"the {role} rows lack the input columns \['b'\]"):
        fitted(mixed(), "t", **options)
    options = {role: mixed(80).drop("b")}
    assert fitted(mixed(), "t", inputs=["a"], **options).predict(mixed(5).select("a")).height == 5


def test_what_only_rows_to_judge_by_have_is_no_input() -> None:
    model = fitted(mixed().drop("b"), "t", test=mixed(80))
    assert model.predict(mixed(5).select("a")).height == 5


def test_rare_classes_are_told_of_choices_alone() -> None:
    x = DRAW.normal(size=200)
    model = fitted({"x": x, "y": np.round(10 * x + 40).astype(int)}, "y")
    assert not [note for note in model.notes if "can hardly be learned" in note.text]
    model = fitted({"x": x, "y": ["rare"] * 3 + ["a", "b"] * 98 + ["a"]}, "y")
    assert [note.column for note in model.notes if "can hardly be learned" in note.text] == ["y"]


def test_what_is_wrong_with_rows_to_judge_or_learn_from_is_told() -> None:
    model = fitted(mixed(), "t")
    with pytest.raises(DataError, match=r"by='bb' names no column.*Did you mean 'b'\?"):
        model.evaluate(mixed(), by="bb")
    with pytest.raises(DataError, match="no rows to judge"):
        model.evaluate(mixed().head(0))
    with pytest.raises(DataError, match=r"no row to update with has a value of 't' that the model knows.*'no'"):
        model.update(mixed().with_columns(t=pl.lit("perhaps")))


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("frame", [True, False])
def test_classes_that_are_missing_are_refused_as_scikit_learn_does(missing: Any, frame: bool) -> None:
    from mapsto.sklearn import MapstoClassifier

    x: Any = mixed(60).select("a").to_pandas() if frame else DRAW.normal(size=(60, 2))
    y = np.array(["p", "q"] * 29 + [missing, "p"], dtype=object)
    with pytest.raises(ValueError, match=r"NaN|None|nan"):
        MapstoClassifier(random_state=0).fit(x, y)


# -- whole numbers of more digits than a float keeps

LONG = 1_234_567_890_123_456_700


@pytest.mark.parametrize("as_text", [False, True])
def test_accounts_of_nineteen_digits_stay_apart(as_text: bool) -> None:
    group = DRAW.integers(0, 20, 400)
    account = [str(LONG + g) if as_text else LONG + int(g) for g in group]
    rows = pl.DataFrame({"account": account, "y": DRAW.normal(size=20)[group] * 5})
    model = fitted(rows, "y")
    assert model.columns["type"][0] == "category"
    assert model.evaluate(rows)["y"]["r2"] > 0.9
    assert model.evaluate(rows.with_columns(pl.col("account").cast(pl.String)))["y"]["r2"] > 0.9


def claimed(cells: Any, name: str = "c") -> Column:
    """The type that takes a column among the inputs."""
    schema = Schema.claim(pl.DataFrame({name: cells, "t": ["a", "b"] * (len(cells) // 2)}), targets=["t"])
    return (schema.inputs or schema.left_out)[0]


def test_which_whole_numbers_are_too_long() -> None:
    assert claimed([LONG + k for k in range(100)]).type == "identifier"
    assert claimed([LONG + k % 60 for k in range(100)]).type == "category"
    assert claimed([2**60 + 2**20 * int(k) for k in DRAW.integers(0, 900, 100)]).type == "number"
    many = pl.Series([LONG + int(k) for k in DRAW.integers(0, 3000, 6000)])
    assert claimed(many).type == "category"
    target = Schema.claim(pl.DataFrame({"x": range(100), "y": [LONG + k % 4 for k in range(100)]}), targets=["y"])
    assert target.targets[0].type == "category"


# -- numbers with a unit

ONE_UNIT = {
    "blank": ("{} hp", "hp"), "none": ("{}.5s", "s"), "sign": ("{} °C", "°C"), "power": ("{}m2", "m2"),
    "thousands": ("3,{} lbs", "lbs"), "ratio": ("{} km/h", "km/h"), "money and size": ("€{}.2M", "M"),
    "two words": ("{} cu in", "cu in"), "negative": ("-{} kg", "kg"), "per square": ("{}.1 kg/m²", "kg/m²"),
}  # fmt: skip
MONEY = ["R$ {}", "Rs. {}", "Rs {}", "US$ {}", "A${}.50", "{} zł", "EUR{}"]
CODES = [
    "A{}", "{}B", "{}a", "Q{}", "{}x20", "{}h30", "1.{}.3", "{}th", "{}0s", "Room {}", "00{} kg", "{} pm",
    "+49{}1234567",
]  # fmt: skip
SOME = [int(k) for k in DRAW.integers(100, 999, 200)]


@pytest.mark.parametrize(("form", "unit"), ONE_UNIT.values(), ids=ONE_UNIT)
def test_one_unit_is_told_and_read(form: str, unit: str) -> None:
    cells = pl.Series([form.format(k) for k in SOME])
    column = claimed(cells)
    assert column.type == "number"
    assert f"with the unit {unit!r}" in column.reason
    column.learn(cells)
    found = column.encode_target(cells)
    assert np.corrcoef(np.abs(found), SOME)[0, 1] > 0.9999
    bare = pl.Series([cell.replace(unit, "") for cell in cells])
    assert column.encode_target(bare).tolist() == found.tolist()
    assert not column.malformed(cells).any()
    again = Number.from_state(*column.to_state())
    assert again.encode_target(cells).tolist() == found.tolist()


@pytest.mark.parametrize("form", MONEY)
def test_money_of_many_countries(form: str) -> None:
    assert claimed([form.format(k) for k in SOME]).type == "number"
    assert claimed([form.format(k) for k in range(100, 300)]).type == "number"


@pytest.mark.parametrize("form", CODES)
def test_codes_are_no_numbers_with_units(form: str) -> None:
    assert claimed([form.format(k) for k in SOME]).type != "number"


@pytest.mark.parametrize("forms", [("{} kg", "{} g"), ("{} °C", "{} °F"), ("€{}.2M", "€{}K"), ("${}", "€{}")])
def test_several_units_are_never_put_together(forms: tuple[str, str]) -> None:
    column = claimed([forms[k % 2].format(k) for k in SOME])
    assert column.type != "number"
    assert "in several units" in column.doubt


def test_a_target_in_miles_a_gallon_is_a_number_and_another_unit_is_told() -> None:
    x = DRAW.normal(size=300)
    rows = pl.DataFrame({"x": [f"{v:.2f} kg" for v in x], "y": [f"{25 + 5 * v:.0f} mpg" for v in x]})
    model = fitted(rows, "y")
    assert model.evaluate(rows)["y"]["r2"] > 0.9
    model.predict({"x": ["500 g", "1.0 kg"]})
    assert "'500 g'" in model.last_problems[0].text


def test_few_values_with_a_unit_stay_classes() -> None:
    assert claimed(["36 months", "60 months"] * 50).type == "category"


# -- files without a line of names


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


# -- runs of blanks between fields

BLANKS = pl.DataFrame(
    {"size": [8.0, 10.5, 7.25, 9.0] * 3, "cost": [307, 5, 44, 1] * 3, "kind": ["a", "b", "c", "d"] * 3}
)


@pytest.mark.parametrize(("how", "index"), [("fixed", False), ("fixed", True), ("single", False), ("r", True)])
def test_runs_of_blanks_part_fields(tmp_path: Path, how: str, index: bool) -> None:
    frame = BLANKS.to_pandas()
    if how == "fixed":
        text = frame.to_string(index=index)
    elif how == "single":
        text = frame.to_csv(sep=" ", index=index)
    else:
        names = " ".join(f'"{name}"' for name in frame.columns)
        text = "".join([f"{names}\n", *(f'"{k + 1}" {a} {b} "{c}"\n' for k, (a, b, c) in enumerate(BLANKS.rows()))])
    table = read(written(tmp_path, text, "t.txt"))
    assert table.frame.columns == [*(["row"] if index else []), *BLANKS.columns]
    assert table.frame.drop("row", strict=False).rows() == BLANKS.rows()
    assert "runs of blanks" in table.notes[0].text


def test_empty_fields_between_single_blanks(tmp_path: Path) -> None:
    frame = BLANKS.with_columns(cost=pl.when(pl.col("cost") > 5).then(pl.col("cost")))
    table = read(written(tmp_path, frame.to_pandas().to_csv(sep=" ", index=False)))
    assert table.frame.rows() == frame.rows()


def test_values_alone_between_blanks(tmp_path: Path) -> None:
    table = read(written(tmp_path, BLANKS.to_pandas().to_string(index=False, header=False), "t.data.txt"))
    assert table.frame.rows() == BLANKS.rows()
    assert table.frame.columns == ["column_1", "column_2", "column_3"]


TEXTS = [
    "first name\nAnn Lee\nBob Ray\nCy Young\nDee Dee\n",
    "item\n1 apple\n2 pears\n3 plums\n4 figs\n",
    "what they said\nI like it\nwe do not\nthey go home\nwho knows that\n",
    "horse power\n130 hp\n95 hp\n88 hp\n77 hp\n",
    "when\n2020-01-01 12:00\n2020-01-02 13:00\n2020-01-03 14:00\n2020-01-04 15:00\n",
    "pixels\n1 2 3\n4 5 6\n7 8 9\n0 1 2\n",
    "a b\n1 2\n3 4\n5 6 7\n8 9\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_lines_of_text_are_never_parted(tmp_path: Path, text: str) -> None:
    table = read(written(tmp_path, text))
    assert table.frame.columns == [text.partition("\n")[0]]
    assert table.frame.to_series().to_list() == text.splitlines()[1:]


# -- cells of workbooks that failed


@pytest.mark.parametrize("start", [1, 3])
def test_cells_that_failed_are_told(tmp_path: Path, start: int) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "A & B"
    for row, cells in enumerate([("a", "b", "y"), *((k, k / 2, k % 7) for k in range(60))], start=1):
        for place, value in enumerate(cells):
            broken = row > 1 and place == 1 and row % 4 == 2
            book.active.cell(row, start + place, ("#REF!" if row < 40 else "#DIV/0!") if broken else value)
    book.create_sheet("other").append(["#N/A"])
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.frame["b"].null_count() == 15
    (note,) = [note for note in table.notes if note.kind == "warning"]
    assert note.column == "b"
    assert note.count == 15
    assert "15 cells of sheet 'A & B' without a value but an error (#DIV/0!, #REF!)" in note.text
    assert "rows 2, 6, 10" in note.text
