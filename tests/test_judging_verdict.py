from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judging_data import out_of_fold
from mapsto.errors import ModelFileError
from mapsto.judging.bootstrap import difference
from mapsto.judging.verdict import Cost, Verdict, judge, worths
from mapsto.metrics import get

rmse, auc, accuracy = get("rmse", "regression"), get("auc", "classification"), get("accuracy", "classification")


def numbers(rows: int, **noise: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Truth and predictions whose independent errors have these sizes, and a dummy."""
    generator = np.random.default_rng(0)
    truth = 3 + generator.normal(size=rows)
    found = {name: (truth + size * generator.normal(size=rows))[:, None] for name, size in noise.items()}
    return truth, found | {"dummy": np.full((rows, 1), truth.mean())}


def test_a_clear_gain_is_worth_it() -> None:
    truth, predictions = numbers(500, mapsto=0.3, trees=0.5, linear=0.8)
    verdict = judge(rmse, truth, predictions, costs={"mapsto": Cost(60, 20), "trees": Cost(1, 2, "on 400 rows")})
    assert verdict.answer == "worth it"
    assert [c.name for c in verdict.contenders] == ["mapsto", "trees", "linear", "dummy"]
    mapsto, trees = verdict.contenders[:2]
    paired = difference(rmse, truth, predictions["trees"], predictions["mapsto"])
    assert (trees.ahead, trees.ahead_low, trees.ahead_high) == pytest.approx((paired.value, paired.low, paired.high))
    assert mapsto.value == rmse(truth, predictions["mapsto"])
    assert mapsto.low < mapsto.value < mapsto.high
    assert mapsto.ahead is None
    assert trees.note == "on 400 rows"
    assert verdict.sentence.startswith("On 500 held-out rows mapsto scores RMSE 0.")
    assert "trees (on 400 rows), the best baseline, 0.5" in verdict.sentence
    assert "mapsto is ahead by 0.2" in verdict.sentence
    assert verdict.sentence.endswith(": worth it.")


def test_a_clear_loss_is_not_worth_it() -> None:
    verdict = judge(rmse, *numbers(500, mapsto=0.5, trees=0.3))
    assert verdict.answer == "not worth it"
    assert "mapsto is behind by 0." in verdict.sentence
    assert "behind to 0." in verdict.sentence


def test_what_the_rows_cannot_tell_is_undecided() -> None:
    verdict = judge(rmse, *numbers(200, mapsto=0.50, trees=0.505), costs={"mapsto": Cost(500), "trees": Cost(1)})
    assert verdict.answer == "undecided"
    assert verdict.sentence.endswith("undecided, these rows cannot tell them apart.")


def test_practically_the_same_at_many_times_the_cost_is_not_worth_it() -> None:
    truth, predictions = numbers(2000, trees=0.3)
    predictions["mapsto"] = truth[:, None] + 0.9995 * (predictions["trees"] - truth[:, None])
    dear = {"mapsto": Cost(60, 9), "trees": Cost(2, 10)}
    verdict = judge(rmse, truth, predictions, costs=dear)
    assert verdict.answer == "not worth it"
    assert "practically nothing, at 30 times the fit time" in verdict.sentence
    assert judge(rmse, truth, predictions).answer == "worth it"  # surely better, and no cost known
    slow = {"mapsto": Cost(2, 500), "trees": Cost(2, 10)}
    assert "at 50 times the time to predict" in judge(rmse, truth, predictions, costs=slow).sentence


def test_few_rows_never_decide() -> None:
    verdict = judge(rmse, *numbers(29, mapsto=0.1, trees=3.0))
    assert verdict.answer == "undecided"
    assert "fewer than 30 rows cannot tell" in verdict.sentence
    truth = np.array([0] * 60 + [1] * 4)
    p = {"mapsto": np.eye(2)[truth], "trees": np.full((64, 2), 0.5)}
    assert "fewer than 5 rows of the rarer class" in judge(auc, truth, p).sentence


def test_nothing_to_compare_with_is_undecided() -> None:
    truth, predictions = numbers(100, mapsto=0.5)
    assert "no baseline was run" in judge(rmse, truth, {"mapsto": predictions["mapsto"]}).sentence
    nothing = judge(rmse, truth[:0], {name: p[:0] for name, p in predictions.items()})
    assert (nothing.answer, nothing.rows, nothing.contenders[0].value) == ("undecided", 0, None)
    undefined = judge(auc, np.zeros(40, dtype=int), {n: np.full((40, 2), 0.5) for n in ("mapsto", "dummy")})
    assert undefined.answer == "undecided"


def test_rows_without_truth_do_not_count() -> None:
    truth, predictions = numbers(60, mapsto=0.1, trees=3.0)
    truth[:40] = np.nan
    verdict = judge(rmse, truth, predictions)
    assert (verdict.rows, verdict.answer) == (20, "undecided")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 60))
def test_equal_contenders_are_hardly_ever_told_apart(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=rows)
    same = truth[:, None] + generator.normal(size=(rows, 1))
    assert judge(rmse, truth, {"mapsto": same, "trees": same.copy()}).answer == "undecided"


def test_the_share_of_false_answers_stays_near_five_percent() -> None:
    answers = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        truth = generator.normal(size=60)
        p = {name: truth[:, None] + generator.normal(size=(60, 1)) for name in ("mapsto", "trees")}
        answers.append(judge(rmse, truth, p).answer)
    assert np.mean([answer != "undecided" for answer in answers]) < 0.12


def test_real_rows_and_what_members_are_worth() -> None:
    _, truth, p = out_of_fold("german", 1000)
    noise = np.random.default_rng(0).dirichlet([1, 1], len(truth))
    share = truth.mean()
    members = worths(
        auc, truth, {"trees": p, "noise": noise, "unused": noise}, {"trees": 0.9, "noise": 0.1, "unused": 0}
    )
    assert [m.name for m in members] == ["trees", "noise"]
    assert members[0].without == auc(truth, noise)
    assert members[0].loss == pytest.approx(auc(truth, 0.9 * p + 0.1 * noise) - auc(truth, noise))
    assert members[0].loss > 0.2 > abs(members[1].loss)
    assert worths(auc, truth, {"trees": p}, {"trees": 1.0})[0].loss is None
    dummy = np.tile([1 - share, share], (len(truth), 1))
    verdict = judge(
        auc, truth, {"mapsto": p, "dummy": dummy}, rows_are="out-of-fold", target="credit_risk", members=members
    )
    assert verdict.answer == "worth it"
    assert "On 1,000 out-of-fold rows mapsto scores AUC 0." in verdict.sentence
    printed = str(verdict).splitlines()
    assert printed[0].split()[:2] == ["contender", "auc"]
    assert [line.split()[0] for line in printed[1:3]] == ["mapsto", "dummy"]
    assert len({len(line) for line in printed[:3]} - {len(printed[0])}) <= 1
    assert printed[-1] == verdict.sentence


def test_a_verdict_survives_json() -> None:
    truth, predictions = numbers(100, mapsto=0.5, trees=0.6)
    verdict = judge(rmse, truth, predictions, members=worths(rmse, truth, predictions, {"mapsto": 0.5, "trees": 0.5}))
    text = json.dumps(verdict.to_dict(), allow_nan=False)
    assert Verdict.from_dict(json.loads(text)) == verdict
    undefined = judge(auc, np.zeros(4, dtype=int), {n: np.full((4, 2), 0.5) for n in ("mapsto", "dummy")})
    assert Verdict.from_dict(json.loads(json.dumps(undefined.to_dict(), allow_nan=False))) == undefined


@pytest.mark.parametrize(
    "change", [{"answer": "splendid"}, {"rows": "9"}, {"contenders": [{}]}, {"contenders": []}, {"sentence": None}]
)
def test_a_damaged_verdict_is_refused(change: dict) -> None:
    state = judge(rmse, *numbers(40, mapsto=0.5, trees=0.6)).to_dict()
    with pytest.raises(ModelFileError, match=f"verdict: entry '{next(iter(change))}"):
        Verdict.from_dict(state | change)
