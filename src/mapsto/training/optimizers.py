"""Optimizers by name, over parameters sorted into those that decay and those that do not.

Weight decay shrinks matrices only: biases, norms, embeddings and per-unit scales keep their size, since shrinking
them changes what the network can say without making it simpler. PyTorch's fused kernels are used where the device
has them; they compute the same numbers in one pass over each parameter.

Papers: AdaGrad (Duchi et al. 2011), RMSProp (Tieleman and Hinton 2012), Adam (Kingma and Ba 2015), AdamW (Loshchilov
and Hutter 2019), Muon (see `muon.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from mapsto.errors import OptionError
from mapsto.networks.base import Network
from mapsto.training.muon import Muon
from mapsto.training.uncompiled import uncompiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FUSED_DEVICES = {"cpu", "cuda", "xpu", "mps"}
_SECOND_MOMENT = 0.999
_MUON_MIN_SIDE = 16
"""Narrower matrices (heads, single columns) have little to orthogonalise; AdamW takes them."""

Groups = list[dict[str, Any]]


def build(
    name: str,
    modules: nn.Module,
    parameters: Iterable[nn.Parameter],
    *,
    rate: float,
    weight_decay: float,
    momentum: float,
) -> list[Optimizer]:
    """The optimizers of one parameter group: one, or two for "muon" (hidden matrices, and the rest).

    Args:
        name: a name of `OPTIMIZERS`.
        modules: the module that holds the parameters; it tells matrices from embeddings.
        parameters: what to optimise.
        rate: peak learning rate; kept as "peak" in each group of the optimizer.
        weight_decay: for matrices only.
        momentum: of SGD, or the decay of the first moment of the Adam family and Muon.
    """
    if name not in OPTIMIZERS:
        message = f"unknown optimizer {name!r}; expected one of {', '.join(OPTIMIZERS)}"
        raise OptionError(message)
    groups = decay_groups(modules, parameters, weight_decay)
    for group in groups:
        group["peak"] = rate * group.pop("factor")
    if not groups:
        message = "there is nothing to train: no parameter requires a gradient"
        raise OptionError(message)
    return OPTIMIZERS[name](groups, rate, momentum)


def decay_groups(modules: nn.Module, parameters: Iterable[nn.Parameter], weight_decay: float) -> Groups:
    """Trainable parameters as two groups, those that decay first; empty groups are left out.

    Where a network wants some of its parameters to learn at other rates, there are two such groups for each "factor",
    the share of the rate, the fastest first.
    """
    matrices = {id(p) for owner in modules.modules() for p in _matrices(owner)}
    factors = {id(p): factor for owner in modules.modules() for p, factor in _factors(owner)}
    wanted = [p for p in parameters if p.requires_grad]
    groups: Groups = []
    for factor in sorted({factors.get(id(p), 1.0) for p in wanted}, reverse=True):
        own = [p for p in wanted if factors.get(id(p), 1.0) == factor]
        decaying, others = ([p for p in own if (id(p) in matrices) == decays] for decays in (True, False))
        groups += [
            {"params": decaying, "weight_decay": weight_decay, "matrices": True, "factor": factor},
            {"params": others, "weight_decay": 0.0, "matrices": False, "factor": factor},
        ]
    return [group for group in groups if group["params"]]


def _factors(owner: nn.Module) -> list[tuple[nn.Parameter, float]]:
    """Rates that a network wants for its parameters, as shares of the rate of the rest."""
    return owner.rate_factors() if isinstance(owner, Network) else []


def _matrices(owner: nn.Module) -> list[nn.Parameter]:
    """By PyTorch's naming, a layer's matrix is its `weight`; a table of vectors says so by `decays = False`."""
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag) or not getattr(owner, "decays", True):
        return []
    own = owner.named_parameters(recurse=False)
    return [p for name, p in own if p.ndim >= 2 and name.endswith("weight")]


def _fused(groups: Groups) -> bool:
    parameters = [p for group in groups for p in group["params"]]
    return all(p.device.type in _FUSED_DEVICES and p.is_floating_point() for p in parameters)


def _sgd(groups: Groups, rate: float, _momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.SGD)(groups, lr=rate, fused=_fused(groups))]


def _momentum(groups: Groups, rate: float, momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.SGD)(groups, lr=rate, momentum=momentum, fused=_fused(groups))]


def _nesterov(groups: Groups, rate: float, momentum: float) -> list[Optimizer]:
    if momentum == 0:
        message = "optimizer 'nesterov' needs momentum above 0; set learning.momentum, for example to 0.9"
        raise OptionError(message)
    return [uncompiled(torch.optim.SGD)(groups, lr=rate, momentum=momentum, nesterov=True, fused=_fused(groups))]


def _adagrad(groups: Groups, rate: float, _momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.Adagrad)(groups, lr=rate, foreach=True)]


def _rmsprop(groups: Groups, rate: float, _momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.RMSprop)(groups, lr=rate, foreach=True)]


def _adam(groups: Groups, rate: float, momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.Adam)(groups, lr=rate, betas=(momentum, _SECOND_MOMENT), fused=_fused(groups))]


def _adamw(groups: Groups, rate: float, momentum: float) -> list[Optimizer]:
    return [uncompiled(torch.optim.AdamW)(groups, lr=rate, betas=(momentum, _SECOND_MOMENT), fused=_fused(groups))]


def _muon(groups: Groups, rate: float, momentum: float) -> list[Optimizer]:
    """Muon, at its authors' momentum of 0.95, for hidden matrices and for the kernels of convolutions over pictures;
    AdamW for the rest, at the same rate.
    """
    hidden: Groups = []
    rest: Groups = []
    for group in groups:
        wide = [
            group["matrices"] and p.ndim in (2, 4) and min(len(p), p.numel() // len(p)) >= _MUON_MIN_SIDE
            for p in group["params"]
        ]
        for into, chosen in ((hidden, True), (rest, False)):
            if own := [p for p, w in zip(group["params"], wide, strict=True) if w == chosen]:
                into.append(group | {"params": own})
    found: list[Optimizer] = []
    if hidden:
        found.append(uncompiled(Muon)(hidden, lr=rate))
    return found + (_adamw(rest, rate, momentum) if rest else [])


OPTIMIZERS: dict[str, Callable[[Groups, float, float], list[Optimizer]]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
    "muon": _muon,
}
