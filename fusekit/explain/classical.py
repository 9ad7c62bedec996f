"""What a shipped baseline makes of one patient whose values are changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.bundle.baseline import BaselineBundle
from fusekit.explain.prior import shapley

#: Orders in which columns are brought in, each followed by its reverse: one patient's tables cost little.
ORDERS = 16


class BaselinePredictor:
    """Probabilities of one patient's scan with other clinical values; it has no maps.

    Args:
        scan: slices (n, C, H, W), or a volume (1, C, S, S, S), grey levels; None if the baseline reads none.
    """

    def __init__(self, bundle: BaselineBundle, scan: np.ndarray | None = None):
        self.bundle, self._answer = bundle, bundle.of_scan(scan)

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        """Values (N lines) -> probabilities (N, K) with the patient's own scan; ``images`` are not looked at."""
        return self._answer(values)

    def shares(self, values: pd.DataFrame, target: int) -> pd.DataFrame | None:
        """Share the log odds of a class between the clinical columns: one line, as of ``attribute``; None without any.

        They sum to the log odds of the patient minus those of a patient of whom nothing is known, the scan as it is.
        """
        encoding = self.bundle.encoding
        if encoding is None:
            return None
        found = shapley(lambda table: self._log_odds(table, target), encoding, values, orders=ORDERS)
        return pd.DataFrame(found[..., 0], columns=[column.name for column in encoding.columns])

    def _log_odds(self, values: pd.DataFrame, target: int) -> np.ndarray:
        """Of N lines of values (N, 1)."""
        probabilities = np.maximum(self(None, values), np.finfo(float).tiny)
        others = np.delete(probabilities, target, axis=1).sum(axis=1, keepdims=True)
        odds: np.ndarray = np.log(probabilities[:, [target]]) - np.log(others)
        return odds
