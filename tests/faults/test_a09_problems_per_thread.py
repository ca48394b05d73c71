"""`last_problems` are those of the thread that asks."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mapsto
from mapsto.model import Model

ROWS = {"x": [float(i % 17) for i in range(60)], "y": ["a" if i % 17 > 8 else "b" for i in range(60)]}


def model() -> Model:
    return mapsto.fit(ROWS, "y", network="dummy", progress=False, threads=1)


def test_each_thread_has_its_own():
    learned, together = model(), Barrier(4)

    def ask(bad: int) -> int:
        learned.predict({"x": [*["what"] * bad, "1", "2"]})
        together.wait()
        return learned.last_problems[0].count if learned.last_problems else 0

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, [0, 1, 2, 3])) == [0, 1, 2, 3]
    assert learned.last_problems == []


def test_copies_have_their_own():
    learned = model()
    learned.predict({"x": ["what", "1"]})
    again = copy.deepcopy(learned)
    assert learned.last_problems
    assert again.last_problems == []
    assert again.predict({"x": ["1"]}).height == 1
