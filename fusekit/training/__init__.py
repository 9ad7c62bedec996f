"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.loader import Batch, EpochSampler, SliceDataset, loader_for
from fusekit.training.loop import Precision, TrainingOptions, fabric_for, repeatable, train

__all__ = [
    "Batch",
    "EpochSampler",
    "Precision",
    "SliceDataset",
    "TrainingOptions",
    "fabric_for",
    "loader_for",
    "repeatable",
    "train",
]
