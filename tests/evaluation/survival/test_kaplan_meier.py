"""Curves of survival and censoring, against statsmodels, scikit-survival and tables by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.nonparametric import kaplan_meier_estimator
from statsmodels.duration.survfunc import SurvfuncRight

from fusekit.data.target.follow_up import labelled
from fusekit.evaluation.survival.kaplan_meier import censoring, log_parts, numbers_at_risk, survival

TIMES = np.random.default_rng(0).integers(1, 30, 80).astype(float)
EVENTS = np.random.default_rng(1).random(80) < 0.5


def test_survival_and_its_variance_are_those_of_statsmodels() -> None:
    known, found = SurvfuncRight(TIMES, EVENTS.astype(int)), survival(labelled(TIMES, EVENTS))
    np.testing.assert_allclose(found.at(known.surv_times), known.surv_prob)
    place = np.searchsorted(found.times, known.surv_times)
    errors = found.levels[place] * np.sqrt(found.variance[place])
    np.testing.assert_allclose(errors, known.surv_prob_se)


def test_limits_are_those_of_scikit_survival() -> None:
    times, _, limits = kaplan_meier_estimator(EVENTS, TIMES, conf_type="log-log")
    found = survival(labelled(TIMES, EVENTS))
    for place in (3, 10, 20):
        np.testing.assert_allclose(found.limits(times[place]), limits[:, place])
    assert np.isnan(found.limits(0.0)).all()


def test_censoring_at_the_time_of_an_event_comes_after_it() -> None:
    labels = labelled(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, True, False, True]))
    followed = censoring(labels)
    assert followed.at(np.array([0.5, 1.0, 1.9, 2.0, 3.0])).tolist() == [1, 0.75, 0.75, 0.375, 0.375]
    assert followed.at(2.0, before=True) == 0.75
    assert survival(labels).at(2.0) == pytest.approx(2 / 3)
    assert numbers_at_risk(labels, np.array([0.0, 2.0, 2.5])).tolist() == [4, 3, 1]


def test_the_area_is_the_restricted_mean() -> None:
    curve = survival(np.array([1.0, 2.0, 4.0]))
    assert curve.area(4.0) == pytest.approx(1 + 2 / 3 + 2 / 3)
    assert curve.area(1.5) == pytest.approx(1 + 0.5 * 2 / 3)
    everyone = np.random.default_rng(0).exponential(5, 400)
    assert survival(everyone).area(8.0) == pytest.approx(np.minimum(everyone, 8).mean())


def test_parts_are_derivatives_and_their_squares_greenwoods_variance() -> None:
    labels = labelled(TIMES, EVENTS)
    for when in (6.0, 20.0):
        parts, curve = log_parts(labels, when), survival(labels)
        place = np.searchsorted(curve.times, when, side="right") - 1
        assert np.sum(parts**2) == pytest.approx(curve.variance[place], rel=0.02)
        many = np.concatenate([np.repeat(np.arange(80), 500), [11]])
        moved = np.log(survival(labels[many]).at(when)) - np.log(curve.at(when))
        assert 500 * moved == pytest.approx(parts[11], abs=1e-4)
