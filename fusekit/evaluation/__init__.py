"""From predictions to numbers that say how sure they are. Nothing here sees a model or a path."""

from fusekit.evaluation.calibration import calibrated, calibration_scores, reliability
from fusekit.evaluation.decision import net_benefit
from fusekit.evaluation.delong import delong
from fusekit.evaluation.pairs import compare_arms
from fusekit.evaluation.predictions import AGGREGATIONS, by_subject, prediction_table, probabilities_of
from fusekit.evaluation.scores import Metric, Proportion, score
from fusekit.evaluation.statistics import subject_bootstrap, wilson
from fusekit.evaluation.subgroups import subgroup_scores
from fusekit.evaluation.thresholds import fit_thresholds, recentre, youden

__all__ = [
    "AGGREGATIONS",
    "Metric",
    "Proportion",
    "by_subject",
    "calibrated",
    "calibration_scores",
    "compare_arms",
    "delong",
    "fit_thresholds",
    "net_benefit",
    "prediction_table",
    "probabilities_of",
    "recentre",
    "reliability",
    "score",
    "subgroup_scores",
    "subject_bootstrap",
    "wilson",
    "youden",
]
