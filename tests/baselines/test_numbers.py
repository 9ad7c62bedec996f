"""Baselines of a number, against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge as Regression

from fusekit.baselines import Baseline, GradientBoostingRegression, Mean, NumberBaseline, Ridge
from fusekit.baselines.inner_cv import inner_folds, strata_of, subject_weights
from fusekit.baselines.linear.ridge import PENALTIES
from fusekit.baselines.shipping import load, save
from fusekit.data import ClinicalEncoding
from fusekit.errors import FusekitError, OptionError
from fusekit.testing import check_baseline
from tests.baselines.cohort import COLUMNS, invented

VALUES, LABELS, _ = invented(90)
NUMBERS = LABELS * 3.0 + VALUES["AGE"].to_numpy() / 5 + np.random.default_rng(1).normal(size=90)
#: Every second subject has two scans.
SUBJECTS = np.array([f"s{row // 3 * 2 + (row % 3 == 2)}" for row in range(90)], dtype=object)
BUILDS: dict[str, Callable[[], NumberBaseline]] = {
    "mean": Mean,
    "ridge": partial(Ridge, penalty=2.0),
    "gbdt-regression": partial(GradientBoostingRegression, trees=12),
}


def fitted(build: Callable[[], NumberBaseline]) -> NumberBaseline:
    made = build()
    made.fit(VALUES, COLUMNS, NUMBERS, SUBJECTS, 0)
    return made


@pytest.mark.parametrize(
    "build", [Mean, partial(Ridge, folds=3), partial(GradientBoostingRegression, most=15, folds=2, rows=3)]
)
def test_they_keep_what_baselines_promise(build: Callable[[], Baseline]) -> None:
    found = check_baseline(build)
    assert found.shape[1] == 1


def test_the_mean_counts_each_subject_once() -> None:
    means = [NUMBERS[who == SUBJECTS].mean() for who in set(SUBJECTS)]
    assert fitted(Mean).numbers(VALUES[:2]) == pytest.approx([np.mean(means)] * 2)


def test_ridge_is_that_of_scikit_learn_on_encoded_columns() -> None:
    inputs = ClinicalEncoding.fit(VALUES, COLUMNS).transform(VALUES).astype(float)
    expected = Regression(alpha=2.0).fit(inputs, NUMBERS, sample_weight=subject_weights(SUBJECTS)).predict(inputs)
    np.testing.assert_allclose(fitted(BUILDS["ridge"]).numbers(VALUES), expected, rtol=1e-9)


def test_the_penalty_is_the_best_on_subjects_that_were_held_out() -> None:
    fold = inner_folds(strata_of(NUMBERS, SUBJECTS), SUBJECTS, 5, 0)
    assert fold is not None
    weights, errors = subject_weights(SUBJECTS), np.zeros(len(PENALTIES))
    for held in range(5):
        train, test = fold != held, fold == held
        assert not set(SUBJECTS[train]) & set(SUBJECTS[test])
        encoding = ClinicalEncoding.fit(VALUES[train], COLUMNS)
        inputs, others = encoding.transform(VALUES[train]), encoding.transform(VALUES[test])
        for number, penalty in enumerate(PENALTIES):
            model = Regression(alpha=penalty).fit(inputs, NUMBERS[train], sample_weight=weights[train])
            errors[number] += weights[test] @ (model.predict(others) - NUMBERS[test]) ** 2
    best = PENALTIES[int(errors.argmin())]
    assert best not in (PENALTIES[0], PENALTIES[-1])
    chosen, given = fitted(Ridge), fitted(partial(Ridge, penalty=best))
    np.testing.assert_array_equal(chosen.numbers(VALUES), given.numbers(VALUES))


def test_boosted_trees_are_those_of_scikit_learn_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[HistGradientBoostingRegressor, np.ndarray]] = []
    fit = HistGradientBoostingRegressor.fit

    def keep(self: HistGradientBoostingRegressor, inputs: np.ndarray, *rest: object, **named: object) -> object:
        kept.append((self, inputs))
        return fit(self, inputs, *rest, **named)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", keep)
    made = fitted(BUILDS["gbdt-regression"])
    model, inputs = kept[-1]
    np.testing.assert_array_equal(made.numbers(VALUES), model.predict(inputs))


@pytest.mark.parametrize("name", list(BUILDS))
def test_one_that_was_shipped_predicts_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    made = fitted(BUILDS[name])
    save(made, tmp_path / "baseline.skops")
    again = load(tmp_path / "baseline.skops")
    np.testing.assert_array_equal(again.answers(VALUES), made.answers(VALUES))
    assert made.answers(VALUES).shape == (90, 1)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match=r"baseline\.penalty takes a number above 0"):
        Ridge(penalty=0)
    with pytest.raises(FusekitError, match="predicts a number, and no probabilities"):
        fitted(Mean).probabilities(VALUES)
