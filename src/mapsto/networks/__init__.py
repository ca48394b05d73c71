"""Networks: one file per architecture, plain PyTorch. Adding one touches its file, its test and the list below.

Naming a network costs nothing: its module, and torch with it, is imported when the class is asked for.

>>> "tabm" in NETWORKS, get("linear").__name__
(True, 'Linear')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mapsto.errors import OptionError

if TYPE_CHECKING:
    from mapsto.networks.base import Network
    from mapsto.networks.ft_transformer import FTTransformer
    from mapsto.networks.linear import Linear
    from mapsto.networks.perceptron import Perceptron
    from mapsto.networks.residual import Residual
    from mapsto.networks.tabm import TabM

__all__ = ["NETWORKS", "FTTransformer", "Linear", "Perceptron", "Residual", "TabM", "describe", "get"]

_CLASSES = {
    "linear": "Linear",
    "perceptron": "Perceptron",
    "gated": "Gated",
    "residual": "Residual",
    "tabm": "TabM",
    "ft-transformer": "FTTransformer",
    "hog": "HOG",
    "lenet": "LeNet",
    "convnet": "Convnet",
    "resnet": "ResNet",
    "vit": "ViT",
    "treelstm": "TreeLSTM",
    "convlstm": "ConvLSTM",
    "bag": "Bag",
    "textcnn": "TextCNN",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "rocket": "Rocket",
    "tcn": "TCN",
    "additive-attention": "Attentive",
    "transformer": "Transformer",
    "hierarchical": "Hierarchical",
    "pretrained-text": "PretrainedText",
    "pretrained-picture": "PretrainedPicture",
}


class _Networks(Mapping[str, "type[Network]"]):
    """Name to class; a class is imported when it is looked up."""

    def __getitem__(self, name: str) -> type[Network]:
        if name not in _CLASSES:
            raise KeyError(name)
        found: type[Network] = getattr(import_module(f"mapsto.networks.{_module(name)}"), _CLASSES[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)

    def __contains__(self, name: object) -> bool:
        return name in _CLASSES


def _module(name: str) -> str:
    return name.replace("-", "_")


NETWORKS: Mapping[str, type[Network]] = _Networks()
"""Every network by name."""


def _known(name: str) -> str:
    """The name, if there is a network of that name."""
    if name not in _CLASSES:
        close = get_close_matches(name.lower().replace("_", "-"), _CLASSES, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        message = f"there is no network '{name}'{hint} Known: {', '.join(_CLASSES)}."
        raise OptionError(message)
    return name


def get(name: str) -> type[Network]:
    """The class of a network.

    Raises:
        OptionError: there is none of this name; the message names the closest.

    >>> get("tabmm")
    Traceback (most recent call last):
    mapsto.errors.OptionError: there is no network 'tabmm'; did you mean 'tabm'? Known: linear, ...
    """
    return NETWORKS[_known(name)]


def describe(name: str) -> str:
    """The source of a network, which is its definition: idea, paper, options and arithmetic. Needs no torch.

    >>> describe("perceptron").splitlines()[0]
    '\"\"\"Perceptron: ...
    """
    return files("mapsto.networks").joinpath(f"{_module(_known(name))}.py").read_text(encoding="utf-8")


def __getattr__(name: str) -> Any:
    for key, class_name in _CLASSES.items():
        if class_name == name:
            return NETWORKS[key]
    message = f"module 'mapsto.networks' has no attribute '{name}'"
    raise AttributeError(message)
