"""Cox's regression, against scikit-survival, statsmodels and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv
from statsmodels.duration.hazard_regression import PHReg

from fusekit.baselines import Cox
from fusekit.baselines.inner_cv import inner_folds, subject_weights
from fusekit.baselines.survival.cox import PENALTIES, baseline_hazard, partial_likelihood
from fusekit.data import ClinicalEncoding
from fusekit.data.target.follow_up import events_of, labelled, times_of
from fusekit.errors import OptionError
from tests.baselines.survival.people import COLUMNS, LABELS, LATE, SUBJECTS, VALUES, fitted

INPUTS = ClinicalEncoding.fit(VALUES, COLUMNS).transform(VALUES).astype(float)
ALIKE = np.ones(len(LABELS))


def test_the_likelihood_is_that_of_statsmodels_with_ties() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(90, 3))
    model = PHReg(times_of(LABELS), x, status=events_of(LABELS).astype(int), ties="efron")
    for _ in range(3):
        coefficients = draw.normal(size=3)
        found = partial_likelihood(LABELS, x @ coefficients, ALIKE)
        assert found.value == pytest.approx(model.loglike(coefficients))
        np.testing.assert_allclose(found.gradient @ x, model.score(coefficients), atol=1e-9)


def test_a_weight_of_two_is_two_people() -> None:
    """Without ties; with them Efron's way depends on how many are tied."""
    draw = np.random.default_rng(1)
    labels, risks = labelled(draw.permutation(40) + 1.0, draw.random(40) < 0.6), draw.normal(size=40)
    once = partial_likelihood(labels, risks, np.ones(40))
    twice = partial_likelihood(labels, risks, np.full(40, 2.0))
    expected = 2 * once.value - 2 * np.log(2) * events_of(labels).sum()
    assert twice.value == pytest.approx(expected)
    np.testing.assert_allclose(twice.hazard, once.hazard)


def test_the_gradient_is_the_slope_of_the_likelihood() -> None:
    draw = np.random.default_rng(2)
    risks, weights = draw.normal(size=90), draw.uniform(0.3, 1, 90)
    found = partial_likelihood(LABELS, risks, weights)
    for row in range(0, 90, 7):
        step = np.eye(90)[row] * 1e-5
        above, below = (partial_likelihood(LABELS, risks + sign * step, weights).value for sign in (1, -1))
        assert (above - below) / 2e-5 == pytest.approx(found.gradient[row], abs=1e-6)


def test_coefficients_and_survival_are_those_of_scikit_survival() -> None:
    """One scan per subject: it knows no weights. Its penalty is ours."""
    _, first = np.unique(SUBJECTS, return_index=True)
    labels = LABELS[first]
    made = Cox(penalty=2.0)
    made.target = fitted(Cox(penalty=2.0)).target
    made.fit(VALUES.iloc[first], COLUMNS, labels, SUBJECTS[first], 0)
    inputs = ClinicalEncoding.fit(VALUES.iloc[first], COLUMNS).transform(VALUES.iloc[first]).astype(float)
    known = CoxPHSurvivalAnalysis(alpha=2.0, ties="efron", tol=1e-12).fit(
        inputs, Surv.from_arrays(events_of(labels), times_of(labels))
    )
    np.testing.assert_allclose(made.shipped()["coefficients"], known.coef_, atol=2e-4)
    # Its cumulative hazard is Breslow's, ours Efron's, which is a little larger where events are tied.
    curves = known.predict_survival_function(inputs)
    expected = np.array([[curve(horizon) for horizon in (10.0, 25.0, 40.0)] for curve in curves])
    np.testing.assert_allclose(made.survival(VALUES.iloc[first])[:, 1:], expected, atol=0.03)


def test_the_hazard_of_nobody_in_particular_is_nelson_and_aalens() -> None:
    labels = labelled(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True]))
    times, hazard = baseline_hazard(labels, np.zeros(4), np.ones(4))
    assert times.tolist() == [1, 3, 4]
    assert hazard.tolist() == pytest.approx([1 / 4, 1 / 4 + 1 / 2, 1 / 4 + 1 / 2 + 1])


