"""The predictions table: one row a slice; and from slices to scans to subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from fusekit.errors import OptionError
from fusekit.extension.registry import suggest

#: The smallest probability whose logarithm is taken: single precision rounds what is closer to 1 to certainty.
SMALLEST = 2.0**-24


class Aggregation(NamedTuple):
    """How probabilities of slices become one of a scan, and those of scans one of a subject."""

    before: Callable[[np.ndarray], np.ndarray]  # of each slice (N, K) -> (N, K)
    joined: Literal["mean", "median", "max"]  # of each class, slices of a scan and then scans of a subject
    after: Callable[[np.ndarray], np.ndarray]  # of each subject (M, K) -> (M, K), adding up to one


def _as_they_are(values: np.ndarray) -> np.ndarray:
    return values


def _adding_up_to_one(values: np.ndarray) -> np.ndarray:
    total = values.sum(axis=1, keepdims=True)  # of medians of three classes or more it may be nought: nothing is known
    alike = np.full_like(values, 1 / values.shape[1])
    return np.asarray(np.divide(values, total, out=alike, where=total > 0))


def _of_the_positive(values: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - values[:, 1], values[:, 1]])


def _calls(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)])


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


def prediction_table(rows: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Put probabilities beside the rows they belong to.

    Args:
        rows: index ``row`` (of the slice store), columns subject, scan, slice, fold, label.
        probabilities: (N, K), in the same order.
    """
    table = rows.reset_index()
    for k in range(probabilities.shape[1]):
        table[f"p_{k}"] = probabilities[:, k].astype(float)
    return table


def probabilities_of(table: pd.DataFrame) -> np.ndarray:
    """Probabilities (N, K) of a predictions table."""
    return table[[name for name in table.columns if name.startswith("p_")]].to_numpy(dtype=float)


def by_subject(predictions: pd.DataFrame, how: str = "mean") -> pd.DataFrame:
    """Join slices within a scan, then scans within a subject, so that a long scan does not outvote a short one.

    Args:
        predictions: one row a slice.
        how: a name in ``AGGREGATIONS``; the same one joins slices and scans.

    Returns:
        One row a subject, sorted: subject, fold and label where given, scans, slices, p_0, p_1, ...

    Raises:
        OptionError: there is no such aggregation, or it is for two classes and there are more.
    """
    columns = [name for name in predictions.columns if name.startswith("p_")]
    before, joined, after = aggregation(how, len(columns))
    keys = [name for name in ("subject", "fold", "label") if name in predictions]  # a new patient has only the first
    table = _with(predictions, before)
    scans = table.groupby([*keys, "scan"], as_index=False).agg(
        slices=("scan", "size"), **{name: (name, joined) for name in columns}
    )
    subjects = scans.groupby(keys, as_index=False).agg(
        scans=("scan", "size"), slices=("slices", "sum"), **{name: (name, joined) for name in columns}
    )
    return _with(subjects, after)


def aggregation(how: str, classes: int) -> Aggregation:
    """Look an aggregation up.

    Raises:
        OptionError: there is no such aggregation, or it is for two classes and there are more.
    """
    if how not in AGGREGATIONS:
        raise OptionError(f"There is no aggregation {how!r} from slices to subjects; {suggest(how, AGGREGATIONS)}")
    if how == "max" and classes > 2:
        raise OptionError(
            f"The aggregation 'max' takes the highest probability of the positive class; with {classes} classes there"
            " is none. Take mean, median, vote or logit."
        )
    return AGGREGATIONS[how]


def _with(table: pd.DataFrame, change: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    """Put changed probabilities where the old ones stood."""
    changed = change(probabilities_of(table))
    return table.assign(**{f"p_{k}": changed[:, k] for k in range(changed.shape[1])})
