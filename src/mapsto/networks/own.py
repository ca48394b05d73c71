"""A user's own module in the place of a network: what it reads, how it is made, what it returns.

Ours are described by class attributes (see `networks.base.Network`); any other module is tried out.
"""

from __future__ import annotations

import copy
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from mapsto.errors import OptionError
from mapsto.networks.base import Layout, Network, Sense

AnyNetwork = type[nn.Module] | nn.Module
"""A class, or a module that is already made."""


def is_network_class(network: AnyNetwork) -> TypeGuard[type[Network]]:
    """Whether it is a class that keeps the contract of `Network`."""
    return isinstance(network, type) and issubclass(network, Network)


def layout(network: AnyNetwork) -> Layout | Sense:
    """What a network reads; a module that is no `Network` reads one vector a row."""
    kind = network if isinstance(network, type) else type(network)
    return kind.layout if issubclass(kind, Network) else "flat"


def trunk_layout(network: AnyNetwork) -> Layout:
    """What a trunk reads."""
    read = layout(network)
    if read == "flat" or read == "tokens":
        return read
    raise TypeError(f"a network that reads a {read} is no trunk")


def made(network: AnyNetwork, in_features: int, options: dict[str, Any]) -> nn.Module:
    """The network itself: made from its class, or a copy of a module, which stays as the user left it."""
    if isinstance(network, nn.Module):
        return copy.deepcopy(network)
    if is_network_class(network):
        return network(in_features, network.Config.of(options))
    return network(in_features, **options)


def views_and_width(network: nn.Module, in_features: int) -> tuple[int, int]:
    """K and D of what a network returns; a module that is no `Network` is tried on two rows of zeros."""
    if isinstance(network, Network):
        return network.views, network.out_features
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            h = network(torch.zeros(2, in_features))
    except (RuntimeError, TypeError, ValueError) as error:
        message = (
            f"the network {type(network).__name__} cannot read the input: a batch of (rows, {in_features}) features, "
            f"the encoded columns. It said: {error}"
        )
        raise OptionError(message) from error
    network.train(training)
    shape = tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__
    if not isinstance(h, Tensor) or h.dim() not in (2, 3) or len(h) != 2 or 0 in h.shape:
        message = (
            f"the network {type(network).__name__} must return features of shape (rows, width), or (rows, views, "
            f"width) if it holds several predictors; for 2 rows it returned {shape}. Heads are added behind it."
        )
        raise OptionError(message)
    return (1 if h.dim() == 2 else h.shape[1]), h.shape[-1]
