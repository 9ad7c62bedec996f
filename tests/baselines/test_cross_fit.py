"""Cross-fitting against loops written out, against scikit-learn, and on noise."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss, roc_auc_score

from fusekit.baselines import Baseline, GradientBoosting, GradientBoostingComponents, Logistic, Prevalence
from fusekit.baselines.baseline import with_images
from fusekit.baselines.cross_fit import cross_fit
from fusekit.data import Column, assign_folds
from fusekit.errors import DataError
from tests.baselines.cohort import COLUMNS, invented


def quick() -> Baseline:
    return GradientBoosting(trees=12, rate=0.2)


def rescanned(rows: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A third of the subjects have two scans, one has five; subjects are not in order."""
    values, labels, subjects = invented(rows)
    of = np.random.default_rng(1).permutation(np.r_[np.arange(rows), np.arange(0, rows, 3), [4] * 4])
    table = values.iloc[of].assign(AGE=values["AGE"].to_numpy()[of] + np.arange(len(of)) % 3)
    return table.set_axis([f"scan{row}" for row in range(len(of))]), labels[of], subjects[of]


def test_each_subject_is_predicted_by_the_fit_that_did_not_see_it() -> None:
    values, labels, subjects = rescanned(60)
    found = cross_fit(quick, values, COLUMNS, labels, subjects, 3, folds=4, importance_repeats=0)
    fold_of = assign_folds(pd.Series(labels, index=subjects).groupby(level=0).first(), 4, 3)
    for row, subject in enumerate(subjects):
        assert found.folds[row] == fold_of[subject]
    for fold in range(4):
        test = np.array([fold_of[subject] == fold for subject in subjects])
        by_hand = quick()
        by_hand.fit(values[~test], COLUMNS, labels[~test], subjects[~test], 3)
        np.testing.assert_array_equal(found.answers[test], by_hand.probabilities(values[test]))
    assert found.importance.empty


def test_the_importance_is_that_of_loops_written_out() -> None:
    values, labels, subjects = rescanned(40)
    found = cross_fit(quick, values, COLUMNS, labels, subjects, 3, folds=3, importance_repeats=2)
    assert list(found.importance.index) == [column.name for column in COLUMNS]
    assert list(found.importance.columns) == ["fold 1", "fold 2", "fold 3"]
    for fold in range(3):
        test = found.folds == fold
        fitted = quick()
        fitted.fit(values[~test], COLUMNS, labels[~test], subjects[~test], 3)
        held, own = values[test], subjects[test]
        weights = [1 / list(own).count(subject) for subject in own]
        known = sorted(set(own))
        rows_of = {subject: [row for row, other in enumerate(own) if other == subject] for subject in known}

        def loss(table: pd.DataFrame, weights: list[float] = weights, test: np.ndarray = test) -> float:
            p = fitted.probabilities(table)  # noqa: B023 (called within this turn)
            return float(log_loss(labels[test], p, sample_weight=weights, labels=[0, 1]))

        for name in [column.name for column in COLUMNS]:
            draw, rises = np.random.default_rng((3, fold, zlib.crc32(name.encode()))), []
            for _ in range(2):
                donors = draw.permutation(len(known))
                cells = held[name].tolist()
                for subject, donor in zip(known, donors, strict=True):
                    given = rows_of[known[donor]]
                    for turn, row in enumerate(rows_of[subject]):
                        cells[row] = held[name].iloc[given[turn % len(given)]]
                changed = held.assign(**{name: pd.Series(cells, index=held.index, dtype=held[name].dtype)})
                rises.append(loss(changed) - loss(held))
            assert found.importance.loc[name, f"fold {fold + 1}"] == pytest.approx(np.mean(rises), abs=1e-12)


