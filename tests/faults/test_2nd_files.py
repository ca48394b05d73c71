"""Files and series as cells, second search for faults: what is timed, opened, turned, and told to be unreadable."""

from __future__ import annotations

import base64
import io
import os
import time as clock
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image as Pictures

import mapsto
from mapsto.columns import Image, Sequence
from mapsto.errors import DataError
from mapsto.fitting.affordable import rows_in_time
from mapsto.schema import Schema
from mapsto.training.run import Run

DRAW = np.random.default_rng(0)


def test_what_is_loaded_at_first_use_is_no_cost_of_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, calls = Image.encode, list[int]()

    def slow_at_first(self: Image, series: pl.Series) -> list[Any]:
        calls.append(len(series))
        clock.sleep(0.5 if len(calls) == 1 else 0.0)
        return encode(self, series)

    frame = pl.DataFrame({"photo": DRAW.integers(0, 256, (200, 16, 16), dtype=np.uint8), "y": ["a", "b"] * 100})
    schema = Schema.claim(frame, targets=["y"])
    monkeypatch.setattr(Image, "encode", slow_at_first)
    rows, notes = rows_in_time(frame, schema, np.zeros(200, np.int64), Run(time=30.0), 0)
    assert (rows, notes) == (None, [])


# -- a stranger's table


