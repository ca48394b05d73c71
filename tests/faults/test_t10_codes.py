"""T10: what does not survive as a number unchanged is text: codes, hex, identifiers of twenty digits."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mapsto.columns import Number
from mapsto.errors import ColumnRefused
from mapsto.schema import Schema
from mapsto.table import read

FILES = Path(__file__).parent / "files"
CODES = {
    "1E5": ["1E5", "2E7", "3E1", "12E3"],
    "hex": ["0047583311580E590000", "0047583311581E590001"],
    "digits": ["12345678901234567890", "12345678901234567891"],
    "zeros": ["007", "123"],
    "telephones": ["+491701234567", "+491701234568"],
    "overflow": ["1e400", "2e400"],
}
NUMBERS = {
    "scientific": (["1e-5", "2.5e3", "1e+10"], [1e-5, 2500.0, 1e10]),
    "signed": (["+1", "-2", "+30"], [1.0, -2.0, 30.0]),
    "mixed": (["1E5", "2.5E7", "3"], [1e5, 2.5e7, 3.0]),
    "long fractions": (["0.12345678901234567890", "1.5"], [0.12345678901234568, 1.5]),
    "padded": (["000.50", "012.25"], [0.5, 12.25]),
}


@pytest.mark.parametrize("name", ["codes", "hex", "ids"])
def test_files(name: str) -> None:
    table = read(FILES / f"{name}.csv")
    first = table.frame.columns[0]
    lines = (FILES / f"{name}.csv").read_text().split()[1:]
    assert table.frame[first].to_list() == [line.partition(",")[0] for line in lines]
    (column,) = (
        Schema.claim(table.frame, targets=["y"], table=table).inputs
        or Schema.claim(table.frame, targets=["y"], table=table).left_out
    )
    assert column.type in ("category", "identifier")


@pytest.mark.parametrize("cells", CODES.values(), ids=CODES)
def test_codes_stay_text_in_files_and_frames(tmp_path: Path, cells: list[str]) -> None:
    pl.DataFrame({"c": cells * 9}).write_csv(tmp_path / "c.csv")
    assert read(tmp_path / "c.csv").frame["c"].to_list() == cells * 9
    with pytest.raises(ColumnRefused):
        Number.claim(pl.Series(cells * 9), name="c")


@pytest.mark.parametrize(("cells", "found"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_stay_numbers(tmp_path: Path, cells: list[str], found: list[float]) -> None:
    pl.DataFrame({"c": cells * 9}).write_csv(tmp_path / "c.csv")
    assert read(tmp_path / "c.csv").frame["c"].to_list() == found * 9
    column = Number.claim(pl.Series(cells * 9), name="c")
    column.learn(pl.Series(cells * 9))
    assert column.encode_target(pl.Series(cells)).tolist() == found


def test_a_code_after_the_sample_makes_the_column_text() -> None:
    cells = pl.Series([str(i % 900 + 100) for i in range(30_000)] + ["12345678901234567890"])
    with pytest.raises(ColumnRefused, match="more digits"):
        Number.claim(cells, name="c")
