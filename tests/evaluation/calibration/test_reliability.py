"""Calibration against scikit-learn, tables made by hand, and probabilities with known faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from fusekit.errors import DataError
from fusekit.evaluation.calibration.reliability import (
    apply_temperature,
    brier,
    calibration_scores,
    expected_calibration_error,
    fit_temperature,
    recalibration,
    reliability,
)
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.statistics import wilson


def claims(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes that come true exactly as often as claimed, and the claims."""
    rng = np.random.default_rng(seed)
    p = expit(1.5 * rng.normal(size=n))
    return (rng.random(n) < p).astype(int), p


def test_bins_hold_equally_many_subjects_and_agree_with_scikit_learn() -> None:
    labels, p = claims(200)
    table = reliability(labels, p)
    assert (table["subjects"] == 20).all()
    observed, predicted = calibration_curve(labels, p, n_bins=10, strategy="quantile")
    assert table["observed"].to_numpy() == pytest.approx(observed)
    assert table["predicted"].to_numpy() == pytest.approx(predicted)
    assert table["positives"].sum() == labels.sum()
    assert (table["low"].iloc[3], table["high"].iloc[3]) == pytest.approx(wilson(float(table["observed"].iloc[3]), 20))
    assert (table["highest"].to_numpy()[:-1] < table["lowest"].to_numpy()[1:]).all()


def test_equal_probabilities_stay_in_one_bin() -> None:
    table = reliability(np.array([0, 1, 0, 1, 1]), np.array([0.2, 0.2, 0.2, 0.7, 0.7]))
    assert table[["lowest", "highest", "subjects", "positives"]].to_numpy().tolist() == [
        [0.2, 0.2, 3, 1],
        [0.7, 0.7, 2, 2],
    ]
    assert expected_calibration_error(np.array([0, 1, 0, 1, 1]), np.array([0.2, 0.2, 0.2, 0.7, 0.7])) == pytest.approx(
        3 / 5 * (1 / 3 - 0.2) + 2 / 5 * (1 - 0.7)
    )
    assert len(reliability(np.array([0, 1]), np.array([0.5, 0.5]))) == 1


def test_the_error_is_that_of_the_table_and_brier_is_scikit_learns() -> None:
    labels, p = claims(150)
    table = reliability(labels, p, 7)
    expected = (table["subjects"] * (table["predicted"] - table["observed"]).abs()).sum() / 150
    assert expected_calibration_error(labels, p, 7) == pytest.approx(expected)
    assert brier(labels, p) == pytest.approx(brier_score_loss(labels, p))


def test_known_faults_are_found_and_mended() -> None:
    labels, p = claims(4000)
    wrong = expit(2.5 * logit(p) + 1.0)  # too sure, and too high
    found = recalibration(labels, wrong)
    assert found.slope[1] < 1 / 2.5 < found.slope[2]
    assert found.intercept[2] < 0  # it promises too many cases
    assert recalibration(labels, p).slope[0] == pytest.approx(1, abs=0.1)
    assert recalibration(labels, p).intercept[0] == pytest.approx(0, abs=0.1)
    assert expected_calibration_error(labels, wrong) > 3 * expected_calibration_error(labels, p)

    too_sure = expit(2.5 * logit(p))
    temperature = fit_temperature(np.column_stack([1 - too_sure, too_sure]), labels)
    assert temperature == pytest.approx(2.5, rel=0.1)
    mended = apply_temperature(np.column_stack([1 - too_sure, too_sure]), temperature)
    assert mended[:, 1] == pytest.approx(p, abs=0.03)


def test_recalibration_is_an_unpenalised_logistic_regression() -> None:
    labels, p = claims(300, seed=4)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], labels)
    found = recalibration(labels, p)
    assert found.slope[0] == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    # With the intercept alone, the mean of the mended probabilities is the share of cases.
    assert expit(logit(p) + found.intercept[0]).mean() == pytest.approx(labels.mean())


