from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.errors import DataError, OptionError
from mapsto.table import folds, read, split


def parts(cut):
    return [cut.train, cut.choose, cut.calibrate, cut.test]


def is_partition(cut, rows):
    return np.array_equal(np.sort(np.concatenate(parts(cut))), np.arange(rows))


def rows_of(n):
    return pl.DataFrame({"x": np.arange(n)})


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    valid=st.sampled_from([0, 0.1, 0.3]),
    test=st.sampled_from([0, 0.2, 0.4]),
    seed=st.integers(0, 5),
)
def test_random_splits_partition_rows_and_keep_classes(sizes, valid, test, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(strata)
    cut = split(rows_of(rows), strata=strata, valid=valid, test=test, seed=seed)
    assert is_partition(cut, rows)
    assert all(part.dtype == np.int64 for part in parts(cut))
    for part in parts(cut):
        assert np.all(np.diff(part) > 0)
    if len(cut.test) and sum(size - 1 for size in sizes) >= rows * (valid + test) + 4:
        wanted = max(round(test * rows), min(1, rows // 3))
        assert len(cut.test) == wanted
        assert set(strata[cut.train]) == set(range(len(sizes)))
        for code, size in enumerate(sizes):
            assert abs((strata[cut.test] == code).sum() - wanted * size / rows) <= len(sizes)


def test_shares_of_classes_are_exact_on_large_tables():
    strata = np.repeat([0, 1, 2], [7000, 2500, 500])
    cut = split(rows_of(10_000), strata=strata)
    for part in (cut.test, cut.choose, cut.calibrate, cut.train):
        assert np.allclose(np.bincount(strata[part]) / len(part), [0.7, 0.25, 0.05], atol=0.002)


def test_same_seed_same_rows_other_seed_other_rows():
    a, b, c = (split(rows_of(500), strata=None, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(a.test, b.test)
    assert not np.array_equal(a.test, c.test)


def test_test_rows_do_not_depend_on_the_validation_share():
    a, b = (split(rows_of(500), strata=None, valid=valid) for valid in (0, 0.3))
    assert np.array_equal(a.test, b.test)


def test_a_class_seen_once_stays_in_training():
    table = read(shared_data("hostile", "rare_class.csv"))
    strata = (table.frame["target"] != "common").to_numpy().astype(np.int64)
    cut = split(table.frame, strata=strata)
    assert strata[cut.train].sum() == strata.sum() == 1


def test_all_classes_seen_once_are_cut_all_the_same():
    cut = split(rows_of(50), strata=np.arange(50))
    assert len(cut.test) == 10


# -- time


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"])
def test_time_split_learns_the_past(form):
    days = pd.date_range("2020-12-20", periods=100, tz="UTC")
    shuffled = np.random.default_rng(0).permutation(100)
    frame = pl.DataFrame({"day": days[shuffled].strftime(form).tolist()})
    cut = split(frame, strata=None, how="time:day")
    assert is_partition(cut, 100)
    assert shuffled[cut.train].max() < min(shuffled[cut.choose].min(), shuffled[cut.calibrate].min())
    assert max(shuffled[cut.choose].max(), shuffled[cut.calibrate].max()) < shuffled[cut.test].min()
    assert len(cut.test) == 20


def test_time_split_of_dates_numbers_and_real_hours():
    for values in (pd.date_range("2020", periods=50).tolist(), list(range(50)), [1e9 + i for i in range(50)]):
        assert split(pl.DataFrame({"t": values}), strata=None, how="time:t").test.tolist() == list(range(40, 50))
    table = read(shared_data("ett", "ETTh1.csv.gz"))
    cut = split(table.frame, strata=None, how="time:date")
    assert cut.test.min() > max(cut.train.max(), cut.choose.max(), cut.calibrate.max())


def test_rows_of_one_instant_stay_together_and_unknown_times_train():
    times = pl.DataFrame({"t": [2000] * 70 + [2001] * 29 + [None]})
    cut = split(times, strata=None, how="time:t", valid=0)
    assert len(cut.test) == 29
    assert 99 in cut.train
    assert "without a time" in cut.notes[0].text


@pytest.mark.parametrize("values", [["a", "b"] * 10, [5] * 20, [None] * 20])
def test_what_is_no_time_is_refused(values):
    with pytest.raises(DataError, match="time"):
        split(pl.DataFrame({"t": pl.Series(values, strict=False)}), strata=None, how="time:t")


# -- groups


@given(sizes=st.lists(st.integers(1, 30), min_size=8, max_size=40), seed=st.integers(0, 3))
def test_groups_never_straddle(sizes, seed):
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    cut = split(pl.DataFrame({"g": groups}), strata=None, how="group:g", seed=seed)
    assert is_partition(cut, len(groups))
    sets = [set(groups[part]) for part in parts(cut)]
    assert sum(map(len, sets)) == len(set(groups))
    assert sets[0]
    assert sets[3]


def test_group_split_is_about_as_large_as_asked_and_keeps_classes():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 5000)
    strata = (groups % 4 == 0).astype(np.int64)
    cut = split(pl.DataFrame({"g": groups}), strata=strata, how="group:g")
    assert abs(len(cut.test) / 5000 - 0.2) < 0.02
    assert abs(strata[cut.test].mean() - strata.mean()) < 0.06


def test_group_split_does_not_depend_on_type():
    numbers = np.random.default_rng(0).integers(100, 200, 500)
    cuts = [split(pl.DataFrame({"g": pl.Series(numbers).cast(pl.String).cast(dtype)}), strata=None, how="group:g")
            for dtype in (pl.Int64, pl.String, pl.Categorical)]  # fmt: skip
    assert all(np.array_equal(cuts[0].test, cut.test) for cut in cuts)


def test_one_group_is_refused():
    with pytest.raises(DataError, match="two groups"):
        split(pl.DataFrame({"g": [1] * 20}), strata=None, how="group:g")


# -- parts that are given


def test_parts_by_value_and_by_rows():
    frame = pl.DataFrame({"fold": ["a"] * 60 + ["t"] * 40})
    cut = split(frame, strata=None, test="fold:t")
    assert cut.test.tolist() == list(range(60, 100))
    assert len(cut.choose) + len(cut.calibrate) == 6
    rows = np.arange(50, 60)
    cut = split(frame, strata=None, test="fold:t", valid=rows)
    assert sorted([*cut.choose, *cut.calibrate]) == rows.tolist()
    assert is_partition(cut, 100)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"test": 1.5}, OptionError, "fraction"),
        ({"valid": True}, OptionError, "fraction"),
        ({"test": "fold"}, OptionError, "column:value"),
        ({"test": "fold:zz"}, DataError, "no row has it"),
        ({"test": "no:t"}, DataError, "'no'"),
        ({"test": "fold:t", "valid": "fold:t"}, OptionError, "share rows"),
        ({"how": "sideways"}, OptionError, "split='sideways'"),
        ({"how": "time:no"}, DataError, "'no'"),
        ({"test": "fold:t", "valid": "fold:a"}, DataError, "left to learn from"),
    ],
)
def test_wrong_arguments_are_explained(options, error, said):
    frame = pl.DataFrame({"fold": ["a"] * 6 + ["t"] * 4})
    with pytest.raises(error, match=said):
        split(frame, strata=None, **options)


