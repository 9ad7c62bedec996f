"""What a training makes small, for each kind of what is predicted."""

from fusekit.training.objectives.classes import CrossEntropy
from fusekit.training.objectives.numbers import Quantile, SquaredError
from fusekit.training.objectives.objective import Objective, WithParts, total
from fusekit.training.objectives.ordered import Corn
from fusekit.training.objectives.survival import Cox, Hazards

__all__ = ["Corn", "Cox", "CrossEntropy", "Hazards", "Objective", "Quantile", "SquaredError", "WithParts", "total"]
