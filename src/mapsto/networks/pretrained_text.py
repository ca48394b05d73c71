"""A pretrained encoder of texts: what a transformer learned from billions of words, kept and adapted.

The encoder was trained elsewhere to fill in hidden words or to tell sentences apart, so it brings what words mean to
tasks whose rows are too few to teach it. Its vectors are read as they are first, so that only heads are learned
(linear probing); then all of it is tuned with rates that fall from layer to layer towards the input, where what was
learned is most general.
Papers: Devlin et al., "BERT", arXiv 1810.04805; Reimers & Gurevych, "Sentence-BERT", arXiv 1908.10084; Howard & Ruder,
"Universal language model fine-tuning", arXiv 1801.06146; Kumar et al., "Fine-tuning can distort pretrained features",
arXiv 2202.10054.

Shape legend: B batch, L length, D width.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.base import Sense
from mapsto.networks.blocks import encoders
from mapsto.networks.blocks.pretrained import PretrainedConfig, PretrainedNetwork
from mapsto.networks.blocks.sequences import mean, present
from mapsto.networks.folders import TEXTS, find

_STEP = 8
_TOKENS_AT_ONCE = 4096


class PretrainedText(PretrainedNetwork):
    """Ids of an encoder's own tokenizer to one vector a text: the mean of its words' vectors, or the first one."""

    name: ClassVar[str] = "pretrained-text"
    layout: ClassVar[Sense] = "subwords"

    class Config(PretrainedConfig):
        """Which encoder, what becomes the vector of a text, and how fast its layers learn."""

        @classmethod
        def described(cls, source: str) -> dict[str, Any]:
            """Description and pooling, as sentence-transformers writes the latter beside it."""
            folder = find(source)
            pooling = folder.optional("1_Pooling/config.json")
            first = pooling.get("pooling_mode_cls_token") is True
            return {"model": encoders.described(folder), "pooling": "first" if first else "mean"}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: ids of the tokenizer.

        Raises:
            OptionError: the description is missing, malformed or too large, or knows fewer ids.
        """
        super().__init__(in_features, config)
        self.encoder: Any = encoders.built(config.model, TEXTS)
        self.source, self.pooling = config.source, config.pooling
        self.rate, self.decay = config.rate, config.decay
        own = self.encoder.config
        self.longest = own.max_position_embeddings - (2 if own.model_type in _SHIFTED else 0)
        if in_features > own.vocab_size or self.longest < 1:
            message = f"the tokenizer has {in_features:,} ids, the encoder knows {own.vocab_size:,}: they do not fit"
            raise OptionError(message)
        self.out_features = own.hidden_size

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`ids_BL, lengths_B -> h_BD`, standardised; 0 where there is no text.

        Rows of about equal length are read together, so that little is spent on padding. A row is filled up to a
        length of its own in prediction, so what is found does not depend on its neighbours.
        """
        ids, lengths = ids[:, : self.longest], lengths.clamp_max(self.longest)
        filled = (lengths.clamp_min(1) + _STEP - 1) // _STEP * _STEP
        order = torch.argsort(filled, stable=True)
        parts = []
        for rows in torch.split(order, self._sizes(filled[order])):
            length = int(filled[rows[-1]])
            some = F.pad(ids[rows, :length], (0, max(0, length - ids.shape[1])))
            parts.append(self._read(some[:, : self.longest], lengths[rows]))
        found = torch.cat(parts)[torch.argsort(order)]
        return F.layer_norm(found, found.shape[1:]) * (lengths > 0)[:, None]

    def _read(self, ids_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """A few texts of about one length."""
        there_BL = present(lengths_B.clamp_min(1), ids_BL.shape[1])
        x_BLD = self.encoder(input_ids=ids_BL, attention_mask=there_BL.long()).last_hidden_state
        return mean(x_BLD, lengths_B.clamp_min(1)) if self.pooling == "mean" else x_BLD[:, 0]

    def _sizes(self, filled: Tensor) -> list[int]:
        """How many rows, of rising lengths, are read together: at most so many tokens; one length in prediction."""
        if self.training:
            return [len(filled) - len(filled) // 2, len(filled) // 2] if len(filled) >= 16 else [len(filled)]
        found: list[int] = []
        lengths, counts = torch.unique_consecutive(filled, return_counts=True)
        for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
            most = max(1, _TOKENS_AT_ONCE // length)
            found += [most] * (count // most) + ([count % most] if count % most else [])
        return found


_SHIFTED = ("camembert", "mpnet", "roberta", "xlm-roberta")
"""Families whose places begin at 2."""
