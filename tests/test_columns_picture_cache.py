"""Pictures kept on disk: found again bit for bit, read anew when anything changed, never trusted, never too many."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pytest

from mapsto.columns import Image
from mapsto.columns.common import picture_cache, pictures

SIZE = (8, 12, 3)
DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of files is enough to be kept."""
    monkeypatch.setattr(picture_cache, "FEWEST", 4)


@pytest.fixture
def files(tmp_path: Path) -> list[str | None]:
    """Five pictures, a cell without one, a file that is none, and a path to nothing."""
    paths: list[str | None] = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        PIL.Image.fromarray(DRAW.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
        paths.append(str(path))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    return [*paths, None, str(broken), str(tmp_path / "gone.png")]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was decoded so far."""
    sources: list[object] = []
    plain = pictures.pixels

    def counted(source: object, *size: int, depth: object) -> tuple[np.ndarray, int]:
        sources.append(source)
        return plain(source, *size, depth)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "pixels", counted)
    return sources


def kept() -> list[Path]:
    folder = picture_cache.cache_folder()
    assert folder is not None
    return sorted(folder.glob("pictures/*"))


def test_kept_pictures_are_those_decoded(
    files: list[str | None], decoded: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, read = pictures.packed(files, *SIZE)
    assert len(decoded) == 7
    assert read.tolist() == [True] * 5 + [False] * 3
    again, as_well = pictures.packed(files, *SIZE)
    assert len(decoded) == 7
    assert np.array_equal(first, again)
    assert np.array_equal(read, as_well)
    monkeypatch.setenv("MAPSTO_CACHE", "")
    plain, plainly = pictures.packed(files, *SIZE)
    assert len(decoded) == 14
    assert np.array_equal(first, plain)
    assert np.array_equal(read, plainly)
    assert not first[5:].any()
    assert first[:5].any(axis=(1, 2, 3)).all()


def test_what_is_written_to_a_block_never_reaches_the_file(files: list[str | None]) -> None:
    first, _ = pictures.packed(files, *SIZE)
    before = first.copy()
    first[:] = 7
    assert np.array_equal(pictures.packed(files, *SIZE)[0], before)


def test_a_changed_file_is_read_anew(files: list[str | None], decoded: list[object]) -> None:
    first, _ = pictures.packed(files, *SIZE)
    name, before = str(files[0]), os.stat(str(files[0]))
    PIL.Image.fromarray(np.full((9, 12, 3), 200, np.uint8)).save(name)
    os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    again, _ = pictures.packed(files, *SIZE)
    assert len(decoded) == 14
    assert (again[0] == 200).all()
    assert np.array_equal(first[1:], again[1:])
    os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))  # its size alone tells it from what it was
    pictures.packed(files, *SIZE)
    assert len(decoded) == 21


def test_files_sizes_and_orders_are_kept_apart(
    files: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [pictures.packed(files, *SIZE)[0], pictures.packed(files[::-1], *SIZE)[0]]
    assert np.array_equal(found[0], found[1][::-1])
    assert pictures.packed(files, 10, 12, 3)[0].shape == (8, 10, 12, 3)
    assert pictures.packed(files, 8, 12, 1)[0].shape == (8, 8, 12, 1)
    assert len(kept()) == 4
    # The same names in two folders, with files of the same size and time.
    relative = [None if file is None else Path(file).name for file in files]
    monkeypatch.chdir(tmp_path)
    here, _ = pictures.packed(relative, *SIZE)
    other = tmp_path / "other"
    other.mkdir()
    for name in relative[:5]:
        path, twin = tmp_path / str(name), other / str(name)
        picture = np.asarray(PIL.Image.open(path))
        PIL.Image.fromarray(picture[::-1]).save(twin)
        with twin.open("ab") as file:
            file.truncate(path.stat().st_size)
        os.utime(twin, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    monkeypatch.chdir(other)
    assert not np.array_equal(pictures.packed(relative, *SIZE)[0], here)


def _shorter(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _of_another_type(path: Path) -> None:
    np.save(path, np.load(path).astype(np.uint16))


def _of_another_shape(path: Path) -> None:
    np.save(path, np.load(path)[1:])


def _never_written(path: Path) -> None:
    np.save(path, np.zeros_like(np.load(path)))


def _pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage", [_shorter, _longer, _empty, _of_another_type, _of_another_shape, _never_written, _pickled]
)
def test_a_damaged_file_is_made_anew(damage: object, files: list[str | None], decoded: list[object]) -> None:
    before = pictures.packed(files, *SIZE)[0].copy()
    (path,) = kept()
    damage(path)  # type: ignore[operator]
    assert np.array_equal(pictures.packed(files, *SIZE)[0], before)
    assert len(decoded) == 14
    pictures.packed(files, *SIZE)
    assert len(decoded) == 14
    assert kept() == [path]


def test_little_is_kept(files: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    size = 8 * 8 * 12 * 3
    monkeypatch.setattr(picture_cache, "MOST_BYTES", 3 * size)
    for channels, height in ((3, 8), (1, 8), (1, 9)):
        pictures.packed(files, height, 12, channels)
    first, second, third = sorted(kept(), key=lambda path: path.stat().st_mtime_ns)
    os.utime(first)  # used since
    abandoned = first.with_name("begun.part")
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    pictures.packed(files, 11, 12, 3)
    left = kept()
    assert first in left
    assert second not in left
    assert abandoned not in left
    assert sum(path.stat().st_size for path in left) <= 3 * size
    pictures.packed(files, 40, 40, 3)  # larger than all that may be kept
    assert kept() == left
    assert third.name != first.name


def test_few_files_and_bytes_are_not_kept(files: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    pictures.packed(files[:3], *SIZE)
    pictures.packed([Path(str(file)).read_bytes() for file in files[:5]], *SIZE)
    pictures.packed(DRAW.integers(0, 256, (6, 9, 12, 3), dtype=np.uint8), *SIZE)
    assert kept() == []
    monkeypatch.setenv("MAPSTO_CACHE", "")
    pictures.packed(files, *SIZE)
    assert picture_cache.cache_folder() is None


def test_a_disk_that_refuses_does_no_harm(
    files: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path / "file"))
    assert pictures.packed(files, *SIZE)[1].sum() == 5

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "posix_fallocate", full)
    assert pictures.packed(files, *SIZE)[1].sum() == 5
    assert kept() == []


def test_where_things_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MAPSTO_CACHE")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert picture_cache.cache_folder() == tmp_path / "mapsto"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert picture_cache.cache_folder() == tmp_path / ".cache" / "mapsto"


def test_a_column_encodes_the_same_from_what_is_kept(files: list[str | None], decoded: list[object]) -> None:
    series = pl.Series("photo", files[:6])
    column = Image(name="photo")
    column.learn(series)
    first = column.encode(series)[0]
    count = len(decoded)
    twin = Image.from_state(*column.to_state())
    assert np.array_equal(twin.encode(series)[0], first)
    assert twin.malformed(series).tolist() == [False] * 6
    assert len(decoded) == count
