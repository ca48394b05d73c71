"""Categories and booleans: codes, classes, and the user's own values back."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Boolean, Category
from mapsto.errors import ColumnRefused, DataError, OptionError

VALUES = st.one_of(
    st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=120),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=120),
    st.lists(st.none() | st.sampled_from([0.5, 1.0, 2.0, float("nan"), float("inf")]), min_size=1, max_size=120),
)


def learned(values: list[object], dtype: object = None, **options: object) -> Category:
    column = Category(name="x", **options)
    column.learn(pl.Series("x", values, dtype=dtype))
    return column


@given(values=VALUES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_codes_mean_the_same_for_few_rows_and_many(values: list[object], data: st.DataObject) -> None:
    series = pl.Series("x", values, strict=False)
    column = learned(series.to_list(), series.dtype, min_count=1)
    (codes,) = column.encode(series)
    many = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=100, max_size=120))
    assert np.array_equal(column.encode(series[many])[0], codes[many])
    blank = [v is None or v != v or (isinstance(v, str) and not v.strip(" \t\r\n\v\f\u00a0\ufeff")) for v in values]
    assert np.array_equal(codes == 0, blank)
    finite = np.array([not isinstance(v, float) or np.isfinite(v) for v in values])
    assert (codes[~np.array(blank) & finite] >= 2).all()


def test_codes_fall_with_frequency_and_rare_ones_are_unseen() -> None:
    column = learned(["b"] * 3 + ["a"] * 5 + ["c"] + [None])
    assert column.encode(pl.Series(["a", "b", "c", "z", None]))[0].tolist() == [2, 3, 1, 1, 0]
    assert column.parts[0].size == 4


def test_high_cardinality_is_cut_and_the_rest_is_rare() -> None:
    values = [f"v{i}" for i in range(3000) for _ in range(2 if i < 2000 else 5)]
    column = learned(values)
    assert column.parts[0].size == 1002
    assert column.encode(pl.Series(["v0", "v2999"]))[0].tolist()[0] == 1
    assert column.summary(pl.Series(values))["distinct"] == 3000


def test_blanks_around_a_value_do_not_matter() -> None:
    column = learned(["no", "yes", " no ", "no", "yes"])
    assert column.classes == ["no", "yes"]
    assert column.encode(pl.Series(["  yes", "no\t", "  "]))[0].tolist() == [3, 2, 0]


@pytest.mark.parametrize("other", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64, pl.Decimal(10, 2), pl.String])
def test_whole_numbers_are_the_same_in_any_dtype(other: object) -> None:
    column = learned([1, 2, 2, 3, 3, 3])
    arrived = pl.Series("x", [3, 2, 7, None]).cast(other)
    for series in (arrived, pl.concat([arrived] * 30)):
        assert column.encode(series)[0][:4].tolist() == [2, 3, 1, 0]


def test_text_codes_read_numbers_that_arrive_as_such() -> None:
    column = learned(["1", "1", "2", "2"], min_count=1)
    assert column.encode(pl.Series([1.0, 2.0, 2.5]))[0].tolist() == [2, 3, 1]


def test_given_order_adds_a_rank() -> None:
    cuts = ["Fair", "Good", "Ideal"]
    column = learned(["Good", "Fair", "Ideal", "Ideal", None], ordered=cuts)
    codes, ranks = column.encode(pl.Series([*cuts, "odd", None]))
    assert codes.tolist() == [2, 3, 4, 1, 0]
    assert ranks[:3].tolist() == [-1, 0, 1]
    assert np.isnan(ranks[3:]).all()
    assert column.parts[1].edges == (-1.0, 0.0, 1.0)
    assert column.classes == cuts
    assert column.features([codes, ranks]).categorical == [False]


def test_an_order_must_name_every_value() -> None:
    with pytest.raises(DataError, match=r"holds \['Great'\].*does not name"):
        learned(["Good", "Great"], ordered=["Good"])
    with pytest.raises(OptionError, match="once"):
        Category(ordered=["a", "a"])


def test_enum_order_is_kept_and_its_dtype_given_back() -> None:
    dtype = pl.Enum(["low", "mid", "high"])
    column = Category.claim(pl.Series(["high", "low"], dtype=dtype), name="x")
    column.learn(pl.Series(["high", "low"], dtype=dtype))
    decoded = column.decode(np.array([[0.1, 0.9]]))
    assert decoded.dtype == dtype
    assert decoded.to_list() == ["high"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 1, 1], pl.Int8),
        ([3, 1, 2], pl.UInt64),
        (["b", "a"], pl.String),
        ([True, False], pl.Boolean),
        (["b", "a"], pl.Categorical),
        ([0.0, 1.0], pl.Float64),
    ],
)
def test_classes_are_sorted_and_decode_to_the_users_dtype(values: list[object], dtype: object) -> None:
    column = learned(values, dtype)
    assert column.classes == sorted(set(values))
    truth = column.encode_target(pl.Series("x", values, dtype=dtype))
    back = column.decode(np.eye(column.out_features)[truth])
    assert back.dtype == dtype
    assert back.to_list() == values


def test_class_seen_once_is_still_a_class() -> None:
    column = learned(["common"] * 9 + ["once"])
    assert column.classes == ["common", "once"]
    assert column.encode_target(pl.Series(["once", "new", None])).tolist() == [1, -2, -1]


def test_threshold_chooses_the_second_class() -> None:
    column = learned(["bad", "good"])
    prediction = np.array([[0.6, 0.4], [0.9, 0.1], [np.nan, np.nan]])
    assert column.decode(prediction).to_list() == ["bad", "bad", None]
    assert column.decode(prediction, threshold=0.3).to_list() == ["good", "bad", None]


def test_too_many_classes_are_an_error_that_says_what_to_do() -> None:
    column = learned([str(i) for i in range(20)], max_size=10)
    with pytest.raises(DataError, match=r"20 distinct values.*raise max_size"):
        _ = column.classes


@pytest.mark.parametrize(
    ("values", "name", "target"),
    [
        (list(range(100)), "count", False),
        (np.linspace(0, 1, 50).tolist(), "share", True),
        (np.repeat(np.arange(0.5, 5.5, 0.5), 30).tolist(), "rating", True),
        ([f"some long text number {i} about something quite different" for i in range(50)], "text", False),
        (list(range(1000)), "price", True),
    ],
)
def test_quantities_and_texts_are_refused(values: list[object], name: str, target: bool) -> None:
    with pytest.raises(ColumnRefused):
        Category.claim(pl.Series(values), name=name, target=target)


def test_repeating_ids_and_postal_codes_are_codes() -> None:
    for name in ("userId", "zip", "postal_code", "store_id"):
        assert "codes by their name" in Category.claim(pl.Series([1, 1, 2, 2]), name=name).reason


def test_diamonds_cut_in_order_of_frequency() -> None:
    frame = pl.read_csv(shared_data("diamonds", "diamonds.csv.gz"))
    column = Category(name="cut")
    column.learn(frame["cut"])
    (codes,) = column.encode(frame["cut"])
    assert frame["cut"].filter(pl.Series(codes == 2)).unique().to_list() == ["Ideal"]
    assert np.bincount(codes)[2:].tolist() == sorted(np.bincount(codes)[2:].tolist(), reverse=True)


# -- booleans


@pytest.mark.parametrize(
    "values",
    [["yes", "no"], ["TRUE", "False"], ["Y", "n"], ["t", "f"], ["1", "0"], ["on", "off"], [" Yes ", "NO"]],
)
def test_spellings_of_true_and_false(values: list[str]) -> None:
    column = Boolean.claim(pl.Series(values), name="x")
    column.learn(pl.Series(values))
    assert column.encode(pl.Series([*values, None, "maybe"]))[0].tolist() == [3, 2, 0, 1]
    assert column.malformed(pl.Series([*values, None, "maybe"])).tolist() == [False, False, False, True]
    assert column.encode_target(pl.Series(values)).tolist() == [1, 0]
    assert column.decode(np.array([[0.0, 1.0], [1.0, 0.0]])).to_list() == values


@pytest.mark.parametrize("values", [["good", "bad"], ["yes", "no", "maybe"], ["", " "], ["0", "1", "2"]])
def test_other_words_are_not_boolean(values: list[str]) -> None:
    with pytest.raises(ColumnRefused):
        Boolean.claim(pl.Series(values), name="x")


def test_boolean_reads_any_form_of_its_values() -> None:
    column = Boolean(name="x")
    column.learn(pl.Series([True, False, True]))
    for arrived in ([True, False, None], [1, 0, None], [1.0, 0.0, float("nan")], ["true", "no", ""]):
        assert column.encode(pl.Series(arrived))[0].tolist() == [3, 2, 0]
    assert column.classes == [False, True]
    assert column.decode(np.array([[0.2, 0.8]])).dtype == pl.Boolean


def test_boolean_keeps_the_commonest_spelling() -> None:
    column = Boolean(name="x")
    column.learn(pl.Series(["YES", "yes", "yes", "No", " No", "Yes"]))
    assert column.classes == ["No", "yes"]
    column.learn(pl.Series(["Y", "Y"]))
    assert column.classes == ["n", "Y"]
