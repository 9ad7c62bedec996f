"""Choosing within the training subjects."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

from fusekit.baselines.inner_cv import log_loss, losses, one_thread, subject_weights

SUBJECTS = np.array(["a", "b", "b", "c", "c", "c", "d", "e", "e", "f", "g", "h"], dtype=object)
LABELS = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1])


def test_a_subject_weighs_one_however_often_scanned() -> None:
    weights = subject_weights(SUBJECTS)
    assert weights.tolist() == pytest.approx([1, 1 / 2, 1 / 2, *[1 / 3] * 3, 1, 1 / 2, 1 / 2, 1, 1, 1])
    assert weights.sum() == pytest.approx(8)


def test_the_loss_is_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(3), 50)
    labels, weights = draw.integers(0, 3, 50), draw.random(50)
    ours = log_loss(labels, p, weights)
    assert ours == pytest.approx(sklearn_log_loss(labels, p, sample_weight=weights, labels=[0, 1, 2]))
    assert log_loss(np.array([1]), np.array([[1.0, 0.0]]), np.ones(1)) == pytest.approx(-np.log(1e-12))


def test_every_subject_is_predicted_once_by_fits_that_did_not_see_it() -> None:
    tested: list[str] = []

    def fitted(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        assert not set(SUBJECTS[train]) & set(SUBJECTS[test])
        assert (train | test).all()
        assert set(LABELS[train]) == set(LABELS[test]) == {0, 1}
        tested.extend(set(SUBJECTS[test]))
        p = np.array([0.5, 0.9])[:, None, None] * np.ones((1, int(test.sum()), 1))
        return np.concatenate([1 - p, p], axis=2)

    found = losses(fitted, LABELS, SUBJECTS, folds=4, seed=0)
    assert sorted(tested) == sorted(set(SUBJECTS))
    # Half of the eight subjects are of class 1, and each counts alike.
    assert found == pytest.approx([np.log(2), -(np.log(0.9) + np.log(0.1)) / 2])


def test_fewer_folds_where_a_class_has_fewer_subjects_and_none_with_one() -> None:
    folds: list[int] = []

    def fitted(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        folds.append(int(test.sum()))
        return np.full((1, int(test.sum()), 2), 0.5)

    few = np.array([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])  # b and h
    assert losses(fitted, few, SUBJECTS, folds=5, seed=0) is not None
    assert len(folds) == 2
    one = np.array([0, 1, 1, *[0] * 9])
    assert losses(fitted, one, SUBJECTS, folds=5, seed=0) is None


def test_one_thread_is_used_and_the_others_come_back() -> None:
    from threadpoolctl import threadpool_info

    with one_thread():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        within = len(threadpool_info())
    assert within > 0
