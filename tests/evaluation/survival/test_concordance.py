"""Concordance and AUC at a time, against scikit-survival, loops, and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from fusekit.data.target.follow_up import labelled
from fusekit.evaluation.delong import logit_interval
from fusekit.evaluation.survival.concordance import Share, auc_at, harrell, shares, uno


def people(count: int, seed: int, effect: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, events, labels, and a risk that says something of them."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=count)
    time, end = draw.exponential(30 * np.exp(-effect * x)), draw.uniform(5, 60, count)
    times, events = np.minimum(time, end), time <= end
    return times, events, labelled(times, events), x + draw.normal(0, 0.7, count)


@pytest.mark.parametrize("seed", range(3))
def test_values_are_scikit_survival_s(seed: int) -> None:
    times, events, labels, risks = people(150, seed)
    risks = risks.round(1)  # ties
    known = Surv.from_arrays(events, times)
    assert harrell()(labels, risks)[0] == pytest.approx(concordance_index_censored(events, times, risks)[0])
    assert uno(36.0)(labels, risks)[0] == pytest.approx(concordance_index_ipcw(known, known, risks, tau=36.0)[0])
    for horizon in (12.0, 36.0):
        expected = cumulative_dynamic_auc(known, known, risks, [horizon])[0][0]
        assert auc_at(horizon)(labels, risks)[0] == pytest.approx(expected)


def test_who_is_censored_when_another_has_the_event_has_outlived_it() -> None:
    labels = labelled(np.array([5.0, 5.0, 5.0, 2.0]), np.array([True, False, True, False]))
    assert harrell()(labels, np.array([2.0, 1.0, 0.0, 9.0]))[0] == 0.5  # pairs (0, 1) and (2, 1)
    assert np.isnan(harrell()(-np.arange(1.0, 5.0), np.arange(4.0))[0])


def test_the_sign_is_that_of_the_risk() -> None:
    _, _, labels, risks = people(100, 1)
    right, wrong = (harrell()(labels, sign * risks)[0] for sign in (1, -1))
    assert wrong == pytest.approx(1 - right)
    assert wrong < 0.4


def test_parts_are_derivatives_by_a_subject_s_weight() -> None:
    """Of Harrell's c, whose weights do not move with the subjects: everyone 200 times, and one twice more."""
    _, _, labels, risks = people(60, 2)
    value, parts = harrell(36.0)(labels, risks)
    for subject in (3, 17, 40):
        many = np.concatenate([np.repeat(np.arange(60), 200), [subject] * 2])
        moved = harrell(36.0)(labels[many], risks[many])[0] - value
        assert moved * 200 / 2 == pytest.approx(parts[subject], abs=2e-3)
    assert parts.sum() == pytest.approx(0, abs=1e-12)


def test_folds_are_averaged_and_slices_of_a_subject_are_one_person() -> None:
    _, _, labels, risks = people(80, 3)
    subjects, folds = np.arange(80), np.arange(80) % 3
    found = shares(uno(36.0), labels, risks, subjects, folds)
    each = [uno(36.0)(labels[folds == k], risks[folds == k])[0] for k in range(3)]
    assert found.area[0] == pytest.approx(np.average(each, weights=np.bincount(folds)))
    twice = np.repeat(np.arange(80), 4)
    again = shares(harrell(36.0), labels[twice], risks[twice], subjects[twice], folds[twice])
    once = shares(harrell(36.0), labels, risks, subjects, folds)
    assert again.area[0] == pytest.approx(once.area[0])
    assert again.covariance[0, 0] == pytest.approx(once.covariance[0, 0])


@pytest.mark.parametrize(("share", "count"), [(uno(36.0), 60), (harrell(36.0), 60), (auc_at(24.0), 120)])
def test_limits_hold_the_truth(share: Share, count: int) -> None:
    """Of 300 simulated cohorts: the truth is that of a large one."""
    large = [share(*people(4000, 1000 + seed)[2:])[0] for seed in range(3)]
    truth, held = float(np.mean(large)), 0
    for seed in range(300):
        _, _, labels, risks = people(count, seed)
        found = shares(share, labels, risks, np.arange(count))
        low, high = logit_interval(float(found.area[0]), float(found.covariance[0, 0]))
        held += low <= truth <= high
    assert 0.90 < held / 300 < 0.99
