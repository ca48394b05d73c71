"""Labels in the names of files."""

from __future__ import annotations

import zipfile

import pytest

from conftest import shared_data
from mapsto.errors import DataError, OptionError
from mapsto.table import label_patterns, labelled, read


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "digits"
    with zipfile.ZipFile(shared_data("fsdd", "recordings.zip")) as archive:
        archive.extractall(folder, archive.namelist()[::50])
    return folder


def test_labels_of_real_names(digits):
    found = labelled(read(f"{digits}/*.wav"), label_patterns(["re:([0-9])_", r"re:_(?P<speaker>\w+)_"])).frame
    assert found.columns == ["audio", "file", "label", "speaker"]
    for name, digit, speaker in found.select("file", "label", "speaker").rows():
        assert name.split("_")[:2] == [digit, speaker]


def test_names_that_do_not_match_are_counted_and_named(digits):
    table = labelled(read(digits), {"label": "^([0-4])_"})
    note = table.notes[-1]
    missing = table.frame["label"].is_null()
    assert (note.kind, note.count, note.column) == ("warning", missing.sum(), "label")
    assert note.rows == tuple(missing.arg_true()[:5])
    assert table.frame["file"][note.rows[0]] in note.text


def test_folders_are_part_of_the_name_and_parts_are_labelled(tmp_path):
    for name in ("train/ann/1_a.png", "train/bob/2_b.png", "test/ann/3_c.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    table = labelled(read(tmp_path), label_patterns(["re:^(?P<who>[a-z]+)/", "re:_(.)"]))
    assert table.frame.select("who", "label").rows() == [("ann", "a"), ("bob", "b")]
    assert table.parts["test"].select("who", "label").rows() == [("ann", "c")]


def test_an_empty_label_is_a_missing_one(digits):
    frame = labelled(read(digits), {"label": "^([0-4]?)"}).frame
    assert frame["label"].drop_nulls().str.len_chars().min() == 1
    assert frame["label"].null_count()


def test_plain_columns_are_no_patterns():
    assert label_patterns(["a", "re"]) == {"a": "", "re": ""}
    table = read({"a": [1]})
    assert labelled(table, label_patterns(["a"])) is table


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["re:[0-9]_"], "round brackets"),
        (["re:([0-9"], "no regular expression"),
        (["re:(a)", "re:(b)"], "two targets are named 'label'"),
        (["who", "re:(?P<who>b)"], "two targets are named 'who'"),
    ],
)
def test_patterns_that_cannot_be(targets, said):
    with pytest.raises(OptionError, match=said):
        label_patterns(targets)


@pytest.mark.parametrize(
    ("patterns", "error", "said"),
    [
        ({"label": "(cat|dog)"}, DataError, r"matches none of 60 file names, such as '0_george_0\.wav'"),
        ({"audio": "(.)"}, OptionError, "there already"),
        ({"label": "(?=0)(.)"}, OptionError, "look-around"),
    ],
)
def test_patterns_that_do_not_fit_the_files(digits, patterns, error, said):
    with pytest.raises(error, match=said):
        labelled(read(digits), patterns)


def test_a_table_has_no_file_names():
    with pytest.raises(DataError, match=r"columns \['a', 'file'\].*digits/\*\.wav"):
        labelled(read({"a": [1], "file": ["1_a.png"]}), {"label": "(.)_"})
