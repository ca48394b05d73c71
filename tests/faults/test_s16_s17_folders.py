"""S16, S17: folders as people and systems leave them."""

from __future__ import annotations

import os
import unicodedata
import zipfile

import pytest
from PIL import Image

from mapsto.errors import DataError
from mapsto.table import read


@pytest.fixture
def put(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".png", ".jpg"):
                Image.new("L", (4, 4)).save(path)
            else:
                path.write_bytes(b"\0\1\2\3" * 10)
        return tmp_path / "photos"

    return make


def told(table):
    return " ".join(note.text for note in table.notes)


@pytest.mark.parametrize(
    ("train", "test"),
    [("training_set", "test_set"), ("Train", "Test"), ("trainset", "testset"), ("train images", "test-images")],
)
def test_words_for_the_parts(put, train, test):
    table = read(put(f"{train}/a/1.png", f"{train}/b/2.png", f"{test}/a/3.png"))
    assert table.frame["class"].to_list() == ["a", "b"]
    assert table.parts["test"]["class"].to_list() == ["a"]


@pytest.mark.parametrize("name", ["@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "#recycle"])
def test_folders_of_systems_are_no_classes(put, name):
    table = read(put("a/1.png", "b/2.png", f"{name}/3.png", f"a/{name}/1.png"))
    assert sorted(table.frame["file"]) == ["a/1.png", "b/2.png"]


@pytest.mark.parametrize("ending", ["heic", "m4a", "xyz"])
def test_a_class_that_cannot_be_read_is_named(put, ending):
    table = read(put("a/1.png", "b/2.png", f"gone/3.{ending}"))
    warned = [note.text for note in table.notes if note.kind == "warning"]
    assert any("'gone'" in text and f".{ending}" in text for text in warned)


def test_jfif_is_a_picture(put):
    path = put("a/1.png", "b/2.png")
    Image.new("RGB", (4, 4)).save(path / "b/3.jfif", "JPEG")
    assert read(path).frame.height == 3


def test_letters_written_in_two_ways_are_one_class(put):
    one, two = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
    table = read(put(f"{one}/1.png", f"{two}/2.png", "b/3.png"))
    assert table.frame["class"].n_unique() == 2
    assert all(map(os.path.exists, table.frame["image"]))


@pytest.mark.parametrize("name", ["classes.csv", "metadata.json", "labels.xlsx"])
def test_a_table_beside_class_folders(put, name):
    path = put("a/1.png", "b/2.png")
    (path / name).write_text("number,name\n1,a\n2,b\n" if name.endswith("csv") else '{"made": "2024"}')
    table = read(path)
    assert table.frame["class"].to_list() == ["a", "b"]
    assert any(name in note.text or "passed over" in note.text for note in table.notes if note.kind == "warning")


def test_a_table_that_names_the_files_is_meant(put):
    path = put("a/1.png", "b/2.png")
    (path / "metadata.csv").write_text("file_name,price\na/1.png,1\nb/2.png,2\n")
    assert read(path).frame.columns == ["file_name", "price"]


def test_classes_that_are_links_are_told(put, tmp_path):
    target = put("a/1.png", "b/2.png")
    (tmp_path / "links").mkdir()
    for name in "ab":
        os.symlink(target / name, tmp_path / "links" / name)
    with pytest.raises(DataError, match="2 links were not followed"):
        read(tmp_path / "links")


def test_backslashes_in_zips(tmp_path, put):
    path = tmp_path / "photos.zip"
    data = (put("1.png") / "1.png").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a\\1.png", "b\\2.png"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    table = read(path)
    assert table.frame["class"].to_list() == ["a", "b"]
    assert table.frame["image"].null_count() == 0
