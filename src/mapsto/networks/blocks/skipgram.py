"""Skip-gram: word vectors learned from plain text, by guessing which words stand near each word.

Two words that are used alike stand near the same words, and so get vectors that point the same way. Each word has one
vector as itself and one as a neighbour; the product of the two says how likely they stand together. It is raised for
pairs that were seen and lowered for random ones (negative sampling).
Paper: Mikolov et al., "Distributed representations of words and phrases and their compositionality", arXiv 1310.4546.

Shape legend: N words of all texts, P pairs of a batch, V known words, D width, S random words of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_WINDOW = 5
_PAIRS = 8192
_RANDOM = 256
"""Random words of a batch; all its pairs share them."""
_NEGATIVES = 5.0
"""What the random words count beside a true neighbour."""
_RATE = 0.01
_FREQUENT = 1e-3
_FEWEST_STEPS = 200


def skipgram(ids_N: np.ndarray, offsets: np.ndarray, size: int, width: int, *, epochs: int = 3) -> np.ndarray:
    """Vectors of all words, float32 `(V, D)`.

    Args:
        ids_N: word ids in `[0, size)`; 0, the unknown word, is left out.
        offsets: text `i` holds the ids from `offsets[i]` to `offsets[i + 1]`.
        size: V.
        width: D.
        epochs: passes over the pairs, at least; few texts take more.
    """
    draw = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    start_VD = torch.randn(size, width, generator=generator) * width**-0.5
    words_VD, near_VD = start_VD.requires_grad_(), torch.zeros(size, width, requires_grad=True)
    count_V = np.bincount(ids_N, minlength=size).astype(np.float64)
    count_V[0] = 0
    if count_V.sum() == 0:
        return np.asarray(start_VD.detach())
    random_V = torch.from_numpy(count_V**0.75)
    optimizer = torch.optim.Adam([words_VD, near_VD], lr=_RATE)
    steps = 0
    while epochs > 0 or steps < _FEWEST_STEPS:
        epochs -= 1
        steps += 1
        for one_P, other_P in _pairs(ids_N, offsets, count_V, draw):
            random_S = torch.multinomial(random_V, _RANDOM, replacement=True, generator=generator)
            optimizer.zero_grad()
            _loss(words_VD, near_VD, one_P, other_P, random_S).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1
    return np.asarray(words_VD.detach())


def _loss(words_VD: Tensor, near_VD: Tensor, one_P: Tensor, other_P: Tensor, random_S: Tensor) -> Tensor:
    """How badly the pairs are told from random ones."""
    one_PD = F.embedding(one_P, words_VD)
    seen_P = (one_PD * F.embedding(other_P, near_VD)).sum(1)
    random_PS = one_PD @ F.embedding(random_S, near_VD).T
    return F.softplus(-seen_P).mean() + _NEGATIVES * F.softplus(random_PS).mean()


def _pairs(
    ids_N: np.ndarray, offsets: np.ndarray, count_V: np.ndarray, draw: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of words that stand near each other, in random order; frequent words are thinned out."""
    share_V = count_V / count_V.sum()
    keep_V = np.minimum(1.0, np.sqrt(_FREQUENT / np.maximum(share_V, 1e-12))) * (count_V > 0)
    kept = draw.random(len(ids_N)) < keep_V[ids_N]
    ids, row = ids_N[kept], np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[kept]
    pairs = [np.zeros((2, 0), ids.dtype)]
    for apart in range(1, _WINDOW + 1):
        together = (row[apart:] == row[:-apart]) & (draw.random(max(0, len(ids) - apart)) < 1 - (apart - 1) / _WINDOW)
        near = np.stack([ids[:-apart][together], ids[apart:][together]])
        pairs += [near, near[::-1]]
    both = np.concatenate(pairs, axis=1)
    one, other = torch.from_numpy(both[:, draw.permutation(both.shape[1])])
    yield from zip(one.split(_PAIRS), other.split(_PAIRS), strict=True)
