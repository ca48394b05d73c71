"""What is decoded at once is bound by pixels, not by the number of pictures."""

from __future__ import annotations

import threading
import time
from io import BytesIO

import numpy as np
import PIL.Image
import polars as pl
import pytest

from mapsto.columns import Image
from mapsto.columns.common import parallel, pixels
from mapsto.columns.common.parallel import InFlight


def test_together_they_stay_below_the_bound() -> None:
    room, now, most = InFlight(10), 0, 0
    lock = threading.Lock()

    def hold(size: int) -> None:
        nonlocal now, most
        with room.of(size):
            with lock:
                now += min(size, 10)
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= min(size, 10)

    threads = [threading.Thread(target=hold, args=(size,)) for size in (3, 4, 25, 9, 1, 2, 10, 5) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "what is larger than the bound is let in alone"
    assert most <= 10
    assert room.free == 10


def test_room_is_given_back_after_an_error() -> None:
    room = InFlight(5)
    with pytest.raises(KeyError), room.of(5):
        raise KeyError
    assert room.free == 5


def test_pictures_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    file = BytesIO()
    PIL.Image.fromarray(np.arange(120 * 100, dtype=np.uint32).reshape(120, 100).astype(np.uint8)).save(file, "PNG")
    cells = pl.Series([file.getvalue()] * 80)
    seen, fitted = [], pixels._fitted
    room = InFlight(30_000)

    def watched(*given: object) -> np.ndarray:
        seen.append(room.most - room.free)
        time.sleep(0.001)
        return fitted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pixels, "PIXELS", room)
    monkeypatch.setattr(pixels, "_fitted", watched)
    monkeypatch.setattr(parallel.processors, "available", lambda: 8)
    column = Image(name="x")
    column.learn(cells)
    assert column.encode(cells)[0].any(axis=(1, 2, 3)).all()
    assert 0 < max(seen) <= 30_000


def test_a_picture_is_not_copied_in_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    file = BytesIO()
    PIL.Image.new("RGB", (64, 64), "red").save(file, "PNG")
    monkeypatch.setattr(PIL.Image.Image, "convert", lambda *_: pytest.fail("copied"))
    assert pixels.pixels(file.getvalue(), 32, 32, 3)[0][0, 0].tolist() == [255, 0, 0]
