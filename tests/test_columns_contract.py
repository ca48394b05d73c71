"""Every column type obeys the laws of `mapsto.testing.check_column`, on many kinds of series."""

from __future__ import annotations

import datetime
import decimal
import io

import numpy as np
import PIL.Image
import polars as pl
import pytest
import soundfile

from mapsto.columns import (
    TYPES,
    Audio,
    Boolean,
    Category,
    Date,
    Identifier,
    Ignored,
    Image,
    Number,
    Sequence,
    Set,
    Text,
    Tree,
    Video,
)
from mapsto.testing import check_column

ROWS = 60
DRAW = np.random.default_rng(0)
DAYS = [datetime.datetime(2021, 3, 1, 8) + datetime.timedelta(hours=29 * i) for i in range(ROWS)]
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "wise", "wizards", "watch"]
TEXTS = [" ".join(DRAW.choice(WORDS, 6)) for _ in range(ROWS)]
CITIES = DRAW.choice(["Oslo", "Bonn", "Rome", "Łódź"], ROWS).tolist()
GENRES = ["|".join(DRAW.choice(["a", "b", "c", "d"], 2, replace=False)) for _ in range(ROWS)]


def _wav(samples: np.ndarray) -> bytes:
    into = io.BytesIO()
    soundfile.write(into, samples, 4000, format="WAV")
    return into.getvalue()


