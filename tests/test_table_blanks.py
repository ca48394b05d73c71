"""Fields parted by runs of blanks; lines of text are never parted."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mapsto.table import read


def written(folder: Path, text: str, name: str = "t.csv") -> Path:
    """A file with this text."""
    (folder / name).write_text(text)
    return folder / name


BLANKS = pl.DataFrame(
    {"size": [8.0, 10.5, 7.25, 9.0] * 3, "cost": [307, 5, 44, 1] * 3, "kind": ["a", "b", "c", "d"] * 3}
)


@pytest.mark.parametrize(("how", "index"), [("fixed", False), ("fixed", True), ("single", False), ("r", True)])
def test_runs_of_blanks_part_fields(tmp_path: Path, how: str, index: bool) -> None:
    frame = BLANKS.to_pandas()
    if how == "fixed":
        text = frame.to_string(index=index)
    elif how == "single":
        text = frame.to_csv(sep=" ", index=index)
    else:
        names = " ".join(f'"{name}"' for name in frame.columns)
        text = "".join([f"{names}\n", *(f'"{k + 1}" {a} {b} "{c}"\n' for k, (a, b, c) in enumerate(BLANKS.rows()))])
    table = read(written(tmp_path, text, "t.txt"))
    assert table.frame.columns == [*(["row"] if index else []), *BLANKS.columns]
    assert table.frame.drop("row", strict=False).rows() == BLANKS.rows()
    assert "runs of blanks" in table.notes[0].text


def test_empty_fields_between_single_blanks(tmp_path: Path) -> None:
    frame = BLANKS.with_columns(cost=pl.when(pl.col("cost") > 5).then(pl.col("cost")))
    table = read(written(tmp_path, frame.to_pandas().to_csv(sep=" ", index=False)))
    assert table.frame.rows() == frame.rows()


def test_values_alone_between_blanks(tmp_path: Path) -> None:
    table = read(written(tmp_path, BLANKS.to_pandas().to_string(index=False, header=False), "t.data.txt"))
    assert table.frame.rows() == BLANKS.rows()
    assert table.frame.columns == ["column_1", "column_2", "column_3"]


TEXTS = [
    "first name\nAnn Lee\nBob Ray\nCy Young\nDee Dee\n",
    "item\n1 apple\n2 pears\n3 plums\n4 figs\n",
    "what they said\nI like it\nwe do not\nthey go home\nwho knows that\n",
    "horse power\n130 hp\n95 hp\n88 hp\n77 hp\n",
    "when\n2020-01-01 12:00\n2020-01-02 13:00\n2020-01-03 14:00\n2020-01-04 15:00\n",
    "pixels\n1 2 3\n4 5 6\n7 8 9\n0 1 2\n",
    "a b\n1 2\n3 4\n5 6 7\n8 9\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_lines_of_text_are_never_parted(tmp_path: Path, text: str) -> None:
    table = read(written(tmp_path, text))
    assert table.frame.columns == [text.partition("\n")[0]]
    assert table.frame.to_series().to_list() == text.splitlines()[1:]
