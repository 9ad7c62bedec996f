"""Logistic regression against the same by hand with scikit-learn alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from fusekit.baselines import Logistic
from fusekit.baselines.linear.logistic import STRENGTHS
from fusekit.data import Column
from tests.baselines.cohort import COLUMNS, invented


def by_hand(**options: Any) -> Pipeline:
    """Standardised with gaps at the mean, one-hot, an indicator of gaps (of absence: with an intercept, the same)."""
    number = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0))
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    known = OneHotEncoder(categories=[["e2", "e3", "e4"]], handle_unknown="ignore", sparse_output=False)
    inputs = ColumnTransformer(
        [
            ("numbers", number, ["AGE", "TAU"]),
            ("sex", one_hot, ["SEX"]),
            ("gene", known, ["GENE"]),
            ("gaps", MissingIndicator(), ["TAU"]),
            ("no gene", FunctionTransformer(lambda genes: genes.isna().to_numpy()), ["GENE"]),
        ]
    )
    return Pipeline([("inputs", inputs), ("model", LogisticRegression(tol=1e-8, max_iter=10_000, **options))])


def test_it_is_the_pipeline_that_scikit_learn_makes_of_it() -> None:
    values, labels, subjects = invented(120)
    train = np.arange(120) < 80
    search = GridSearchCV(
        by_hand(),
        {"model__C": STRENGTHS},
        scoring="neg_log_loss",
        cv=StratifiedKFold(5, shuffle=True, random_state=3),  # one scan a subject, sorted: the same folds
    ).fit(values[train], labels[train])
    ours = Logistic()
    ours.fit(values[train], COLUMNS, labels[train], subjects[train], 3)
    assert STRENGTHS[0] < search.best_params_["model__C"] < STRENGTHS[-1]  # else the search would be no test
    expected = search.predict_proba(values[~train])
    assert np.ptp(expected[:, 1]) > 0.3
    assert ours.probabilities(values[~train]) == pytest.approx(expected, abs=1e-5)


def test_a_subject_counts_alike_however_often_scanned() -> None:
    values, labels, subjects = invented(60)
    again = np.concatenate([np.arange(60), np.arange(0, 20), np.arange(0, 20)])  # 20 subjects thrice, the same values
    once, thrice = Logistic(strength=0.1), Logistic(strength=0.1)
    once.fit(values, (Column("AGE"),), labels, subjects, 0)
    thrice.fit(values.iloc[again], (Column("AGE"),), labels[again], subjects[again], 0)
    # The encoding's mean and deviation are over scans; the penalty aside, the fit does not depend on them.
    free = Logistic(strength=1e4), Logistic(strength=1e4)
    free[0].fit(values, (Column("AGE"),), labels, subjects, 0)
    free[1].fit(values.iloc[again], (Column("AGE"),), labels[again], subjects[again], 0)
    assert free[0].probabilities(values) == pytest.approx(free[1].probabilities(values), abs=1e-5)
    assert once.probabilities(values) == pytest.approx(thrice.probabilities(values), abs=0.02)


def test_several_classes_are_one_model() -> None:
    values, _, subjects = invented(90)
    labels = np.arange(90) % 3
    ours = Logistic(strength=0.1)
    ours.fit(values, COLUMNS, labels, subjects, 0)
    expected = by_hand(C=0.1).fit(values, labels).predict_proba(values)
    assert ours.probabilities(values) == pytest.approx(expected, abs=1e-5)


def test_what_only_tested_subjects_have_changes_nothing() -> None:
    values, labels, subjects = invented(100)
    train = np.arange(100) < 70
    columns = (*COLUMNS, Column("LEAK"))
    plain = values.assign(LEAK=0.0)
    leaking = values.assign(LEAK=np.where(train, 0.0, labels * 100.0))
    fits = []
    for table in (plain, leaking):
        ours = Logistic()
        ours.fit(table[train], columns, labels[train], subjects[train], 0)
        fits.append(ours.probabilities(table[~train]))
    assert np.array_equal(fits[0], fits[1])


def test_nothing_to_choose_from_still_gives_probabilities() -> None:
    values = pd.DataFrame({"AGE": [70.0, 80.0]}, index=["a", "b"])
    ours = Logistic()
    ours.fit(values, (Column("AGE"),), np.array([0, 1]), np.array(["a", "b"]), 0)
    found = ours.probabilities(values)
    assert found[0, 1] < 0.5 < found[1, 1]


def test_values_beyond_anything_seen_give_no_nonsense() -> None:
    values, labels, subjects = invented(40)
    ours = Logistic(strength=1.0)
    ours.fit(values, COLUMNS, labels, subjects, 0)
    found = ours.probabilities(values.assign(AGE=1e300))
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(40))
