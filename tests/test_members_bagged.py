"""Bags: honest out-of-fold predictions, means, and folds that survive a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import small_tables
from mapsto import processors
from mapsto.errors import ModelFileError
from mapsto.members import make
from mapsto.members.bagged import Bagged
from mapsto.members.base import Member, Predictions, Work
from mapsto.members.dummy import Dummy
from mapsto.members.network import Network
from mapsto.schema import Encoded
from mapsto.table.notes import Note
from mapsto.training import loop, measuring
from mapsto.training.budget import Budget
from mapsto.training.run import Run
from members_world import World, german, titanic


def folds(rows: int, k: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    part = np.random.default_rng(0).permutation(rows) % k
    return [(np.flatnonzero(part != i), np.flatnonzero(part == i)) for i in range(k)]


@pytest.fixture(scope="module")
def world() -> World:
    return german()


class Seen(Dummy):
    """Remembers what it was given."""

    log: list[Work]

    def __init__(self) -> None:
        self.log = []

    def __deepcopy__(self, memo: object) -> Seen:
        copied = Seen()
        copied.log = self.log
        return copied

    def fit(self, work: Work) -> Member:
        self.log.append(work)
        return super().fit(work)


def test_out_of_fold_predictions_come_from_the_model_that_did_not_see_the_row(world: World) -> None:
    parts = folds(world.train.rows)
    bag = Bagged(make("boosting"), parts).fit(world.work(members={"boosting": {"max_iter": 20}}))
    assert len(bag.members) == len(parts) + 1  # one learns from all rows
    for (_, outside), one in zip(parts, bag.members, strict=False):
        own = one.predict(world.train.take(outside))["credit_risk"]
        np.testing.assert_array_equal(bag.out_of_fold["credit_risk"][outside], own)
    metric = world.work().metrics["credit_risk"]
    truth = world.train.truth["credit_risk"]
    seen = metric(truth, bag.predict(world.train)["credit_risk"])
    assert seen < metric(truth, bag.out_of_fold["credit_risk"])


def test_the_prediction_is_the_mean_of_the_folds(world: World) -> None:
    bag = Bagged(make("forest"), folds(world.train.rows)).fit(world.work(members={"forest": {"n_estimators": 5}}))
    each = np.mean([m.predict(world.test)["credit_risk"] for m in bag.members], axis=0, dtype=np.float64)
    assert len(bag.members) == 1
    np.testing.assert_allclose(bag.predict(world.test)["credit_risk"], each, atol=1e-7)


def test_a_forest_says_of_its_rows_what_trees_say_that_did_not_draw_them(world: World) -> None:
    parts = folds(world.train.rows)
    metric, truth = world.work().metrics["credit_risk"], world.train.truth["credit_risk"]
    for name in ("forest", "extra-trees"):
        bag = Bagged(make(name), parts).fit(world.work())
        inside = metric(truth, bag.predict(world.train)["credit_risk"])
        honest = metric(truth, bag.out_of_fold["credit_risk"])
        new = metric(world.test.truth["credit_risk"], bag.predict(world.test)["credit_risk"])
        assert honest == pytest.approx(new, rel=0.15)
        assert abs(inside - honest) > 0.2 * abs(honest)
        apart = Bagged(make(name), parts).fit(replace(world.work(), interchangeable=False))
        assert len(apart.members) == len(parts)  # groups and times are kept apart by folds alone


def test_a_model_of_all_rows_learns_as_long_as_those_of_the_folds(world: World) -> None:
    bag = Bagged(make("boosting"), folds(world.train.rows)).fit(world.work())
    *folded, whole = (member.models["0"].rounds for member in bag.members)
    assert whole == max(1, round(1.1 * np.mean(folded)))
    assert bag.shares[-1] == 0.5
    assert sum(bag.shares) == pytest.approx(1)


def test_rows_in_no_fold_have_no_prediction(world: World) -> None:
    parts = folds(world.train.rows)[:2]
    found = Bagged(make("dummy"), parts).fit(world.work()).out_of_fold["credit_risk"]
    covered = np.concatenate([outside for _, outside in parts])
    assert np.isfinite(found[covered]).all()
    assert np.isnan(np.delete(found, covered, axis=0)).all()


@pytest.mark.parametrize("stop", [None, np.arange(100), np.zeros(0, dtype=np.int64)], ids=["all", "some", "none"])
def test_only_the_rows_named_may_stop_a_model(world: World, stop: np.ndarray | None) -> None:
    seen, parts = Seen(), folds(world.train.rows)
    Bagged(seen, parts, stop).fit(world.work(seed=5))
    for work, (inside, outside) in zip(seen.log, parts, strict=True):
        assert work.train.rows == len(inside)
        allowed = outside if stop is None else np.intersect1d(outside, stop)
        assert (0 if work.valid is None else work.valid.rows) == len(allowed)
    assert len({work.label for work in seen.log}) == len({work.seed for work in seen.log}) == len(parts)


def test_time_is_shared_out(world: World) -> None:
    seen = Seen()
    Bagged(seen, folds(world.train.rows)).fit(world.work(seconds=9.0))
    # Nothing of it is used here, so that the last fold may take all.
    assert [work.seconds for work in seen.log] == pytest.approx([3, 4.5, 9], abs=0.5)


def test_finished_folds_are_taken_up_after_a_kill(world: World, tmp_path: Path) -> None:
    class KilledError(RuntimeError):
        pass

    class Mortal(Dummy):
        learned = 0

        def fit(self, work: Work) -> Member:
            Mortal.learned += 1
            if Mortal.learned == 3:
                raise KilledError
            return super().fit(work)

    parts = folds(world.train.rows)
    run = Run(tmp_path / "run")
    with pytest.raises(KilledError):
        Bagged(Mortal(), parts).fit(world.work(run=run))
    run.close()
    again = Run(tmp_path / "run", resume=True)
    bag = Bagged(Mortal(), parts).fit(world.work(run=again))
    again.close()
    assert Mortal.learned == 4, "two folds were kept, the third was learned again"
    whole = Bagged(make("dummy"), parts).fit(world.work())
    np.testing.assert_array_equal(bag.out_of_fold["credit_risk"], whole.out_of_fold["credit_risk"])


def test_a_bag_of_bags_is_refused_when_opened(world: World) -> None:
    bag = Bagged(make("dummy"), folds(world.train.rows)).fit(world.work())
    state, arrays = bag.to_state()
    nested = {"members": [{"kind": "bagged", "state": state}]}
    with pytest.raises(ModelFileError, match="bagged"):
        Bagged.from_state(nested, {f"0.{k}": v for k, v in arrays.items()}, world.schema)


def test_many_targets_of_mixed_forms() -> None:
    world = titanic()

    class Half(Dummy):
        def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
            return {name: values.astype(np.float32) for name, values in super().predict(encoded).items()}

    bag = Bagged(Half(), folds(world.train.rows)).fit(replace(world.work(), threads=2))
    assert {name: values.dtype for name, values in bag.predict(world.test).items()} == dict.fromkeys(
        ("survived", "fare", "class"), np.float32
    )


def test_what_folds_have_to_tell_is_told_once_also_after_a_kill(world: World, tmp_path: Path) -> None:
    class Teller(Dummy):
        def fit(self, work: Work) -> Teller:
            super().fit(work)
            number = work.label.split("fold ")[1][0]
            self.notes = [Note("warning", f"Fold {number} did {0.5 * int(number)}.")]
            self.notes += [Note("info", "Only the second.")] * (number == "2")
            return self

    work = world.work()
    bag = Bagged(Teller(), folds(work.train.rows)).fit(work)
    told = [("warning", "Fold 1 did 0.5. So it is with 2 other folds."), ("info", "Only the second.")]
    assert [(note.kind, note.text) for note in bag.notes] == told
    run = Run(tmp_path / "run")
    Bagged(Teller(), folds(work.train.rows)).fit(replace(work, run=run))
    again = Bagged(Teller(), folds(work.train.rows)).fit(replace(work, run=Run(tmp_path / "run", resume=True)))
    assert [(note.kind, note.text) for note in again.notes] == told


def test_what_a_step_takes_is_found_out_once_and_how_many_there_are_for_each_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def found_out(training: loop.Training) -> dict[str, str]:
        asked.append(training.name)
        return {"precision": "bfloat16", "why": "told"}

    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.setattr(measuring, "which_precision", found_out)
    run = Run(decisions={"each of 3 folds/first step": {"step": 1e-3, "slow": False}})
    given = small_tables.work({"sold": "category"}, run=run, learning={"epochs": 1, "precision": "auto"})
    given = replace(given, budget=Budget.within(run, 20.0))
    Bagged(Network("perceptron"), folds(given.train.rows)).fit(given)
    assert asked == ["fold 1 of 3"]
    assert given.run.decisions["each of 3 folds/precision"]["precision"] == "bfloat16"
    assert {f"fold {number} of 3/steps" for number in (1, 2, 3)} <= given.run.decisions.keys()
