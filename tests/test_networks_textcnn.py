"""TextCNN: the largest answer of each filter over all windows."""

from __future__ import annotations

import torch

from mapsto.networks.textcnn import TextCNN


def test_each_filter_reports_its_best_window() -> None:
    network = TextCNN(3, TextCNN.Config(filters=4, shortest=2, tallest=3)).eval()
    x_LF = torch.randn(6, 3)
    best = []
    for height, filters in zip((2, 3), network.filters, strict=True):
        edge = torch.zeros(height - 1, 3)
        windows = torch.cat([edge, x_LF, edge]).unfold(0, height, 1)  # (windows, F, height)
        answers = torch.einsum("wfh,cfh->wc", windows, filters.slide.weight) + filters.slide.bias
        best.append(answers.relu().amax(0))
    torch.testing.assert_close(network(x_LF[None], torch.tensor([6]))[0], torch.cat(best))


def test_a_phrase_is_found_wherever_it_stands() -> None:
    network = TextCNN(3, TextCNN.Config(filters=8)).eval()
    text = torch.zeros(2, 40, 3)
    text[0, 10:14] = text[1, 23:27] = torch.randn(4, 3)
    early, late = network(text, torch.tensor([40, 40]))
    torch.testing.assert_close(early, late)
    assert network.out_features == 24
