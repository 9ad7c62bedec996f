"""Metrics against scikit-learn, against tables made by hand, and at their edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_score, recall_score, roc_auc_score

from fusekit.evaluation.scores import (
    Accuracy,
    AreaUnderCurve,
    BalancedAccuracy,
    MacroAreaUnderCurve,
    Metric,
    NegativePredictiveValue,
    PositivePredictiveValue,
    Sensitivity,
    Specificity,
    score,
)
from fusekit.evaluation.statistics import wilson

ALL: dict[str, Metric] = {
    "accuracy": Accuracy(),
    "sensitivity": Sensitivity(),
    "specificity": Specificity(),
    "ppv": PositivePredictiveValue(),
    "npv": NegativePredictiveValue(),
    "auc": AreaUnderCurve(),
}


def two_classes(positive: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - positive, positive])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40))
def test_every_metric_agrees_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([int(label) for label, _ in rows])
    p = np.array([grade / 8 + 0.01 * (grade == 4) for _, grade in rows])  # ties among scores, none at one half
    called = (p > 0.5).astype(int)
    expected = {
        "accuracy": accuracy_score(labels, called),
        "sensitivity": recall_score(labels, called, zero_division=np.nan),
        "specificity": recall_score(labels, called, pos_label=0, zero_division=np.nan),
        "ppv": precision_score(labels, called, zero_division=np.nan),
        "npv": precision_score(labels, called, pos_label=0, zero_division=np.nan),
        "auc": roc_auc_score(labels, p) if 0 < labels.sum() < len(labels) else np.nan,
    }
    for name, metric in ALL.items():
        assert metric.value(labels, two_classes(p)) == pytest.approx(expected[name], nan_ok=True), name


def test_three_classes_are_positive_against_the_rest_except_for_accuracy() -> None:
    labels = np.array([0, 1, 2, 2])
    probabilities = np.eye(3)[[2, 1, 2, 1]]  # called 2, 1, 2, 1
    values = {name: metric.value(labels, probabilities) for name, metric in ALL.items()}
    assert values["accuracy"] == 0.5
    assert values["sensitivity"] == 1.0
    assert values["specificity"] == pytest.approx(2 / 3)  # 0 called 2 is still a true negative
    assert values["ppv"] == 0.5
    assert values["npv"] == 1.0


def table(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["subject", "scan", "label", "p_1"])
    frame.insert(0, "row", range(len(frame)))
    return frame.assign(slice=0, fold=0, p_0=1 - frame["p_1"])[
        ["row", "subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    ]


def test_score_counts_slices_at_one_level_and_subjects_at_the_other() -> None:
    predictions = table(
        [
            *[("a", "a1", 1, p) for p in (0.9, 0.3, 0.8)],
            *[("b", "b1", 0, p) for p in (0.6, 0.1)],
            *[("c", "c1", 0, 0.2), ("d", "d1", 1, 0.4)],
        ]
    )
    scores = score(predictions, ALL).set_index(["level", "metric"])
    assert scores.loc[("slice", "accuracy"), "value"] == pytest.approx(4 / 7)
    assert scores.loc[("slice", "sensitivity"), "value"] == pytest.approx(2 / 4)
    assert scores.loc[("subject", "accuracy"), "value"] == pytest.approx(3 / 4)  # means: a .667, b .35, c .2, d .4
    assert scores.loc[("subject", "sensitivity"), "value"] == pytest.approx(1 / 2)
    assert scores.loc[("subject", "auc"), "value"] == pytest.approx(1.0)
    assert tuple(scores.loc[("slice", "accuracy"), ["rows", "subjects"]]) == (7, 4)
    # Seven slices, but four subjects were sampled: the interval is that of four.
    assert tuple(scores.loc[("slice", "accuracy"), ["low", "high"]]) == pytest.approx(wilson(4 / 7, 4))
    assert tuple(scores.loc[("slice", "sensitivity"), ["low", "high"]]) == pytest.approx(wilson(0.5, 2))


def test_empty_classes_are_undefined_not_zero() -> None:
    labels, probabilities = np.zeros(3, dtype=int), two_classes(np.array([0.1, 0.2, 0.3]))
    values = {name: metric.value(labels, probabilities) for name, metric in ALL.items()}
    assert values["accuracy"] == values["specificity"] == values["npv"] == 1.0
    assert np.isnan([values["sensitivity"], values["ppv"], values["auc"]]).all()
    for metric in ALL.values():
        assert metric.title
        assert metric.definition
        assert "NaN" in metric.empty


def test_perfect_separation_is_not_certainty() -> None:
    labels, subjects = np.repeat([0, 1], [9, 14]), np.arange(23)
    expected = binomtest(9, 9).proportion_ci(0.95, method="exact")
    perfect, reversed_ = two_classes(labels * 0.8 + 0.1), two_classes(0.9 - labels * 0.8)
    assert ALL["auc"].interval(labels, perfect, subjects) == pytest.approx((expected.low, 1.0))
    assert ALL["auc"].interval(labels, reversed_, subjects) == pytest.approx((0.0, 1 - expected.low))
    repeated = np.repeat(np.arange(23), 5)  # more slices of the same subjects are no more evidence
    assert ALL["auc"].interval(labels[repeated], perfect[repeated], subjects[repeated])[0] == pytest.approx(
        expected.low
    )


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(1, 9), min_size=3, max_size=3)), min_size=3, max_size=30)
)
def test_scores_of_three_classes_agree_with_scikit_learn(rows: list[tuple[int, list[int]]]) -> None:
    labels = np.array([label for label, _ in rows])
    grades = np.array([grade for _, grade in rows]) + np.array([0.0, 0.001, 0.002])  # no ties within a row
    p = grades / grades.sum(axis=1, keepdims=True)
    if set(labels) != {0, 1, 2}:
        assert np.isnan(BalancedAccuracy().value(labels, p))
        assert np.isnan(MacroAreaUnderCurve().value(labels, p))
        return
    assert BalancedAccuracy().value(labels, p) == pytest.approx(balanced_accuracy_score(labels, p.argmax(axis=1)))
    expected = roc_auc_score(labels, p, multi_class="ovr", average="macro")
    assert MacroAreaUnderCurve().value(labels, p) == pytest.approx(expected)


def test_scores_of_three_classes_by_hand() -> None:
    labels = np.array([0, 0, 1, 2])
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
    assert BalancedAccuracy().value(labels, p) == pytest.approx((1 / 2 + 1 + 1) / 3)
    # Class 0: of four pairs 0.6 wins two, 0.2 one; class 1: 0.7 beats all; class 2: 0.4 beats all.
    assert MacroAreaUnderCurve().value(labels, p) == pytest.approx((3 / 4 + 1 + 1) / 3)


def test_a_perfect_score_of_three_classes_claims_no_certainty() -> None:
    labels = np.repeat([0, 1, 2], [9, 5, 7])
    subjects, p = np.arange(21), np.eye(3)[labels]
    assert BalancedAccuracy().interval(labels, p, subjects) == wilson(1.0, 5)
    assert MacroAreaUnderCurve().interval(labels, p, subjects) == pytest.approx((0.025 ** (1 / 5), 1.0))
    p[0] = [0.2, 0.5, 0.3]
    for metric in (BalancedAccuracy(), MacroAreaUnderCurve()):
        low, high = metric.interval(labels, p, subjects)
        assert low < metric.value(labels, p) <= high


def test_the_auc_of_undefined_probabilities_is_undefined() -> None:
    assert np.isnan(AreaUnderCurve().value(np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, np.nan]])))
