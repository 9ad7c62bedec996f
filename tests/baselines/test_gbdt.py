"""Boosted trees against the same by hand with scikit-learn alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from fusekit.baselines import GradientBoosting
from fusekit.data import Column
from tests.baselines.cohort import COLUMNS, invented

OPTIONS = {"learning_rate": 0.25, "max_leaf_nodes": 6, "min_samples_leaf": 10, "l2_regularization": 1.0}


def coded(values: pd.DataFrame) -> np.ndarray:
    """The table as scikit-learn takes it: categories as numbers, gaps as NaN."""
    sex = values["SEX"].map({"Female": 0.0, "Male": 1.0})
    gene = values["GENE"].map({"e2": 0.0, "e3": 1.0, "e4": 2.0})
    return np.stack([values["AGE"], values["TAU"], sex, gene], axis=1).astype(float)


def by_hand(trees: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=trees, early_stopping=False, categorical_features=[2, 3], random_state=3, **OPTIONS
    )


def test_it_is_scikit_learns_model_with_as_many_trees_as_a_search_within_takes() -> None:
    values, labels, subjects = invented(150)
    train = np.arange(150) < 100
    inputs = coded(values[train])
    totals = np.zeros(24)
    for fit, held in StratifiedKFold(3, shuffle=True, random_state=3).split(inputs, labels[train]):
        stages = by_hand(24).fit(inputs[fit], labels[train][fit]).staged_predict_proba(inputs[held])
        totals += [log_loss(labels[train][held], p) for p in stages]
    best = int(totals.argmin()) + 1
    assert 1 < best < 24  # else the search would be no test
    expected = by_hand(best).fit(inputs, labels[train]).predict_proba(coded(values[~train]))
    ours = GradientBoosting(most=24, rate=0.25, folds=3)
    ours.fit(values[train], COLUMNS, labels[train], subjects[train], 3)
    assert np.ptp(expected[:, 1]) > 0.2
    assert ours.probabilities(values[~train]) == pytest.approx(expected, abs=1e-9)


def test_many_different_numbers_fall_into_bins_of_equal_counts() -> None:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=400)
    labels = (numbers > 0.0).astype(int)
    ours = GradientBoosting(trees=20)
    subjects = np.arange(400)
    ours.fit(pd.DataFrame({"X": numbers}), (Column("X"),), labels, subjects, 0)
    called = ours.probabilities(pd.DataFrame({"X": [-9.0, -0.2, 0.2, 9.0]})).argmax(axis=1)
    assert called.tolist() == [0, 0, 1, 1]


def test_a_category_among_many_is_told_apart() -> None:
    genes = np.array([f"g{i % 40:02d}" for i in range(400)], dtype=object)  # more than there are bins
    labels = (genes >= "g20").astype(int)
    ours = GradientBoosting(trees=20)
    ours.fit(pd.DataFrame({"G": genes}), (Column("G", kind="category"),), labels, np.arange(400), 0)
    asked = pd.DataFrame({"G": ["g03", "g37", None, "unheard of"]}, dtype=object)
    found = ours.probabilities(asked)[:, 1]
    assert found[0] < 0.5 < found[1]
    assert found[2] == found[3]  # a category that training did not have is a gap


def test_a_subject_counts_alike_however_often_scanned() -> None:
    ages = np.array([60.0] * 30 + [80.0] * 30)
    labels = np.array([0, 1] * 30)
    subjects = np.array([f"s{i}" for i in range(60)], dtype=object)
    again = np.concatenate([np.arange(60), np.repeat([1, 31], 50)])  # two of class 1, fifty more scans each
    ours = GradientBoosting(trees=1, rate=1e-6)
    ours.fit(pd.DataFrame({"AGE": ages[again]}), (Column("AGE"),), labels[again], subjects[again], 0)
    assert ours.probabilities(pd.DataFrame({"AGE": [60.0]}))[0, 1] == pytest.approx(0.5, abs=1e-4)


def test_what_only_tested_subjects_have_changes_nothing() -> None:
    values, labels, subjects = invented(100)
    train = np.arange(100) < 70
    columns = (*COLUMNS, Column("LEAK"))
    fits = []
    for leak in (0.0, np.where(train, 0.0, labels * 100.0)):
        table = values.assign(LEAK=leak)
        ours = GradientBoosting(most=15)
        ours.fit(table[train], columns, labels[train], subjects[train], 0)
        fits.append(ours.probabilities(table[~train]))
    assert np.array_equal(fits[0], fits[1])


def test_a_table_without_any_value_gives_the_class_shares() -> None:
    empty = pd.DataFrame({"AGE": np.full(40, np.nan)})
    labels = np.array([0, 0, 0, 1] * 10)
    ours = GradientBoosting(most=5)
    ours.fit(empty, (Column("AGE"),), labels, np.arange(40), 0)
    assert ours.probabilities(empty[:2]) == pytest.approx(np.array([[0.75, 0.25]] * 2), abs=1e-6)
