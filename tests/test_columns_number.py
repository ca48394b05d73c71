"""Numbers: scales, bins, and numbers written as text."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Guide, Number
from mapsto.errors import ColumnRefused, OptionError

FLOATS = st.lists(st.none() | st.floats(width=64), min_size=1, max_size=40)
SCALINGS = ("robust", "standard", "minmax", "quantile")


def learned(values: list[float | None], **options: object) -> Number:
    column = Number(name="x", **options)
    column.learn(pl.Series("x", values, dtype=pl.Float64))
    return column


@pytest.mark.parametrize("scaling", SCALINGS)
@given(values=FLOATS, others=FLOATS)
@settings(max_examples=60, deadline=None)
def test_any_floats_encode_to_rising_finite_numbers(
    scaling: str, values: list[float | None], others: list[float | None]
) -> None:
    column = learned(values, scaling=scaling)
    series = pl.Series("x", others, dtype=pl.Float64)
    (encoded,) = column.encode(series)
    x = np.array([np.nan if v is None else v for v in others])
    readable = np.abs(x) <= 1e150
    assert np.array_equal(np.isfinite(encoded), readable)
    order = np.argsort(x[readable])
    assert (np.diff(encoded[readable][order]) >= 0).all()
    assert not np.isinf(column.features([encoded]).values).any()
    assert np.array_equal(column.malformed(series), ~readable & ~np.isnan(x))


@given(values=FLOATS)
@settings(max_examples=60, deadline=None)
def test_edges_rise_strictly_and_span_the_training_values(values: list[float | None]) -> None:
    column = learned(values)
    (encoded,) = column.encode(pl.Series("x", values, dtype=pl.Float64))
    (part,) = column.parts
    known = encoded[np.isfinite(encoded)]
    edges = np.array(part.edges, dtype=np.float32)
    assert (np.diff(edges) > 0).all()
    assert len(edges) == 0 if len(np.unique(known)) < 2 else (edges[0], edges[-1]) == (known.min(), known.max())


def test_robust_scale_puts_median_at_zero_and_clips_smoothly() -> None:
    column = learned([1.0, 2.0, 3.0, 4.0, 5.0])
    (encoded,) = column.encode(pl.Series([3.0, 5.0, 1e6, -1e6]))
    z = (5 - 3) / 2
    assert encoded == pytest.approx([0, z / np.sqrt(1 + (z / 3) ** 2), 3, -3], abs=1e-4)


@pytest.mark.parametrize(("scaling", "expected"), [("standard", [-1.0, 1.0]), ("minmax", [0.0, 1.0])])
def test_other_scales(scaling: str, expected: list[float]) -> None:
    (encoded,) = learned([2.0, 4.0], scaling=scaling).encode(pl.Series([2.0, 4.0]))
    assert encoded.tolist() == pytest.approx(expected)


def test_quantile_scale_makes_a_skewed_column_normal() -> None:
    x = np.random.default_rng(0).lognormal(0, 2, 5000)
    (encoded,) = learned(x.tolist(), scaling="quantile").encode(pl.Series(x))
    assert abs(encoded.mean()) < 0.01
    assert encoded.std() == pytest.approx(1, abs=0.02)


def test_features_are_linear_in_user_units_again() -> None:
    x = np.linspace(-50, 200, 300)
    column = learned(x.tolist())
    values = column.features(column.encode(pl.Series(x))).values[:, 0]
    assert np.diff(values) == pytest.approx(np.full(299, np.diff(values).mean()), rel=1e-3)


def test_bins_follow_the_target() -> None:
    """All of the target's changes lie below 0.1: so must most of the edges."""
    x = np.random.default_rng(1).uniform(0, 1, 4000)
    truth = np.where(x < 0.1, np.sin(x * 200), 0.0)
    series, column = pl.Series("x", x), Number(name="x", scaling="minmax", edges="target")
    column.learn(series, Guide("regression", truth))
    guided = np.array(column.parts[0].edges)
    column.learn(series)
    plain = np.array(column.parts[0].edges)
    assert (guided < 0.12).mean() > 0.7
    assert (plain < 0.12).mean() < 0.2
    column = Number(name="x", scaling="minmax", edges="quantile")
    column.learn(series, Guide("regression", truth))
    assert np.array_equal(column.parts[0].edges, plain)


def test_few_distinct_values_get_an_edge_each() -> None:
    column = learned([1.0, 2.0, 4.0] * 50, scaling="minmax")
    assert column.parts[0].edges == pytest.approx((0, 1 / 3, 1))


