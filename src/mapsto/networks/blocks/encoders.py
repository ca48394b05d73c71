"""Pretrained encoders of the transformers library: built from a description, filled with the weights of a folder.

The description is a model's `config.json` without anything that could reach beyond the model itself (remote code,
kernels to download, quantisation). It is checked each time, since it may come from a stranger's model file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mapsto.errors import MissingExtra, OptionError
from mapsto.networks.blocks.bounded import MAX_NUMBERS
from mapsto.networks.folders import PICTURES, TEXTS

if TYPE_CHECKING:
    from mapsto.networks.folders import Folder

_LONGEST = 1_000_000
_LARGEST = 2**20
_DEEPEST = 200
_LEFT_OUT = (
    *("architectures", "auto_map", "attn_implementation", "attention_implementation", "dtype", "torch_dtype"),
    *("quantization_config", "transformers_version", "id2label", "label2id", "experts_implementation", "return_dict"),
    *("output_attentions", "output_hidden_states", "torchscript", "compile", "use_cache", "is_decoder"),
)
"""Entries of a config.json that are not about the encoder, or that could load something else."""


def described(folder: Folder) -> str:
    """The description of a folder's encoder, as JSON text: what `built` reads."""
    wanted = {name: value for name, value in folder.config.items() if _plain(name, value)}
    return json.dumps({"model_type": folder.config["model_type"]} | wanted, sort_keys=True)


def built(model: str, families: tuple[str, ...]) -> Any:
    """The encoder of a description, which may be hostile, with random weights.

    Raises:
        OptionError: malformed, of another family, or too large.
        MissingExtra: transformers is not installed.
    """
    config = _config(model, families)
    transformers = _library()
    try:
        with _quiet(transformers):
            made = transformers.AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, ZeroDivisionError) as error:
        message = f"the pretrained encoder's description cannot be built: {type(error).__name__}: {str(error)[:200]}"
        raise OptionError(message) from error
    return _without_pooler(made)


def fill(encoder: Any, folder: Folder) -> None:
    """Put the weights of a folder into an encoder that was built from the same folder's description.

    Raises:
        OptionError: the folder lacks weights that the encoder has.
    """
    transformers = _library()
    with _quiet(transformers):
        found, report = transformers.AutoModel.from_pretrained(
            str(folder.path),
            config=encoder.config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    _without_pooler(found)
    own = set(encoder.state_dict())
    if absent := sorted(own & set(report["missing_keys"])):
        message = f"the weights in {str(folder.path)!r} lack {len(absent)} of the encoder's, among them {absent[0]!r}"
        raise OptionError(message)
    encoder.load_state_dict(found.state_dict())


def layers(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """The encoder's parameters from the input upwards: what comes before its layers, each layer, what comes behind.

    The layers are the outermost list of modules (blocks of a transformer, stages of a convolutional network).
    """
    stack = next((m for m in encoder.modules() if isinstance(m, nn.ModuleList) and len(m) > 1), None)
    inside = [list(each.parameters()) for each in stack] if stack is not None else []
    known = {id(p) for each in inside for p in each}
    before: list[nn.Parameter] = []
    behind: list[nn.Parameter] = []
    reached = False
    for parameter in encoder.parameters():
        if id(parameter) in known:
            reached = True
        else:
            (behind if reached or not inside else before).append(parameter)
    return [before, *inside, behind]


def _config(model: str, families: tuple[str, ...]) -> Any:
    """The library's object for a description."""
    if not 0 < len(model) <= _LONGEST:
        message = "a pretrained encoder is named as network='pretrained:FOLDER'; its description is missing or too long"
        raise OptionError(message)
    try:
        entries = json.loads(model)
    except (ValueError, RecursionError) as error:
        message = f"the pretrained encoder's description is not JSON: {error}"
        raise OptionError(message) from error
    family = entries.get("model_type") if isinstance(entries, dict) else None
    if family not in families:
        message = f"a pretrained encoder of the family {family!r} is not read here; expected {', '.join(families)}"
        raise OptionError(message)
    odd = [name for name, value in entries.items() if name != "model_type" and not _plain(name, value)]
    deep = [name for name, value in entries.items() if "layers" in name and isinstance(value, int) and value > _DEEPEST]
    if odd or deep:
        message = f"the pretrained encoder's description has an entry that is not allowed: {(odd + deep)[0]!r}"
        raise OptionError(message)
    transformers = _library()
    from huggingface_hub.errors import StrictDataclassError

    try:
        with _quiet(transformers):
            return transformers.AutoConfig.for_model(**entries)
    except (ValueError, TypeError, KeyError, AttributeError, StrictDataclassError) as error:
        message = f"the pretrained encoder's description is refused: {type(error).__name__}: {str(error)[:200]}"
        raise OptionError(message) from error


def _plain(name: str, value: Any, *, nested: bool = False) -> bool:
    """Whether an entry is about the encoder and holds only small numbers, words, and lists or groups of such."""
    if name in _LEFT_OUT or name == "model_type" or name.startswith("_"):
        return False
    if isinstance(value, list):
        return len(value) <= _DEEPEST and all(_plain("item", each, nested=True) for each in value)
    if isinstance(value, dict):
        return not nested and len(value) <= 20 and all(_plain(str(k), v, nested=True) for k, v in value.items())
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST
    return isinstance(value, str) and len(value) <= 100


def _without_pooler(encoder: Any) -> Any:
    """The encoder without the layer that was trained for another task; pooling is ours.

    Raises:
        OptionError: it is larger than a model file may hold.
    """
    if isinstance(getattr(encoder, "pooler", None), nn.Module) and next(encoder.pooler.parameters(), None) is not None:
        encoder.pooler = None
    numbers = sum(parameter.numel() for parameter in encoder.parameters())
    if numbers > MAX_NUMBERS:
        message = f"the pretrained encoder has {numbers:,} weights; at most {MAX_NUMBERS:,} fit in a model file"
        raise OptionError(message)
    return encoder


def _library() -> Any:
    """transformers, imported when it is needed: it takes seconds."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra("a pretrained encoder", "pretrained") from error
    return transformers


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bars and no remarks on unused weights inside the block."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


__all__ = ["PICTURES", "TEXTS", "built", "described", "fill", "layers"]