# -- suggestions


def test_a_date_column_suggests_a_time_split_and_does_nothing_else():
    frame = pl.DataFrame({"date": [f"2024-01-{d:02d}" for d in range(1, 29)] * 2, "x": range(56)})
    cut = split(frame, strata=None)
    assert 'split="time:date"' in cut.notes[0].text
    assert np.array_equal(cut.test, split(frame.drop("date"), strata=None).test)


def test_real_users_suggest_a_group_split():
    frame = read(shared_data("movielens_latest_small", "ratings.csv.gz")).frame
    notes = split(frame, strata=None).notes
    assert any('split="group:userId"' in note.text for note in notes)


def test_no_suggestion_without_reason():
    assert not split(read(shared_data("california_housing", "housing.csv.gz")).frame, strata=None).notes


# -- folds


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5), k=st.integers(2, 6), seed=st.integers(0, 3))
def test_folds_partition_rows_and_spread_classes(sizes, k, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    if len(strata) < 2:
        return
    found = folds(len(strata), strata, None, k, seed)
    assert np.array_equal(np.sort(np.concatenate([out for _, out in found])), np.arange(len(strata)))
    for learn, out in found:
        assert not set(learn) & set(out)
        assert len(learn) + len(out) == len(strata)
        for code, size in enumerate(sizes):
            assert abs((strata[out] == code).sum() - size / len(found)) < 1 + 1e-9


@given(groups=st.lists(st.integers(0, 8), min_size=4, max_size=60), k=st.integers(2, 5))
def test_folds_keep_groups_whole(groups, k):
    groups = np.array(groups)
    if len(set(groups.tolist())) < 2:
        with pytest.raises(DataError):
            folds(len(groups), None, groups, k, 0)
        return
    for learn, out in folds(len(groups), None, groups, k, 0):
        assert len(out)
        assert not set(groups[learn]) & set(groups[out])


def test_a_given_part_that_shares_groups_is_a_warning():
    frame = pl.DataFrame({"fold": ["a"] * 60 + ["t"] * 40, "g": np.arange(100) % 20})
    notes = split(frame, strata=None, test="fold:t", how="group:g").notes
    assert notes[0].kind == "warning"
    assert "groups that training also has" in notes[0].text


@pytest.mark.parametrize(
    ("name", "suggests"), [("user_id", True), ("groupId", True), ("customer", True), ("paid", False)]
)
def test_only_names_of_owners_suggest_groups(name, suggests):
    notes = split(pl.DataFrame({name: np.arange(100) % 20}), strata=None).notes
    assert bool(notes) == suggests


def test_a_fraction_is_of_the_rows_that_are_in_no_given_part() -> None:
    frame = pl.DataFrame({"x": range(2_200)})
    cut = split(frame, strata=None, valid=0.1, test=np.arange(200, 2_200))
    assert (len(cut.train), len(cut.choose), len(cut.calibrate), len(cut.test)) == (180, 10, 10, 2_000)
    assert not cut.notes
