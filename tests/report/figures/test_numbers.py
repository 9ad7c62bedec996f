"""Figures of predicted numbers, against literal formulas."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Number
from fusekit.evaluation import Rule
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.figures.numbers import agreement, bland_altman, scatter
from fusekit.report.figures.sections import SECTIONS

SUBJECTS = pd.DataFrame(
    {
        "subject": ["a", "b", "c", "d"],
        "fold": [0, 0, 1, 1],
        "label": [10.0, 12.0, 20.0, 30.0],
        "predicted": [12.0, 12.0, 19.0, 25.0],
    }
)


def evidence() -> Evidence:
    run: Any = SimpleNamespace(seed=0, subjects=SUBJECTS, rule=Rule())
    other: Any = SimpleNamespace(seed=0, subjects=SUBJECTS.assign(predicted=18.0), rule=Rule())
    arms = (Arm("good", "fusion", frozenset(), (run,)), Arm("mean", "baseline", frozenset(), (other,)))
    return Evidence("t", "T", Number("mmse", "points"), True, {}, "mean", arms, pd.DataFrame())


def test_limits_of_agreement_are_196_standard_deviations_to_either_side() -> None:
    bias, low, high = agreement(np.array([2.0, 0.0, -1.0, -5.0]))
    deviation = np.sqrt(((2 + 1) ** 2 + (0 + 1) ** 2 + (-1 + 1) ** 2 + (-5 + 1) ** 2) / 3)
    assert (bias, low, high) == pytest.approx((-1, -1 - 1.96 * deviation, -1 + 1.96 * deviation))


def test_each_subject_is_a_point_of_each_arm() -> None:
    (points,), (differences,) = scatter(evidence()), bland_altman(evidence())
    assert points.table.query("arm == 'good'")[["true", "predicted"]].to_numpy().tolist() == (
        SUBJECTS[["label", "predicted"]].to_numpy().tolist()
    )
    own = differences.table.query("arm == 'good'")
    assert own["difference"].tolist() == [2, 0, -1, -5]
    assert own["mean"].tolist() == [11, 12, 19.5, 27.5]
    assert own["bias"].tolist() == [-1] * 4
    assert "good 2.00, mean 7.00" in points.alt  # (2 + 0 + 1 + 5) / 4; (8 + 6 + 2 + 12) / 4
    assert "mmse (points)" in points.svg
    assert "SYNTHETIC" in differences.caption


def test_a_report_of_a_number_has_nothing_about_classes() -> None:
    assert not {"curves", "calls", "calibration", "decision"} & set(SECTIONS[Number.kind])
