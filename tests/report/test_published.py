"""Predictive values that follow from accuracy, sensitivity and specificity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.report.published import implied

counts = st.integers(1, 500)


@given(counts, counts, counts, counts)
def test_one_confusion_matrix_gives_its_own_predictive_values(tp: int, fn: int, tn: int, fp: int) -> None:
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    if abs(sensitivity - specificity) < 1e-3:
        return  # the prevalence cannot be told, or only within rounding
    total = tp + fn + tn + fp
    found = implied({"accuracy": (tp + tn) / total, "sensitivity": sensitivity, "specificity": specificity})
    assert found is not None
    assert found.prevalence == pytest.approx((tp + fn) / total, abs=1e-6)
    assert found.ppv == pytest.approx(tp / (tp + fp), abs=1e-6)
    assert found.npv == pytest.approx(tn / (tn + fn), abs=1e-6)


def test_a_published_row_whose_npv_does_not_follow() -> None:
    # Yang et al. 2021, liver tumours, image alone: NPV 0.4857 is printed.
    found = implied({"accuracy": 0.7118, "sensitivity": 0.8832, "specificity": 0.3476})
    assert found is not None
    assert found.ppv == pytest.approx(0.742, abs=0.001)
    assert found.npv == pytest.approx(0.583, abs=0.001)


@pytest.mark.parametrize(
    "scores",
    [
        {"accuracy": 0.9, "sensitivity": 0.8},
        {"accuracy": 0.9, "sensitivity": 0.8, "specificity": 0.8},
        {"accuracy": 0.95, "sensitivity": 0.8, "specificity": 0.9},  # above both: no prevalence does that
        {"accuracy": 0.5, "sensitivity": 0.0, "specificity": 1.0},  # nothing is called positive
    ],
)
def test_nothing_is_claimed_where_nothing_follows(scores: dict[str, float]) -> None:
    assert implied(scores) is None
