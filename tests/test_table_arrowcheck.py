from __future__ import annotations

import io
import struct
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.errors import DataError
from mapsto.table import read
from mapsto.table.arrowcheck import MalformedError, check_arrow

FRAME = pl.DataFrame(
    {"a": range(50), "t": ["text"] * 50, "l": [[1]] * 50, "c": pl.Series(["p", "q"] * 25, dtype=pl.Categorical)}
)


def written(*, stream: bool, compression: str = "uncompressed") -> bytes:
    data = io.BytesIO()
    (FRAME.write_ipc_stream if stream else FRAME.write_ipc)(data, compression=compression)
    return data.getvalue()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_whole_files_pass(stream, compression):
    check_arrow(written(stream=stream, compression=compression))


@given(data=st.data())
def test_damage_is_an_answer_never_an_accident(data):
    raw = bytearray(written(stream=data.draw(st.booleans()), compression=data.draw(st.sampled_from(["lz4", "zstd"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with suppress(MalformedError):
        check_arrow(cut)


def test_a_buffer_larger_than_the_file_is_refused_before_the_parser_sees_it(tmp_path):
    raw = written(stream=False)
    size = struct.pack("<q", 50 * 8)
    places = [at for at in range(len(raw)) if raw.startswith(size, at)]
    assert places
    reasons = []
    for at in places:
        path = tmp_path / "t.arrow"
        path.write_bytes(raw[:at] + struct.pack("<q", 1 << 59) + raw[at + 8 :])
        try:
            read(path)
        except DataError as error:
            reasons.append(str(error))
    assert any("values lie outside the file" in reason for reason in reasons)
    assert all("t.arrow" in reason for reason in reasons)
