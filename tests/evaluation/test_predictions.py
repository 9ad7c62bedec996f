"""Aggregation against a table made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.evaluation.predictions import by_subject, prediction_table, probabilities_of


def test_slices_are_averaged_within_scans_before_subjects() -> None:
    rows = pd.DataFrame(
        {
            "subject": ["b", "a", "a", "a", "a"],
            "scan": ["b1", "a1", "a1", "a1", "a2"],
            "slice": [0, 0, 1, 2, 0],
            "fold": 0,
            "label": [0, 1, 1, 1, 1],
        },
        index=pd.Index([4, 7, 8, 9, 2], name="row"),
    )
    p = np.array([0.25, 0.9, 0.9, 0.9, 0.1])
    predictions = prediction_table(rows, np.column_stack([1 - p, p]))

    assert list(predictions.columns) == ["row", "subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    assert predictions["row"].tolist() == [4, 7, 8, 9, 2]
    assert probabilities_of(predictions)[:, 1].tolist() == p.tolist()

    subjects = by_subject(predictions).set_index("subject")
    assert subjects.loc["a", "p_1"] == pytest.approx(0.5)  # (0.9 + 0.1) / 2, not 2.8 / 4
    assert subjects.loc["b", "p_1"] == pytest.approx(0.25)
    assert tuple(subjects.loc["a", ["scans", "slices"]]) == (2, 4)
    assert np.allclose(subjects["p_0"] + subjects["p_1"], 1)


def test_new_patients_need_no_label() -> None:
    predictions = pd.DataFrame(
        {"subject": ["1", "1"], "scan": ["1", "1"], "slice": [3, 4], "p_0": [0.2, 0.4], "p_1": [0.8, 0.6]}
    )
    subjects = by_subject(predictions)
    assert list(subjects.columns) == ["subject", "scans", "slices", "p_0", "p_1"]
    assert subjects["p_1"].tolist() == pytest.approx([0.7])
