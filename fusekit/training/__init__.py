"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.feed.augment import AugmentOptions
from fusekit.training.feed.loader import SliceDataset
from fusekit.training.guard.checkpoint import Checkpoint, difference
from fusekit.training.guard.failures import NonFiniteError
from fusekit.training.guard.stop import stoppable
from fusekit.training.loop import train
from fusekit.training.machines.processes import ALONE, Processes, ProcessLostError
from fusekit.training.machines.repeatable import repeatable
from fusekit.training.objectives import Corn, CrossEntropy, Objective, SquaredError
from fusekit.training.options import TrainingOptions

__all__ = [
    "ALONE", "AugmentOptions", "Checkpoint", "Corn", "CrossEntropy", "NonFiniteError", "Objective", "ProcessLostError",
    "Processes", "SliceDataset", "SquaredError", "TrainingOptions", "difference", "repeatable", "stoppable", "train",
]  # fmt: skip
