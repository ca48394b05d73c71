from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.errors import DataError, MissingExtra
from mapsto.table import read

TEXT = st.text(alphabet="ab1 ,;\t|\"'\né日😀", max_size=8)
NAMES = ["key", "alpha", "beta", "gamma"]


@pytest.fixture
def put(tmp_path):
    def put(content: bytes | str, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def text_of(table) -> str:
    return " ".join(note.text for note in table.notes)


# -- what is written is read


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=8))
    return [["word"] * width, *rows]  # the first row keeps every column text


@settings(max_examples=150)
@given(
    rows=tables(),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
)
def test_any_csv_reads_back_to_the_same_cells(tmp_path_factory, rows, separator, quoting, end, encoding, packed):
    text = io.StringIO()
    names = NAMES[: len(rows[0])]
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows([names, *rows])
    path = tmp_path_factory.getbasetemp() / ("t.csv.gz" if packed else "t.csv")
    data = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(data) if packed else data)
    frame = read(path).frame
    assert frame.columns == names
    assert frame.rows() == [tuple(cell or None for cell in row) for row in rows]


@settings(max_examples=60)
@given(rows=tables())
def test_csv_of_polars_and_pandas_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    cells = [[cell or None for cell in row] for row in rows]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(NAMES[: len(rows[0])], pl.String), orient="row")
    frame.write_csv(path)
    assert read(path).frame.equals(frame)
    frame.to_pandas().to_csv(path, index=False)
    assert read(path).frame.equals(frame)


@given(
    whole=st.lists(st.integers(-(2**53), 2**53) | st.none(), min_size=1, max_size=6).filter(lambda v: any(v)),
    real=st.floats(allow_nan=False, width=32),
)
def test_numbers_read_back_exactly(tmp_path_factory, whole, real):
    frame = pl.DataFrame({"n": whole, "x": [real + 0.5] * len(whole), "t": ["a"] * len(whole)})
    path = tmp_path_factory.getbasetemp() / "n.csv"
    frame.write_csv(path)
    found = read(path).frame
    assert found["n"].to_list() == whole
    assert found["x"].cast(pl.Float64).to_list() == frame["x"].to_list()


@pytest.mark.parametrize("name", ["t.tsv", "t.jsonl", "t.json", "t.parquet", "t.arrow", "t.feather", "t.csv.gz"])
def test_forms_read_back(tmp_path, name):
    from mapsto.table import write

    frame = pl.DataFrame({"n": [1, None, 3], "x": [0.5, 1.5, None], "t": ["a", None, "c, d"]})
    table = read(write(frame, tmp_path / name))
    assert table.frame.equals(frame)
    assert (table.kind, table.name) == ("path", "t")


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_arrow_files_and_streams(tmp_path, compression):
    frame = pl.DataFrame({"a": range(100), "c": pl.Series(["p", "q"] * 50, dtype=pl.Categorical), "l": [[1, 2]] * 100})
    frame.write_ipc(tmp_path / "t.arrow", compression=compression)
    frame.write_ipc_stream(tmp_path / "t.ipc", compression=compression)
    assert read(tmp_path / "t.arrow").frame.equals(frame)
    assert read(tmp_path / "t.ipc").frame.equals(frame)


