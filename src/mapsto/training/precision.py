"""bfloat16 where the device multiplies matrices in it, float32 elsewhere.

Where it does not, bfloat16 is emulated or merely converted, and slower than float32. Where it does, a step is up to
twice as fast; the weights stay float32 and only the operations that gain are cast (autocast).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from mapsto import processors

_TOLERANCE = 0.02
"""Relative rise of the loss over the same trial steps from which bfloat16 counts as harmful."""


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware: AMX, AVX-512 BF16, or CUDA from capability 8 on."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "cpu" and not processors.flags().isdisjoint(("amx_bf16", "avx512_bf16"))


def harmless(loss_float32: float, loss_bfloat16: float) -> bool:
    """Whether the loss after the same steps from the same state is no worse in bfloat16, but for noise.

    >>> harmless(0.50, 0.505), harmless(0.50, 0.60), harmless(0.5, float("nan"))
    (True, False, False)
    """
    return loss_bfloat16 <= loss_float32 + _TOLERANCE * abs(loss_float32)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context in which a step computes; for float32 one that does nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
