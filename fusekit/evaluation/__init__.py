"""From predictions to numbers that say how sure they are. Nothing here sees a model or a path."""

from fusekit.evaluation.predictions import by_subject, prediction_table, probabilities_of
from fusekit.evaluation.published import implied
from fusekit.evaluation.scores import Metric, Proportion, score
from fusekit.evaluation.statistics import subject_bootstrap, wilson

__all__ = [
    "Metric",
    "Proportion",
    "by_subject",
    "implied",
    "prediction_table",
    "probabilities_of",
    "score",
    "subject_bootstrap",
    "wilson",
]
