"""Word vectors: lookup, padding, words hidden in training, vectors to begin with."""

from __future__ import annotations

import numpy as np
import torch

from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.networks.blocks.words import WordVectors

IDS = RaggedTensor(torch.tensor([3, 1, 2], dtype=torch.int32), torch.tensor([0, 2, 2, 3]))


def test_each_word_becomes_its_vector() -> None:
    front = WordVectors(5, None, options={"sense_width": 4}).eval()
    x_BLD, lengths_B = front(IDS)
    assert lengths_B.tolist() == [2, 0, 1]
    torch.testing.assert_close(x_BLD[0], front.words.weight[[3, 1]])
    torch.testing.assert_close(x_BLD[2, 0], front.words.weight[2])


def test_words_are_hidden_in_training_only() -> None:
    torch.manual_seed(0)
    front = WordVectors(50, None, options={"sense_width": 4, "word_dropout": 0.5})
    many = RaggedTensor(torch.ones(4000, dtype=torch.int32), torch.tensor([0, 4000]))
    hidden = (front(many)[0][0] == front.words.weight[0]).all(1).float().mean()
    assert 0.45 < hidden < 0.55
    assert (front.eval()(many)[0][0] == front.words.weight[1]).all()


def test_vectors_to_begin_with_are_mapped_to_the_width_wanted() -> None:
    given = np.arange(15, dtype=np.float32).reshape(5, 3)
    same = WordVectors(5, given, options={"sense_width": 3}).eval()
    torch.testing.assert_close(same(IDS)[0][0, 0], torch.tensor([9.0, 10.0, 11.0]))
    wider = WordVectors(5, given, options={"sense_width": 8}).eval()
    assert wider(IDS)[0].shape == (3, 2, 8)
