"""Made inputs that take long for each cell or column, to see whether a time is kept: nothing here is hard to learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl


def clips(folder: Path) -> tuple[pl.DataFrame, str]:
    """60 clips of 150 frames: which way a bright square moves."""
    import av

    random, rows = np.random.default_rng(0), []
    for number in range(60):
        right, path = number % 2, folder / f"{number}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            begin = int(random.integers(0, 200))
            for time in range(150):
                picture = random.integers(0, 60, (240, 320, 3), dtype=np.uint8)
                at = (begin + (time if right else -time)) % 260
                picture[80:160, at : at + 60] = 220
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        rows.append({"clip": str(path), "way": "right" if right else "left"})
    return pl.DataFrame(rows), "way"


def sounds(folder: Path) -> tuple[pl.DataFrame, str]:
    """60 recordings of 40 s: high or low."""
    import soundfile

    random, rows = np.random.default_rng(0), []
    time = np.arange(44_100 * 40) / 44_100
    for number in range(60):
        high, path = number % 2, folder / f"{number}.wav"
        tone = np.sin(2 * np.pi * (300 + 200 * high + 40 * random.normal()) * time)
        soundfile.write(path, (0.3 * tone + 0.1 * random.normal(size=len(time))).astype(np.float32), 44_100)
        rows.append({"sound": str(path), "pitch": "high" if high else "low"})
    return pl.DataFrame(rows), "pitch"


def series(_: Path) -> tuple[pl.DataFrame, str]:
    """100 series of 1,460 steps: one of three rates."""
    random, steps = np.random.default_rng(0), np.arange(1_460)
    kinds = [number % 3 for number in range(100)]
    loads = [np.sin(steps * (0.02 + 0.01 * k) + 6 * random.random()) + random.normal(size=1_460) / 2 for k in kinds]
    return pl.DataFrame({"load": [each.tolist() for each in loads], "kind": [f"rate {k}" for k in kinds]}), "kind"


def wide(_: Path) -> tuple[pl.DataFrame, str]:
    """200 rows of 5,000 numbers, two of which tell."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5_000))
    positive = x[:, 0] + x[:, 1] + 0.3 * random.normal(size=200) > 0
    return pl.DataFrame({f"g{j}": x[:, j] for j in range(5_000)} | {"y": np.where(positive, "a", "b")}), "y"


def classes(_: Path) -> tuple[pl.DataFrame, str]:
    """6,000 rows of 20 numbers in 60 classes."""
    random = np.random.default_rng(0)
    code = np.arange(6_000) % 60
    x = random.normal(size=(60, 20))[code] + random.normal(size=(6_000, 20))
    return pl.DataFrame({f"x{j}": x[:, j] for j in range(20)} | {"y": [f"class {k}" for k in code]}), "y"


MADE: dict[str, tuple[Callable[[Path], tuple[pl.DataFrame, str]], str]] = {
    "clips": (clips, "5"),
    "sounds": (sounds, "15"),
    "series": (series, "20,90"),
    "wide": (wide, "20"),
    "classes": (classes, "5,20"),
}
"""By name: what makes the rows, their files in a folder, and the seconds that are given."""
