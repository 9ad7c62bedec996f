"""The check of metrics passes every bundled one and names what a broken one breaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusekit.evaluation import Metric
from fusekit.extension import catalog
from fusekit.testing import check_metric


@pytest.mark.parametrize("name", catalog().metrics.names())
def test_the_bundled_ones_keep_what_metrics_promise(name: str) -> None:
    metric = catalog().metrics.make(name)
    assert set(check_metric(metric)) == set(metric.targets)


class Brier(Metric):
    """A good one; what follows breaks one thing each."""

    title, definition, empty = "Brier score", "mean of squared differences", "NaN without predictions"

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        return float(np.mean((probabilities[:, 1] - labels) ** 2)) if len(labels) else float("nan")


def test_the_value_that_comes_back_is_the_metrics() -> None:
    (value,) = check_metric(Brier()).values()
    assert 0 < value < 0.25  # better than a coin: the invented probabilities lean to the truth


class Nameless(Brier):
    title = ""


class Elsewhere(Brier):
    targets = ("clases",)


class Whole(Brier):
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> Any:
        return int(10 * super().value(labels, probabilities))


class Sorting(Brier):
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        probabilities.sort(axis=0)
        return super().value(labels, probabilities)


class Beyond(Brier):
    limits = (0.5, 1.0)


class First(Brier):
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        return super().value(labels[:5], probabilities[:5])


class Empty(Brier):
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        return super().value(labels, probabilities) + float(labels.max()) * 0


class Backwards(Brier):
    def interval(self, *given: Any) -> tuple[float, float]:
        return 1.0, 0.0


class Calls(Brier):
    of_calls = True


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (dict, "no Metric but dict"),
        (Nameless, "no title"),
        (Elsewhere, "targets names 'clases'"),
        (Whole, "its value is a int"),
        (Sorting, "changes the predictions"),
        (Beyond, "lies beyond limits"),
        (First, "order of the rows"),
        (Empty, "of none raise ValueError"),
        (Backwards, "begins at 1 and ends at 0"),
        (Calls, "calls alone count"),
    ],
)
def test_what_a_broken_one_breaks_is_said(broken: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_metric(broken())
