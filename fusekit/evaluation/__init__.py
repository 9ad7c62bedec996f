"""From predictions to numbers that say how sure they are. Nothing here sees a model or a path."""

from fusekit.evaluation.aggregation import AGGREGATIONS
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.arms.subgroups import subgroup_scores
from fusekit.evaluation.calibration.decision import net_benefit
from fusekit.evaluation.calibration.reliability import calibration_scores, reliability
from fusekit.evaluation.cohorts.published import implied
from fusekit.evaluation.delong import delong
from fusekit.evaluation.metrics.classes import Proportion
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.predictions import prediction_table, probabilities_of
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.scores import score
from fusekit.evaluation.statistics import wilson

__all__ = [
    "AGGREGATIONS",
    "Metric",
    "Proportion",
    "Rule",
    "calibration_scores",
    "compare_arms",
    "delong",
    "implied",
    "net_benefit",
    "prediction_table",
    "probabilities_of",
    "reliability",
    "score",
    "subgroup_scores",
    "wilson",
]
