"""Chunks: they cover all rows once, are padded with the last row, and are worked through on several threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mapsto.tensors import chunk, side_by_side, spans, threads_within
from mapsto.testing_networks import sample_rows

CPU = torch.device("cpu")
ROWS = sample_rows(300)


@given(st.integers(0, 300), st.none() | st.integers(1, 400))
def test_spans_cover_all_rows_once(rows: int, most: int | None) -> None:
    found = spans(ROWS.take(np.arange(rows)), CPU, most)
    assert [row for start, stop in found for row in range(start, stop)] == list(range(rows))


def test_fewer_pictures_than_rows_of_numbers_are_a_chunk() -> None:
    rows = sample_rows(2_000, form="pixels")
    assert spans(rows, CPU)[0][1] < spans(sample_rows(2_000), CPU)[0][1]


@pytest.mark.parametrize("form", ["flat", "sequence", "pixels"])
def test_a_chunk_repeats_its_last_row(form: str) -> None:
    rows = sample_rows(20, form=form)  # type: ignore[arg-type]
    padded, alone = chunk(rows, (3, 10), CPU), chunk(rows, (9, 10), CPU)
    for key, block in padded.items():
        assert len(block) % 16 == 0
        if isinstance(block, torch.Tensor):
            torch.testing.assert_close(block[6:], alone[key][:1].expand_as(block[6:]), rtol=0, atol=0, equal_nan=True)


def test_several_threads_without_gradients_work_through_many_chunks() -> None:
    seen: list[tuple[tuple[int, int], int, bool, int]] = []

    def function(span: tuple[int, int]) -> None:
        seen.append((span, torch.get_num_threads(), torch.is_inference_mode_enabled(), threading.get_ident()))

    each = spans(ROWS, CPU, 16)
    with threads_within(2):
        side_by_side(function, each, CPU)
        assert torch.get_num_threads() == 2
    assert sorted(span for span, *_ in seen) == each
    assert all(threads == 1 and quiet for _, threads, quiet, _ in seen)
    assert threading.get_ident() not in {ident for *_, ident in seen}


def test_few_rows_wait_for_no_second_thread() -> None:
    seen: list[tuple[int, int]] = []
    with threads_within(2):
        for rows in (1, 16, 300):
            found = spans(ROWS.take(np.arange(rows)), CPU)
            assert len(found) == (1 if rows <= 16 else 2)
            side_by_side(lambda _: seen.append((torch.get_num_threads(), threading.get_ident())), found, CPU)
        assert torch.get_num_threads() == 2
    assert {threads for threads, _ in seen} == {1}
    here = threading.get_ident()
    assert [ident == here for _, ident in seen] == [True, True, False, False]
