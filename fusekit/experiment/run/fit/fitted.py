"""What a fold's training subjects gave, whatever was fitted on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.data import Finding
from fusekit.evaluation import Rule

#: Gets a sentence on what could not be made.
Failed = Callable[[str], None]
#: Rows, their predictions, seconds that predicting one took, the fold's rule, what failed -> ablations
Explain = Callable[[pd.DataFrame, pd.DataFrame, float, Rule, Failed], pd.DataFrame | None]


@dataclass(frozen=True)
class Fitted:
    """What a fold's training subjects gave."""

    predict: Callable[[pd.DataFrame], np.ndarray]  # rows (n slices) -> probabilities (n, K)
    explain: Explain
    bundle: Bundle  # not saved
    findings: tuple[Finding, ...] = ()  # about the training subjects' values
    epochs: int = 0  # of training; 0 of a baseline
    choice: dict[str, Any] = field(default_factory=dict)  # what the search chose
    search: list[dict[str, Any]] = field(default_factory=list)  # every trial with its score
    table: dict[str, Any] = field(default_factory=dict)  # the columns that were chosen, and the prior's weight
