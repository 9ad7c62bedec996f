"""Metrics of numbers, against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from fusekit.evaluation import Metric, score
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.numbers import (
    CalibrationSlope,
    ExplainedVariance,
    MeanAbsoluteError,
    RankCorrelation,
    RootMeanSquaredError,
)

DRAW = np.random.default_rng(0)
TRUE = DRAW.normal(20, 4, 60).round(1)
SAID = (0.6 * TRUE + 9 + DRAW.normal(0, 2, 60)).round(1)
EVERY = (MeanAbsoluteError(), RootMeanSquaredError(), ExplainedVariance(), RankCorrelation(), CalibrationSlope())


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (MeanAbsoluteError(), mean_absolute_error(TRUE, SAID)),
        (RootMeanSquaredError(), root_mean_squared_error(TRUE, SAID)),
        (ExplainedVariance(), r2_score(TRUE, SAID)),
        (RankCorrelation(), spearmanr(TRUE, SAID).statistic),
        (CalibrationSlope(), linregress(SAID, TRUE).slope),
    ],
    ids=lambda one: getattr(one, "title", ""),
)
def test_values_are_those_of_other_libraries(metric: Metric, expected: float) -> None:
    assert metric.value(TRUE, SAID) == pytest.approx(expected)


@pytest.mark.parametrize("metric", EVERY, ids=lambda one: one.title)
def test_what_is_right_everywhere_scores_best(metric: Metric) -> None:
    best = {"MAE": 0.0, "RMSE": 0.0}.get(metric.title, 1.0)
    assert metric.value(TRUE, TRUE) == pytest.approx(best)


def test_a_constant_has_no_ranks_and_no_slope() -> None:
    assert np.isnan(RankCorrelation().value(TRUE, np.full(60, 3.0)))
    assert np.isnan(CalibrationSlope().value(TRUE, np.full(60, 3.0)))
    assert np.isnan(ExplainedVariance().value(np.full(60, 3.0), SAID))
    assert ExplainedVariance().value(TRUE, np.full(60, TRUE.mean())) == pytest.approx(0)


def test_ranks_are_compared_within_folds() -> None:
    """The training mean of each fold, with a trace of what is true, correlates negatively if folds are pooled."""
    of_row = np.repeat([0, 1], 30)
    true = np.sort(TRUE)
    trained = np.where(of_row == 0, true[30:].mean(), true[:30].mean()) + 1e-3 * true
    metric = RankCorrelation()
    assert metric.value(true, trained) < 0
    assert metric.value_in(Folds(of_row, np.array([30, 30])), true, trained) == pytest.approx(1)


def test_folds_have_one_slope_and_an_intercept_each() -> None:
    of_row, said = np.repeat([0, 1], 30), SAID + np.repeat([5.0, 0.0], 30)
    folds = Folds(of_row, np.array([30, 30]))
    design = np.column_stack([said, of_row == 0, of_row == 1]).astype(float)
    expected = np.linalg.lstsq(design, TRUE, rcond=None)[0][0]
    assert CalibrationSlope().value_in(folds, TRUE, said) == pytest.approx(expected)
    assert np.isnan(CalibrationSlope().value_in(folds, TRUE, of_row.astype(float)))


@pytest.mark.parametrize("metric", EVERY, ids=lambda one: one.title)
def test_intervals_are_over_subjects(metric: Metric) -> None:
    names = np.array([f"s{n}" for n in range(60)])
    low, high = metric.interval(TRUE, SAID, names)
    assert low < metric.value(TRUE, SAID) < high
    thrice = metric.interval(np.tile(TRUE, 3), np.tile(SAID, 3), np.tile(names, 3))
    assert thrice == pytest.approx((low, high), rel=0.05)  # three slices of a subject say no more than one


def test_the_mean_of_slices_and_scans_is_scored() -> None:
    rows = pd.DataFrame(
        {
            "subject": ["a", "a", "a", "b", "b"],
            "scan": ["a1", "a1", "a2", "b1", "b1"],
            "slice": [0, 1, 0, 0, 1],
            "fold": 0,
            "label": [10.0, 10.0, 10.0, 20.0, 20.0],
            "predicted": [8.0, 10.0, 13.0, 19.0, 17.0],
        }
    )
    found = score(rows, {"mae": MeanAbsoluteError()}).set_index("level")["value"]
    assert found["slice"] == pytest.approx((2 + 0 + 3 + 1 + 3) / 5)
    assert found["subject"] == pytest.approx((1 + 2) / 2)  # a: the mean of 9 and 13; b: 18
