"""From predictions to numbers that say how sure they are. Nothing here sees a model or a path."""

from fusekit.evaluation.predictions import AGGREGATIONS, by_subject, prediction_table, probabilities_of
from fusekit.evaluation.scores import Metric, Proportion, score
from fusekit.evaluation.statistics import subject_bootstrap, wilson
from fusekit.evaluation.thresholds import fit_thresholds, recentre, youden

__all__ = [
    "AGGREGATIONS",
    "Metric",
    "Proportion",
    "by_subject",
    "fit_thresholds",
    "prediction_table",
    "probabilities_of",
    "recentre",
    "score",
    "subject_bootstrap",
    "wilson",
    "youden",
]
