"""How a verdict is put into words: one sentence, and a table in plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mapsto.judging.bootstrap import LEVEL

if TYPE_CHECKING:
    from mapsto.judging.verdict import Contender, Verdict

_INTERVAL = f"{LEVEL * 100:.0f} % interval"


def sentence(label: str, where: str, model: Contender, best: Contender | None, answer: str, reason: str) -> str:
    """The verdict in one sentence.

    Args:
        label: the metric as a person reads it.
        where: the rows judged on, such as "200 held-out rows".
        model: the model's line.
        best: the best baseline's line, if there is one.
        answer: the answer.
        reason: why, or "".
    """
    low, high = (None, None) if best is None else (best.ahead_low, best.ahead_high)
    places = 3 if low is None or high is None else decimals(high - low)
    said = f" ({model.note})" if model.note else ""
    text = f"On {where} {model.name}{said} scores {label} {figure(model.value, places)}"
    if best is not None:
        note = f" ({best.note})" if best.note else ""
        text += f"; {best.name}{note}, the best baseline, {figure(best.value, places)}"
        text += "" if best.ahead is None else f"; {model.name} is {side(best.ahead, places, verb=True)}"
    if low is not None and high is not None:
        text += f" ({_INTERVAL}: {side(low, places)} to {side(high, places)})"
    return f"{text}: {answer}" + (f", {reason}." if reason else ".")


def of_networks(model: Contender, without: Contender, answer: str, reason: str) -> str:
    """What the networks of a model gain it, in one sentence; `without`: the line of the same model without them."""
    low, high = without.ahead_low, without.ahead_high
    places = 3 if low is None or high is None else decimals(high - low)
    text = f"Without its networks {model.name} scores {figure(without.value, places)}"
    if without.ahead is not None:
        gained = "lose" if without.ahead < 0 else "gain"
        text += f"; they {gained} it {abs(without.ahead):,.{places}f}"
    if low is not None and high is not None:
        text += f" ({_INTERVAL}: {low:,.{places}f} to {high:,.{places}f})"
    return f"{text}: {answer}" + (f", {reason}." if reason else ".")


def table(verdict: Verdict) -> str:
    """Contenders, members and the sentence as plain text with fixed columns."""
    metric, model = verdict.contenders[0].metric, verdict.contenders[0].name
    lines: list[Sequence[str]] = [
        ("contender", metric, _INTERVAL, f"{model} ahead by", _INTERVAL, "fit s", "predict us/row", "")
    ]
    text = aligned(lines + [_line(contender) for contender in verdict.contenders])
    if verdict.members:
        worth: list[Sequence[str]] = [("member", "weight", "without it", "lost without it")]
        worth += [(m.name, f"{m.weight:.2f}", figure(m.without), figure(m.loss)) for m in verdict.members]
        text += ["", *aligned(worth)]
    return "\n".join([*text, "", verdict.sentence])


def decimals(width: float) -> int:
    """Decimals that show an interval of this width with two digits.

    >>> decimals(0.037), decimals(1200)
    (3, 0)
    """
    return 3 if not width > 0 else min(6, max(0, 1 - math.floor(math.log10(width))))


def figure(value: float | None, places: int | None = None) -> str:
    """A figure with this many decimals; "-" where it is unknown.

    >>> figure(0.81234), figure(42013.4), figure(None)
    ('0.8123', '42,013', '-')
    """
    if value is None:
        return "-"
    if places is None:
        places = 0 if abs(value) >= 10_000 else 4
    return f"{value:,.{places}f}"


def side(ahead: float, places: int, *, verb: bool = False) -> str:
    """A difference without a sign.

    >>> side(-0.5, 2), side(0.5, 2, verb=True)
    ('0.50 behind', 'ahead by 0.50')
    """
    word = "behind" if ahead < 0 else "ahead"
    size = f"{abs(ahead):,.{places}f}"
    return f"{word} by {size}" if verb else f"{size} {word}"


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table; the first column and those without a heading to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = [not place or not name for place, name in enumerate(lines[0])]
    return [
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in lines
    ]


def _line(c: Contender) -> Sequence[str]:
    between = "-" if c.ahead is None else f"{figure(c.ahead_low)} to {figure(c.ahead_high)}"
    cost = ["-" if taken is None else f"{taken:,.1f}" for taken in (c.fit_seconds, c.predict_us)]
    return c.name, figure(c.value), f"{figure(c.low)} to {figure(c.high)}", figure(c.ahead), between, *cost, c.note
