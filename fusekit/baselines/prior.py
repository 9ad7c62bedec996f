"""A baseline that a network starts from: what it says, of training subjects from fits without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline
from fusekit.data import Target

#: Folds within the training subjects: each gets its predictions from a fit on the others.
FOLDS = 5
#: The smallest weight that a prior starts at, and the largest that is tried.
_WEIGHTS = (0.05, 20.0)


@dataclass(frozen=True)
class TablePrior:
    """A baseline fitted on all training scans.

    It must not be asked about those: its answers on them are surer than on anybody else, and a network that starts from
    them would learn that nothing is left. ``cross_fit`` gives what a training reads.

    Args:
        name: of the baseline.
        baseline: fitted.
        target: what the baseline predicts, ``Target.of_prior``.
    """

    name: str
    baseline: Baseline
    target: Target

    def transform(self, values: pd.DataFrame) -> np.ndarray:
        """Clinical values (N rows) -> outputs (N, W) float32 that say what the baseline does."""
        return self.target.outputs_of(self.baseline.answers(values)).astype(np.float32)


def trust(target: Target, outputs: np.ndarray, labels: np.ndarray) -> float:
    """The weight at which cross-fitted outputs (N, W) make the labels (N,) most likely: their calibration slope.

    One at most, and 0.05 at least. Outputs move by it from those that say the same of everyone: of classes a weight is
    one over a temperature.
    """
    import torch
    from scipy.optimize import minimize_scalar

    middle = target.uninformed(outputs)

    def surprise(weight: float) -> float:
        moved = torch.from_numpy(middle + weight * (outputs - middle))
        return float(target.surprise(labels, target.answers(moved).numpy()).mean())

    return min(1.0, float(minimize_scalar(surprise, bounds=_WEIGHTS, method="bounded", options={"xatol": 1e-6}).x))