def wav(length: int = 800, pitch: float = 0.3, **options: Any) -> bytes:
    into = io.BytesIO()
    soundfile.write(into, np.sin(np.arange(length) * pitch) * 0.5, 8000, format="WAV", **options)
    return into.getvalue()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder of recordings, half of them with an ending, that tables elsewhere must not read."""
    folder = tmp_path / "secret"
    folder.mkdir()
    for i in range(20):
        (folder / f"s{i}").write_bytes(wav(pitch=0.2 if i % 2 else 0.6))
        (folder / f"s{i}.wav").write_bytes(wav(pitch=0.2 if i % 2 else 0.6))
    return folder


LABELS = ["low" if i % 2 else "high" for i in range(20)]


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> mapsto.Model:
    data = {"q": [wav(pitch=0.2 if i % 2 else 0.6) for i in range(40)], "y": LABELS * 2}
    return mapsto.fit(data, "y", network="forest", folds=2, progress=False)


def stranger(tmp_path: Path, cells: list[Any], form: str = "csv", name: str = "t") -> Path:
    folder = tmp_path / "stranger"
    folder.mkdir(exist_ok=True)
    frame = pl.DataFrame({"q": cells, "y": LABELS[: len(cells)]})
    path = folder / f"{name}.{form}"
    frame.write_csv(path) if form == "csv" else frame.write_parquet(path)
    return path


def odd(secret: Path, tmp_path: Path) -> dict[str, list[str]]:
    (tmp_path / "stranger").mkdir(exist_ok=True)
    os.symlink(secret, tmp_path / "stranger" / "link")
    return {
        "no ending": [str(secret / f"s{i}") for i in range(10)],
        "mixed with rubbish": [str(secret / f"s{i}.wav") if i < 2 else "x" for i in range(10)],
        "climbing": ["../secret/s1"] * 10,
        "a link": ["link/s1"] * 10,
        "a byte order mark": [f"\ufeff{secret}/s1.wav"] * 10,
        "blanks": [" "] * 9 + [str(secret / "s1.wav")],
    }


@pytest.mark.parametrize(
    "what", ["no ending", "mixed with rubbish", "climbing", "a link", "a byte order mark", "blanks"]
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_cell_that_is_opened_leads_out_at_prediction(
    what: str, form: str, listener: mapsto.Model, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = odd(secret, tmp_path)[what]
    monkeypatch.chdir(tmp_path / "stranger")
    path = stranger(tmp_path, cells, form)
    for ask in (listener.predict, listener.predict_proba, listener.evaluate):
        with pytest.raises(DataError, match=r"'q'.* outside the folder .*allow_paths=True"):
            ask(path)
    assert listener.predict(path, allow_paths=True).height == 10


def test_nor_at_a_fit_with_types_given_or_found(secret: Path, tmp_path: Path) -> None:
    bare = stranger(tmp_path, [str(secret / f"s{i}") for i in range(20)])
    good = stranger(tmp_path, [str(secret / f"s{i}.wav") for i in range(20)], "parquet", "categories")
    pl.read_parquet(good).cast({"q": pl.Categorical}).write_parquet(good)
    for path, types in ((bare, {"q": "audio"}), (good, None)):
        with pytest.raises(DataError, match=r"'q'.* outside the folder .*allow_paths=True"):
            mapsto.fit(path, "y", types=types, progress=False)
    own = {"q": [wav()] * 20, "y": LABELS}
    with pytest.raises(DataError, match=r"'q'.* outside the folder"):
        mapsto.fit(
            own, "y", test=str(stranger(tmp_path, [str(secret / "s1")] * 4)), types={"q": "audio"}, progress=False
        )


def test_files_without_an_ending_are_found_beside_their_table(secret: Path, listener: mapsto.Model) -> None:
    path = secret / "t.csv"
    pl.DataFrame({"q": [f"s{i}" for i in range(20)], "y": LABELS}).write_csv(path)
    assert listener.predict(path)["y"].to_list() == LABELS
    model = mapsto.fit(path, "y", types={"q": "audio"}, network="forest", folds=2, progress=False)
    assert model.predict(path)["y"].to_list() == LABELS
    pl.DataFrame({"q": ["gone"] * 20, "y": LABELS}).write_csv(path)
    with pytest.raises(DataError, match=r"the first is 'gone': there is no such file, looked for from .*its table"):
        mapsto.fit(path, "y", types={"q": "audio"}, progress=False)


# -- which axis of a series is time


def test_arrays_of_one_long_vector_are_series() -> None:
    x = DRAW.normal(size=(60, 40))
    series = {"plain": x, "(n, L, 1)": x[:, :, None], "(n, 1, L)": x[:, None, :]}
    columns = {}
    for name, cells in series.items():
        columns[name] = column = Sequence.claim(pl.Series("s", cells), name="s")
        column.learn(pl.Series("s", cells))
    turned = columns["(n, 1, L)"]
    for cells in series.values():
        values = turned.encode(pl.Series("s", cells))[0].values
        assert np.allclose(values, columns["plain"].encode(pl.Series("s", x))[0].values)
        assert not turned.malformed(pl.Series("s", cells)).any()
    assert "lists of numbers, 40 on average" in turned.reason
    assert "one vector of 40 numbers" in turned.doubt
    assert turned.malformed(pl.Series([[[1.0, 2.0], [3.0, 4.0]], [[1.0] * 40], [], None])).tolist() == [1, 0, 0, 0]
    again = Sequence.from_state(*turned.to_state())
    assert np.array_equal(again.encode(pl.Series(x[:, None]))[0].values, turned.encode(pl.Series(x[:, None]))[0].values)


def test_a_file_of_old_reads_vectors_as_it_did() -> None:
    column = Sequence(name="s")
    column.learn(pl.Series(DRAW.normal(size=(30, 2, 40))))
    state, arrays = column.to_state()
    del state["turned"]
    assert Sequence.from_state(state, arrays).encode(pl.Series(DRAW.normal(size=(5, 1, 40))))[0].values.shape == (5, 40)


def test_few_steps_of_many_numbers_are_told() -> None:
    column = Sequence.claim(pl.Series(DRAW.normal(size=(30, 3, 40))), name="s")
    assert "read as 3 steps of 40 numbers each" in column.doubt
    assert not Sequence.claim(pl.Series(DRAW.normal(size=(30, 40, 3))), name="s").doubt
    uneven = [DRAW.normal(size=(1 + i % 3, 40)).tolist() for i in range(30)]
    assert not Sequence.claim(pl.Series(uneven), name="s").doubt


# -- files as text


def png(side: int = 12, level: int = 200) -> bytes:
    into = io.BytesIO()
    Pictures.fromarray((DRAW.random((side, side)) * level).astype(np.uint8)).save(into, "PNG")
    return into.getvalue()


@pytest.mark.parametrize("head", ["data:image/png;base64,", "data:audio/wav;base64,", "DATA:image/png;base64,", ""])
def test_files_in_base64_are_read_as_what_they_hold(head: str) -> None:
    for kind in ("image", "audio"):
        if "/" in head and kind not in head:
            continue
        data = [png() if kind == "image" else wav(pitch=0.1 + i / 50) for i in range(30)]
        cells = [head + base64.b64encode(each).decode() for each in data]
        schema = Schema.claim(pl.DataFrame({"f": cells, "y": ["a", "b"] * 15}), targets=["y"])
        (column,) = schema.inputs
        assert column.type == kind
        column.learn(pl.Series(cells))
        found, expected = (column.encode(pl.Series(each))[0] for each in (cells, data))
        assert np.array_equal(getattr(found, "values", found), getattr(expected, "values", expected))
        assert not column.malformed(pl.Series(cells)).any()
        broken = pl.Series([cells[0][: len(head) + 16] + "A" * 60])
        assert column.malformed(broken)[0]
        assert column.fault(broken[0]) != "there is no such file"


def test_data_that_is_no_picture_is_told() -> None:
    cells = ["data:image/svg+xml;base64," + base64.b64encode(b"<svg>%d</svg>" % i).decode() for i in range(30)]
    schema = Schema.claim(pl.DataFrame({"f": cells, "y": ["a", "b"] * 15}), targets=["y"])
    (column,) = schema.columns[:1]
    assert "not read as image: texts in base64, but only 0 of 30 open as pictures" in column.reason + column.doubt


def test_names_that_begin_like_base64_stay_names(tmp_path: Path) -> None:
    (tmp_path / "R0lGOD.png").write_bytes(png())
    column = Image(name="p")
    assert not column.malformed(pl.Series([str(tmp_path / "R0lGOD.png")])).any()


# -- cells that hold nothing, or less than they say


def test_a_series_without_a_number_is_missing_and_told() -> None:
    series = [(DRAW.normal(size=30) + (1 if i % 2 else -1)).tolist() for i in range(60)]
    model = mapsto.fit({"s": series, "y": LABELS * 3}, "y", network="forest", folds=2, progress=False)
    for cell in ([float("nan")] * 30, [None] * 30, [float("inf")] * 30):
        frame = pl.DataFrame({"s": pl.Series([series[0], cell], dtype=pl.List(pl.Float64))})
        assert model.predict(frame)["y"].to_list() == ["high", None]
        told = " ".join(note.text for note in model.last_problems)
        assert "1 of 2 cells (50.0%) cannot be read as sequence" in told
        assert "it holds no number" in told
    column = Sequence(name="s")
    column.learn(pl.Series(series))
    cells = pl.Series([[], [None], [1.0, None], [None, None], [2.0], None], dtype=pl.List(pl.Float64))
    (found,) = column.encode(cells)
    assert np.diff(found.offsets).tolist() == [0, 0, 2, 0, 1, 0]
    assert column.malformed(cells).tolist() == [False, True, False, True, False, False]


def test_a_sound_that_is_cut_or_silent_of_numbers_is_told(listener: mapsto.Model) -> None:
    whole, into = wav(4000), io.BytesIO()
    soundfile.write(into, np.full(4000, np.nan), 8000, format="WAV", subtype="FLOAT")
    for cell in (whole[: len(whole) // 3], whole[:46]):
        listener.predict({"q": [whole, cell]})
        (note,) = listener.last_problems
        assert "1 of 2 cells (50.0%) end before they say they do" in note.text
    assert listener.predict({"q": [whole, into.getvalue()]})["y"][1] is None
    assert "1 of 2 cells (50.0%) cannot be read as audio" in listener.last_problems[0].text


def test_whole_recordings_of_all_forms_are_not_told_to_be_cut(listener: mapsto.Model) -> None:
    x, cells = np.sin(np.arange(8000) * 0.3) * 0.5, []
    for form, subtype in [("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("FLAC", None),
                          ("OGG", None), ("MP3", None), ("AIFF", None), ("AU", None), ("WAVEX", None)]:  # fmt: skip
        into = io.BytesIO()
        soundfile.write(into, np.stack([x, x], axis=1), 8000, format=form, subtype=subtype)
        cells.append(into.getvalue())
    endless = bytearray(wav(4000))
    endless[40:44] = b"\xff" * 4
    listener.predict({"q": [*cells, bytes(endless)]})
    assert not [note.text for note in listener.last_problems if "end before" in note.text]


def test_each_picture_that_cannot_be_read_has_its_own_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [Path(f"{i}.png") for i in range(6)]
    for i, file in enumerate(files):
        file.write_bytes(png(32))
        if i == 1:
            file.write_bytes(file.read_bytes()[:400])
    files[2].unlink()
    Pictures.new("1", (20_000, 15_000)).save(files[3])
    files[4].write_bytes(b"no picture")
    frame = pl.DataFrame({"p": list(map(str, files)), "y": ["a", "b"] * 3})
    schema = Schema.claim(frame.head(2), targets=["y"], inputs=["p"], types={"p": "image"})
    schema.learn(frame.head(1))
    (note,) = schema.unread_notes(frame, schema.unread(frame, schema.encode(frame)))
    assert "1.png' (its pixels are damaged)" in note.text
    assert "2.png' (there is no such file)" in note.text
    assert "3.png' (it declares more than 100,000,000 pixels, which are refused)" in note.text
    assert "no picture of a known form" in schema.inputs[0].fault(str(files[4]))


def test_one_picture_or_sound_is_a_row(listener: mapsto.Model) -> None:
    pictures = [DRAW.integers(0, 100, (12, 12)).astype(np.uint8) + (0 if i % 2 else 100) for i in range(40)]
    model = mapsto.fit({"p": np.stack(pictures), "y": LABELS * 2}, "y", network="forest", folds=2, progress=False)
    into = io.BytesIO()
    Pictures.fromarray(pictures[0]).save(into, "PNG")
    for one in (pictures[0], pictures[0][:, :, None], Pictures.fromarray(pictures[0]), into.getvalue()):
        assert model.predict(one)["y"].to_list() == ["high"]
    assert listener.predict(wav(pitch=0.6))["y"].to_list() == ["high"]
    with pytest.raises(DataError, match="cannot read a table"):
        model.predict(np.zeros((5, 12, 12), np.uint8))
