"""Units that stand with numbers in text: "130 hp", "12.0s", "22 °C", "€1.2M".

A unit is read where nearly all cells have the same one, which then says nothing that differs from row to row. Cells in
several units are no numbers of one scale: they are never put together, and people are told. Letters right behind a
whole number may as well be a code (3B, 12a), so there a unit must be a known one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from mapsto.table import numerals
from mapsto.table.moments import EDGES

_WORDS = (
    "mm cm dm m km µm μm nm in ft yd mi nmi inch inches feet foot miles mg g kg t lb lbs oz st s sec secs "
    "min mins h hr hrs ms µs μs ns d day days wk wks week weeks mo mos month months y yr yrs year years "
    "ml mL cl dl l L gal hl W kW MW mW GW kWh Wh MWh V kV mV mA Ah mAh J kJ MJ cal kcal Pa hPa kPa MPa "
    "bar mbar psi Hz kHz MHz GHz kB KB MB GB TB KiB MiB GiB TiB kbps Mbps Gbps px dpi pt pts hp HP PS bhp "
    "cc ccm rpm Nm mph kph kmh mpg kt kts K k M mn mio bn Mio Mrd C F pcs dB bpm ppm ppb mol mmol ha ac "
    "acres sqm sqft qm "
)
_KNOWN = frozenset(_WORDS.split())
"""Units that may stand right behind a whole number."""
_NONE = frozenset(("st", "nd", "rd", "th", "er", "e", "ème", "am", "pm", "a.m", "p.m", "bc", "ad"))
"""What stands behind numbers and is no unit."""
_SIGN = r"[+\-\u2212\u2013]"
_AMOUNT = rf"(?:{_SIGN}\s*)?(?:{numerals.UNIT}\s*)?(?:{_SIGN}\s*)?(?:{numerals.NUMBERS['.']}|{numerals.NUMBERS[',']})"
_TOKEN = (
    r"(?:(?:(?i:sq|cu|fl)\.?\s?)?"
    r"(?:\p{L}|[%°º‰′″'\"])[\p{L}\p{Sc}%°‰²³⁻¹/·^*.-]{0,11}[23]?(?:\s?\p{Sc})?)"
)
_PATTERN = rf"^{_AMOUNT}\s?({_TOKEN})$"
_POWER = re.compile(r"(?:.*/)?(?:mm|cm|m|km|ft|in|s)\^?[23]")
_AT_ENDS = r"^.{0,6}\d|\d.{0,14}$"
"""What cells have that may be a number and a unit; others need no closer look."""
_MEASURED = r"\d[.,]\d|^[.,]\d"
_DECADE = r"^\d+0s$"
_READABLE, _LIKELY = 0.9, 0.5
_FEWEST = 3
"""Different numbers in one unit at least: with fewer it may as well be a name."""
_MOST = 5
"""Units that a column is written in; more are words."""


@dataclass(frozen=True)
class Units:
    """The one unit of a column, behind its numbers; or the several, by falling number of cells."""

    unit: str = ""
    several: tuple[str, ...] = ()
    money: bool = False
    """Whether numbers stand with a sign of money."""


def find(text: pl.Series) -> Units:
    """The units of cells.

    >>> find(pl.Series(["130 hp", "95 hp", "88 hp", None])).unit, find(pl.Series(["3B", "7B", "12B"])).unit
    ('hp', '')
    >>> find(pl.Series(["5 kg", "7 kg", "9 kg", "400 g"])).several
    ('kg', 'g')
    """
    cells = text.filter(pl.Series(numerals.unmarked(text), dtype=pl.Boolean)).str.strip_chars(EDGES)
    if cells.str.contains(_AT_ENDS).sum() < max(1, _LIKELY * len(cells)):
        return Units()
    bare = _is_bare(cells)
    signs = _counted(cells.filter(pl.Series(bare)).str.extract(f"({numerals.UNIT})").str.to_uppercase())
    money = any(sign != "%" for sign in signs)
    if sum(signs.values()) >= _LIKELY * len(cells) and max(signs.values()) < _READABLE * sum(signs.values()):
        return Units(several=tuple(signs)[:_MOST], money=money)
    units = _behind(cells.filter(pl.Series(~bare)))
    if not units or sum(one.cells for one in units) + bare.sum() < _LIKELY * len(cells):
        return Units(money=money)
    most = units[0]
    if most.cells + bare.sum() >= _READABLE * len(cells) and most.cells >= _LIKELY * len(cells):
        enough = without(cells, most.name).n_unique() >= _FEWEST
        return Units(most.name if enough else "", money=money)
    several = 1 < len(units) <= _MOST and all(one.sure for one in units)
    return Units(several=tuple(one.name for one in units) if several else (), money=money)


def without(text: pl.Series, unit: str) -> pl.Series:
    """Cells without this unit behind their numbers; cells without it, and with another, as they are.

    >>> without(pl.Series(["130 hp", "95hp", "88", "66 kW"]), "hp").to_list()
    ['130', '95', '88', '66 kW']
    """
    if not unit:
        return text
    cells = text.str.strip_chars(EDGES)
    return cells.str.replace(rf"^({_AMOUNT})\s?{re.escape(unit)}\.?$", "${1}")


def _is_bare(cells: pl.Series) -> np.ndarray:
    """Cells that read as numbers without a unit behind them."""
    return np.asarray(~np.isnan(numerals.parse(cells, ".")) | ~np.isnan(numerals.parse(cells, ",")))


@dataclass(frozen=True)
class _Unit:
    name: str
    cells: int
    sure: bool
    """Whether it is one wherever it stands, and not only because a blank is before it."""


def _behind(cells: pl.Series) -> list[_Unit]:
    """Units behind numbers, by falling number of cells."""
    cell = pl.col("cell")
    found = cells.to_frame("cell").with_columns(unit=cell.str.extract(_PATTERN, 1).str.strip_chars("."))
    counted = found.drop_nulls("unit").group_by("unit").agg(
        pl.len().alias("cells"),
        cell.str.contains(r"\s\S+$").all().alias("apart"),
        cell.str.contains(_MEASURED).any().alias("measured"),
        cell.str.contains(_DECADE).all().alias("decades"),
    )  # fmt: skip
    units = []
    for name, count, apart, measured, decades in counted.sort(["cells", "unit"], descending=[True, False]).rows():
        sure = measured or name in _KNOWN or not name.isalnum() or _POWER.fullmatch(name) is not None
        odd = decades or name.lower() in _NONE or (name[-1] in "23" and not _POWER.fullmatch(name))
        if not odd and (sure or (apart and len(name) > 1)):
            units.append(_Unit(name, count, sure))
    return units


def _counted(signs: pl.Series) -> dict[str, int]:
    counted = signs.drop_nulls().alias("sign").value_counts(name="cells")
    return dict(counted.sort(["cells", "sign"], descending=[True, False]).rows())
