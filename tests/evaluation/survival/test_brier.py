"""The Brier score of people who may be censored, against scikit-survival."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import brier_score
from sksurv.util import Surv

from fusekit.data.target.follow_up import labelled
from fusekit.evaluation.survival.brier import brier_terms, integrated

HORIZONS = (12.0, 24.0, 36.0)


def test_values_are_scikit_survival_s() -> None:
    draw = np.random.default_rng(0)
    time, end = draw.exponential(30, 120), draw.uniform(5, 60, 120)
    times, events = np.minimum(time, end), time <= end
    said = np.sort(draw.random((120, 3)), axis=1)[:, ::-1]
    known = Surv.from_arrays(events, times)
    expected = brier_score(known, known, said, list(HORIZONS))[1]
    np.testing.assert_allclose(brier_terms(labelled(times, events), said, HORIZONS).mean(axis=0), expected)


def test_without_censoring_it_is_the_squared_error() -> None:
    labels = np.array([6.0, 20.0, 30.0, 40.0])
    said = np.array([[0.1, 0.1, 0.0], [0.7, 0.5, 0.2], [0.9, 0.9, 0.9], [1.0, 0.9, 0.8]])
    alive = labels[:, None] > np.array(HORIZONS)
    np.testing.assert_allclose(brier_terms(labels, said, HORIZONS), (alive - said) ** 2)


def test_who_was_censored_before_counts_nothing_and_others_stand_in() -> None:
    labels = np.array([-5.0, 10.0, 40.0])
    assert brier_terms(labels, np.full((3, 1), 0.5), (12.0,))[:, 0].tolist() == pytest.approx([0, 0.375, 0.375])
    beyond = brier_terms(np.array([3.0, -5.0]), np.full((2, 1), 0.5), (12.0,))
    assert np.isnan(beyond).all()  # nobody is followed so long


def test_lines_between_the_horizons_are_averaged_over_time() -> None:
    terms = np.array([[0.3, 0.1, 0.2]])
    assert integrated(terms, HORIZONS)[0] == pytest.approx((0.15 + 0.2 + 0.15) / 3)
    assert integrated(np.array([[0.2]]), (5.0,))[0] == pytest.approx(0.1)
