"""Baselines of times to an event: the training subjects' curve, Cox's regression, boosted hazards."""

from fusekit.baselines.survival.baseline import KaplanMeier, SurvivalBaseline
from fusekit.baselines.survival.cox import Cox
from fusekit.baselines.survival.hazards import GradientBoostingHazards

__all__ = ["Cox", "GradientBoostingHazards", "KaplanMeier", "SurvivalBaseline"]
