"""A network through ``torch.compile``, and its failures in words."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.errors import FusekitError, OptionError

#: What torch compiles with; tests take one that needs no compiler.
BACKEND = "inductor"
_COMPILERS = ("g++", "clang++", "c++", "cl")


def require_compiler() -> None:
    """Raise an OptionError, before anything takes time, if there is no C++ compiler for torch."""
    if BACKEND == "inductor" and not any(map(shutil.which, (os.environ.get("CXX", ""), *_COMPILERS))):
        raise OptionError(
            "training.compile=true needs a C++ compiler, and none was found. Install g++ or clang, set CXX to yours, "
            "or leave training.compile out."
        )


class Compiled(nn.Module):
    """A model that runs batches of ``size`` as one graph, and smaller ones, the last of an epoch, as it is.

    A graph for any size would be slower for all, and takes longer to compile than a small network to train.
    """

    def __init__(self, model: nn.Module, size: int):
        super().__init__()
        require_compiler()
        self.plain, self.size = model, size
        self.graph = torch.compile(model, backend=BACKEND, fullgraph=True, dynamic=False)

    def forward(self, image: Tensor, *others: Tensor) -> Any:
        """As the model's own."""
        return self.graph(image, *others) if len(image) == self.size else self.plain(image, *others)


@contextmanager
def compile_errors() -> Iterator[None]:
    """Raise a FusekitError where torch cannot compile the network as one graph."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        first = str(error).strip().partition("\n")[0]
        raise FusekitError(
            f"torch.compile cannot compile this network: {type(error).__name__}: {first} Leave training.compile out."
        ) from error
