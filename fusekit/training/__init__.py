"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.feed.augment import AugmentOptions
from fusekit.training.feed.loader import Batch, EpochBatches, SliceDataset, loader_for
from fusekit.training.guard.checkpoint import Checkpoint, difference
from fusekit.training.guard.nonfinite import NonFiniteError
from fusekit.training.guard.stop import stoppable
from fusekit.training.loop import train
from fusekit.training.machines.device import Precision, fabric_for, repeatable
from fusekit.training.machines.processes import ALONE, Processes, ProcessLostError
from fusekit.training.options import TrainingOptions

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
