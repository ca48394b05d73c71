"""An encoder of pictures to transfer from, made on the spot: nothing may be downloaded here.

A small ResNet of the transformers library learns the first five classes of Fashion-MNIST and is saved as any pretrained
model is; what it knows of garments is then of use for the other five.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.inputs import fashion

_ROWS, _SIDE, _BATCH = 10_000, 28, 100


def garment_encoder(folder: Path, epochs: int = 3) -> Path:
    """Teach the encoder for so many passes and save it; 0: with random weights."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic", num_labels=5
    )
    model = transformers.ResNetForImageClassification(config)
    train, _ = fashion()
    early = np.flatnonzero(train["label"] < "5")[:_ROWS]
    x = torch.from_numpy(train["image"][early][:, None].repeat(3, 1).astype(np.float32) / 255 - 0.5)
    y = torch.from_numpy(train["label"][early].astype(np.int64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(_BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(pixel_values=x[rows]).logits, y[rows]).backward()
            optimizer.step()
    model.resnet.save_pretrained(folder)
    prepared = {"size": {"height": _SIDE, "width": _SIDE}, "image_mean": [0.5] * 3, "image_std": [1.0] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared), encoding="utf-8")
    return folder
