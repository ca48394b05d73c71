"""A2, A3: what a workbook or a zip declares is looked at before a library believes it."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from mapsto.errors import DataError
from mapsto.table import read
from mapsto.table.unpacking import member

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("name", ["far.xlsx", "bigref.xlsx", "lol.xlsx", "bz2_2GB.zip", "pic_bz2_2GB.zip"])
def test_hostile_files_are_refused_by_name(name):
    with pytest.raises(DataError, match=name):
        read(FILES / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_unpacks_and_is_bounded(tmp_path, method):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("t.csv", "a,b\n" + "1,2\n" * 1000)
    assert read(path).frame.shape == (1000, 2)
    with zipfile.ZipFile(path) as archive, pytest.raises(DataError, match="was refused"):
        member(archive, archive.infolist()[0], "t.csv", 100)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_is_told(tmp_path, method):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("t.csv", "a,b\n" + "1,2\n" * 1000)
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"t\.zip cannot be unpacked"):
        read(path)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv"])
def test_bombs_of_gzip_whatever_they_are_called(tmp_path, name):
    import gzip

    path = tmp_path / name
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(DataError, match="was refused"):
        read(path)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_packers_that_are_not_read_are_named(tmp_path, pack):
    path = tmp_path / "t.csv"
    path.write_bytes(pack(b"a,b\n1,2\n"))
    with pytest.raises(DataError, match=r"packed with (bzip2|xz): unpack it first"):
        read(path)


def test_open_document_sheets_that_repeat_without_end(tmp_path):
    pytest.importorskip("fastexcel")
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
    content = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="s"><table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<a/>")
    path = tmp_path / "t.ods"
    path.write_bytes(packed.getvalue())
    with pytest.raises(DataError, match=r"t\.ods"):
        read(path)
