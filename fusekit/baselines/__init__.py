"""What a classical method makes of the clinical table, or of table and image. Nothing here loads torch."""

from fusekit.baselines.baseline import Baseline
from fusekit.baselines.components import GradientBoostingComponents
from fusekit.baselines.gbdt import GradientBoosting
from fusekit.baselines.linear.logistic import Logistic
from fusekit.baselines.linear.ordinal import OrdinalLogistic
from fusekit.baselines.linear.ridge import Ridge
from fusekit.baselines.numbers import GradientBoostingRegression, Mean, NumberBaseline
from fusekit.baselines.prevalence import Prevalence
from fusekit.baselines.survival import Cox, GradientBoostingHazards, KaplanMeier, SurvivalBaseline

__all__ = [
    "Baseline",
    "Cox",
    "GradientBoosting",
    "GradientBoostingComponents",
    "GradientBoostingHazards",
    "GradientBoostingRegression",
    "KaplanMeier",
    "Logistic",
    "Mean",
    "NumberBaseline",
    "OrdinalLogistic",
    "Prevalence",
    "Ridge",
    "SurvivalBaseline",
]
