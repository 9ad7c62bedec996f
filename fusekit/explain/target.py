"""The class that is explained, and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from torch import Tensor

from fusekit.data import Target
from fusekit.errors import OptionError
from fusekit.evaluation.predictions import POSITIVE
from fusekit.evaluation.thresholds import most_probable
from fusekit.extension.registry import suggest

#: Outputs (B, W) and the class that is explained, or that of each row (B,) -> the number that explanations are of (B,):
#: ``Target.explained``.
Score: TypeAlias = Callable[[Tensor, int | Tensor], Tensor]


def explained(answers: np.ndarray, target: Target, asked: int | None = None) -> np.ndarray:
    """The class (N,) that is explained of each row: the one asked for; else the positive of two, the called of more.

    ``answers`` (N, A) are all numbers; of what is no class there is one thing to explain, 0.
    """
    if asked is None and len(target.classes) > 2:
        return most_probable(answers)  # of more than two, this is the one that is called
    return np.full(len(answers), (POSITIVE if asked is None else asked) if target.classes else 0)


def class_number(name: str, target: Target) -> int:
    """The number of a class.

    Raises:
        OptionError: the model has none of that name, with the nearest.
    """
    if not target.classes:
        raise OptionError(f"--class {name}: this model predicts {target.words}. Leave --class out.")
    if name not in target.classes:
        raise OptionError(f"--class {name}: this model has no such class; {suggest(name, list(target.classes))}")
    return list(target.classes).index(name)