def test_the_penalty_is_the_best_on_subjects_that_were_held_out() -> None:
    fold = inner_folds(events_of(LABELS).astype(int), SUBJECTS, 5, 0)
    assert fold is not None
    weights, losses = subject_weights(SUBJECTS), np.zeros(len(PENALTIES))
    for held in range(5):
        train, test = fold != held, fold == held
        encoding = ClinicalEncoding.fit(VALUES[train], COLUMNS)
        for number, penalty in enumerate(PENALTIES):
            model = Cox(penalty=penalty)
            model.target = fitted(Cox(penalty=2.0)).target
            model.fit(VALUES[train], COLUMNS, LABELS[train], SUBJECTS[train], 0)
            risks = encoding.transform(VALUES[test]).astype(float) @ model.shipped()["coefficients"]
            losses[number] -= partial_likelihood(LABELS[test], risks, weights[test]).value
    best = PENALTIES[int(losses.argmin())]
    np.testing.assert_allclose(fitted(Cox()).survival(VALUES), fitted(Cox(penalty=best)).survival(VALUES), atol=1e-5)


def test_penalties_that_are_none_are_refused() -> None:
    with pytest.raises(OptionError, match=r"baseline\.penalty takes a number above 0"):
        Cox(penalty=0)


def test_the_likelihood_of_late_entries_is_that_of_statsmodels_with_ties() -> None:
    draw = np.random.default_rng(0)
    x, entries = draw.normal(size=(90, 3)), LATE[:, 1]
    # statsmodels has who enters at a time at risk then; here, as in R, one is at risk after the entry.
    after = entries + 1e-9 * (entries > 0)
    model = PHReg(times_of(LATE), x, status=events_of(LATE).astype(int), entry=after, ties="efron")
    for _ in range(3):
        coefficients = draw.normal(size=3)
        found = partial_likelihood(LATE, x @ coefficients, ALIKE)
        assert found.value == pytest.approx(model.loglike(coefficients))
        np.testing.assert_allclose(found.gradient @ x, model.score(coefficients), atol=1e-9)
    risks, weights = draw.normal(size=90), draw.uniform(0.3, 1, 90)
    found = partial_likelihood(LATE, risks, weights)
    for row in range(0, 90, 7):
        step = np.eye(90)[row] * 1e-5
        above, below = (partial_likelihood(LATE, risks + sign * step, weights).value for sign in (1, -1))
        assert (above - below) / 2e-5 == pytest.approx(found.gradient[row], abs=1e-6)


def test_a_risk_set_that_is_rounded_away_has_those_with_the_event() -> None:
    """Of exp(60) waiting, nothing is left of 1; the likelihood stays a number."""
    labels = labelled(np.array([2.0, 3.0, 9.0]), np.array([True, True, True]), np.array([0.0, 1.0, 5.0]))
    found = partial_likelihood(labels, np.array([0.0, 1.0, 60.0]), np.ones(3))
    assert np.isfinite(found.value)
    assert np.isfinite(found.gradient).all()


def test_what_is_planted_is_found_of_people_who_enter_late_and_too_much_without_their_entry() -> None:
    """The log hazard ratio is 1. Who enters late has survived, at a low risk, and was not there to have an event."""
    draw = np.random.default_rng(3)
    x = draw.normal(size=4000)
    times = draw.exponential(np.exp(-x)) ** 0.5 * 30
    entries = draw.uniform(0, 40, 4000)
    seen = times > entries
    labels = labelled(times, np.ones(4000, dtype=bool), entries)[seen]

    def slope(labels: np.ndarray) -> float:
        return float(Cox().estimated(x[seen, None], labels, np.ones(seen.sum()), 1e-6)[0])

    assert slope(labels) == pytest.approx(1, abs=0.08)
    assert slope(labels[:, 0]) > 1.1
