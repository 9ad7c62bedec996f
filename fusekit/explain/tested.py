"""A fold's tested slices and the model that has not seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Column


@dataclass(frozen=True)
class Fold:
    """A fold's tested slices and the model that has not seen them.

    Args:
        images: of the whole store, (N, H, W) or (N, S, S, S); ``rows`` counts in it.
        values: typed clinical values, one line a row.
        rows: index ``row``; subject, scan, slice, fold, label.
        columns: describe ``values``.
        device: where the model runs.
        oriented: whether every image's file says how it lies in the body; else no figure may name the patient's sides.
    """

    bundle: Bundle
    images: np.ndarray
    values: pd.DataFrame
    rows: pd.DataFrame
    columns: tuple[Column, ...]
    device: str | torch.device = "cpu"
    oriented: bool = False

    def shown(self, rows: pd.Index) -> np.ndarray | None:
        """Grey levels of some rows, for the model; None if it reads no image."""
        return self.images[rows.to_numpy()] if self.bundle.model.reads_image else None

    def valued(self, rows: pd.Index) -> pd.DataFrame:
        """Clinical values of some rows, one line each."""
        return self.values.iloc[self.rows.index.get_indexer(rows)].reset_index(drop=True)


def middle(items: np.ndarray, first: int) -> np.ndarray:
    """Of whole volumes (..., z, y, x) the middle axial plane; slices as they are. ``first``: axes before the space."""
    return items if items.ndim == first + 2 else items.take(items.shape[first] // 2, axis=first)
