"""Identifiers and ignored columns: what is left out, and why."""

from __future__ import annotations

import uuid

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Identifier, Ignored
from mapsto.errors import ColumnRefused

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("n", list(range(60)), "steps of 1"),
        ("row", DRAW.permutation(60).tolist(), "steps of 1"),
        ("index", list(range(1000, 1600, 10)), "steps of 10"),
        ("order_id", DRAW.choice(10**6, 30, replace=False).tolist(), "named like"),
        ("n", [str(uuid.UUID(int=int(DRAW.integers(2**62)))) for _ in range(20)], "UUID"),
        ("n", [f"C{i:05}" for i in DRAW.choice(10**5, 20, replace=False)], "letter key"),
        ("n", [f"C{i:05}-{DRAW.integers(2**31):08x}" for i in range(20)], "one length"),
        ("n", [str(i) for i in range(1, 100)], "steps of 1"),
        ("ticketId", ["ab", "cd", "ef"], "named like"),
    ],
)
def test_keys_are_recognised(name: str, values: list[object], why: str) -> None:
    reason = Identifier.claim(pl.Series(values), name=name).reason
    assert why in reason
    assert "says nothing" in reason


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", DRAW.choice(10**6, 60, replace=False).tolist()),
        ("price", DRAW.normal(size=60).tolist()),
        ("id", [1, 1, 2, 2]),
        ("x", list(range(20))),
        ("dose", DRAW.permutation(60).tolist()),
        ("year", list(range(1950, 2020))),
        (
            "smiles",
            ["CCO", "CC(=O)Oc1ccccc1", "c1ccc2ccccc2c1", "CN1C=NC2", "O=C(O)c1", "CC1", "CCC2", "C3CCCC3CC"] * 1,
        ),
        ("id", ["a long sentence", "another long sentence"]),
        ("price", [f"{x:.2f}" for x in DRAW.normal(50, 9, 40)]),
        ("when", [True, False]),
    ],
)
def test_other_columns_are_refused(name: str, values: list[object]) -> None:
    with pytest.raises(ColumnRefused):
        Identifier.claim(pl.Series(values), name=name)


def test_an_identifier_is_no_target() -> None:
    with pytest.raises(ColumnRefused, match="cannot be learned"):
        Identifier.claim(pl.Series(range(100)), name="id", target=True)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "no rows"),
        ([None, None], "empty"),
        ([float("nan"), None], "empty"),
        (["", "  "], "empty"),
        ([7, 7, 7], "all values are equal (7)"),
        ([[], None], None),
    ],
)
def test_columns_without_content_are_ignored(values: list[object], why: str | None) -> None:
    series = pl.Series(values, dtype=pl.Int64 if not values else None)
    if why is None:
        with pytest.raises(ColumnRefused):
            Ignored.claim(series, name="x")
    else:
        assert why in Ignored.claim(series, name="x").reason


def test_a_late_second_value_is_found() -> None:
    values = np.zeros(30_001, dtype=np.int64)
    values[17_777] = 1
    with pytest.raises(ColumnRefused):
        Ignored.claim(pl.Series(values), name="x")
