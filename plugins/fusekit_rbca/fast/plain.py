"""Whether a module and an operation are what they seem: only then may another operation take their place."""

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual


def is_plain(module: nn.Module, *types: type[nn.Module]) -> bool:
    """Whether a module's call is its class's own, without hooks."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return type(module) in types and not any(getattr(module, name) for name in hooks)


def is_transformed(*tensors: Tensor | None) -> bool:
    """Whether something other than ordinary backward looks at the operations."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or is_functional()
        or any(tensor is not None and unpack_dual(tensor).tangent is not None for tensor in tensors)  # type: ignore[no-untyped-call]
    )


def is_functional() -> bool:
    """Whether ``torch.func`` transforms the operations; torch has no public way to ask."""
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()
