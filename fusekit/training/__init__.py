"""From a store of slices and encoded columns to trained weights."""

from fusekit.training.loader import Batch, Pixels, SliceDataset, training_loader
from fusekit.training.loop import TrainingOptions, fabric_for, train

__all__ = ["Batch", "Pixels", "SliceDataset", "TrainingOptions", "fabric_for", "train", "training_loader"]
