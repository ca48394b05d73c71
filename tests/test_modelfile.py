"""The model file: round trip, canonical bytes, and refusal of everything else."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto import modelfile
from mapsto.errors import ModelFileError

PARTS = {
    "schema": ({"inputs": ["age"], "nan": float("inf")}, {}),
    "members/0": ({"name": "tabm"}, {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(0, np.int64)}),
    "members/1": ({}, {"left": np.array([1, -1], dtype=np.int32)}),
}
GOOD = modelfile.to_bytes({"made": "2026-11-21"}, PARTS)


def test_round_trip(tmp_path):
    path = tmp_path / "a.mapsto"
    modelfile.save(path, {"made": "2026-11-21"}, PARTS)
    assert path.read_bytes() == GOOD
    manifest, parts = modelfile.load(path)
    assert manifest["made"] == "2026-11-21"
    assert parts["schema"][0] == PARTS["schema"][0]
    for name, (_, arrays) in PARTS.items():
        assert parts[name][1].keys() == arrays.keys()
        for key, array in arrays.items():
            np.testing.assert_array_equal(parts[name][1][key], array)
            assert parts[name][1][key].dtype == array.dtype
    assert [p.name for p in tmp_path.iterdir()] == ["a.mapsto"]


def test_ordinary_zip_tools_can_look_inside():
    with zipfile.ZipFile(io.BytesIO(GOOD)) as inside:
        assert inside.testzip() is None
        assert inside.namelist()[0] == "manifest.json"
        assert json.loads(inside.read("schema.json"))["inputs"] == ["age"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_flipped_bit_is_refused(at, mask):
    bad = bytearray(GOOD)
    bad[at] ^= mask
    with pytest.raises(ModelFileError):
        modelfile.from_bytes(bytes(bad))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_any_cut_is_refused(at):
    for bad in (GOOD[:at], GOOD[at + 1 :], GOOD[:at] + GOOD[at + 1 :]):
        with pytest.raises(ModelFileError):
            modelfile.from_bytes(bad)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD)), st.binary(min_size=1, max_size=40))
def test_any_splice_is_refused(at, extra):
    with pytest.raises(ModelFileError):
        modelfile.from_bytes(GOOD[:at] + extra + GOOD[at:])


def rezip(change, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(io.BytesIO(GOOD)) as inside:
        files = {name: inside.read(name) for name in inside.namelist()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/evil.json", "a\\b.json", "C:/x.json", "x.pkl", "x" * 300 + ".json"]
)
def test_climbing_and_foreign_names_are_refused(name):
    with pytest.raises(ModelFileError):
        modelfile.from_bytes(rezip(lambda files: files.update({name: b"{}"})))


def test_renamed_compressed_bomb_and_rehashed_files_are_refused():
    bad = [
        rezip(lambda files: files.update({"other.json": files.pop("schema.json")})),
        rezip(lambda files: files.update({"schema.json": b" " * 10_000_000}), zipfile.ZIP_DEFLATED),
        rezip(lambda files: files.pop("manifest.json")),
        rezip(lambda files: files.update({"manifest.json": b"[" * 200_000})),
    ]
    for content in bad:
        with pytest.raises(ModelFileError):
            modelfile.from_bytes(content)


def test_newer_format_says_what_to_do(monkeypatch):
    monkeypatch.setattr(modelfile, "FORMAT", 99)
    newer = modelfile.to_bytes({}, PARTS)
    monkeypatch.setattr(modelfile, "FORMAT", 1)
    with pytest.raises(ModelFileError, match=r"format 99.*newer mapsto"):
        modelfile.from_bytes(newer)


def test_folder_and_foreign_file(tmp_path):
    with pytest.raises(ModelFileError, match="folder"):
        modelfile.load(tmp_path)
    (tmp_path / "x.mapsto").write_bytes(b"hello")
    with pytest.raises(ModelFileError, match="5 bytes"):
        modelfile.load(tmp_path / "x.mapsto")
