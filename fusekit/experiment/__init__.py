"""A run from configuration to folder."""

from fusekit.experiment.comparison import Comparison, compare
from fusekit.experiment.config import Config
from fusekit.experiment.external import evaluate
from fusekit.experiment.folder import Run
from fusekit.experiment.followers import Underway
from fusekit.experiment.run import run

__all__ = ["Comparison", "Config", "Run", "Underway", "compare", "evaluate", "run"]
