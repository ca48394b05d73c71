"""Folders of tiny encoders with random weights, as transformers writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BERT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 40, "vocab_size": 60,
}  # fmt: skip
VIT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "image_size": 16, "patch_size": 8, "num_channels": 3,
}  # fmt: skip
RESNET: dict[str, Any] = {
    "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic", "num_channels": 3,
}  # fmt: skip


def described(family: str, entries: dict[str, Any]) -> str:
    return json.dumps({"model_type": family} | entries, sort_keys=True)


def save(folder: Path, family: str, entries: dict[str, Any]) -> Path:
    """A model of this family with weights of its own, without a tokenizer."""
    import torch
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(7)
        config = transformers.AutoConfig.for_model(family, **entries)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


def text_encoder(folder: Path, words: list[str]) -> Path:
    """A tiny BERT whose tokenizer knows these words and the letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, *letters, *(f"##{letter}" for letter in letters)]
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    save(folder, "bert", BERT | {"vocab_size": made.get_vocab_size()})
    made.save(str(folder / "tokenizer.json"))
    return folder


def picture_encoder(folder: Path, family: str = "vit") -> Path:
    """A tiny encoder of pictures of 16 x 16."""
    save(folder, family, VIT if family == "vit" else RESNET)
    found = {"size": {"height": 16, "width": 16}, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}
    (folder / "preprocessor_config.json").write_text(json.dumps(found), encoding="utf-8")
    return folder
