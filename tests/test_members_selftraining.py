"""Learning from rows without a class."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import mapsto
from mapsto.errors import OptionError

DIGITS = load_digits()


def rows(known: int) -> dict[str, np.ndarray]:
    """All but 300 digits, of which only the first few have a class."""
    truth = DIGITS.target.astype(str).astype(object)
    truth[known:] = None
    return {"image": np.kron(DIGITS.images, np.ones((2, 2))).astype(np.uint8)[:1497] * 15, "digit": truth[:1497]}


def held() -> dict[str, np.ndarray]:
    return {"image": np.kron(DIGITS.images, np.ones((2, 2))).astype(np.uint8)[1497:] * 15,
            "digit": DIGITS.target[1497:].astype(str)}  # fmt: skip


def test_what_validates_better_stays_and_is_said():
    model = mapsto.fit(rows(400), target="digit", test=held(), network="lenet", progress=False, threads=1,
                       recipe={"learning": {"epochs": 10}})  # fmt: skip
    told = [note.text for note in model.notes if "rows without a class" in note.text]
    assert told
    assert all("was kept: " in text or "was dropped: " in text for text in told)
    assert model.evaluate(held())["digit"]["accuracy"] > 0.7


def test_it_can_be_switched_off():
    model = mapsto.fit(rows(400), target="digit", test=held(), network="lenet", progress=False, threads=1,
                       recipe={"learning": {"epochs": 2, "self_train": False}})  # fmt: skip
    assert not [note for note in model.notes if "without a class" in note.text and "lenet" in note.text]


@pytest.mark.parametrize(("more", "said"), [({"pretrain": True}, "pretrain=True"), ({}, "single target of classes")])
def test_what_cannot_be_meant_is_refused(more, said):
    table = rows(400)
    if not more:
        table["digit"] = np.where(np.arange(1497) < 400, DIGITS.target[:1497].astype(float), np.nan)
    with pytest.raises(OptionError, match=said):
        mapsto.fit(table, target="digit", network="lenet", progress=False,
                   types=None if more else {"digit": "number"},
                   recipe={"learning": {"epochs": 2, "self_train": True, **more}})  # fmt: skip
