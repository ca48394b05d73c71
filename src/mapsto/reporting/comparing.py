"""How good a model is that compares rows: the figures of pairs, and the thresholds of stated false-accept rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.judging.verification import HIGHER, MEANINGS, Threshold
from mapsto.reporting.figures import fixed, interval_places, number, percent, plural
from mapsto.reporting.markup import Html
from mapsto.reporting.parts import per_target, section, soft, table

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted

_RATES = (0.1, 0.01, 0.001, 0.0001)


def comparing_section(fitted: Fitted, threshold: Threshold) -> Html:
    """Figures with intervals over identities, and what rows must be alike by."""
    judged = fitted.facts.get("judged_on")
    lead = soft(
        f"Measured on {judged}. Intervals hold 95 % of the figures that identities drawn anew would give."
        if judged
        else "This model was not judged."
    )
    figures = per_target(fitted, lambda target: _figures(fitted, target)) if judged else None
    return section("quality", "How good it is", lead, figures, _thresholds(threshold))


def _figures(fitted: Fitted, target: Column) -> Html:
    values = fitted.facts["metrics"][target.name]
    rows: list[list[Any]] = []
    for figure, value in values.items():
        low, high = fitted.facts["intervals"][target.name][figure]
        places = interval_places(low, high)
        better = "higher" if HIGHER[figure] else "lower"
        told = f"{fixed(low, places)} to {fixed(high, places)}"
        rows.append([figure.replace("_", " "), f"{MEANINGS[figure]}; {better} is better", fixed(value, places), told])
    return table(["figure", "", "value", "95 % interval"], rows, figures=(2, 3))


def _thresholds(threshold: Threshold) -> Html:
    known = [rate for rate in _RATES if rate >= threshold.lowest]
    rows = [[percent(rate, 2), number(threshold.at(rate), 3)] for rate in known]
    caption = (
        f"same(a, b, false_accept=...) takes rows above this similarity for one identity. Calibrated on "
        f"{plural(threshold.pairs, 'pair')} of {plural(threshold.identities, 'identity', 'identities')} that did not "
        "teach; lower rates than these cannot be promised."
    )
    return table(["impostors accepted", "similarity above"], rows, figures=(0, 1), caption=caption, class_="narrow")