def test_content_decides_over_a_wrong_suffix(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv").frame["a"].to_list() == [1]


# -- real data


def test_adult_is_read_whole():
    frame = read(shared_data("adult", "adult_train.csv.gz")).frame
    assert frame.shape == (32561, 15)
    assert frame["age"].dtype == pl.Int64
    assert frame["workclass"].dtype == pl.String
    assert (frame["income"] == ">50K").sum() == 7841


def test_literal_quotes_of_a_tsv_are_kept():
    table = read(shared_data("gum", "gum_dev_gdtb.rels.tsv.gz"))
    assert table.frame.height == 1570
    assert "ordinary characters" in text_of(table)


def test_leading_zeros_stay():
    frame = read(shared_data("movielens_latest_small", "links.csv.gz")).frame
    assert frame["imdbId"][0] == "0114709"


def test_quoted_titles_with_commas():
    frame = read(shared_data("movielens_latest_small", "movies.csv.gz")).frame
    assert frame.filter(pl.col("movieId") == 11)["title"].item() == "American President, The (1995)"


# -- hostile files

REFUSED = {
    "ragged_rows.csv": ["line 6 ", "line 11 ", "line 21 ", "line 42 ", "instead of 4", "never closes"],
    "duplicate_columns.csv": ["'x'", "positions 1 and 2"],
    "empty.csv": ["is empty"],
    "nul_bytes.csv": ["line 3", "column 'b'", "NUL"],
    "cut_in_half.parquet": ["PAR1", "cut off"],
    "broken_line.jsonl": ["line 14", "line 22"],
    "broken.json": ["line 1", "column 29"],
    "high_ratio.zip": ["refused", "unpack"],
    "not_an_image.png": [".png", "expected one of"],
}
READ = {
    "latin1.csv": ((48, 4), "Windows-1252"),
    "utf16_bom.csv": ((3, 3), "UTF-16"),
    "mixed_types.csv": ((120, 4), ""),
    "semicolon_decimal_comma.csv": ((40, 3), "decimal sign"),
    "inf_nan_values.csv": ((48, 3), "12 cells"),
    "all_missing_column.csv": ((80, 4), ""),
    "header_only.csv": ((0, 4), ""),
    "path_traversal.zip": ((2, 2), "were ignored"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_files_are_refused_with_reasons(name):
    with pytest.raises(DataError) as error:
        read(shared_data("hostile", name))
    for part in REFUSED[name]:
        assert part in str(error.value)


@pytest.mark.parametrize("name", READ)
def test_hostile_files_are_repaired_with_notes(name):
    table = read(shared_data("hostile", name))
    shape, said = READ[name]
    assert table.frame.shape == shape
    assert said in text_of(table)


def test_hostile_cells():
    odd = read(shared_data("hostile", "inf_nan_values.csv")).frame["x"]
    assert odd[:7].to_list() == [1.0, float("inf"), -float("inf"), None, 1e308, -float("inf"), None]
    assert read(shared_data("hostile", "latin1.csv")).frame["ville"][0] == "Zürich"
    assert read(shared_data("hostile", "semicolon_decimal_comma.csv")).frame["preis"][:2].to_list() == [0.05, 1.15]
    mixed = read(shared_data("hostile", "mixed_types.csv")).frame
    assert mixed["mixed"].dtype == mixed["mostly_int"].dtype == pl.String
    assert mixed["mixed"][12] == "1,234"


def test_nothing_is_written_while_a_zip_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read(shared_data("hostile", "path_traversal.zip"))
    assert not list(tmp_path.iterdir())


# -- repairs, one by one

ROWS = "".join(f"{i},{i * 2}\n" for i in range(100))


def test_a_few_ragged_rows_are_set_aside_and_named(put):
    path = put("a,b\n" + ROWS + "7\n1,2,3\n\n5,6\n")
    table = read(path)
    assert table.frame.height == 101
    assert table.frame.rows()[-1] == (5, 6)
    note = next(note for note in table.notes if note.kind == "repair")
    assert (note.count, note.lines) == (2, (102, 103))
    assert "line 102 with 1 field instead of 2" in note.text
    assert "1 blank line" in text_of(table)


def test_align_keeps_broken_records_as_missing_rows(put):
    frame = read(put("a,b\n1,2\n" + ROWS + "7\n3,4\n"), align=True).frame
    assert frame.rows()[-2:] == [(None, None), (3, 4)]
    assert frame.height == 103


def test_a_quote_that_never_closes_costs_one_record(put):
    lines = [f'{i},"text, {i}"\n' for i in range(100)]
    lines[40] = '40,"broken\n'
    table = read(put("a,b\n" + "".join(lines)))
    assert table.frame.height == 99
    assert "line 42 with a quote that opens and never closes" in text_of(table)
    assert table.frame.filter(pl.col("a") == 41)["b"].item() == "text, 41"


def test_a_quote_inside_a_field_is_a_character(put):
    table = read(put('a,b\n1,5" pipe\n2,"x, ""y"""\n3, "blank, before"\n'))
    assert table.frame["b"].to_list() == ['5" pipe', 'x, "y"', "blank, before"]
    assert "line" in text_of(table)


def test_broken_bytes_in_utf8_do_not_turn_all_letters(put):
    table = read(put(b"a,b\n" + "é,ü\n".encode() * 50 + b"\xff,1\n"))
    assert table.frame["a"][0] == "é"
    assert table.frame["a"][-1] == "\ufffd"
    assert table.notes[0].lines == (52,)


def test_carriage_returns_alone_end_lines(put):
    assert read(put("a,b\r1,2\r3,4\r")).frame.rows() == [(1, 2), (3, 4)]


def test_blank_lines_and_blanks_before_the_header(put):
    table = read(put("\n\n a ,b\n1,2\n"))
    assert table.frame.columns == ["a", "b"]


def test_equal_columns_of_one_name_are_dropped_with_a_note(put):
    table = read(put("a,b,a\n1,2,1\n3,4,3\n"))
    assert table.frame.columns == ["a", "b"]
    assert "position 3" in text_of(table)


def test_columns_without_a_name_get_one(put):
    table = read(put(",b,\n0,2,\n"))
    assert table.frame.columns == ["column_1", "b", "column_3"]


def test_a_column_of_lines_with_commas_is_one_column(put):
    table = read(put("text\nhello, world\nyes\n", "t.txt"))
    assert table.frame["text"].to_list() == ["hello, world", "yes"]


def test_single_column_blank_line_is_a_missing_cell(put):
    assert read(put("a\n1\n\n3\n")).frame["a"].to_list() == [1, None, 3]


# -- JSON


def test_a_bad_json_line_among_many_is_set_aside(put):
    lines = [json.dumps({"n": i, "t": "x"}) for i in range(60)]
    lines[9] = lines[9][:-3]
    table = read(put("\n".join(lines), "t.jsonl"))
    assert table.frame.height == 59
    assert table.notes[0].lines == (10,)
    assert read(put("\n".join(lines), "t.jsonl"), align=True).frame["n"].to_list()[8:11] == [8, None, 10]


def test_json_lines_mix_types_and_lack_keys(put):
    frame = read(put('{"a": 1}\n{"a": "x", "b": true}\n{"b": false}\n', "t.jsonl")).frame
    assert frame["a"].to_list() == ["1", "x", None]
    assert frame["b"].to_list() == [None, True, False]


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"a": 2}]', '{"rows": [{"a": 1}, {"a": 2}]}', '{"a": [1, 2]}', '{"a": {"0": 1, "1": 2}}']
)
def test_json_documents(put, text):
    assert read(put(text, "t.json")).frame["a"].to_list() == [1, 2]


