"""Folders, zips and patterns of files as tables: what becomes of them, what is left out, and what is refused."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import polars as pl
import pytest

from conftest import shared_data
from mapsto.errors import DataError
from mapsto.table import fingerprint, read, unpacking
from mapsto.table.listing import absolute


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Ten pictures each of three people, one folder a person."""
    folder = tmp_path_factory.mktemp("media") / "faces"
    with zipfile.ZipFile(shared_data("att_faces", "faces_png.zip")) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.split("/")[0] in ("s1", "s2", "s10")])
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Sixty spoken digits side by side."""
    folder = tmp_path_factory.mktemp("media") / "digits"
    with zipfile.ZipFile(shared_data("fsdd", "recordings.zip")) as archive:
        archive.extractall(folder, archive.namelist()[::50])
    return folder


@pytest.fixture
def put(tmp_path):
    """Writes small files, by name."""

    def put(*names: str, content: bytes = b"x") -> Path:
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "data"

    return put


@pytest.fixture
def pack(tmp_path):
    def pack(files: dict[str, bytes], name: str = "photos.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner, content in files.items():
                archive.writestr(inner, content)
        return tmp_path / name

    return pack


def text_of(table) -> str:
    return " ".join(note.text for note in table.notes)


# -- folders


def test_folders_are_classes(faces):
    table = read(faces)
    assert (table.frame.columns, table.names) == (["image", "file", "class"], ("file", "class"))
    assert table.frame["class"].value_counts(sort=True)["count"].to_list() == [10, 10, 10]
    assert table.frame["class"].dtype == pl.Categorical
    for path, name, label in table.frame.sample(5, seed=0).rows():
        assert Path(path) == faces / name
        assert Path(path).parent.name == label
        assert Path(path).is_absolute()
        assert Path(path).is_file()
    assert (table.kind, table.name, table.origin) == ("path", "faces", str(faces))
    assert "30 pictures in 3 folders" in text_of(table)


def test_files_side_by_side_have_no_class(digits):
    frame = read(digits).frame
    assert frame.columns == ["audio", "file"]
    assert frame["file"].to_list() == sorted(path.name for path in digits.iterdir())


def test_a_folder_means_the_same_from_elsewhere(faces, monkeypatch):
    monkeypatch.chdir(faces.parent)
    here = read("faces")
    monkeypatch.chdir(faces)
    assert fingerprint(here.frame) == fingerprint(read("../faces").frame) == fingerprint(read(".").frame)
    assert read(".").name == "faces"


def test_order_is_that_of_names(put):
    folder = put("b/2.png", "a/9.png", "a/10.png", "b/1.png")
    assert read(folder).frame["file"].to_list() == ["a/10.png", "a/9.png", "b/1.png", "b/2.png"]


@pytest.mark.parametrize("outer", ["", "data/", "all/of/it/"])
def test_parts_by_folders(put, outer):
    names = [f"{outer}{part}/{label}/{n}.JPG" for part in ("train", "val", "test") for label in "ab" for n in range(3)]
    table = read(put(*names))
    assert {part: frame.height for part, frame in table.parts.items()} == {"valid": 6, "test": 6}
    assert table.frame["file"].to_list() == table.parts["test"]["file"].to_list()
    assert table.frame["image"].str.contains("/train/").all()
    assert table.parts["test"].columns == table.frame.columns == ["image", "file", "class"]
    assert "6 to valid" in text_of(table)


def test_parts_side_by_side(put):
    table = read(put("train/1.wav", "train/2.wav", "test/1.wav"))
    assert table.frame["file"].to_list() == ["1.wav", "2.wav"]
    assert table.parts["test"].columns == ["audio", "file"]


def test_a_class_may_be_called_train(put):
    table = read(put("car/1.png", "train/1.png", "plane/1.png"))
    assert table.frame["class"].to_list() == ["car", "plane", "train"]
    assert not table.parts


def test_folders_beside_the_parts_are_told(put):
    table = read(put("train/a/1.png", "test/a/2.png", "rest/a/3.png"))
    assert (table.frame.height, table.parts["test"].height) == (1, 1)
    assert "1 file in folders beside train, valid and test was left out" in text_of(table)
    with pytest.raises(DataError, match="several folders for one part"):
        read(put("val/a/1.png", "valid/a/1.png"))


def test_deeper_folders_belong_to_their_class(put):
    assert read(put("a/x/1.png", "a/2.png", "b/y/z/3.png")).frame["class"].to_list() == ["a", "a", "b"]


def test_what_is_left_out_is_counted(put):
    put("a/1.png", "a/2.png", "b/3.jpeg", "b/4.wav", "b/notes.xyz", "b/LICENSE", "top.png")
    table = read(put("a/.hidden.png", "a/Thumbs.db", ".git/x.png", "b/.DS_Store", "__MACOSX/a/1.png"))
    assert table.frame["file"].to_list() == ["a/1.png", "a/2.png", "b/3.jpeg"]
    assert "1 file of another kind than most (image) was left out (1 .wav)" in text_of(table)
    assert "2 files of no known kind were left out" in text_of(table)
    assert "1 .xyz" in text_of(table)
    assert "1 without an ending" in text_of(table)
    assert "1 file not as deep in folders as most was left out" in text_of(table)


def test_links_are_not_followed(put, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    folder = put("a/1.png", "b/2.png")
    (folder / "a" / "link.png").symlink_to(secret)
    (folder / "c").symlink_to(tmp_path)
    for table in (read(folder), read(folder / "**" / "*.png")):
        assert table.frame["file"].to_list() == ["a/1.png", "b/2.png"]
        assert "not followed" in text_of(table)


def test_names_that_are_not_utf8_are_told(put):
    folder = put("a/1.png", "b/2.png")
    try:
        (folder / os.fsdecode(b"a/caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    table = read(folder)
    assert table.frame.height == 2
    assert "not UTF-8" in text_of(table)


def test_the_fingerprint_of_whole_files_does_not_depend_on_memory(monkeypatch):
    monkeypatch.setattr("mapsto.table.frame._SLICE_BYTES", 8)
    files = pl.DataFrame({"image": [b"abc", b"", None, b"defgh", b"i"] * 3})
    pixels = pl.DataFrame({"image": pl.Series([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], dtype=pl.Array(pl.UInt8, (2, 2)))})
    for frame in (files, pixels):
        assert fingerprint(frame) == fingerprint(pl.concat([frame[:1], frame[1:]], rechunk=False))
        assert fingerprint(frame) != fingerprint(frame[list(range(frame.height))[::-1]])


# -- texts


def test_texts_stand_in_their_cells(put):
    put("ham/1.txt", content="dear\nfriend é".encode())
    put("ham/2.txt", content=b"\xef\xbb\xbfmarked")
    put("spam/3.txt", content="caf\xe9".encode("cp1252"))
    table = read(put("spam/4.txt", content="größe".encode("utf-16")))
    assert table.frame["text"].to_list() == ["dear\nfriend é", "marked", "café", "größe"]
    assert table.frame["class"].to_list() == ["ham", "ham", "spam", "spam"]
    assert "2 files had bytes that are not UTF-8" in text_of(table)


def test_very_long_texts_are_cut(put, monkeypatch):
    monkeypatch.setattr("mapsto.table.media.MOST_TEXT", 5)
    put("a/1.txt", content="1234é6".encode())
    table = read(put("b/2.txt", content=b"12345"))
    assert table.frame["text"].to_list() == ["1234", "12345"]
    assert "1 file went beyond" in text_of(table)


def test_texts_side_by_side_are_tables_unless_a_pattern_names_them(put):
    folder = put("1.txt", "2.txt", content=b"a,b\n1,2\n")
    assert read(folder).frame.columns == ["a", "b"]
    assert read(folder / "*.txt").frame.columns == ["text", "file"]


# -- tables and files together


def test_tables_win_over_pictures(put):
    put("a/1.png", "train/2.png")
    table = read(put("rows.csv", content=b"x\n1\n"))
    assert table.frame.columns == ["x"]
    assert "holds no table and was not read" in text_of(table)


def test_a_text_beside_pictures_is_no_table(put):
    assert read(put("a/1.png", "b/2.png", "README.txt")).frame.columns == ["image", "file", "class"]
    assert read(put("a/labels.csv")).frame.columns == ["image", "file", "class"]


def test_an_empty_folder_says_what_was_expected(put, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no file at all\); expected files ending in .*\.csv.*\.png"):
        read(tmp_path / "empty")
    with pytest.raises(DataError, match=r"seen: 2 with \.xyz, 1 with no ending"):
        read(put("a.xyz", "b.xyz", "README"))


# -- patterns


def test_a_pattern_names_files(digits, monkeypatch):
    monkeypatch.chdir(digits.parent)
    table = read("digits/*_george_*.wav")
    assert table.frame["file"].to_list() == sorted(path.name for path in digits.glob("*_george_*.wav"))
    assert table.frame["audio"].to_list() == [str(digits / name) for name in table.frame["file"]]
    assert (table.name, table.origin) == ("digits", f"{digits}/*_george_*.wav")
    assert read("digits/[0-3]*.wav").frame.height < read("**/*.wav").frame.height


def test_a_pattern_of_tables_stacks_them(put):
    put("1.csv", content=b"x\n1\n")
    assert read(put("2.csv", content=b"x\n2\n") / "?.csv").frame["x"].to_list() == [1, 2]


def test_a_pattern_that_matches_nothing_says_so(put):
    folder = put("a/1.png")
    for pattern in ("*.wav", "*"):
        with pytest.raises(DataError, match=r"no file matches .*digits/\*\.wav"):
            read(folder / pattern)
    with pytest.raises(DataError, match=r"b\.xyz.*expected one of"):
        read(put("b.xyz") / "*.xyz")


def test_a_name_with_brackets_is_a_name_where_it_exists(put):
    folder = put("set[1]/a/1.png", "set[1]/b/2.png") / "set[1]"
    assert read(folder).frame.height == 2
    pattern = absolute(folder.parent / "set[[]1]" / "*" / "*.png")
    assert read(pattern).frame["file"].to_list() == ["a/1.png", "b/2.png"]


def test_a_pattern_from_the_root_means_the_same_in_an_odd_folder(put, monkeypatch):
    monkeypatch.chdir(put("odd[0]/1.png", "odd[0]/2.png") / "odd[0]")
    pattern = absolute("*.png")
    monkeypatch.chdir("/")
    assert read(pattern).frame["file"].to_list() == ["1.png", "2.png"]


# -- zips


def test_a_zip_holds_its_files_as_bytes(faces, pack):
    files = {f"faces/{path.relative_to(faces).as_posix()}": path.read_bytes() for path in faces.glob("*/*.png")}
    for prefix in ("", "photos/"):
        table = read(pack({prefix + name: content for name, content in files.items()}))
        assert table.frame["image"].dtype == pl.Binary
        assert dict(table.frame.select("file", "image").rows()) == {
            k.removeprefix("faces/"): v for k, v in files.items()
        }
        assert set(table.frame["class"]) == {"s1", "s2", "s10"}


def test_real_zips():
    digits = read(shared_data("fsdd", "recordings.zip"))
    assert digits.frame.shape == (3000, 2)
    assert digits.frame["audio"].bin.starts_with(b"RIFF").all()
    people = read(shared_data("att_faces", "faces_png.zip"))
    assert people.frame["class"].n_unique() == 40


def test_parts_and_texts_of_a_zip(pack):
    table = read(pack({f"{part}/{label}/{n}.txt": f"{part} {label}".encode() for part in ("train", "test")
                       for label in ("x", "y") for n in range(2)}))  # fmt: skip
    assert table.frame["text"].to_list() == ["train x"] * 2 + ["train y"] * 2
    assert table.parts["test"]["class"].to_list() == ["x", "x", "y", "y"]


def test_names_that_leave_a_zip_and_links_are_ignored(pack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pack({"a/1.png": b"1", "b/2.png": b"2", "../a/3.png": b"3", "/tmp/x/4.png": b"4", "a\\..\\5.png": b"5"})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("a/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    table = read(path)
    assert table.frame["file"].to_list() == ["a/1.png", "b/2.png"]
    assert "4 entries point outside the archive or are links" in text_of(table)
    assert [entry.name for entry in tmp_path.iterdir()] == ["photos.zip"]


def test_hostile_zips_are_still_tables():
    assert read(shared_data("hostile", "path_traversal.zip")).frame.columns == ["a", "target"]
    with pytest.raises(DataError, match="was refused"):
        read(shared_data("hostile", "high_ratio.zip"))


def test_bombs_of_pictures_are_refused(pack, monkeypatch):
    with pytest.raises(DataError, match="was refused"):
        read(pack({"a/1.png": bytes(48 << 20), "b/2.png": b"2"}))
    monkeypatch.setattr(unpacking, "FREE", 1 << 20)
    many = {f"{label}/{n}.png": bytes(1 << 17) for label in "ab" for n in range(16)}
    with pytest.raises(DataError, match=r"photos\.zip was refused"):  # each is small, all are not
        read(pack(many))


def test_overlapping_files_of_a_zip_are_refused(pack):
    path = pack({f"a/{n}.png": os.urandom(3000) for n in range(4)})
    with zipfile.ZipFile(path) as archive:
        first, others = archive.infolist()[0], archive.infolist()[1:]
    data = bytearray(path.read_bytes())
    for info in others:  # every entry of the directory points to the first file, ten times as large as it is
        data = data.replace(
            info.header_offset.to_bytes(4, "little") + info.filename.encode(),
            first.header_offset.to_bytes(4, "little") + info.filename.encode(),
        )
    data = data.replace(first.compress_size.to_bytes(4, "little"), (30_000).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(DataError, match="overlap"):
        read(path)


def test_a_damaged_file_of_a_zip_costs_one_cell(pack):
    path = pack({f"{label}/{n}.png": os.urandom(500) for label in "ab" for n in range(3)})
    data = bytearray(path.read_bytes())
    data[100] ^= 255  # inside the first file
    path.write_bytes(data)
    table = read(path)
    assert table.frame["image"].null_count() == 1
    assert "1 file could not be unpacked, which leaves the cell empty, first 'a/0.png'" in text_of(table)


def test_a_table_in_a_zip_wins(pack):
    assert read(pack({"a/1.png": b"1", "rows.csv": b"x\n1\n"})).frame.columns == ["x"]
    with pytest.raises(DataError, match=r"1 with \.xyz"):
        read(pack({"a/1.xyz": b"1", "a/2": b""}))
