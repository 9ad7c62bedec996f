"""Folds that differ, folds that do not, and a subject in two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.audit import association
from fusekit.audit.folds import subjects_in_two_folds, unequal_folds
from fusekit.data import assign_folds
from fusekit.errors import LeakageError

SUBJECTS = [f"s{i:03}" for i in range(60)]


def folds(of: Any) -> pd.Series:
    return pd.Series(of, index=SUBJECTS)


def test_a_subject_in_two_folds_is_an_error_that_nothing_allows(case: Callable[..., Any]) -> None:
    both = pd.concat([folds(np.arange(60) % 5), pd.Series({"s007": 0})])
    with pytest.raises(LeakageError, match="1 subjects are in both the training and the test set: s007"):
        list(subjects_in_two_folds(case(folds=both)))
    assert list(subjects_in_two_folds(case(folds=folds(np.arange(60) % 5)))) == []
    assert list(subjects_in_two_folds(case())) == []


def test_folds_that_differ_are_named_with_their_numbers(case: Callable[..., Any]) -> None:
    fold = np.arange(60) // 12
    sex = np.where(fold == 3, "f", np.where(np.arange(60) % 4 < 1, "f", "m"))
    age = np.where(fold == 1, 60.0, 75.0) + np.random.default_rng(0).normal(0, 3, 60)
    (found,) = unequal_folds(case({"PTGENDER": sex}, {"age": age}, folds=folds(fold)))
    assert found.severity == "warning"
    of_sex, of_age = found.items
    assert of_sex.startswith("sex: fold 3 has 100% f, against 40% in all (p = ")  # 12 of 12; 12 + 12 of 60
    assert of_age.startswith(f"age: the median of fold 1 is {np.median(age[fold == 1]):.4g}, against ")


def test_classes_dealt_by_order_are_found(case: Callable[..., Any]) -> None:
    (found,) = unequal_folds(case(labels=np.arange(60) // 30, folds=folds(np.arange(60) // 20)))
    assert found.items[0].startswith("class: fold ")


def test_random_folds_alarm_as_rarely_as_promised(case: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "PERMUTATIONS", 99)
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = {"sex": rng.choice(["f", "m"], 60), "age": rng.normal(70, 8, 60)}
        alarms += bool(list(unequal_folds(case(groups=groups, folds=folds(rng.integers(0, 5, 60))))))
    assert alarms <= 9  # 99.9 % of a binomial with 60 times 5 %


def test_our_own_folds_are_equal(case: Callable[..., Any]) -> None:
    made = case()
    assert list(unequal_folds(case(folds=assign_folds(made.cohort.subjects, 5, 0)))) == []
