"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.checkpoint import Checkpoint, difference
from fusekit.training.finite import NonFiniteError
from fusekit.training.loader import Batch, EpochSampler, SliceDataset, loader_for
from fusekit.training.loop import Precision, TrainingOptions, fabric_for, repeatable, train
from fusekit.training.stop import stoppable

__all__ = [
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
