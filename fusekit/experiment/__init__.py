"""A run from configuration to folder."""

from fusekit.experiment.compare.comparison import Comparison, compare
from fusekit.experiment.external.external import evaluate
from fusekit.experiment.folder import Run
from fusekit.experiment.run.run import run
from fusekit.experiment.setup.settings import Config
from fusekit.experiment.setup.trackers import Underway

__all__ = ["Comparison", "Config", "Run", "Underway", "compare", "evaluate", "run"]