def test_what_cannot_be_recalibrated_is_undefined() -> None:
    labels = np.array([0, 0, 1, 1])
    separated = recalibration(labels, np.array([0.1, 0.2, 0.6, 0.9]))
    assert np.isnan(separated.slope).all()
    assert np.isfinite(separated.intercept).all()
    assert np.isnan(recalibration(labels, np.full(4, 0.3)).slope).all()
    assert np.isnan(recalibration(np.zeros(4), np.array([0.1, 0.2, 0.6, 0.9])).intercept).all()
    assert np.isfinite(recalibration(labels, np.array([0.0, 1.0, 0.3, 1.0])).slope).all()  # certainty has a logit here


def test_temperature_is_the_likeliest_and_keeps_the_call() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 200)
    p = rng.dirichlet(np.ones(3), 200) * 0.5 + 0.5 * np.eye(3)[np.where(rng.random(200) < 0.6, labels, 0)]
    temperature = fit_temperature(p, labels)
    losses = {t: log_loss(labels, apply_temperature(p, t)) for t in (temperature, *np.geomspace(0.05, 20, 200))}
    assert losses[temperature] <= min(losses.values()) + 1e-9
    tempered = apply_temperature(p, temperature)
    assert (tempered.argmax(axis=1) == p.argmax(axis=1)).all()
    assert tempered.sum(axis=1) == pytest.approx(1)
    assert apply_temperature(p, 1.0) == pytest.approx(p, abs=1e-6)


def test_subjects_told_apart_perfectly_have_a_bounded_temperature() -> None:
    labels = np.array([0, 1, 1])
    assert fit_temperature(np.eye(2)[labels] * 0.8 + 0.1, labels) < 0.1
    assert fit_temperature(np.eye(2)[1 - labels] * 0.8 + 0.1, labels) == pytest.approx(20, rel=1e-2)
    with pytest.raises(DataError, match="there are none"):
        fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int))
    with pytest.raises(DataError, match="not a number"):
        fit_temperature(np.full((2, 2), np.nan), np.array([0, 1]))


def slices(fold: int, subjects: np.ndarray, labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    names = [f"s{i}" for i in subjects]
    table = pd.DataFrame({"subject": names, "scan": names, "slice": 0, "fold": fold, "label": labels})
    return table.assign(p_0=1 - p, p_1=p)


def test_each_fold_has_a_temperature_of_its_own() -> None:
    labels, p = claims(600)
    quarters = np.arange(600) % 4
    tested: list[pd.DataFrame] = []
    held: list[pd.DataFrame] = []
    for fold, factor in ((0, 0.5), (1, 3.0)):
        distorted = expit(factor * logit(p))
        for part, tables in ((2 * fold, tested), (2 * fold + 1, held)):
            rows = np.flatnonzero(quarters == part)
            tables.append(slices(fold, rows, labels[rows], distorted[rows]))
    rule = Rule.fit(pd.concat(held))
    found = rule.calibrated(rule.subjects(pd.concat(tested)))
    temperatures = found.groupby("fold")["temperature"].unique()
    for fold, factor in ((0, 0.5), (1, 3.0)):
        validation = held[fold]
        expected = fit_temperature(validation[["p_0", "p_1"]].to_numpy(), validation["label"].to_numpy())
        assert temperatures[fold] == pytest.approx([expected])
        assert expected == pytest.approx(factor, rel=0.4)
    assert found["p_0"].to_numpy() == pytest.approx(1 - found["p_1"].to_numpy())
    with pytest.raises(DataError, match="no temperature for fold 1"):
        Rule.fit(held[0]).calibrated(rule.subjects(pd.concat(tested)))


def test_scores_say_what_chance_alone_would_make() -> None:
    labels, p = claims(120)
    table = calibration_scores(labels, p).set_index("measure")
    assert list(table.index) == ["brier", "ece", "intercept", "slope"]
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    faultless = table["faultless"].to_dict()
    assert faultless["brier"] == pytest.approx(np.mean(p * (1 - p)), abs=0.005)
    assert 0.03 < faultless["ece"] < 0.15  # with 120 subjects, far from 0
    assert (faultless["intercept"], faultless["slope"]) == (0, 1)
    pd.testing.assert_frame_equal(table, calibration_scores(labels, p).set_index("measure"))
