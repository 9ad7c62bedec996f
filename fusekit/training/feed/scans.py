"""Batches of whole scans, for a network whose pool joins their slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fusekit.data.store.scan_rows import ScanRows
from fusekit.training.feed.loader import Batch, SliceDataset


class ScanDataset(SliceDataset):
    """Scans, each with all its slices; ``rows`` name them, by one row each, and clinical and labels are theirs.

    The images of a batch are the slices of its scans, one after the other.
    """

    def __init__(self, scans: ScanRows, *given: Any):
        super().__init__(*given)
        self.scans = scans

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Fetch a batch at once."""
        chosen = np.asarray(indices)
        shown, there = self.scans.packed(self.rows[chosen])
        return self._batch(chosen, shown)._replace(slices=torch.from_numpy(there))
