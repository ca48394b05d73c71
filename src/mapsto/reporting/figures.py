"""How figures read: few digits, thousands marked, no false precision."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 4) -> str:
    """A number with about this many digits.

    >>> number(0.123456), number(123456.7), number(3.0), number(None), number(1.5e-7), number(-2.5)
    ('0.1235', '123,457', '3', '–', '1.5e-07', '−2.5')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and (size < 10.0**-digits or size >= 1e15):
        text = f"{size:.{max(1, digits - 2)}g}"
    elif size >= 10.0 ** (digits - 1):
        text = f"{size:,.0f}"
    else:
        whole = math.floor(math.log10(size)) if size >= 1 else -1
        text = f"{size:.{digits - 1 - whole}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if value >= 0 else f"−{text}"


def fixed(value: float | None, places: int) -> str:
    """A number with this many decimals, so that figures below each other line up.

    >>> fixed(0.5, 3), fixed(-1234.5, 0), fixed(-0.001, 2), fixed(None, 2)
    ('0.500', '−1,234', '0.00', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:z,.{places}f}".replace("-", "−")


def percent(share: float | None, places: int = 0) -> str:
    r"""A share in percent.

    >>> percent(0.256), percent(0.0004), percent(None)
    ('26\xa0%', '0.04\xa0%', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    scaled = 100 * share
    if 0 < abs(scaled) < 1 and places == 0:
        return f"{scaled:.1g}\N{NO-BREAK SPACE}%"
    text = f"{scaled:.{places}f}"
    return f"{text.removesuffix('.0')}\N{NO-BREAK SPACE}%"


def signed(value: float, places: int) -> str:
    """A number with its sign and this many decimals.

    >>> signed(0.25, 3), signed(-3.0, 0), signed(-0.0001, 2)
    ('+0.250', '−3', '0.00')
    """
    text = f"{value:+z,.{places}f}"
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text[1:]


def interval_places(low: float | None, high: float | None) -> int:
    """Decimals that show an interval with two digits, four at most.

    >>> interval_places(0.75, 0.81), interval_places(40_000.0, 44_000.0), interval_places(1.0, 1.0)
    (3, 0, 3)
    """
    if low is None or high is None or not high > low:
        return 3
    return min(4, places_for(high - low))


def places_for(size: float, digits: int = 2) -> int:
    """Decimals that show figures of this size with so many digits.

    >>> places_for(0.16), places_for(48_000.0), places_for(0.0)
    (2, 0, 3)
    """
    if not 0 < size < math.inf:
        return 3
    return min(8, max(0, digits - 1 - math.floor(math.log10(size))))


def seconds(value: float | None) -> str:
    """A span of time.

    >>> seconds(0.04), seconds(42.4), seconds(372)
    ('0.04 s', '42 s', '6 min 12 s')
    """
    if value is None:
        return "–"
    if value < 60:
        return f"{number(value, 2)} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
