from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from judging_data import columns
from mapsto.errors import OptionError
from mapsto.judging.curve import extrapolate, learning_curve
from mapsto.metrics import get


def test_what_twice_the_rows_bring_is_foretold_on_real_rows() -> None:
    inputs, truth = columns("adult", 12_000)
    values = np.column_stack(list(inputs.values()))
    test = slice(8000, 12_000)

    def fit(rows: int) -> np.ndarray:
        model = HistGradientBoostingClassifier(max_iter=40, random_state=0)
        return model.fit(values[:rows], truth[:rows]).predict_proba(values[test])

    auc = get("auc", "classification")
    curve = learning_curve(lambda share: fit(round(4000 * share)), auc, truth[test], 4000)
    assert curve.rows == [1000, 2000, 4000]
    assert curve.values[-1] == auc(truth[test], fit(4000))
    assert curve.expected.low - 0.005 < auc(truth[test], fit(8000)) < curve.expected.high + 0.005
    assert "With 4,000 training rows AUC is 0." in curve.sentence
    assert json.loads(json.dumps(curve.to_dict()))["expected"][0] == curve.expected.value


@pytest.mark.parametrize("sign, limit, gap", [(1, 0.9, -2.0), (-1, 3.0, 40.0)])
@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_a_power_law_is_recovered(sign: int, limit: float, gap: float, rate: float) -> None:
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    found = extrapolate(sizes, (limit + gap * sizes**-rate)[:, None], 1600.0, sign)
    assert found[0] == pytest.approx(limit + gap * 1600.0**-rate)


def test_more_rows_are_not_taken_to_do_harm() -> None:
    falling = np.array([[0.9], [0.8], [0.7]])
    assert extrapolate(np.array([1.0, 2.0, 4.0]), falling, 8.0, 1)[0] == pytest.approx(0.8)


def scored(errors: list[float]) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    truth = np.random.default_rng(0).normal(size=500)
    noise = np.random.default_rng(1).normal(size=500)
    return truth, {share: (truth + size * noise)[:, None] for share, size in zip((0.25, 0.5, 1.0), errors, strict=True)}


def test_the_words_follow_the_interval() -> None:
    rmse = get("rmse", "regression")
    truth, fits = scored([1.0, 0.7, 0.5])
    gaining = learning_curve(fits.__getitem__, rmse, truth, 400, of="a forest")
    assert gaining.sentence.startswith("With 400 training rows the RMSE of a forest is 0.")
    assert gaining.gain.low > 0
    assert "twice as many would likely bring about 0." in gaining.sentence
    truth, fits = scored([0.5, 0.5, 0.5])
    flat = learning_curve(fits.__getitem__, rmse, truth, 400)
    assert "no gain that these rows can show" in flat.sentence
    auc = learning_curve(lambda share: np.full((5, 2), 0.5), get("auc", "classification"), np.zeros(5, dtype=int), 400)
    assert "cannot be told" in auc.sentence


def test_three_rising_fractions_are_needed() -> None:
    with pytest.raises(OptionError, match="at least three rising fractions"):
        learning_curve(lambda share: np.zeros((3, 1)), get("rmse", "regression"), np.zeros(3), 10, fractions=(0.5, 1.0))
