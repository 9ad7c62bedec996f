"""What the audit counts: people, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def test_a_subject_counts_once_with_its_first_scan(case: Callable[..., Any]) -> None:
    made = case({"x": range(6)}, subjects=list("aabbcc"), labels=[0, 0, 1, 1, 0, 0], count=6)
    assert made.first.index.tolist() == ["scan0", "scan2", "scan4"]
    assert made.clinical["x"].tolist() == [0, 2, 4]
    assert made.labels.tolist() == [0, 1, 0]


def test_two_classes_have_one_side_and_three_have_three(case: Callable[..., Any]) -> None:
    assert [name for name, _ in case().sides()] == ["B"]
    sides = dict(case(classes=("A", "B", "C")).sides())
    assert list(sides) == ["A", "B", "C"]
    assert np.sum(list(sides.values()), axis=0).tolist() == [1] * 60
