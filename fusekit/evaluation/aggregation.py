"""How slices are joined; ``Rule`` applies it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from fusekit.data.target.time_to_event import RISK
from fusekit.errors import OptionError
from fusekit.evaluation.predictions import NUMBER, SMALLEST
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


#: Of numbers and of survival: name -> how.
OF_NUMBERS: dict[str, Aggregation] = {
    "mean": Aggregation(_as_they_are, "mean", _as_they_are),
    "median": Aggregation(_as_they_are, "median", _as_they_are),
}
#: Of probabilities: name -> how. A scan's need not add up to one before they are joined: that cancels in the subject's.
AGGREGATIONS: dict[str, Aggregation] = {
    "mean": Aggregation(_as_they_are, "mean", _as_they_are),
    "median": Aggregation(_as_they_are, "median", _adding_up_to_one),
    "max": Aggregation(_as_they_are, "max", _of_the_positive),
    "vote": Aggregation(_calls, "mean", _as_they_are),  # the share of slices called a class
    "logit": Aggregation(_logarithms, "mean", _softmax),
}


def joining(name: str, columns: Sequence[str]) -> Aggregation:
    """How columns of predictions are joined; OptionError where it is not for them."""
    if NUMBER in columns or RISK in columns:
        if name not in OF_NUMBERS:
            what = "a number" if NUMBER in columns else "survival"
            raise OptionError(f"The aggregation {name!r} joins probabilities, and {what} is predicted: mean or median.")
        return OF_NUMBERS[name]
    if name == "max" and len(columns) > 2:
        raise OptionError(
            f"The aggregation 'max' takes the highest probability of the positive class; with {len(columns)} classes "
            "there is none. Take mean, median, vote or logit."
        )
    return AGGREGATIONS[name]