def with_gaps(values: list[object], dtype: object = None) -> pl.Series:
    """A series named x in which every seventh cell is missing."""
    return pl.Series("x", [None if i % 7 == 3 else value for i, value in enumerate(values)], dtype=dtype)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PIXELS = np.random.default_rng(1).integers(0, 256, (ROWS // 2, 12, 10, 3), dtype=np.uint8)
MORE = np.random.default_rng(1)
CLIPS = MORE.integers(0, 256, (ROWS, 3, 6, 5, 3))
NUMBERS = DRAW.normal(50, 20, ROWS)
CASES = {
    "number-floats": (Number, with_gaps(NUMBERS.tolist())),
    "number-float32": (Number, with_gaps(NUMBERS.tolist(), pl.Float32)),
    "number-odd": (Number, with_gaps([float("nan"), float("inf"), 1e308, -1e200, 3.0, 2.0] * (ROWS // 6))),
    "number-int8": (Number, with_gaps((NUMBERS % 100).astype(int).tolist(), pl.Int8)),
    "number-uint64": (Number, with_gaps([int(abs(x)) + 2**63 for x in NUMBERS], pl.UInt64)),
    "number-decimal": (Number, with_gaps([decimal.Decimal(f"{x:.2f}") for x in NUMBERS], pl.Decimal(10, 2))),
    "number-durations": (Number, with_gaps([datetime.timedelta(seconds=float(x)) for x in NUMBERS])),
    "number-text": (Number, with_gaps([f" ${x:,.2f}" for x in NUMBERS * 1000])),
    "number-comma": (Number, with_gaps([f"{x:.2f}".replace(".", ",") for x in NUMBERS])),
    "number-constant": (Number, with_gaps([4.0] * ROWS)),
    "number-standard": (Number(scaling="standard"), with_gaps(NUMBERS.tolist())),
    "number-minmax": (Number(scaling="minmax"), with_gaps(NUMBERS.tolist())),
    "number-quantile": (Number(scaling="quantile"), with_gaps(NUMBERS.tolist())),
    "number-quantile-bins": (Number(edges="quantile", bins=8), with_gaps(NUMBERS.tolist())),
    "category-text": (Category, with_gaps(CITIES)),
    "category-categorical": (Category, with_gaps(CITIES, pl.Categorical)),
    "category-enum": (Category, with_gaps(CITIES, pl.Enum(["Łódź", "Rome", "Oslo", "Bonn", "Nice"]))),
    "category-ordered": (Category(ordered=["Bonn", "Łódź", "Oslo", "Rome"]), with_gaps(CITIES)),
    "category-int": (Category, with_gaps(DRAW.integers(0, 4, ROWS).tolist())),
    "category-int8": (Category, with_gaps(DRAW.integers(0, 4, ROWS).tolist(), pl.Int8)),
    "category-float": (Category, with_gaps(DRAW.choice([0.5, 1.0, 2.5], ROWS).tolist())),
    "category-bool": (Category, with_gaps(DRAW.choice([True, False], ROWS).tolist())),
    "category-dates": (Category, with_gaps([day.date().replace(day=1) for day in DAYS])),
    "category-small": (Category(max_size=4, min_count=1), with_gaps(CITIES)),
    "boolean": (Boolean, with_gaps(DRAW.choice([True, False], ROWS).tolist())),
    "boolean-text": (Boolean, with_gaps(DRAW.choice(["yes", "No", " no "], ROWS).tolist())),
    "date-days": (Date, with_gaps([day.date() for day in DAYS])),
    "date-times": (Date, with_gaps(DAYS)),
    "date-zone": (Date, with_gaps(DAYS, pl.Datetime("us", "Europe/Paris"))),
    "date-clock": (Date, with_gaps([day.time() for day in DAYS])),
    "date-text": (Date, with_gaps([f"{day:%d/%m/%Y}" for day in DAYS])),
    "date-iso-zone": (Date, with_gaps([f"{day:%Y-%m-%dT%H:%M:%S}+02:00" for day in DAYS])),
    "set-text": (Set, with_gaps(GENRES)),
    "set-spaced": (Set, with_gaps([genre.replace("|", ", ") for genre in GENRES])),
    "set-lists": (Set, with_gaps([genre.split("|") for genre in GENRES])),
    "set-int-lists": (Set, with_gaps([[i % 3, i % 5] for i in range(ROWS)])),
    "text": (Text, with_gaps(TEXTS)),
    "text-characters": (Text(characters=True, size=50), with_gaps(TEXTS)),
    "text-bytepairs": (Text(pieces="bytepairs", words=280, length=9), with_gaps(TEXTS)),
    "identifier": (Identifier, with_gaps(list(range(ROWS)))),
    "tree-judged": (Tree, with_gaps([f"({i % 5} (2 {word}) ({i % 3} again))" for i, word in enumerate(CITIES)])),
    "tree-named": (
        Tree(min_count=1),
        with_gaps([f"(S the (NP {word}) ({word} {i}))" for i, word in enumerate(CITIES)]),
    ),
    "sequence": (Sequence, with_gaps([MORE.normal(3, 9, 1 + i % 9).tolist() for i in range(ROWS)])),
    "sequence-vectors": (Sequence, with_gaps([MORE.normal(3, 9, (1 + i % 9, 2)).tolist() for i in range(ROWS)])),
    "sequence-array": (Sequence(longest=3), with_gaps(MORE.normal(size=(ROWS, 4)).tolist(), pl.Array(pl.Float32, 4))),
    "sequence-text": (Sequence, with_gaps([str(MORE.normal(3, 9, 1 + i % 9).tolist()) for i in range(ROWS)])),
    "video-array": (Video, pl.Series("x", MORE.integers(0, 256, (ROWS, 3, 6, 8)).astype(np.uint8))),
    "video-lists": (Video(frames=2), with_gaps([CLIPS[i, : 1 + i % 3].tolist() for i in range(ROWS)])),
    "video-album": (Video, with_gaps([[_png(p) for p in PIXELS[i : i + 1 + i % 3]] for i in range(20)])),
    "audio-bytes": (Audio(bands=16), with_gaps([_wav(MORE.normal(0, 0.1, 900 + 50 * i)) for i in range(ROWS)])),
    "audio-samples": (Audio(bands=16, rate=4000), with_gaps([MORE.normal(0, 0.1, 400).tolist() for _ in range(ROWS)])),
    "image-pixels": (Image, pl.Series("x", PIXELS[..., 0])),
    "image-pixels-gaps": (Image, with_gaps(PIXELS[..., 0].tolist(), pl.Array(pl.UInt8, PIXELS.shape[1:3]))),
    "image-numbers": (Image(size=8, channels=3), pl.Series("x", PIXELS[..., 0] / 255)),
    "image-lists": (Image, with_gaps([pixels[: 9 + i % 3].tolist() for i, pixels in enumerate(PIXELS)])),
    "image-tiles": (Image(size=8, tiles=2), with_gaps([_png(pixels) for pixels in PIXELS])),
    "image-bytes": (Image(size=(8, 16)), with_gaps([_png(pixels) for pixels in PIXELS])),
    "ignored": (Ignored, with_gaps([1] * ROWS)),
}


@pytest.mark.parametrize("name", CASES)
def test_laws_hold(name: str) -> None:
    check_column(*CASES[name])


def test_every_type_has_a_case() -> None:
    tested = {kind if isinstance(kind, type) else type(kind) for kind, _ in CASES.values()}
    assert tested == set(TYPES)
