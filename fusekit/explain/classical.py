"""What a shipped baseline makes of one patient whose values are changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.bundle.baseline import BaselineBundle
from fusekit.explain.prior import shapley

#: Orders in which columns are brought in, each followed by its reverse: one patient's tables cost little.
ORDERS = 16


class BaselinePredictor:
    """What is predicted of one patient's scan with other clinical values; it has no maps.

    Args:
        scan: slices (n, C, H, W), or a volume (1, C, S, S, S), grey levels; None if the baseline reads none.
    """

    def __init__(self, bundle: BaselineBundle, scan: np.ndarray | None = None):
        self.bundle, self._answer = bundle, bundle.of_scan(scan)

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        """Values (N lines) -> answers (N, A) with the patient's own scan; ``images`` are not looked at."""
        return self._answer(values)

    def shares(self, values: pd.DataFrame, target: int) -> pd.DataFrame | None:
        """Share what is explained between the clinical columns: one line, as of ``attribute``; None without any.

        They sum to that of the patient minus that of a patient of whom nothing is known, the scan as it is.
        """
        encoding = self.bundle.encoding
        if encoding is None:
            return None
        explained = self.bundle.target.explained_answers
        found = shapley(lambda table: explained(self(None, table), target)[:, None], encoding, values, orders=ORDERS)
        return pd.DataFrame(found[..., 0], columns=[column.name for column in encoding.columns])
