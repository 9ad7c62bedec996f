"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.augment import AugmentOptions
from fusekit.training.checkpoint import Checkpoint, difference
from fusekit.training.finite import NonFiniteError
from fusekit.training.loader import Batch, EpochSampler, SliceDataset, loader_for
from fusekit.training.loop import Precision, fabric_for, repeatable, train
from fusekit.training.options import TrainingOptions
from fusekit.training.stop import stoppable

__all__ = [
    "AugmentOptions",
    "Batch",
    "Checkpoint",
    "EpochSampler",
    "NonFiniteError",
    "Precision",
    "SliceDataset",
    "TrainingOptions",
    "difference",
    "fabric_for",
    "loader_for",
    "repeatable",
    "stoppable",
    "train",
]
