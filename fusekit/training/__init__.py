"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.augment import AugmentOptions
from fusekit.training.checkpoint import Checkpoint, difference
from fusekit.training.device import Precision, fabric_for, repeatable
from fusekit.training.finite import NonFiniteError
from fusekit.training.loader import Batch, EpochBatches, SliceDataset, loader_for
from fusekit.training.loop import train
from fusekit.training.options import TrainingOptions
from fusekit.training.processes import ALONE, Processes, ProcessLostError
from fusekit.training.stop import stoppable

__all__ = [
    "ALONE",
    "AugmentOptions",
    "Batch",
    "Checkpoint",
    "EpochBatches",
    "NonFiniteError",
    "Precision",
    "ProcessLostError",
    "Processes",
    "SliceDataset",
    "TrainingOptions",
    "difference",
    "fabric_for",
    "loader_for",
    "repeatable",
    "stoppable",
    "train",
]
