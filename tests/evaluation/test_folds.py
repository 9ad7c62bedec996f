"""Rows by the model that predicted them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.evaluation.folds import Folds


def test_folds_weigh_as_many_subjects_as_they_have() -> None:
    table = pd.DataFrame({"subject": list("aabcd"), "fold": [3, 3, 0, 3, 0]})
    folds = Folds.of_table(table)
    assert folds.of_row.tolist() == [1, 1, 0, 1, 0]
    assert folds.subjects.tolist() == [2, 2]
    assert [rows.tolist() for rows in folds.rows] == [[2, 4], [0, 1, 3]]
    chosen = folds.of(np.array([2, 2, 0]))
    assert chosen.of_row.tolist() == [0, 0, 1]
    assert chosen.subjects.tolist() == [2, 2]  # a resample weighs its folds as the table did
    assert len(set(folds.within(np.array([5, 5, 5, 7, 7])).tolist())) == 4


def test_without_folds_one_model_predicted_all() -> None:
    folds = Folds.of_table(pd.DataFrame({"subject": ["a", "b", "a"]}))
    assert folds.of_row.tolist() == [0, 0, 0]
    assert folds.subjects.tolist() == [2]
