"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.augment import AugmentOptions
from fusekit.training.loader import Batch, EpochSampler, SliceDataset, loader_for
from fusekit.training.loop import Precision, fabric_for, repeatable, train
from fusekit.training.options import TrainingOptions

__all__ = [
    "AugmentOptions",
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
