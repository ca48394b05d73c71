"""Attention written out in bfloat16 says what PyTorch's own says in float32."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mapsto.networks.blocks.attention import attend


def asked(queries: int, offers: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, 2, steps, 8, generator=generator) for steps in (queries, offers, offers)]


SEEN = torch.arange(7) < torch.tensor([7, 4, 1])[:, None, None, None]


@pytest.mark.parametrize("seen", [None, SEEN])
@pytest.mark.parametrize("queries", [1, 7])
def test_bfloat16_is_written_out_and_close_and_float32_is_pytorchs(
    queries: int, seen: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = asked(queries, 7)
    expected = F.scaled_dot_product_attention(*parts, attn_mask=seen)
    assert torch.equal(attend(*parts, seen_B11L=seen), expected)
    monkeypatch.delattr(F, "scaled_dot_product_attention")
    rough = attend(*(part.bfloat16() for part in parts), seen_B11L=seen)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - expected).abs().max() < 0.03


def test_gradients_are_close_too() -> None:
    gradients = []
    for kind in (torch.float32, torch.bfloat16):
        parts = [part.requires_grad_() for part in asked(7, 7)]
        attend(*(part.to(kind) for part in parts), seen_B11L=SEEN).float().square().sum().backward()
        gradients.append([part.grad for part in parts])
    for exact, rough in zip(*gradients, strict=True):
        assert exact is not None
        assert rough is not None
        assert (exact - rough).abs().mean() < 0.02 * exact.abs().mean()


def test_what_is_not_there_is_not_seen() -> None:
    query, key, value = (part.bfloat16() for part in asked(7, 7))
    before = attend(query, key, value, seen_B11L=SEEN)
    value[1, :, 4:], key[1, :, 4:] = 100.0, 3.0
    assert torch.equal(attend(query, key, value, seen_B11L=SEEN)[1], before[1])


def test_where_nothing_is_there_it_is_a_number() -> None:
    parts = [part.bfloat16() for part in asked(7, 7)]
    assert attend(*parts, seen_B11L=torch.zeros(3, 1, 1, 7, dtype=torch.bool)).isfinite().all()


def test_dropout_keeps_the_mean() -> None:
    parts = [part.bfloat16() for part in asked(7, 7)]
    torch.manual_seed(0)
    drawn = torch.stack([attend(*parts, dropout=0.3).float() for _ in range(2_000)])
    assert drawn.std(0).mean() > 0.1
    assert (drawn.mean(0) - attend(*parts).float()).abs().mean() < 0.02


def test_long_rows_hold_no_table_of_all_pairs() -> None:
    """PyTorch's own kernel works through a long row in pieces; written out, its weights would be 64 MiB here."""
    parts = [torch.zeros(1, 2, 4_096, 8, dtype=torch.bfloat16) for _ in range(3)]
    with torch.profiler.profile(profile_memory=True) as seen:
        attend(*parts)
    assert max(each.cpu_memory_usage for each in seen.key_averages()) < 2**23
