"""A fold's tested slices and the model that has not seen them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Column
from fusekit.data.store.scan_rows import ScanRows


@dataclass(frozen=True)
class Fold:
    """A fold's tested slices and the model that has not seen them."""

    bundle: Bundle
    images: np.ndarray  # of the whole store, (N, C, H, W) or (N, C, S, S, S); ``rows`` counts in it
    values: pd.DataFrame  # typed clinical values, one line per row
    rows: pd.DataFrame  # index ``row``; subject, scan, slice, fold, label
    columns: tuple[Column, ...]  # describe ``values``
    device: str | torch.device = "cpu"  # where the model runs
    #: Whether every image's file says how it lies in the body; else no figure may name the patient's sides.
    oriented: bool = False
    #: Which rows are slices of one scan, where the model joins them: each row then means its whole scan.
    scans: ScanRows | None = None
    #: Networks that were trained like the model, and whose answers are averaged with its own in what is predicted.
    others: tuple[Bundle, ...] = ()

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of what subjects are shown by: the classes, thirds of a number, with the event or censored."""
        return tuple(name.removeprefix("the ") for name in self._groups[1])

    @cached_property
    def grouped(self) -> pd.DataFrame:
        """``rows`` with each subject's ``group``, from 0."""
        return self.rows.assign(group=self.rows["subject"].map(self._groups[0]))

    @cached_property
    def _groups(self) -> tuple[pd.Series, tuple[str, ...]]:
        labels = self.rows.groupby("subject")["label"].first()
        numbers, names = self.bundle.target.groups(labels)
        return pd.Series(numbers, labels.index), names

    @cached_property
    def samples(self) -> np.ndarray:
        """What the model reads of each row: (N, C, H, W) or (N, C, S, S, S); or all slices of its scan, (N,)."""
        return self.images if self.scans is None else self.scans.images(self.images)

    def of(self, rows: pd.Index) -> tuple[np.ndarray | None, pd.DataFrame]:
        """Grey levels of some rows, None if the model reads no image; and their clinical values, one line each."""
        values = self.values.iloc[self.rows.index.get_indexer(rows)].reset_index(drop=True)
        return self.samples[rows.to_numpy()] if self.bundle.model.reads_image else None, values


def middle(items: np.ndarray, first: int) -> np.ndarray:
    """Of whole volumes (..., z, y, x) the middle axial plane; slices as they are. ``first``: axes before the space."""
    return items if items.ndim == first + 2 else items.take(items.shape[first] // 2, axis=first)
