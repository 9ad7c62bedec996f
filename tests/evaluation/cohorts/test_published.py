"""What accuracy, sensitivity and specificity imply, against counts; and that published PPV and NPV do not follow."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.evaluation import implied
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.task import AdniAdTask
from fusekit_hmi.task import HmiTask

COUNTS = st.integers(0, 400)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_any_confusion_matrix_is_found_again(tp: int, fn: int, tn: int, fp: int) -> None:
    if not (tp + fn and tn + fp):
        return
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    if abs(sensitivity - specificity) < 1e-6:
        return
    total = tp + fn + tn + fp
    found = implied({"accuracy": (tp + tn) / total, "sensitivity": sensitivity, "specificity": specificity})
    assert found["prevalence"] == pytest.approx((tp + fn) / total, abs=1e-6)
    if tp + fp:
        assert found["ppv"] == pytest.approx(tp / (tp + fp), abs=1e-5)
    if tn + fn:
        assert found["npv"] == pytest.approx(tn / (tn + fn), abs=1e-5)


@pytest.mark.parametrize(
    "scores",
    [
        {"accuracy": 0.8, "sensitivity": 0.8, "specificity": 0.8},  # any prevalence would do
        {"accuracy": 0.9, "sensitivity": 0.8, "specificity": 0.7},  # none does
        {"accuracy": 0.9, "sensitivity": 0.8},
        {"accuracy": 0.9, "sensitivity": 0.8, "specificity": float("nan")},
    ],
)
def test_where_nothing_follows_nothing_is_claimed(scores: dict[str, float]) -> None:
    found = implied(scores)
    assert math.isnan(found["ppv"])
    assert math.isnan(found["npv"])


#: Percent, copied from the paper's tables 1 to 3: ACC, sensitivity, specificity, PPV, NPV.
TABLES = {
    AdniAdTask: """66.73 54.29 73.68 53.05 74.64
                   92.70 86.18 95.74 90.35 93.74
                   95.52 92.41 96.96 93.25 96.53""",
    MciConverterTask: """67.41 42.92 82.33 79.25 71.25
                         70.63 50.42 83 75.67 73.67
                         74.06 55.73 85.13 78.06 77.38""",
    HmiTask: """71.18 88.32 34.76 74.23 48.57
                75.47 90.09 46.12 77.24 69.11
                79.17 88.84 58.91 81.76 78.89""",
}


@pytest.mark.parametrize("task", TABLES)
def test_tasks_carry_the_papers_rows(task: type[AdniAdTask | MciConverterTask | HmiTask]) -> None:
    rows = [[float(cell) for cell in line.split()] for line in TABLES[task].splitlines()]
    assert [[round(100 * value, 2) for value in row.scores.values()] for row in task.published] == rows
    assert [row.fusion for row in task.published] == ["image-only", "concat", "rbca"]
    assert [row.arm for row in task.published] == ["Image Only", "Image+Clinical", "Full Model"]
    assert len({row.source for row in task.published}) == 1
    for row in task.published:
        assert list(row.scores) == ["accuracy", "sensitivity", "specificity", "ppv", "npv"]
        assert set(row.scores) < set(task.metrics)


@pytest.mark.parametrize(("task", "points"), [(AdniAdTask, 0.5), (MciConverterTask, 19.6), (HmiTask, 9.8)])
def test_published_ppv_and_npv_do_not_follow_and_the_note_says_by_how_much(
    task: type[AdniAdTask | MciConverterTask | HmiTask], points: float
) -> None:
    differences = []
    for row in task.published:
        a, se, sp = (row.scores[name] for name in ("accuracy", "sensitivity", "specificity"))
        p = (a - sp) / (se - sp)
        assert implied(row.scores)["prevalence"] == pytest.approx(p)
        differences += [abs(row.scores["ppv"] - p * se / (p * se + (1 - p) * (1 - sp)))]
        differences += [abs(row.scores["npv"] - (1 - p) * sp / ((1 - p) * sp + p * (1 - se)))]
    assert round(100 * max(differences), 1) == points
    assert all(f"up to {points:g} points" in row.note for row in task.published)


def test_means_over_folds_do_that() -> None:
    """Two folds of 50 with one prevalence: each fold's PPV is its counts', and their mean is not the pooled one."""
    folds = [{"tp": 2, "fn": 18, "tn": 30, "fp": 0}, {"tp": 18, "fn": 2, "tn": 10, "fp": 20}]

    def mean(*ratios: float) -> float:
        return sum(ratios) / len(ratios)

    accuracy = mean(*[(f["tp"] + f["tn"]) / 50 for f in folds])
    sensitivity = mean(*[f["tp"] / 20 for f in folds])
    specificity = mean(*[f["tn"] / 30 for f in folds])
    reported = mean(*[f["tp"] / (f["tp"] + f["fp"]) for f in folds])
    found = implied({"accuracy": accuracy, "sensitivity": sensitivity, "specificity": specificity})
    assert found["prevalence"] == pytest.approx(0.4)
    assert found["ppv"] == pytest.approx(20 / 40)  # of all the calls together
    assert reported - found["ppv"] == pytest.approx(0.2368, abs=1e-4)