@pytest.mark.parametrize("text", ["[]", "5", "[1, 2]", '{"a": [1], "b": [1, 2]}', "[" * 100_000, '{"a": 5}'])
def test_json_that_is_no_table(put, text):
    with pytest.raises(DataError, match=r"expected|Expected"):
        read(put(text, "t.json"))


# -- packed files and folders


def test_zip_with_roles_and_folder_with_roles(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in ("train.csv", "test.csv"):
            archive.writestr(name, f"a\n{len(name)}\n1\n")
            (tmp_path / "folder").mkdir(exist_ok=True)
            (tmp_path / "folder" / name).write_text(f"a\n{len(name)}\n1\n")
    for path in (tmp_path / "t.zip", tmp_path / "folder"):
        table = read(path)
        assert table.frame["a"].to_list() == [9, 1]
        assert table.parts["test"]["a"].to_list() == [8, 1]


def test_folders_inside_hold_parts_in_pieces(tmp_path):
    for role, pieces in (("train", 3), ("valid", 1)):
        for piece in range(pieces):
            folder = tmp_path / role
            folder.mkdir(exist_ok=True)
            pl.DataFrame({"a": [piece]}).write_parquet(folder / f"{piece}.parquet")
    table = read(tmp_path)
    assert table.frame["a"].to_list() == [0, 1, 2]
    assert table.parts["valid"].height == 1


def test_real_train_and_test_files_in_one_folder():
    table = read(shared_data("adult"))
    assert table.frame.height == 32561
    assert table.parts["test"].height == 16281


def test_a_folder_of_different_tables_is_refused():
    with pytest.raises(DataError, match="different columns"):
        read(shared_data("movielens_latest_small"))


def test_truncated_gz_and_zip(put):
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 5000)
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(put(packed[:-20], "t.csv.gz"))
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(put(b"PK\x03\x04nonsense", "t.zip"))


def test_gz_bomb_is_refused_early(put):
    with pytest.raises(DataError, match="was refused"):
        read(put(gzip.compress(b"\n" * (48 << 20)), "t.csv.gz"))


# -- what is no table


def test_misspelt_path_suggests_near_names(tmp_path):
    (tmp_path / "loans.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"Did you mean 'loans\.csv'"):
        read(tmp_path / "laons.csv")
    with pytest.raises(DataError, match=r"folder .* does not exist"):
        read(tmp_path / "no" / "loans.csv")


@pytest.mark.parametrize("data", [5, [1, 2], None, pl.Series([1]), pd.Series([1]), {1, 2}])
def test_other_objects_are_refused_with_the_kinds_accepted(data):
    with pytest.raises(DataError, match="expected a path"):
        read(data)


# -- Excel


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("fastexcel")
    book = openpyxl.Workbook()
    for name, rows in (("one", [["a", "b"], [1, "x"], [2.5, None]]), ("two", [["c"], [1]])):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    del book["Sheet"]
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.frame.rows() == [(1.0, "x"), (2.5, None)]
    assert "2 sheets" in text_of(table)
    assert read(tmp_path / "t.xlsx", sheet="two").frame.columns == ["c"]
    assert read(tmp_path / "t.xlsx", sheet=2).frame.columns == ["c"]
    with pytest.raises(DataError, match="no sheet 'three'"):
        read(tmp_path / "t.xlsx", sheet="three")


def test_excel_with_one_name_twice_is_refused(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("fastexcel")
    book = openpyxl.Workbook()
    for row in (["a", "a"], [1, 2]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="positions 1 and 2"):
        read(tmp_path / "t.xlsx")


def test_excel_without_its_extra_says_so(put, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
    with pytest.raises(MissingExtra, match=r"mapsto\[excel\]"):
        read(put(b"PK\x03\x04", "t.xlsx"))


def test_no_excel_file(put):
    pytest.importorskip("fastexcel")
    with pytest.raises(DataError):
        read(put(b"no workbook", "t.xlsx"))
