"""Maps of single cells in a terminal: words, and fields of pictures, on blue where they raise and orange where they
lower what is explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.reporting.figures import number, signed
from mapsto.reporting.insides import LOWERS, RAISES, shades

if TYPE_CHECKING:
    import polars as pl
    from rich import text as rich_text

_PAPER = 255


def coloured(frame: pl.DataFrame) -> list[rich_text.Text]:
    """What `Model.explain(rows, inside=...)` gives, as lines for rich: a heading and a text or a grid for each row."""
    keys: list[str] = [key for key in ("row", "target") if key in frame.columns]
    found = []
    for part in frame.partition_by(keys, maintain_order=True):
        found += [_heading(part, keys), _grid(part) if "top" in part.columns else _pieces(part)]
    return found


def _heading(part: pl.DataFrame, keys: list[str]) -> rich_text.Text:
    from rich import text as rich_text

    first = part.row(0, named=True)
    gains = ", ".join(f"{what} {signed(first[what], 3)}" for what in ("deletion", "insertion"))
    strongest = part.row(int(part["attribution"].abs().arg_max() or 0), named=True)
    most = f"most: {strongest['piece']} {signed(strongest['attribution'], 3)}"
    return rich_text.Text(f"{' '.join(f'{key} {first[key]}' for key in keys)}  ({most}; {gains})", style="bold")


def _pieces(part: pl.DataFrame) -> rich_text.Text:
    from rich import text as rich_text

    line = rich_text.Text()
    for piece, shade in zip(part["piece"].to_list(), shades(part["attribution"].to_numpy()).tolist(), strict=True):
        line.append(piece, style=_style(shade)).append(" ")
    return line.append("\n")


def _grid(part: pl.DataFrame) -> rich_text.Text:
    """Fields as two blanks each, as wide as high; from left to right and from top to bottom."""
    from rich import text as rich_text

    grid = rich_text.Text()
    across = part["left"].n_unique()
    for place, shade in enumerate(shades(part["attribution"].to_numpy()).tolist(), 1):
        grid.append("  ", style=_style(shade) or f"on rgb({_PAPER},{_PAPER},{_PAPER})")
        if place % across == 0:
            grid.append("\n")
    return grid.append(f"darkest: {number(float(part['attribution'].abs().max() or 0))}\n")  # type: ignore[arg-type]


def _style(shade: float) -> str:
    if not shade:
        return ""
    colour = _PAPER + abs(shade) * ((RAISES if shade > 0 else LOWERS) - _PAPER)
    red, green, blue = np.asarray(colour, dtype=np.int64).tolist()
    ink = "white" if abs(shade) > 0.6 else "black"
    return f"{ink} on rgb({red},{green},{blue})"
