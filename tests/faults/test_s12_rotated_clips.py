"""A clip is shown as its rotation flag says, as pictures are by their EXIF."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Video

av = pytest.importorskip("av")
_PLAIN = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_ONE = 1 << 16


def clip(path: Path, matrix: tuple[int, int, int, int] | None = None) -> str:
    """A clip, wider than high, whose left half is bright; as telephones do, its rotation stands in its track header."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        frame = np.full((32, 48, 3), 40, np.uint8)
        frame[:, :24] = 220
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    if matrix is not None:
        a, b, c, d = matrix
        data, header = path.read_bytes(), path.read_bytes().index(b"tkhd")
        at = data.index(_PLAIN, header)
        path.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + len(_PLAIN) :])
    return str(path)


def shown(path: str) -> np.ndarray:
    column = Video(name="clip")
    cells = pl.Series([path] * 3)
    column.learn(cells)
    return column.encode(cells)[0].values[0, ..., 0]


def test_as_it_lies(tmp_path: Path) -> None:
    found = shown(clip(tmp_path / "a.mp4"))
    assert found.shape == (32, 48)
    assert found[:, :20].min() > 150 > 100 > found[:, 28:].max()


@pytest.mark.parametrize(
    ("matrix", "bright"),
    [((0, _ONE, -_ONE, 0), "top"), ((0, -_ONE, _ONE, 0), "bottom"), ((-_ONE, 0, 0, -_ONE), "right")],
)
def test_turned(tmp_path: Path, matrix: tuple[int, int, int, int], bright: str) -> None:
    """A quarter to the right, to the left, and upside down."""
    found = shown(clip(tmp_path / "a.mp4", matrix))
    assert found.shape == ((32, 48) if bright == "right" else (48, 32))
    halves = {"top": found[:20], "bottom": found[28:], "right": found[:, 28:]}
    assert halves[bright].min() > 150
    width, height = found.shape[::-1]
    assert Video.claim(pl.Series([str(tmp_path / "a.mp4")] * 3), name="x").reason.startswith(
        f"paths of clips, {width} x {height} pixels"
    )
