"""What the clinical table alone is worth to a classical method. Nothing here sees an image, and nothing loads torch."""

from fusekit.baselines.baseline import Baseline
from fusekit.baselines.gbdt import GradientBoosting
from fusekit.baselines.logistic import Logistic
from fusekit.baselines.prevalence import Prevalence

__all__ = ["Baseline", "GradientBoosting", "Logistic", "Prevalence"]
