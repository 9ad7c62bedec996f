"""Ordinal logistic regression, against statsmodels and a literal likelihood."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from statsmodels.miscmodels.ordinal_model import OrderedModel

from fusekit.baselines import (
    Baseline,
    GradientBoosting,
    GradientBoostingComponents,
    GradientBoostingRegression,
    Logistic,
    OrdinalLogistic,
    Prevalence,
)
from fusekit.baselines.inner_cv import inner_folds, log_loss, subject_weights
from fusekit.baselines.linear.logistic import STRENGTHS
from fusekit.baselines.linear.ordinal import Cumulative, fit_cumulative
from fusekit.baselines.prior import TablePrior
from fusekit.baselines.shipping import load, save
from fusekit.data import Classes, ClinicalEncoding, Number, Ordered
from fusekit.errors import DataError, OptionError
from fusekit.testing import check_baseline
from tests.baselines.cohort import COLUMNS, invented

DRAW = np.random.default_rng(0)
INPUTS = DRAW.normal(size=(300, 3))
LABELS = np.digitize(INPUTS @ [1.0, -0.5, 0.0] + DRAW.logistic(size=300), [-1.0, 0.5, 2.0])
ALIKE = np.ones(300)
VALUES, TWO, _ = invented(150)
GRADES = TWO + (VALUES["AGE"].fillna(70).to_numpy() + DRAW.normal(0, 4, 150) > 70)
#: Every second subject has two scans.
SUBJECTS = np.array([f"s{row // 3 * 2 + (row % 3 == 2)}" for row in range(150)], dtype=object)


def test_without_a_penalty_it_is_that_of_statsmodels() -> None:
    expected = OrderedModel(LABELS, INPUTS, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8, maxiter=1000)
    found = fit_cumulative(INPUTS, LABELS, ALIKE, 1e10)
    np.testing.assert_allclose(found.slopes, expected.params[:3], atol=1e-5)
    np.testing.assert_allclose(found.cuts, expected.model.transform_threshold_params(expected.params)[1:-1], atol=1e-5)
    np.testing.assert_allclose(found.probabilities(INPUTS), expected.predict(INPUTS), atol=1e-6)


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_with_a_penalty_it_is_the_minimum_of_the_literal_likelihood(strength: float) -> None:
    weights = DRAW.uniform(0.2, 2, 300)

    def literal(given: np.ndarray) -> float:
        above = expit(INPUTS @ given[:3, None] - given[3:])
        below = np.column_stack([np.zeros(300), 1 - above, np.ones(300)])
        p = np.diff(below, axis=1)[np.arange(300), LABELS]
        return float(-weights @ np.log(np.maximum(p, 1e-300)) + given[:3] @ given[:3] / (2 * strength))

    found = fit_cumulative(INPUTS, LABELS, weights, strength)
    best = minimize(literal, np.array([0.0, 0, 0, -1, 0, 1]), method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(np.concatenate(found), best.x, atol=1e-4)
    weaker = fit_cumulative(INPUTS, LABELS, weights, 1e10)
    assert np.abs(found.slopes).sum() < np.abs(weaker.slopes).sum()


def test_of_two_classes_it_is_logistic_regression() -> None:
    found = fit_cumulative(INPUTS, LABELS.clip(max=1), ALIKE, 0.3)
    expected = LogisticRegression(C=0.3, tol=1e-9).fit(INPUTS, LABELS.clip(max=1))
    np.testing.assert_allclose(found.probabilities(INPUTS), expected.predict_proba(INPUTS), atol=1e-5)


def test_a_weight_of_two_is_a_row_twice_and_where_it_starts_does_not_matter() -> None:
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    twice = np.concatenate([np.arange(300), np.arange(100)])
    found = fit_cumulative(INPUTS, LABELS, weights, 0.5)
    np.testing.assert_allclose(
        np.concatenate(found),
        np.concatenate(fit_cumulative(INPUTS[twice], LABELS[twice], np.ones(400), 0.5)),
        atol=1e-5,
    )
    far = Cumulative(np.array([3.0, 3.0, -3.0]), np.array([-4.0, 0.0, 9.0]))
    np.testing.assert_allclose(
        np.concatenate(found), np.concatenate(fit_cumulative(INPUTS, LABELS, weights, 0.5, far)), atol=1e-4
    )


def test_classes_that_are_parted_give_numbers() -> None:
    grades = np.repeat([0, 1, 2], 20)
    found = fit_cumulative(grades[:, None] * 100.0, grades, np.ones(60), 1e8).probabilities(grades[:, None] * 100.0)
    assert (found.argmax(axis=1) == grades).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(60))
    assert (found >= 0).all()


def test_a_class_that_nobody_has_in_a_part_is_no_obstacle() -> None:
    found = fit_cumulative(INPUTS, np.where(LABELS == 1, 2, LABELS), ALIKE, 1.0)
    assert found.probabilities(INPUTS)[:, 1].max() < 1e-3


def fitted(**options: Any) -> OrdinalLogistic:
    made = OrdinalLogistic(**options)
    made.fit(VALUES, COLUMNS, GRADES, SUBJECTS, 0)
    return made


def test_the_penalty_is_the_best_on_subjects_that_were_held_out() -> None:
    fold = inner_folds(GRADES, SUBJECTS, 5, 0)
    assert fold is not None
    weights, errors = subject_weights(SUBJECTS), np.zeros(len(STRENGTHS))
    for held in range(5):
        train, test = fold != held, fold == held
        encoding = ClinicalEncoding.fit(VALUES[train], COLUMNS)
        inputs, others = (encoding.transform(VALUES[part]).astype(float) for part in (train, test))
        for number, strength in enumerate(STRENGTHS):
            said = fit_cumulative(inputs, GRADES[train], weights[train], strength).probabilities(others)
            errors[number] += log_loss(GRADES[test], said, weights[test]) * weights[test].sum()
    best = STRENGTHS[int(errors.argmin())]
    assert best not in (STRENGTHS[0], STRENGTHS[-1])
    np.testing.assert_array_equal(fitted().probabilities(VALUES), fitted(strength=best).probabilities(VALUES))


@pytest.mark.parametrize("build", [OrdinalLogistic, partial(OrdinalLogistic, strength=1.0)])
def test_it_keeps_what_baselines_promise(build: Any) -> None:
    assert check_baseline(build, classes=4).shape[1] == 4


def test_one_that_was_shipped_predicts_the_same_to_the_last_bit(tmp_path: Path) -> None:
    made = fitted(strength=0.1)
    save(made, tmp_path / "baseline.skops")
    np.testing.assert_array_equal(load(tmp_path / "baseline.skops").probabilities(VALUES), made.probabilities(VALUES))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slopes": np.zeros(2)}, "of other columns"),
        ({"cuts": [1.0, 0.0]}, "do not ascend"),
        ({"cuts": []}, "do not ascend"),
        ({"cuts": ["a"]}, "cuts"),
    ],
)
def test_what_was_changed_on_the_way_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        OrdinalLogistic.restored({**fitted(strength=0.1).shipped(), **changed})


def test_what_a_network_starts_from_says_what_the_baseline_says() -> None:
    """Conditional log odds of cuts, of which an order's probabilities are made again."""
    said = fitted(strength=0.1).probabilities(VALUES)
    target = Ordered(("low", "middle", "high"))
    start = TablePrior("ordinal-logistic", fitted(strength=0.1), target).transform(VALUES)
    assert start.shape == (150, target.outputs)
    np.testing.assert_allclose(target.answers(torch.from_numpy(start)).numpy(), said, atol=1e-4)
    np.testing.assert_allclose(start[:, 0], logit(said[:, 1:].sum(axis=1)), atol=1e-4)
    assert np.isfinite(target.outputs_of(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match=r"baseline\.strength takes a number above 0"):
        OrdinalLogistic(strength=0)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        (OrdinalLogistic, (Ordered.kind,)),
        *[(one, (Classes.kind, Ordered.kind)) for one in (Prevalence, Logistic, GradientBoosting)],
        (GradientBoostingComponents, (Classes.kind, Ordered.kind)),
        (GradientBoostingRegression, (Number.kind,)),
    ],
)
def test_baselines_say_what_they_predict(kind: type[Baseline], targets: tuple[str, ...]) -> None:
    assert kind.targets == targets