def test_more_rows_allow_more_bins() -> None:
    draw = np.random.default_rng(2)
    counts = [len(learned(draw.normal(size=rows).tolist()).parts[0].edges) - 1 for rows in (50, 500, 50_000)]
    assert counts == [7, 22, 128]


TEXTS = {
    "point": (["1,234.5", "$5", " 12 ", "-3.5", "12%"], [1234.5, 5.0, 12.0, -3.5, 12.0]),
    "comma": (["1.234,5", "5,25 €", "0,5", "1 000,0", "7"], [1234.5, 5.25, 0.5, 1000.0, 7.0]),
    "marks": (["1", "NA", "", "?", "3e2"], [1.0, None, None, None, 300.0]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_numbers_written_as_text_are_read(name: str) -> None:
    texts, numbers = TEXTS[name]
    column = Number.claim(pl.Series(texts), name="x")
    column.learn(pl.Series(texts))
    expected = column.encode(pl.Series(numbers, dtype=pl.Float64))[0]
    assert np.array_equal(column.encode(pl.Series(texts))[0], expected, equal_nan=True)
    assert not column.malformed(pl.Series(texts)).any()
    assert "written as text" in column.reason


def test_unreadable_text_is_counted_not_guessed() -> None:
    texts = pl.Series([*map(str, range(40)), "unknown", "12 34", None, "inf"])
    column = Number.claim(texts, name="x")
    column.learn(texts)
    assert np.flatnonzero(column.malformed(texts)).tolist() == [40, 41, 43]
    assert "'unknown'" in column.reason


@pytest.mark.parametrize("texts", [["01234", "90210"], ["a", "b"], ["1", "x"], ["12:30", "13:30"]])
def test_text_that_is_no_quantity_is_refused(texts: list[str]) -> None:
    with pytest.raises(ColumnRefused):
        Number.claim(pl.Series(texts), name="x")


@given(value=st.floats(-1e12, 1e12), decimals=st.integers(0, 6))
@settings(max_examples=40, deadline=None)
def test_formatted_numbers_are_read_back(value: float, decimals: int) -> None:
    point = f"{value:,.{decimals}f}"
    comma = point.replace(",", "_").replace(".", ",").replace("_", ".")
    wanted = float(point.replace(",", ""))
    for text, decimal in ((point, "."), (comma, ",")):
        column = Number(decimal=decimal, name="x")
        column.learn(pl.Series(["1", "2"]))
        assert column.encode_target(pl.Series([text]))[0] == wanted


def test_target_is_standardised_for_training_and_given_back_in_user_units() -> None:
    prices = pl.Series("price", [100, 200, 300, None])
    column = Number(name="price")
    column.learn(prices)
    truth = column.encode_target(prices)
    assert truth.dtype == np.float64
    ready = column.to_training(truth)
    assert ready.dtype == np.float32
    assert np.nanmean(ready) == pytest.approx(0, abs=1e-6)
    assert np.nanstd(ready) == pytest.approx(1)
    assert column.link(ready[:, None])[:3, 0] == pytest.approx([100, 200, 300], rel=1e-6)
    assert column.naive(truth, 2).tolist() == [[200.0], [200.0]]
    assert column.decode(np.array([[150.5], [np.nan]])).to_list() == [150.5, None]


def test_histogram_of_other_rows_uses_the_bins_of_training() -> None:
    column = learned(np.arange(100.0).tolist())
    summary = column.summary(pl.Series([-1e6, 50.0, 1e6, None]))
    assert (summary["rows"], summary["missing"], sum(summary["counts"])) == (4, 1, 3)
    assert summary["edges"] == column.summary(pl.Series(np.arange(100.0)))["edges"]
    assert summary["counts"][0] == summary["counts"][-1] == 1


@pytest.mark.parametrize("options", [{"scaling": "log"}, {"edges": "x"}, {"decimal": ";"}, {"bins": 1}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="expected"):
        Number(**options)


def test_california_bins_with_missing_cells() -> None:
    frame = pl.read_csv(shared_data("california_housing", "housing.csv.gz"))
    target = Number(name="median_house_value")
    target.learn(frame["median_house_value"])
    guide = Guide("regression", target.encode_target(frame["median_house_value"]))
    column = Number(name="total_bedrooms")
    column.learn(frame["total_bedrooms"], guide)
    (encoded,) = column.encode(frame["total_bedrooms"])
    assert np.isnan(encoded).sum() == 207
    assert 20 < len(column.parts[0].edges) <= 129


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["1", "2", "3"])])
def test_categories_that_look_like_numbers_are_none(dtype):
    with pytest.raises(ColumnRefused, match="categories"):
        Number.claim(pl.Series("x", ["1", "2", "3", "1"] * 20, dtype=dtype), name="x", target=True)
