"""The precision of a training's arithmetic, and which one a device is made for."""

from typing import Any, Literal

import torch

from fusekit.models.memory_format import torch_device

Precision = Literal["32-true", "bf16-mixed", "16-mixed", "auto"]


def resolved(precision: Precision, device: str) -> Precision:
    """What ``auto`` means on a device: bf16-mixed where it multiplies bfloat16 itself, else 32-true.

    A processor that emulates bfloat16 is slower in it than in 32 bits.
    """
    if precision != "auto":
        return precision
    chosen = torch_device(device)
    if chosen.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
        native = chosen.type == "cpu" and any(able.get(name) for name in ("amx_bf16", "avx512_bf16"))
    return "bf16-mixed" if native else "32-true"
