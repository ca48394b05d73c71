"""Why training goes as it goes, in plain words.

Looks at the history of a training, and once at one batch: which units never answer, and how large gradients are from
layer to layer. Everything here runs after the last step, so the loop pays nothing for it.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mapsto.table.notes import Note
from mapsto.training.batches import few

if TYPE_CHECKING:
    from mapsto.objectives.base import Objective
    from mapsto.training.history import History

_DEAD_SHARE = 0.5
_SATURATED = 0.99
_VANISHING = 1e-6
_EXPLODING = 1e4
_HARDLY = 0.02


@dataclass
class Probe:
    """What one batch shows, by name of layer."""

    silent: dict[str, float] = field(default_factory=dict)
    """Share of an activation's units that answer the same to every row: dead (ReLU) or saturated (logistic, tanh)."""
    gradients: dict[str, float] = field(default_factory=dict)
    """Norm of each matrix's gradient over the norm of the matrix."""


def diagnose(objective: Objective, history: History, rows: int | None = None) -> list[Note]:
    """What a person should know about this training; empty when all is well. `rows`: so many of a batch are enough."""
    return [*from_history(history, higher_is_better=objective.higher_is_better), *from_probe(probe(objective, rows))]


def from_history(history: History, *, higher_is_better: bool) -> list[Note]:
    """Divergence, overfitting, underfitting and an early end, from losses and validation figures."""
    notes: list[Note] = []
    if history.rollbacks:
        end = "it was given up" if history.ended == "diverged" else "it then went on"
        notes.append(_warning(
            f"The loss of {history.name} became infinite {_times(history.rollbacks)}; training went back to the best "
            f"weights at half the learning rate and {end}. A lower learning_rate or clip_norm=1 helps."
        ))  # fmt: skip
    if len(history.rows) >= 4:
        notes += _overfitting(history, higher_is_better) or _underfitting(history)
    best = history.best
    if best is not None and best is history.rows[-1] and history.ended in ("time", "interrupted"):
        notes.append(Note("info", f"{history.name} was still improving when it ended; more time would help."))
    return notes


def _overfitting(history: History, higher_is_better: bool) -> list[Note]:  # noqa: FBT001
    best, last = history.best, history.rows[-1]
    if best is None or best["step"] > 0.4 * last["step"] or last["figure"] is None:
        return []
    fell = _loss(last) < _loss(best)
    worse = last["figure"] < best["figure"] if higher_is_better else last["figure"] > best["figure"]
    if not (fell and worse):
        return []
    text = (
        f"{history.name} overfits: the validation figure was best after step {best['step']} of {last['step']} "
        f"({best['figure']:.4g}, at the end {last['figure']:.4g}) while the training loss went on falling from "
        f"{_loss(best):.4g} to {_loss(last):.4g}. The best weights were kept. More rows, more dropout or weight decay, "
        "or a smaller network help."
    )
    return [Note("info", text)]


def _underfitting(history: History) -> list[Note]:
    first, last = _loss(history.rows[0]), _loss(history.rows[-1])
    if not first - last < _HARDLY * abs(first):
        return []
    text = (
        f"{history.name} hardly learned: its training loss went from {first:.4g} to {last:.4g}. Either the inputs say "
        "little about the target, or the learning rate is far off (see the range test), or the network is too small."
    )
    return [_warning(text)]


def from_probe(found: Probe) -> list[Note]:
    """Silent units, vanishing and exploding gradients."""
    notes: list[Note] = []
    for name, share in found.silent.items():
        if share > _DEAD_SHARE:
            notes.append(_warning(
                f"{share:.0%} of the units of {name} give the same answer to every row; they have stopped learning. "
                "A lower learning rate, another activation (GELU, SiLU) or normalisation helps."
            ))  # fmt: skip
    sizes = {name: size for name, size in found.gradients.items() if size > 0}
    if not sizes:
        return notes
    smallest, largest = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[smallest] < _VANISHING * sizes[largest]:
        notes.append(_warning(
            f"Gradients vanish: relative to its weights, that of {smallest} is {sizes[largest] / sizes[smallest]:.1g} "
            f"times smaller than that of {largest}. Shortcut connections (network 'residual') or normalisation help."
        ))  # fmt: skip
    if not sizes[largest] < _EXPLODING:
        notes.append(_warning(
            f"Gradients explode: that of {largest} is {sizes[largest]:.1g} times its weights. "
            "learning.clip_norm=1 or a lower learning rate helps."
        ))  # fmt: skip
    return notes


def probe(objective: Objective, rows: int | None = None) -> Probe:
    """One step's worth of activations and gradients, without a step: everything is put back as it was."""
    modules, found = objective.modules, Probe()
    before = copy.deepcopy((dict(modules.state_dict()), objective.state_dict(), objective.source.state_dict()))
    hooks = [
        module.register_forward_hook(_listen(name, found))
        for name, module in modules.named_modules()
        if isinstance(module, nn.ReLU | nn.Sigmoid | nn.Tanh)
    ]

    def update(loss: Tensor, group: str = "main") -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        _measure_gradients(modules, found)
        modules.zero_grad()

    modules.train()
    try:
        batch = objective.source.batch(0, 0)
        objective.step(batch if rows is None else few(batch, rows), update)
    finally:
        for hook in hooks:
            hook.remove()
        modules.load_state_dict(before[0])
        objective.load_state_dict(before[1])
        objective.source.load_state_dict(before[2])
        modules.eval()
    return found


def _measure_gradients(modules: nn.Module, found: Probe) -> None:
    for name, parameter in modules.named_parameters():
        if parameter.grad is not None and parameter.ndim >= 2:
            size = float(parameter.grad.norm() / parameter.detach().norm().clamp_min(1e-12))
            found.gradients[name] = max(size, found.gradients.get(name, 0.0))


def _listen(name: str, found: Probe) -> Any:
    def hook(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        answers = output.detach().reshape(-1, output.shape[-1])
        if len(answers) < 8:  # a few rows may agree by chance
            return
        silent = answers == 0 if isinstance(module, nn.ReLU) else _extreme(module, answers)
        found.silent[name] = float(silent.all(dim=0).float().mean())

    return hook


def _extreme(module: nn.Module, answers: Tensor) -> Tensor:
    centred = 2.0 * answers - 1.0 if isinstance(module, nn.Sigmoid) else answers
    return centred.abs() > _SATURATED


def _loss(row: dict[str, Any]) -> float:
    return math.fsum(row["losses"].values())


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _warning(text: str) -> Note:
    return Note("warning", text)
