"""Checkpoints: the whole state of a training, written so that a kill at any moment leaves a readable one.

A state is a nest of dicts, lists, numbers, strings and tensors. The nest becomes JSON in which every tensor is a
number, the tensors become safetensors, and both go into one file that is written aside, flushed and renamed: the
rename is the mark of completeness. The last two are kept, and the newest that verifies is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mapsto import modelfile
from mapsto.errors import ModelFileError, OptionError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable

State = dict[str, Any]

KEPT = 2


class Checkpoints:
    """The checkpoints of one training, in a folder of their own, named by step.

    Args:
        folder: of its own.
        written: told of each file and its SHA-256.
        is_own: whether a file was finished by this run; raises `RunError` if it was changed.
    """

    def __init__(
        self,
        folder: Path,
        written: Callable[[Path, str], None] = lambda _path, _sum: None,
        is_own: Callable[[Path], bool] = Path.is_file,
    ) -> None:
        self.folder, self._written, self._is_own = folder, written, is_own

    def save(self, step: int, state: State) -> None:
        """Write `state` as the checkpoint of `step`, then remove all but the last two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step-{step:010d}.mapsto"
        self._written(path, modelfile.save(path, {"step": step}, {"state": pack(state)}))
        for path in self._complete()[:-KEPT]:
            path.unlink()

    def load(self) -> State | None:
        """The newest readable state; None if none was written.

        Raises `RunError` when there are checkpoints and not one can be read.
        """
        paths = self._complete()
        damage: list[str] = []
        for path in reversed(paths):
            try:
                if not self._is_own(path):
                    continue
                return unpack(*modelfile.load(path)[1]["state"])
            except (ModelFileError, RunError) as error:
                damage.append(str(error))
        if damage:
            message = f"no checkpoint in {self.folder} can be read: {' '.join(damage)} Remove them to start again."
            raise RunError(message)
        return None

    def _complete(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.mapsto"))


def pack(state: State) -> modelfile.State:
    """A nested state as JSON and arrays.

    >>> pack({"rate": 0.5, "weights": {0: torch.zeros(2)}})[1]
    {'0': array([0., 0.], dtype=float32)}
    """
    tensors: list[torch.Tensor] = []
    tree = _flatten(state, tensors)
    return {"tree": tree}, {str(i): tensor.detach().cpu().numpy() for i, tensor in enumerate(tensors)}


def unpack(json: dict[str, Any], arrays: dict[str, Any]) -> State:
    """The inverse of `pack`; tensors arrive on the processor's memory."""
    state = _nest(json["tree"], arrays)
    return dict(state)


def _flatten(value: Any, tensors: list[torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1, "shape": list(value.shape)}
    if isinstance(value, dict):  # as pairs, since keys may be numbers (optimizers) and JSON would turn them to text
        return {"dict": [[key, _flatten(inner, tensors)] for key, inner in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_flatten(inner, tensors) for inner in value]}
    if isinstance(value, list):
        return [_flatten(inner, tensors) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    message = f"a state holds tensors, numbers, strings, lists and dicts; got {type(value).__name__}"
    raise OptionError(message)


def _nest(tree: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(tree, list):
        return [_nest(inner, arrays) for inner in tree]
    if not isinstance(tree, dict):
        return tree
    if "tensor" in tree:  # the shape is kept because a file has no arrays without an axis
        return torch.from_numpy(arrays[str(tree["tensor"])]).reshape(tree["shape"])
    if "tuple" in tree:
        return tuple(_nest(inner, arrays) for inner in tree["tuple"])
    return {key: _nest(inner, arrays) for key, inner in tree["dict"]}
