"""Metrics against scikit-learn, against tables made by hand, and at their edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_score, recall_score, roc_auc_score

from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.classes import (
    Accuracy,
    BalancedAccuracy,
    NegativePredictiveValue,
    PositivePredictiveValue,
    Sensitivity,
    Specificity,
)
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.ranking import AreaUnderCurve, MacroAreaUnderCurve
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.scores import score
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


def on_different_scales() -> pd.DataFrame:
    """Two folds, each separated but for one pair; the second model's probabilities are all above the first's."""
    first = [("a", 0, 0.05), ("b", 0, 0.2), ("c", 1, 0.15), ("d", 1, 0.3)]  # 3 of 4 pairs
    second = [("e", 0, 0.6), ("f", 0, 0.7), ("g", 0, 0.75), ("h", 1, 0.9), ("i", 1, 0.65), ("j", 1, 0.8)]  # 7 of 9
    rows = [(0, *row) for row in first] + [(1, *row) for row in second]
    frame = pd.DataFrame(rows, columns=["fold", "subject", "label", "p_1"])
    return frame.assign(row=range(len(frame)), scan=frame["subject"], slice=0, p_0=1 - frame["p_1"])[
        ["row", "subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    ]


def test_the_auc_compares_no_scores_of_different_models() -> None:
    expected = (4 * 3 / 4 + 6 * 7 / 9) / 10
    predictions = on_different_scales()
    scores = score(predictions, ALL).set_index(["level", "metric"])
    for level in ("slice", "subject"):
        value, low, high = scores.loc[(level, "auc"), ["value", "low", "high"]].to_numpy(dtype=float)
        assert value == pytest.approx(expected)
        assert low < value < high
    shifted = predictions.assign(p_1=predictions["p_1"].where(predictions["fold"] == 0, predictions["p_1"] / 8))
    shifted["p_0"] = 1 - shifted["p_1"]
    again = score(shifted, {"auc": ALL["auc"]}).set_index(["level", "metric"])
    pd.testing.assert_frame_equal(again, scores.loc[again.index])
    of_one = score(predictions.drop(columns="fold"), {"auc": ALL["auc"]})
    assert of_one["value"].iloc[1] == pytest.approx(roc_auc_score(predictions["label"], predictions["p_1"]))


def test_a_fold_without_a_class_is_left_out_of_the_mean() -> None:
    predictions = on_different_scales()
    alone = score(predictions.query("fold == 1"), {"auc": ALL["auc"]})
    without = score(predictions.query("fold == 1 or label == 0"), {"auc": ALL["auc"]})
    columns = ["value", "low", "high"]
    pd.testing.assert_frame_equal(without[columns], alone[columns], atol=0.05)
    assert without["value"].tolist() == alone["value"].tolist()
    empty = score(predictions.query("label == 0"), {"auc": ALL["auc"]})
    assert empty[columns].isna().all(axis=None)


def test_perfect_separation_within_every_fold_is_not_certainty() -> None:
    predictions = on_different_scales()
    perfect = predictions.assign(p_1=predictions["fold"] / 2 + predictions["label"] / 4)
    scores = score(perfect.assign(p_0=1 - perfect["p_1"]), {"auc": ALL["auc"], "macro": MacroAreaUnderCurve()})
    limit = 0.025 ** (1 / (2 + 3))  # two independent pairs in the first fold, three in the second
    assert scores["low"].to_numpy() == pytest.approx(limit)
    assert (scores["high"] == 1).all()


class HighestOfThePositives(Metric):
    title = "highest"
    definition = "highest probability of a positive"
    empty = "NaN without positives"
    within_folds = True

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        return float(probabilities[labels == 1, 1].max()) if (labels == 1).any() else float("nan")


def test_a_plugins_metric_is_averaged_over_folds_and_drawn_within_them() -> None:
    found = score(on_different_scales(), {"highest": HighestOfThePositives()}).iloc[1]
    assert found["value"] == pytest.approx((4 * 0.3 + 6 * 0.9) / 10)
    assert found["low"] == pytest.approx((4 * 0.15 + 6 * 0.8) / 10, abs=0.1)
    assert found["high"] == pytest.approx(found["value"])


def test_thresholds_change_calls_and_nothing_else() -> None:
    predictions = on_different_scales()
    thresholds = {0: {"slice": 0.1, "subject": 0.25}, 1: {"slice": 0.78, "subject": 0.62}}
    plain = score(predictions, ALL).set_index(["level", "metric"])["value"]
    moved = score(predictions, ALL, Rule(thresholds=thresholds)).set_index(["level", "metric"])["value"]
    for level in ("slice", "subject"):
        t = predictions["fold"].map({fold: of[level] for fold, of in thresholds.items()})
        called = (predictions["p_1"] > t).astype(int)
        assert moved[level, "accuracy"] == pytest.approx(accuracy_score(predictions["label"], called))
        assert moved[level, "sensitivity"] == pytest.approx(recall_score(predictions["label"], called))
        assert moved[level, "npv"] == pytest.approx(precision_score(predictions["label"], called, pos_label=0))
        assert moved[level, "auc"] == plain[level, "auc"]
    assert moved["subject", "accuracy"] != plain["subject", "accuracy"]


def test_metrics_say_what_they_depend_on() -> None:
    assert {name for name, metric in ALL.items() if metric.within_folds} == {"auc"}
    assert {name for name, metric in ALL.items() if metric.of_calls} == set(ALL) - {"auc"}
    assert BalancedAccuracy().of_calls
    assert MacroAreaUnderCurve().within_folds
    assert not HighestOfThePositives().of_calls


@pytest.mark.parametrize("folds", [1, 3])
def test_limits_of_slices_are_those_of_the_auc_sorted_anew_in_every_resample(folds: int) -> None:
    draw = np.random.default_rng(0)
    subjects = np.repeat(np.arange(30), 4)
    labels, of_row = subjects % 2, subjects // 2 % folds
    positive = np.round(0.5 + 0.2 * (labels - 0.5) + draw.normal(0, 0.2, 120), 1)  # with many ties
    probabilities = np.column_stack([1 - positive, positive])
    given_all = (Folds(of_row, np.bincount(of_row[::4])), labels, probabilities, subjects)
    sorted_anew = Metric.interval_in(AreaUnderCurve(), *given_all)
    assert AreaUnderCurve().interval_in(*given_all) == pytest.approx(sorted_anew, abs=1e-12)
