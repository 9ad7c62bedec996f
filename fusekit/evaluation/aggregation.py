"""How slices are joined; ``Rule`` applies it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from fusekit.evaluation.predictions import SMALLEST
from fusekit.evaluation.thresholds import most_probable

Aggregate: TypeAlias = Literal["mean", "median", "max", "vote", "logit"]


class Aggregation(NamedTuple):
    """How probabilities of slices become one of a scan, and those of scans one of a subject."""

    before: Callable[[np.ndarray], np.ndarray]  # of each slice (N, K) -> (N, K)
    joined: Literal["mean", "median", "max"]  # of each class, slices of a scan and then scans of a subject
    after: Callable[[np.ndarray], np.ndarray]  # of each subject (M, K) -> (M, K), adding up to one


def _as_they_are(values: np.ndarray) -> np.ndarray:
    return values


def _adding_up_to_one(values: np.ndarray) -> np.ndarray:
    total = values.sum(axis=1, keepdims=True)  # of medians of three classes or more it may be 0: nothing is known
    alike = np.full_like(values, 1 / values.shape[1])
    return np.asarray(np.divide(values, total, out=alike, where=total > 0))


def _of_the_positive(values: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - values[:, 1], values[:, 1]])


def _calls(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.eye(probabilities.shape[1])[most_probable(probabilities)])


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.clip(probabilities, SMALLEST, None)))


def _softmax(values: np.ndarray) -> np.ndarray:
    return _adding_up_to_one(np.exp(values - values.max(axis=1, keepdims=True)))


#: Name -> how. A scan's probabilities need not add up to one before they are joined: its sum cancels in the subject's.
AGGREGATIONS: dict[str, Aggregation] = {
    "mean": Aggregation(_as_they_are, "mean", _as_they_are),
    "median": Aggregation(_as_they_are, "median", _adding_up_to_one),
    "max": Aggregation(_as_they_are, "max", _of_the_positive),
    "vote": Aggregation(_calls, "mean", _as_they_are),  # the share of slices called a class
    "logit": Aggregation(_logarithms, "mean", _softmax),
}