class Wrapped(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A fitted baseline as scikit-learn takes one."""

    def __init__(self, baseline: Baseline | None = None):
        self.baseline, self.classes_ = baseline, np.array([0, 1])

    def fit(self, *_: object) -> Wrapped:
        return self

    def predict_proba(self, values: pd.DataFrame) -> np.ndarray:
        assert self.baseline is not None
        return self.baseline.probabilities(values)


def test_with_a_scan_per_subject_the_importance_is_scikit_learns() -> None:
    values, labels, subjects = invented(80)
    repeats = 40
    found = cross_fit(quick, values, COLUMNS, labels, subjects, 0, folds=2, importance_repeats=repeats)
    for fold in range(2):
        test = found.folds == fold
        fitted = quick()
        fitted.fit(values[~test], COLUMNS, labels[~test], subjects[~test], 0)
        theirs = permutation_importance(
            Wrapped(fitted), values[test], labels[test], scoring="neg_log_loss", n_repeats=repeats, random_state=0
        )
        error = theirs.importances_std * np.sqrt(2 / repeats)
        ours = found.importance[f"fold {fold + 1}"].to_numpy()
        assert theirs.importances_mean.max() > 0.05  # else there is nothing to compare
        assert (np.abs(ours - theirs.importances_mean) <= 4 * error + 1e-12).all()


def test_a_columns_importance_does_not_depend_on_how_many_are_asked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels, subjects = rescanned(40)
    at_once = cross_fit(quick, values, COLUMNS, labels, subjects, 0).importance
    monkeypatch.setattr("fusekit.baselines.cross_fit.ROWS", 1)
    pd.testing.assert_frame_equal(at_once, cross_fit(quick, values, COLUMNS, labels, subjects, 0).importance)


def test_a_column_that_decides_is_found_and_one_that_is_not_read_has_none() -> None:
    values, labels, subjects = invented(100)
    table = values.assign(TELLS=labels + 0.1, SAME=1.0)
    columns = (*COLUMNS, Column("TELLS"), Column("SAME"))
    importance = cross_fit(quick, table, columns, labels, subjects, 0).importance
    assert (importance.idxmax() == "TELLS").all()
    assert (importance.loc["SAME"] == 0).all()


#: Columns, more than subjects: anything can be learnt by heart.
COUNT = 100
NOISE = {
    "logistic": lambda: Logistic(strength=0.1),
    "gbdt": lambda: GradientBoosting(trees=20, rate=0.2, rows=5),
    "gbdt-components": lambda: GradientBoostingComponents(trees=20, rate=0.2, rows=5),
}


@pytest.mark.parametrize("name", NOISE)
def test_on_noise_it_is_at_chance_where_the_fit_itself_is_near_certain(name: str) -> None:
    make: Callable[[], Baseline] = NOISE[name]
    within, without, subjects, labels = [], [], np.arange(80), np.arange(80) % 2
    columns = tuple(Column(f"NOISE{number}") for number in range(COUNT))
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=(80, COUNT))
        values = pd.DataFrame(noise, columns=[column.name for column in columns])
        images = [*np.random.default_rng(seed).integers(0, 256, (80, 2, 1, 16, 16), dtype=np.uint8)]
        found = cross_fit(make, values, columns, labels, subjects, seed, importance_repeats=0, images=images)
        without.append(roc_auc_score(labels, found.answers[:, 1]))
        itself = make()
        shown = with_images(itself, images)
        itself.fit(values, columns, labels, subjects, seed, **shown)
        within.append(roc_auc_score(labels, itself.probabilities(values, **shown)[:, 1]))
    error = np.sqrt(81 / (12 * 40 * 40) / len(without))  # of a Mann-Whitney statistic of 40 and 40
    assert abs(np.mean(without) - 0.5) < 3 * error
    assert min(within) > 0.95


def test_a_class_of_one_subject_is_refused() -> None:
    values, labels, subjects = invented(10)
    labels = np.where(np.arange(10) == 4, 1, 0)
    with pytest.raises(DataError, match="two training subjects of every class, and class 1 has 1"):
        cross_fit(quick, values, COLUMNS, labels, subjects, 0)


class Strict(Prevalence):
    """Takes labels 0, 1, ... without a gap."""

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        assert set(labels) == set(range(max(labels) + 1))
        assert len(set(labels)) > 1
        super().fit(values, columns, labels, subjects, seed)


def test_a_class_that_a_part_lacks_gets_no_probability_there() -> None:
    values, _, _ = invented(12)
    # A subject counts for its first scan's class; the class 1 is one subject's second scan alone.
    subjects = np.array([f"s{row // 2}" for row in range(12)], dtype=object)
    labels = np.array([0, 1, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2])
    found = cross_fit(Strict, values, COLUMNS, labels, subjects, 0, folds=3)
    own = found.folds == found.folds[0]
    assert found.answers.shape == (12, 3)
    assert (found.answers[own, 1] == 0).all()
    assert (found.answers[~own, 1] > 0).all()
    np.testing.assert_allclose(found.answers.sum(axis=1), 1)
    # Of a part with one class that class is certain.
    found = cross_fit(Strict, values, COLUMNS, np.repeat(0, 12), subjects, 0, folds=3)
    assert (found.answers == 1).all()


def signs(rows: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, list[np.ndarray]]:
    """A table in which GENE alone says nothing, and images whose brighter half, in carriers, is the class."""
    draw = np.random.default_rng(0)
    labels, carrier = np.arange(rows) % 2, draw.integers(0, 2, rows)
    values = pd.DataFrame({"GENE": carrier.astype(float), "NOISE": draw.normal(size=rows)})
    images = draw.integers(0, 60, (rows, 1, 1, 8, 8), dtype=np.uint8)
    left = np.where(carrier == 1, labels, draw.integers(0, 2, rows))
    for image, own in zip(images, left, strict=True):
        image[..., : 4 if own else 8] += np.uint8(60)
        image[..., : 0 if own else 4] -= np.uint8(60)
    return values, labels, np.arange(rows), [*images]


def test_importance_of_the_table_beside_images_keeps_each_scan_its_own_image() -> None:
    values, labels, subjects, images = signs(120)
    columns = (Column("GENE"), Column("NOISE"))
    found = cross_fit(
        lambda: GradientBoostingComponents(trees=30, rate=0.2, components=3),
        values, columns, labels, subjects, 0, importance_repeats=5, images=images,
    )  # fmt: skip
    carriers = values["GENE"] == 1
    assert roc_auc_score(labels[carriers], found.answers[carriers, 1]) > 0.95
    mean = found.importance.mean(axis=1)
    assert mean["GENE"] > 0.1 > abs(mean["NOISE"])  # found, though it says nothing without the image
    with pytest.raises(DataError, match="reads images, and there are none"):
        cross_fit(GradientBoostingComponents, values, columns, labels, subjects, 0)
