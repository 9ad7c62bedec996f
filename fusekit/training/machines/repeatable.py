"""The same numbers each time on one machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch


@contextmanager
def repeatable() -> Iterator[None]:
    """Give the same numbers each time on one machine; an operation of CUDA that cannot warns. Settings are put back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; without it, cuBLAS warns
    cudnn, memory = torch.backends.cudnn, cast(Any, torch.utils.deterministic)  # whose setting torch does not type
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, filled = cudnn.benchmark, memory.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.benchmark = False
        memory.fill_uninitialized_memory = False  # which finds bugs, and takes time
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        cudnn.benchmark, memory.fill_uninitialized_memory = benchmark, filled
