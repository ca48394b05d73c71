"""Selected rows answer as the frame of these rows would."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from mapsto.table import Selection

FRAME = pl.DataFrame({"size": [5.0, None, 7.0, 8.0], "kind": ["a", "b", None, "d"], "many": [[1], [], [2, 3], None]})
NUMBERS = st.lists(st.integers(0, FRAME.height - 1), max_size=6)


@given(NUMBERS, st.data())
def test_selected_rows_are_the_frame_of_these_rows(rows: list[int], data: st.DataObject) -> None:
    copied, selected = FRAME[np.array(rows, dtype=int)], Selection(FRAME, np.array(rows, dtype=int))
    assert (selected.height, selected.columns, selected.rows.tolist()) == (len(rows), FRAME.columns, rows)
    for name in FRAME.columns:
        assert_series_equal(selected[name], copied[name])
    some = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=4)) if rows else [], dtype=int)
    assert_frame_equal(selected[some], copied[some])


def test_with_no_numbers_given_it_is_the_whole_frame() -> None:
    whole = Selection(FRAME)
    assert (whole.height, whole.rows.tolist()) == (4, [0, 1, 2, 3])
    assert_series_equal(whole["kind"], FRAME["kind"])
    assert_frame_equal(whole[np.array([3, 0])], FRAME[[3, 0]])
