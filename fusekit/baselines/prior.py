"""A baseline that a network starts from: what it says, of training subjects from fits without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline

#: Folds within the training subjects: each gets its predictions from a fit on the others.
FOLDS = 5
#: The smallest probability whose logarithm is taken: trees of a small cohort are surer than they may be.
SMALLEST = 1e-4


@dataclass(frozen=True)
class TablePrior:
    """A baseline fitted on all training scans.

    It must not be asked about those: its answers on them are surer than on anybody else, and a network that starts from
    them would learn that nothing is left. ``cross_fit`` gives what a training reads.

    Args:
        name: of the baseline.
        baseline: fitted.
        ordered: whether it is of ordered classes.
    """

    name: str
    baseline: Baseline
    ordered: bool = False

    def transform(self, values: pd.DataFrame) -> np.ndarray:
        """Clinical values (N rows) -> outputs (N, W) float32 that say what the baseline does."""
        return offsets(self.baseline.probabilities(values), self.ordered)


def offsets(probabilities: np.ndarray, ordered: bool = False) -> np.ndarray:
    """Probabilities (N, K) -> what a network must put out to say them (N, W) float32.

    Their logarithms; of ordered classes, the log odds of lying above each cut among those who reach it.
    """
    if not ordered:
        return log_probabilities(probabilities)
    above = probabilities[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(log_probabilities(above) - log_probabilities(probabilities[:, :-1]))


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) -> their logarithms (N, K) float32, none below that of ``SMALLEST``."""
    return np.asarray(np.log(np.clip(probabilities, SMALLEST, 1.0)), dtype=np.float32)
