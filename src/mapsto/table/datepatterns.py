"""The patterns that may have written a date, from the form of one cell: no list of formats, but a small grammar."""

from __future__ import annotations

import re

LONGEST = 60
"""Signs of a cell, or of a pattern, that is looked at."""
COMPACT = r"^(1[89]|20)\d{6}$"
"""Eight digits without marks that are a date."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+|\s+|.", re.DOTALL)
_CLOCK = re.compile(
    r"(?<!\d)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2}(?P<fraction>\.\d+)?)?(?P<half>\s*[ap]m\b)?(?P<zone>[+-]\d{2}:?(\d{2})?)?",
    re.IGNORECASE,
)
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS = {word: code for code, words in (("%B", _MONTHS), ("%A", _DAYS)) for name in words for word in (name, name[:3])}


def patterns_of(cell: str) -> list[str]:
    """The patterns that may have written a cell, the likeliest first; none where it is no date.

    >>> patterns_of("3/4/2023 1:05 PM")
    ['%m/%d/%Y %I:%M %p', '%d/%m/%Y %I:%M %p']
    >>> patterns_of("15-03-23")
    ['%d-%m-%y', '%m-%d-%y', '%y-%m-%d']
    >>> patterns_of("Wed, 15 Mar 2023 10:00:00+00:00")
    ['%A, %d %B %Y %H:%M:%S%#z']
    """
    if len(cell) > LONGEST or "%" in cell or not any(sign.isdigit() for sign in cell):
        return []
    clock = _CLOCK.search(cell)
    dated = cell if clock is None else f"{cell[: clock.start()]}%{cell[clock.end() :]}"
    pieces: list[str] = []
    numbers: list[str] = []
    for token in _TOKEN.findall(dated):
        if token.isdecimal():
            compact = _compact(token, after=pieces[-1] if pieces else "")
            pieces.append(compact or "#")
            numbers += [] if compact else [token]
        elif token.lower() in _WORDS:
            pieces.append(_WORDS[token.lower()])
        elif token == "%" and clock is not None:
            pieces.append(_clock_pattern(clock))
        elif token in "-/.,:T" or token.isspace():
            pieces.append(" " if token.isspace() else token)
        else:
            return []
    form = "".join(pieces)
    if form.count("%B") > 1 or ("%Y" in form and (numbers or "%B" in form)):
        return []
    return [_filled(pieces, order) for order in _orders(numbers, form)]


def _compact(digits: str, *, after: str) -> str:
    """The pattern of digits without marks between them, or ""."""
    if after == "T":
        return {4: "%H%M", 6: "%H%M%S"}.get(len(digits), "")
    if not re.match(COMPACT, digits[:8]):
        return ""
    return {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits), "")


def _clock_pattern(clock: re.Match[str]) -> str:
    half = clock["half"]
    seconds = "" if clock["second"] is None else ":%S" + ("%.f" if clock["fraction"] else "")
    written = "" if half is None else " %p" if half[:1].isspace() else "%p"
    return f"{'%I' if half else '%H'}:%M{seconds}{written}{'%#z' if clock['zone'] else ''}"


def _orders(numbers: list[str], form: str) -> list[tuple[str, ...]]:
    """What the numbers of a date may be, the likeliest first."""
    lengths = [len(number) for number in numbers]
    long = [place for place, length in enumerate(lengths) if length > 2]
    if any(length not in (1, 2, 4) for length in lengths) or len(long) > 1:
        return []
    if not numbers:
        return [()] if "%Y" in form or re.search("%[HI]", form) else []
    if "%B" in form:
        if len(numbers) == 1:
            return [("%Y",)] if long else [("%y",)] if form in ("%B-#", "#-%B") else []
        if len(numbers) > 2:
            return []
        return [("%Y", "%d")] if long == [0] else [("%d", "%Y")] if long else [("%d", "%y"), ("%y", "%d")]
    if len(numbers) == 2:
        marks = form.replace("#", "")
        if "%" in marks or marks not in ("-", "/") or not long:
            return []
        return [("%Y", "%m")] if long == [0] else [("%m", "%Y")]
    if len(numbers) != 3 or long == [1]:
        return []
    if long == [0]:
        return [("%Y", "%m", "%d"), ("%Y", "%d", "%m")]
    year = "%Y" if long else "%y"
    found: list[tuple[str, ...]] = [("%m", "%d", year), ("%d", "%m", year)]
    found = found if "/" in form else found[::-1]
    return found if long else [*found, ("%y", "%m", "%d")]


def _filled(pieces: list[str], order: tuple[str, ...]) -> str:
    codes = iter(order)
    return "".join(next(codes) if piece == "#" else piece for piece in pieces)
