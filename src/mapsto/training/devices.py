"""The device to compute on."""

from __future__ import annotations

import torch

from mapsto.errors import OptionError

_KNOWN = ("cuda", "mps", "xpu", "cpu")


def choose(device: str = "auto") -> torch.device:
    """The named device, or for "auto" the first that is there of cuda, mps, xpu and cpu.

    Raises `OptionError` when the named one is unknown or not there.

    >>> choose("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device(next(name for name in _KNOWN if _available(name)))
    kind = device.partition(":")[0]
    present = [name for name in _KNOWN if _available(name)]
    if kind not in present:
        message = f"device={device!r} is not there; this machine and this PyTorch offer {', '.join(present)}"
        raise OptionError(message)
    return torch.device(device)


def of(module: torch.nn.Module) -> torch.device:
    """Where a module's parameters lie; the processor if it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock read next tells the truth."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _available(kind: str) -> bool:
    if kind == "cpu":
        return True
    if kind == "mps":
        return torch.backends.mps.is_available()
    return torch.cuda.is_available() if kind == "cuda" else torch.xpu.is_available()
