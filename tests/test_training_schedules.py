from __future__ import annotations

import numpy as np
import pytest

from mapsto.errors import OptionError
from mapsto.training.schedules import SCHEDULES, get

PROGRESS = np.linspace(0, 1, 201)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.3])
def test_factors_lie_between_0_and_1_and_reach_1(name, warmup):
    factors = np.array([get(name)(p, warmup) for p in PROGRESS])
    assert factors.min() >= 0
    assert factors.max() == pytest.approx(1.0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rises_during_warmup_and_never_after(name):
    factors = np.array([get(name)(p, 0.3) for p in PROGRESS])
    assert (np.diff(factors[PROGRESS <= 0.3]) > 0).all()
    assert (np.diff(factors[PROGRESS >= 0.3]) <= 1e-12).all()


@pytest.mark.parametrize(
    "name, progress, factor",
    [
        ("constant", 1.0, 1.0),
        ("step", 0.5, 0.1),
        ("step", 0.75, 0.01),
        ("cosine", 0.25, 0.85355339),
        ("cosine", 1.0, 0.0),
        ("one-cycle", 0.5, 0.50005),
        ("one-cycle", 1.0, 1e-4),
        ("warmup-stable-decay", 0.8, 1.0),
        ("warmup-stable-decay", 0.95, 1 - np.sqrt(0.75)),
    ],
)
def test_numbers_without_warmup(name, progress, factor):
    assert get(name)(progress, 0.0) == pytest.approx(factor, abs=1e-7)


def test_unknown_name():
    with pytest.raises(OptionError, match="expected one of constant, step"):
        get("linear")
